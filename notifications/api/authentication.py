"""Who is asking: the browser's session, for HTTP requests and for sockets."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    get_user_model,
    load_backend,
)
from django.utils.crypto import constant_time_compare
from rest_framework.authentication import SessionAuthentication
from rest_framework.request import Request


class Session(SessionAuthentication):
    """A signed-in session; changes need its CSRF token as well.

    Nobody signed in is a 401 that says how to sign in, a missing token a 403.
    """

    def authenticate_header(self, request: Request) -> str:
        return 'Session realm="api"'


def user_of_session(*, session_key: str) -> Any | None:
    """Return who is signed in under a session now, or None when it is over.

    It is over after logout, expiry, a new password or deactivation. Only reads: looking at a
    session, however often, never makes it last longer. Two queries.
    """
    session = import_module(settings.SESSION_ENGINE).SessionStore(session_key)
    if session.get(BACKEND_SESSION_KEY) not in settings.AUTHENTICATION_BACKENDS:
        return None
    user_id = get_user_model()._meta.pk.to_python(session[SESSION_KEY])
    user = load_backend(session[BACKEND_SESSION_KEY]).get_user(user_id)
    if user is None:
        return None
    proof = session.get(HASH_SESSION_KEY, "")
    return user if constant_time_compare(proof, user.get_session_auth_hash()) else None
