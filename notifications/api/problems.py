"""Every error of the API is a problem document (RFC 9457) that says what to do instead.

The `instance` is the route without its ids, so that the answer for another patient's id is, byte
for byte, the answer for one that does not exist.
"""

import re
from http import HTTPStatus
from typing import Any

from django.core.exceptions import ObjectDoesNotExist, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import exception_handler

from notifications import audit
from notifications.types import Refused

PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")
MEDIA_TYPE = "application/problem+json"
SIGN_IN = "Sign in first: send the session cookie."
OUR_FAULT = "This is our fault. It has been noted; please try again later."
NOTHING = "There is nothing at this address."


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """Turn what a view raised into a problem document; None leaves our own faults to Django."""
    response = exception_handler(_as_api_error(error), context)
    if response is None:
        return None
    request = context["request"]
    status = HTTPStatus(response.status_code)
    response.data = problem(status=status, detail=response.data, instance=route_of(request))
    response.content_type = MEDIA_TYPE
    if status in (HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
        audit.record_denied(actor=audit.actor_of(request.user), route=route_of(request))
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer for our own fault, as Django's `handler500`: the API in its words, pages in theirs."""
    if not request.path_info.startswith("/api/"):
        return defaults.server_error(request)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    document = problem(status=status, detail=OUR_FAULT, instance=route_of(request))
    headers = {"Cache-Control": "no-store"}
    return JsonResponse(document, status=status, content_type=MEDIA_TYPE, headers=headers)


def problem(*, status: HTTPStatus, detail: Any, instance: str) -> dict[str, Any]:
    """Return the document for a status and what DRF would have answered."""
    document = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": SIGN_IN if status == HTTPStatus.UNAUTHORIZED else _sentence(detail),
        "instance": instance,
    }
    errors = _errors(detail) if status == HTTPStatus.BAD_REQUEST else {}
    return {**document, "errors": errors} if errors else document


def route_of(request: Request | HttpRequest) -> str:
    """Return the route of a request, such as /api/patient-notifications/:notification_id/read."""
    return "/" + PARAMETER.sub(r":\1", request.resolver_match.route)


def _as_api_error(error: Exception) -> Exception:
    if isinstance(error, Refused):
        return exceptions.ValidationError(
            {error.field: [error.message]} if error.field else error.message
        )
    if isinstance(error, ObjectDoesNotExist | Http404):
        return exceptions.NotFound(NOTHING)
    if isinstance(error, SuspiciousOperation):
        return exceptions.ParseError("This request cannot be read.")
    return error


def _errors(detail: Any) -> dict[str, list[str]]:
    """Return what is wrong by the name of the field, one level deep."""
    if not isinstance(detail, dict) or set(detail) == {"detail"}:
        return {}
    return {_printable(field): [str(text) for text in texts] for field, texts in detail.items()}


def _sentence(detail: Any) -> str:
    if isinstance(detail, dict) and set(detail) == {"detail"}:
        return str(detail["detail"])
    errors = _errors(detail)
    if errors:
        return " ".join(f"{field}: {' '.join(texts)}" for field, texts in errors.items())
    return detail if isinstance(detail, str) else " ".join(str(text) for text in detail)


def _printable(field: str) -> str:
    """Return a field's name as UTF-8 can carry it: JSON may hold half a character."""
    return field.encode("utf-8", "replace").decode()[:100]
