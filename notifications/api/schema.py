"""The API's own description (OpenAPI): every route says what it answers, errors included."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from drf_spectacular.authentication import SessionScheme
from drf_spectacular.extensions import OpenApiSerializerExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework.serializers import Serializer

from notifications.api.authentication import Session
from notifications.api.problems import MEDIA_TYPE
from notifications.api.serializers import Problem, Strict

WHAT = {
    400: "What was asked cannot be done; `errors` names the fields.",
    401: "Nobody is signed in, or the session is over.",
    403: "The CSRF token is missing or wrong.",
    404: "There is no such thing, or it is not yours: the answer is the same.",
}
NOTIFICATION = {"notification_id": UUID}
BATCH = {"batch": UUID}
TYPE = {"type_key": str}
LIST_HEADERS = {
    "Link": (str, 'The next page, rel="next" (RFC 8288); absent on the last.'),
    "X-Unread-Count": (int, "How many are unread."),
    "X-Inbox-Seq": (int, "The inbox's position, read before the list: for the socket's `since`."),
}


class SessionCookie(SessionScheme):
    target_class = Session
    name = "session"


class StrictRequest(OpenApiSerializerExtension):
    """Says of our requests that what they do not know is refused."""

    target_class = Strict
    match_subclasses = True

    def map_serializer(self, auto_schema: AutoSchema, direction: str) -> dict[str, Any]:
        known = auto_schema._map_serializer(self.target, direction, bypass_extensions=True)
        return {**known, "additionalProperties": False}


def documented(
    *,
    answer: Any,
    request: type[Serializer] | None = None,
    query: type[Serializer] | None = None,
    headers: dict[str, tuple[type, str]] | None = None,
    path: dict[str, type] | None = None,
) -> Callable:
    """Describe one operation: its parameters, its 200 and the errors every route shares."""
    described = [
        OpenApiParameter(name, kind, OpenApiParameter.HEADER, description=text, response=[200])
        for name, (kind, text) in (headers or {}).items()
    ]
    places = [
        OpenApiParameter(name, kind, OpenApiParameter.PATH) for name, kind in (path or {}).items()
    ]
    errors = {
        (status, MEDIA_TYPE): OpenApiResponse(Problem, description=text)
        for status, text in WHAT.items()
    }
    return extend_schema(
        request={"application/json": request} if request else None,
        parameters=[*([query] if query else []), *described, *places],
        responses={200: answer, **errors},
    )
