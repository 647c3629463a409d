"""Only this address: how a patient may be written to, and how never (45 CFR 164.522(b)).

No reason is asked for, so there is nowhere to give one. It beats every box and lock.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from notifications import audit, contacts
from notifications.enums import ContactKind
from notifications.types import Refused
from portal.templatetags.portal import address
from portal.views.patient import back, patient_page
from portal.views.settings.contacts import ICONS, addresses_of

ONLY, NEVER = "only", "never"
KINDS: dict[str, Promise] = {
    ContactKind.EMAIL: gettext_lazy("email"),
    ContactKind.PHONE: gettext_lazy("text messages"),
    ContactKind.PUSH: gettext_lazy("notifications on devices"),
}


@dataclass(frozen=True, kw_only=True)
class Way:
    """An address, or all of a kind, as a patient may name it in a wish."""

    kind: str
    label: str
    contact_id: UUID | None = None

    @property
    def icon(self) -> str:
        return ICONS.get(ContactKind(self.kind), "mail")


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A wish in force."""

    id: UUID
    way: Way
    is_only: bool
    since: datetime

    @property
    def words(self) -> str:
        said = _("Use only %(what)s") if self.is_only else _("Never use %(what)s")
        return said % {"what": self.way.label}


def wishes_of(*, patient_id: UUID) -> list[Wish]:
    """Return a patient's wishes in force, oldest first, in one query."""
    rows = contacts.open_requests(patient_ids=[patient_id]).get(patient_id, [])
    return [
        Wish(id=row.pk, way=_way(row), is_only=row.is_only, since=row.recorded_at) for row in rows
    ]


def _way(row: Any) -> Way:
    label = contacts.masked(row.contact) if row.contact else str(KINDS[row.kind])
    return Way(kind=row.kind, label=label, contact_id=row.contact_id)


@require_GET
@patient_page
def private(request: HttpRequest) -> HttpResponse:
    """Show what is in force and what may be asked for."""
    wishes = wishes_of(patient_id=request.patient.pk)
    said = {(wish.way.kind, wish.way.contact_id, wish.is_only) for wish in wishes}
    offers = [
        {
            "way": way,
            "is_only": (way.kind, way.contact_id, True) in said,
            "is_never": (way.kind, way.contact_id, False) in said,
        }
        for way in _ways(request.patient.pk)
    ]
    return render(request, "portal/settings/private.html", {"wishes": wishes, "offers": offers})


def _ways(patient_id: UUID) -> list[Way]:
    named = [
        Way(kind=each.contact.kind, label=each.masked, contact_id=each.contact.pk)
        for each in addresses_of(patient_id=patient_id)
    ]
    return named + [Way(kind=str(kind), label=str(label)) for kind, label in KINDS.items()]


@require_POST
@patient_page
def wish(request: HttpRequest) -> HttpResponse:
    """Record a wish; the same again is the same one."""
    asked = request.POST.get("wish", "")
    if asked not in (ONLY, NEVER):
        raise Refused(_("Choose what we may use."), field="wish")
    contacts.record_request(
        patient_id=request.patient.pk,
        kind=request.POST.get("kind", ""),
        contact_id=_contact_id(request.POST.get("contact", "")),
        is_only=asked == ONLY,
        actor=audit.actor_of(request.user),
    )
    messages.success(request, _("Your wish is in force from now on."))
    return _home(request)


def _contact_id(given: str) -> UUID | None:
    try:
        return UUID(given) if given else None
    except ValueError:
        message = _("This is not an address of this patient in use.")
        raise Refused(message, field="contact") from None


@require_POST
@patient_page
def end(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """End a wish of this patient; twice changes nothing."""
    who = {"patient_id": request.patient.pk, "actor": audit.actor_of(request.user)}
    contacts.end_request(request_id=request_id, **who)
    messages.success(request, _("This wish is ended. Your settings decide again."))
    return _home(request)


def _home(request: HttpRequest) -> HttpResponse:
    return back(request, address("private", user=request.user, patient=request.patient))
