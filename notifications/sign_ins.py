"""Who signed in, and who tried to, in the audit trail. Django has signals for it and no other hook.

A failed try is known by the account it was for, if there is one; what was typed is never kept.
"""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in, user_login_failed

from notifications import audit
from notifications.enums import AuditAction

ACTOR = "system:sign-in"


def watch() -> None:
    """Connect both; called once, when Django starts."""
    user_logged_in.connect(record_sign_in)
    user_login_failed.connect(record_failure)


def record_sign_in(*, user: Any, **_: Any) -> None:
    audit.record(action=AuditAction.LOGIN, actor=audit.actor_of(user), obj=user)


def record_failure(*, credentials: dict[str, Any], **_: Any) -> None:
    users = get_user_model()
    typed = str(credentials.get(users.USERNAME_FIELD) or "")
    known = users.objects.filter(**{f"{users.USERNAME_FIELD}__iexact": typed}).first()
    audit.record(action=AuditAction.LOGIN_FAILED, actor=ACTOR, obj=known)
