"""Settings: what comes on which channel, addresses, language and clock."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views import View
from django.views.decorators.http import require_POST

from notifications import audit, clock, preferences
from notifications.enums import AuditAction
from notifications.types import Refused
from portal.forms import GeneralForm, LanguageAndZoneForm
from portal.templatetags.portal import THEMES, address
from portal.views import matrix
from portal.views.contacts import addresses_of, kinds_to_add
from portal.views.devices import devices_part
from portal.views.patient import back, is_fragment, patient_page

YEAR = 365 * 24 * 60 * 60


@method_decorator(patient_page, name="dispatch")
class NotificationSettingsPage(View):
    """The settings page. Each switch saves itself; without script the whole sheet is posted."""

    http_method_names = ["get", "post", "head"]

    def get(self, request: HttpRequest) -> HttpResponse:
        return self.draw(request)

    def post(self, request: HttpRequest) -> HttpResponse:
        drawn = request.POST.getlist("drawn")
        sheet = {"patient_id": request.patient.pk, "drawn": drawn, "ticked": request.POST.keys()}
        try:
            matrix.save_all(**sheet, actor=audit.actor_of(request.user))
        except Refused as refused:
            return self.draw(request, status=400, refused=refused.message)
        messages.success(request, _("Your settings are saved."))
        return back(request, reverse("settings"))

    def draw(self, request: HttpRequest, status: int = 200, **more) -> HttpResponse:
        patient = request.patient
        context = {
            "groups": matrix.matrix(patient_id=patient.pk),
            "addresses": addresses_of(patient_id=patient.pk),
            **devices_part(patient=patient),
            "kinds": kinds_to_add(),
            "form": LanguageAndZoneForm(instance=patient),
            "general": GeneralForm.showing(preferences.settings_of(patient_id=patient.pk)),
        }
        return render(request, "portal/settings.html", {**context, **more}, status=status)


@require_POST
@patient_page
def cell(request: HttpRequest, cell: str) -> HttpResponse:
    """Keep one switch as it stands now; a locked one is a 400 that names it."""
    enabled = cell in request.POST
    try:
        who = {"patient_id": request.patient.pk, "actor": audit.actor_of(request.user)}
        matrix.save(**who, cell=cell, enabled=enabled)
    except Refused as refused:
        return render(request, "portal/_refused.html", {"reason": refused.message}, status=400)
    if not is_fragment(request):
        return back(request, reverse("settings"))
    type_key, label = cell.partition(".")[0], matrix.cell_label(cell)
    context = {"type_key": type_key, "label": label, "on": enabled, "now": clock.now()}
    return render(request, "portal/_saved.html", context)


@require_POST
@patient_page
def language_and_zone(request: HttpRequest) -> HttpResponse:
    """Keep the language and the clock a person wants to be spoken to in."""
    form = LanguageAndZoneForm(request.POST, instance=request.patient)
    if not form.is_valid():
        raise Refused(_("Choose a language and a time zone from the lists."), field="zone")
    _keep(request, form)
    messages.success(request, _("Language and time zone are saved."))
    here = address("settings", user=request.user, patient=request.patient)
    return back(request, here)


@require_POST
@patient_page
def general(request: HttpRequest) -> HttpResponse:
    """Keep a pause, quiet hours and how often a summary comes."""
    form = GeneralForm(request.POST)
    if not form.is_valid():
        raise Refused(
            _("Write days and times as the page shows them."), field=next(iter(form.errors))
        )
    preferences.change_settings(
        patient_id=request.patient.pk,
        changes=form.changes(),
        actor=audit.actor_of(request.user),
    )
    messages.success(request, _("Your settings are saved."))
    return back(request, address("settings", user=request.user, patient=request.patient))


@transaction.atomic
def _keep(request: HttpRequest, form: LanguageAndZoneForm) -> None:
    person = form.save()
    audit.record(
        action=AuditAction.PREFERENCE,
        actor=audit.actor_of(request.user),
        patient_id=person.pk,
        obj=person,
        language=person.language,
        zone=person.zone,
    )


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
