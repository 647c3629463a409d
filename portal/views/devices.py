"""Notifications on a device: turn them on, see where they are on, turn them off.

The browser's own part is in static/portal/devices.js and sw.js. What they send is judged in
`notifications.contacts.devices`; here is who sends it, and for whom.
"""

import json
import re
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import LoginView, LogoutView
from django.core.exceptions import ObjectDoesNotExist
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from notifications import audit, clock, contacts
from notifications.contacts import devices
from notifications.types import Refused
from portal.access import wards_of
from portal.forms import SignInForm
from portal.models import User
from portal.templatetags.portal import address
from portal.views.patient import back, is_fragment, patient_page

# The first that fits: others name Chrome or Safari as well, for old pages' sake.
BROWSERS = [
    (r"Edg(e|A|iOS)?/", "Edge"),
    (r"OPR/|Opera", "Opera"),
    (r"SamsungBrowser/", "Samsung Internet"),
    (r"Firefox/|FxiOS/", "Firefox"),
    (r"Chrome/|CriOS/", "Chrome"),
    (r"Safari/", "Safari"),
]
SYSTEMS = [
    (r"iPhone", "iPhone"),
    (r"iPad", "iPad"),
    (r"Android", "Android"),
    (r"Windows", "Windows"),
    (r"CrOS", "Chromebook"),
    (r"Mac OS X|Macintosh", "Mac"),
    (r"Linux", "Linux"),
]
GIVEN = ("endpoint", "p256dh", "auth")
NOT_NOW = 90 * 24 * 60 * 60  # seconds


@dataclass(frozen=True)
class Device:
    """A registered browser as its owner reads it; `used_at` (aware): it last took a message."""

    contact: Any
    used_at: datetime | None = None

    @property
    def label(self) -> str:
        return contacts.masked(self.contact)

    @property
    def is_used_today(self) -> bool:
        return bool(self.used_at) and timezone.localdate(self.used_at) == _today()

    @property
    def fingerprint(self) -> str:
        return devices.fingerprint(self.contact)


def devices_part(*, patient: User) -> dict[str, Any]:
    """Return what the settings page needs to show a patient's devices."""
    mine = devices.devices_of(patient_id=patient.pk)
    used = devices.last_used(mine)
    shown = [Device(each, used.get(each.pk)) for each in mine]
    return {"push_key": devices.public_key(), "devices": shown}


@require_http_methods(["GET", "POST"])
@patient_page
def register(request: HttpRequest) -> HttpResponse:
    """Register this browser; a GET tells the service worker what it needs for that."""
    if request.method == "GET":
        return JsonResponse({"key": devices.public_key(), "csrf": get_token(request)})
    if request.content_type == "application/json":
        return _answer_worker(request)
    _add(request, {name: request.POST.get(name, "") for name in GIVEN})
    messages.success(request, _("Notifications are on for this device."))
    return back(request, _settings(request))


def _answer_worker(request: HttpRequest) -> JsonResponse:
    """Take a subscription as browsers write it; `old` is the endpoint it comes in place of."""
    try:
        given = json.loads(request.body)
        said = {"endpoint": given["endpoint"], **given["keys"]}
        moved = _move(request, given.get("old"), {name: said.get(name) for name in GIVEN})
    except Refused as refused:
        answer = {"field": refused.field, "detail": refused.message}
        return JsonResponse(answer, status=400)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return JsonResponse({"field": "", "detail": _("This is no subscription.")}, status=400)
    return JsonResponse({"registered": moved}, status=201)


def _move(request: HttpRequest, old: Any, said: dict[str, Any]) -> int:
    """Register anew whoever was at the old endpoint; without one, the reader themselves."""
    if not isinstance(old, str) or not old:
        _add(request, said)
        return 1
    who = {"patient_ids": _may_act_for(request.user), "actor": audit.actor_of(request.user)}
    return devices.replace_device(old=old, **said, **who)


def _add(request: HttpRequest, said: dict[str, Any]) -> None:
    if not devices.public_key():
        raise Refused(_("Notifications on devices are not set up here."), field="endpoint")
    devices.add_device(
        patient_id=request.patient.pk,
        **said,
        label=label_of(request.headers.get("User-Agent", "")),
        actor=audit.actor_of(request.user),
        may_stay=_may_act_for(request.user),
    )


@require_POST
@patient_page
def remove(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """Turn one device off."""
    mine = {each.pk for each in devices.devices_of(patient_id=request.patient.pk)}
    if contact_id not in mine:
        raise ObjectDoesNotExist("no such device")
    who = {"patient_id": request.patient.pk, "contact_id": contact_id}
    contacts.remove(**who, actor=audit.actor_of(request.user))
    messages.success(request, _("Notifications are off for that device."))
    return back(request, _settings(request))


@require_POST
@patient_page
def rename(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """Call one device what its owner calls it."""
    who = {"patient_id": request.patient.pk, "actor": audit.actor_of(request.user)}
    named = devices.rename(**who, contact_id=contact_id, name=request.POST.get("name", ""))
    messages.success(request, _("This device is now called “%(name)s”.") % {"name": named.label})
    return back(request, _settings(request))


@require_POST
@patient_page
def send_test(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """Let one device show what every message shows there, and say whether it was sent."""
    who = {"patient_id": request.patient.pk, "actor": audit.actor_of(request.user)}
    contacts.send_test(**who, contact_id=contact_id)
    said = _("Test sent. In a moment this device shows that you have a new message.")
    if is_fragment(request):
        return render(request, "portal/_tested.html", {"said": said})
    messages.success(request, said)
    return back(request, _settings(request))


@require_POST
@patient_page
def not_now(request: HttpRequest) -> HttpResponse:
    """Offer notifications on this device no more for 90 days, whoever uses it."""
    response = back(request)
    if is_fragment(request):
        response = render(request, "portal/_not_now.html")
    secure = request.is_secure()
    how = {"max_age": NOT_NOW, "samesite": "Lax", "httponly": True, "secure": secure}
    response.set_cookie("not_now", "push", **how)
    return response


class SignIn(LoginView):
    """Signs in; script tells which browser this is, so that who was here before hears no more."""

    authentication_form = SignInForm
    redirect_authenticated_user = True

    def form_valid(self, form: SignInForm) -> HttpResponse:
        response = super().form_valid(form)
        user, endpoint = form.get_user(), self.request.POST.get("endpoint", "")
        if endpoint:
            actor = audit.actor_of(user)
            devices.take_over(endpoint=endpoint, may_stay=_may_act_for(user), actor=actor)
        return response


class SignOut(LogoutView):
    """Signs out; script tells which browser this is, and it gets no more pushes (P-32)."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        endpoint = request.POST.get("endpoint", "")
        if endpoint and request.user.is_authenticated:
            devices.forget_device(
                endpoint=endpoint,
                patient_ids=_may_act_for(request.user),
                actor=audit.actor_of(request.user),
            )
        return super().post(request, *args, **kwargs)


def label_of(agent: str) -> str:
    """Return "Firefox on Linux" for what a browser calls itself."""
    browser, system = _named(agent, BROWSERS), _named(agent, SYSTEMS)
    if browser and system:
        return _("%(browser)s on %(system)s") % {"browser": browser, "system": system}
    return browser or system or _("A browser")


def _named(agent: str, names: list[tuple[str, str]]) -> str:
    return next((name for pattern, name in names if re.search(pattern, agent)), "")


def _may_act_for(user: User) -> set[UUID]:
    return {user.pk, *wards_of(user).values_list("patient_id", flat=True)}


def _today() -> date:
    return timezone.localdate(clock.now())


def _settings(request: HttpRequest) -> str:
    return address("settings", user=request.user, patient=request.patient)
