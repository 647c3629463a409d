"""Speaks to each person in their language and by their clock."""

from collections.abc import Callable

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
        zone = person.zone or profiles_for([person.pk])[person.pk].zone
        with translation.override(person.language), timezone.override(zone):
            response = self.get_response(request)
        response.headers.setdefault("Content-Language", person.language)
        response.headers.setdefault("Cache-Control", "no-store")
        return response
