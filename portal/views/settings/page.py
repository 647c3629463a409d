"""The settings page as a whole: what each of its parts shows."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from notifications import clock, preferences
from portal.access import wards_of
from portal.forms import LanguageAndZoneForm, PauseForm, QuietForm, SummaryForm
from portal.templatetags.portal import address
from portal.views.settings import matrix, recommended
from portal.views.settings.contacts import addresses_of, kinds_to_add
from portal.views.settings.devices import devices_part
from portal.views.settings.private import wishes_of

PARENTS = ("parent", "mother", "father")


def draw(request: HttpRequest, status: int = 200, **parts: Any) -> HttpResponse:
    """Draw the page; a form that was refused is given as its part, with what was typed."""
    request.page_address = address("settings", user=request.user, patient=request.patient)
    context = {**_parts(request), **parts}
    return render(request, "portal/settings/settings.html", context, status=status)


def _parts(request: HttpRequest) -> dict[str, Any]:
    patient = request.patient
    chosen = preferences.settings_of(patient_id=patient.pk)
    groups = matrix.matrix(patient_id=patient.pk)
    return {
        "is_phone": "Mobi" in request.headers.get("User-Agent", ""),
        "groups": groups,
        "heads": matrix.in_order(),
        "missing": matrix.missing(groups),
        "texts_on": matrix.has_switch(groups, "sms"),
        "recommended": recommended.by_channel(),
        "addresses": addresses_of(patient_id=patient.pk),
        **devices_part(patient=patient),
        "kinds": kinds_to_add(),
        "language": LanguageAndZoneForm(instance=patient),
        "pause": PauseForm(),
        "is_paused": bool(chosen.paused_until and chosen.paused_until > clock.now()),
        "quiet": QuietForm.showing(chosen),
        "summary": SummaryForm(initial={"digest": chosen.digest}),
        "general": chosen,
        "wishes": wishes_of(patient_id=patient.pk),
        "family": _family(request),
    }


def _family(request: HttpRequest) -> list[dict[str, Any]]:
    """Return whose messages the reader also receives, each with a sheet of their own."""
    if request.patient != request.user:
        return []
    wards = wards_of(request.user).select_related("patient").order_by("patient__first_name")
    return [
        {"person": each.patient, "is_child": each.relation.lower() in PARENTS} for each in wards
    ]
