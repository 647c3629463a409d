"""What holds for all messages: a pause, quiet hours, summaries, language and clock."""

from typing import Any

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from notifications import audit, clock, preferences
from notifications.enums import AuditAction
from notifications.types import Refused
from portal.forms import LanguageAndZoneForm, OwnForm, PauseForm, QuietForm, SummaryForm
from portal.templatetags.portal import address
from portal.views.patient import back, is_fragment, patient_page
from portal.views.settings.page import draw
from portal.views.settings.sheet import who


@require_POST
@patient_page
def pause(request: HttpRequest) -> HttpResponse:
    """Send nothing optional for a while; every page then says so and offers to resume."""
    form = PauseForm(request.POST)
    if _kept(request, form) is None:
        return draw(request, status=422, pause=form.point())
    return _home(request)


@require_POST
@patient_page
def resume(request: HttpRequest) -> HttpResponse:
    """End a pause now; without one nothing changes."""
    preferences.change_settings(**who(request), changes={"paused_until": None})
    messages.success(request, _("Messages come again."))
    return _home(request)


@require_POST
@patient_page
def quiet(request: HttpRequest) -> HttpResponse:
    """Keep quiet hours."""
    return _answer(request, QuietForm, part="quiet", said=_("Quiet hours saved."))


@require_POST
@patient_page
def summary(request: HttpRequest) -> HttpResponse:
    """Keep how often e-mails that are not pressing come together."""
    return _answer(request, SummaryForm, part="summary", said=_("Summary emails saved."))


def _answer(
    request: HttpRequest, form_class: type[OwnForm], *, part: str, said: str
) -> HttpResponse:
    """Save one part: a fragment draws that part anew, any other answer is the page."""
    form = form_class(request.POST)
    chosen = _kept(request, form)
    if chosen is None and not is_fragment(request):
        return draw(request, status=422, **{part: form.point()})
    if not is_fragment(request):
        messages.success(request, said)
        return _home(request)
    context = {part: form.point(), "now": clock.now() if chosen else None}
    context["said"] = said if chosen else _("Not saved. %(why)s") % {"why": form.complaint}
    context["general"] = chosen or preferences.settings_of(patient_id=request.patient.pk)
    status = 200 if chosen else 422
    return render(request, f"portal/settings/_{part}.html", context, status=status)


def _kept(request: HttpRequest, form: OwnForm) -> preferences.GeneralSettings | None:
    """Return what holds now, or None with the reason on the form."""
    if not form.is_valid():
        return None
    try:
        return preferences.change_settings(**who(request), changes=form.changes())
    except Refused as refused:
        form.refuse(refused)
        return None


@require_POST
@patient_page
def language_and_zone(request: HttpRequest) -> HttpResponse:
    """Keep the language and the clock a person wants to be spoken to in; at once, for this page."""
    form = LanguageAndZoneForm(request.POST, instance=request.patient)
    if not form.is_valid():
        request.patient.refresh_from_db()
        return draw(request, status=422, language=form)
    _keep(request, form)
    with _spoken_to(request):
        messages.success(request, _("Language and time zone are saved."))
    return _home(request)


def _spoken_to(request: HttpRequest) -> Any:
    """Speak the reader's language as it is now: it may just have changed."""
    return translation.override(request.user.language)


@transaction.atomic
def _keep(request: HttpRequest, form: LanguageAndZoneForm) -> None:
    person = form.instance
    person.save(update_fields=form.fields)  # the rest may have changed since it was read
    audit.record(
        action=AuditAction.PREFERENCE,
        actor=audit.actor_of(request.user),
        patient_id=person.pk,
        obj=person,
        language=person.language,
        zone=person.zone,
    )


def _home(request: HttpRequest) -> HttpResponse:
    return back(request, address("settings", user=request.user, patient=request.patient))
