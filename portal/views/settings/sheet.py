"""Settings: the sheet of what comes on which channel, box by box and as a whole."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.http import require_POST

from notifications import audit, clock, preferences
from notifications.types import Refused
from portal.templatetags.portal import THEMES, address
from portal.views.patient import back, is_fragment, patient_page
from portal.views.settings import matrix
from portal.views.settings.page import draw

YEAR = 365 * 24 * 60 * 60


@method_decorator(patient_page, name="dispatch")
class NotificationSettingsPage(View):
    """The settings page. Each switch saves itself; without script the whole sheet is posted."""

    http_method_names = ["get", "post", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return draw(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        drawn = request.POST.getlist("drawn")
        try:
            matrix.save_all(**who(request), drawn=drawn, ticked=request.POST.keys())
        except Refused as refused:
            return draw(request, status=400, refused=refused.message)
        messages.success(request, _("Your settings are saved."))
        return back(request, address("settings", user=request.user, patient=request.patient))


def who(request: HttpRequest) -> dict[str, Any]:
    """Return whose settings these are, and who changes them."""
    return {"patient_id": request.patient.pk, "actor": audit.actor_of(request.user)}


@require_POST
@patient_page
def cell(request: HttpRequest, cell: str) -> HttpResponse:
    """Keep one switch as it stands now; a locked one is a 400 that names it."""
    enabled = cell in request.POST
    try:
        matrix.save(**who(request), cell=cell, enabled=enabled)
    except Refused as refused:
        return render(request, "portal/_refused.html", {"reason": refused.message}, status=400)
    if not is_fragment(request):
        return back(request, address("settings", user=request.user, patient=request.patient))
    type_key, label = cell.partition(".")[0], matrix.cell_label(cell)
    context = {"type_key": type_key, "label": label, "on": enabled, "now": clock.now()}
    return render(request, "portal/settings/_cell_saved.html", context)


# -- the whole sheet ----------------------------------------------------------------------------


@require_POST
@patient_page
def texts_off(request: HttpRequest) -> HttpResponse:
    """Turn off every text that is not locked, with a way back."""
    before = preferences.turn_off(**who(request), channel="sms")
    return _changed(request, before, _("All texts are off."), _("All texts were off already."))


@require_POST
@patient_page
def reset(request: HttpRequest) -> HttpResponse:
    """Go back to what is recommended, with a way back to what was."""
    before = preferences.reset(**who(request))
    said = _("Everything is as we recommend."), _("Everything was as we recommend already.")
    return _changed(request, before, *said)


def _changed(
    request: HttpRequest, before: preferences.SheetBefore, said: str, nothing: str
) -> HttpResponse:
    """Say what changed, and keep on our side what was: the way back names the change only."""
    settings_page = address("settings", user=request.user, patient=request.patient)
    if not before.count:
        messages.success(request, nothing)
        return back(request, settings_page)
    change = str(uuid4())
    request.session[_before(request)] = {"change": change, "sheet": before.dump()}
    undo = address("settings-undo", change, user=request.user, patient=request.patient)
    messages.success(request, said, extra_tags=undo)
    return back(request, settings_page)


def _before(request: HttpRequest) -> str:
    return f"sheet-before-{request.patient.pk}"


@require_POST
@patient_page
def undo(request: HttpRequest, change: UUID) -> HttpResponse:
    """Put the sheet back as it was before its last change as a whole; twice changes nothing."""
    kept = request.session.get(_before(request), {})
    if kept.get("change") != str(change):
        raise Refused(_("It is too late to undo this."))
    before = preferences.SheetBefore.load(kept["sheet"])
    preferences.put_back(**who(request), before=before)
    messages.success(request, _("Your settings are as they were."))
    return back(request, address("settings", user=request.user, patient=request.patient))


@require_POST
def look(request: HttpRequest) -> HttpResponse:
    """Keep the chosen look in a cookie of this device; anything else is the device's own."""
    chosen = request.POST.get("theme", "")
    response = back(request)
    if chosen in THEMES:
        secure = request.is_secure()
        response.set_cookie("theme", chosen, max_age=YEAR, samesite="Lax", secure=secure)
    else:
        response.delete_cookie("theme", samesite="Lax")
    return response
