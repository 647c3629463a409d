"""Speaks to each person in their language and by their clock."""

from collections.abc import Callable
from datetime import tzinfo

from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation

from portal.access import profiles_for


class PatientSettingsMiddleware:
    """Activates the signed-in person's language and zone; keeps their pages out of caches."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.user.is_authenticated:
            return self.get_response(request)
        person = request.user
        with translation.override(person.language), timezone.override(_zone(request)):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", person.language)
        response.headers.setdefault("Cache-Control", "no-store")
        return response


def _zone(request: HttpRequest) -> str | tzinfo:
    """Return the reader's zone. The API's times carry their own: it is spared the queries."""
    if request.path_info.startswith("/api/"):
        return timezone.get_default_timezone()
    person = request.user
    return person.zone or profiles_for([person.pk])[person.pk].zone
