"""Addresses: add one, show by a code that it is yours, agree to what is sent there, remove it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ObjectDoesNotExist
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from notifications import audit, consent, contacts
from notifications.enums import ContactKind, ContactStatus, PatientNotificationChannel, Purpose
from notifications.types import Refused
from portal.forms import CodeForm, EmailForm, PhoneForm
from portal.templatetags.portal import address
from portal.views.patient import patient_page

FORMS = {ContactKind.EMAIL: EmailForm, ContactKind.PHONE: PhoneForm}
ASKED = {
    (ContactKind.EMAIL, Purpose.TREATMENT): gettext_lazy("Visit details by email"),
    (ContactKind.EMAIL, Purpose.MARKETING): gettext_lazy("News and offers by email"),
    (ContactKind.PHONE, Purpose.TREATMENT): gettext_lazy("Texts about your care"),
    (ContactKind.PHONE, Purpose.MARKETING): gettext_lazy("News and offers by text"),
}
ICONS = {ContactKind.EMAIL: "mail", ContactKind.PHONE: "smartphone", ContactKind.PUSH: "bell"}


@dataclass(frozen=True, kw_only=True)
class Ask:
    """One thing to agree to at an address, in the wording that is recorded with the answer."""

    purpose: Purpose
    title: str
    version: str
    wording: str
    is_agreed: bool


@dataclass(frozen=True)
class Address:
    """A contact point as its owner reads it, with what was agreed to there."""

    contact: Any
    agreed_to: frozenset[Purpose]
    is_unwanted: bool  # the patient asked us not to use it

    @property
    def masked(self) -> str:
        return contacts.masked(self.contact)

    @property
    def icon(self) -> str:
        return ICONS.get(self.contact.kind, "mail")

    @property
    def is_opted_out(self) -> bool:
        return self.contact.status == ContactStatus.OPTED_OUT

    @property
    def needs_update(self) -> bool:
        return self.contact.status == ContactStatus.NEEDS_UPDATE

    @property
    def asks(self) -> list[Ask]:
        """Return what may be agreed to here, each by itself: care first."""
        return [
            _ask(self.contact.kind, purpose, is_agreed=purpose in self.agreed_to)
            for purpose in contacts.purposes_for(kind=self.contact.kind)
        ]

    @property
    def waits_for_yes(self) -> bool:
        """Return whether all that lacks for texts about care is the patient's yes."""
        is_ready = self.contact.status == ContactStatus.ACTIVE and self.contact.verified_at
        is_phone = self.contact.kind == ContactKind.PHONE
        return bool(is_phone and is_ready and Purpose.TREATMENT not in self.agreed_to)


def _ask(kind: str, purpose: Purpose, *, is_agreed: bool) -> Ask:
    version = consent.current_wording(kind=kind, purpose=purpose)
    return Ask(
        purpose=purpose,
        title=str(ASKED[ContactKind(kind), purpose]),
        version=version,
        wording=str(consent.WORDINGS[version]),
        is_agreed=is_agreed,
    )


def addresses_of(*, patient_id: UUID) -> list[Address]:
    """Return a patient's addresses; devices have a part of their own, and need no code."""
    known = contacts.of_patient(patient_id=patient_id)
    return _as_read([each for each in known if each.kind in FORMS])


def _as_read(known: list[Any]) -> list[Address]:
    """Return addresses with what was agreed to at each, in three queries for any number."""
    ids = [each.pk for each in known]
    agreed = {
        purpose: consent.granted_among(contact_ids=ids, purpose=purpose)
        for purpose in (Purpose.TREATMENT, Purpose.MARKETING)
    }
    allowed = {each.pk for each in contacts.allowed_among(known)}
    return [
        Address(
            each,
            frozenset(purpose for purpose, pks in agreed.items() if each.pk in pks),
            each.pk not in allowed,
        )
        for each in known
    ]


def kinds_to_add() -> list[ContactKind]:
    """Return the kinds of address a person may add: those some working channel sends to."""
    channels = PatientNotificationChannel.classes()
    wanted = {each.contact_kind for each in channels if each().is_configured()}
    return [kind for kind in FORMS if kind in wanted]


@require_http_methods(["GET", "POST"])
@patient_page
def add(request: HttpRequest, kind: str) -> HttpResponse:
    """Ask for a new address, and send its code there at once."""
    if kind not in kinds_to_add():
        raise Http404("no channel sends there")
    form = FORMS[kind](request.POST or None)
    if request.method == "POST" and form.is_valid():
        made = _added(request, form, kind)
        if made is not None:
            return _to_contact(request, made.pk)
    context = {
        "form": form,
        "kind": ContactKind(kind),
        "until_then": _in_use(addresses_of(patient_id=request.patient.pk), kind=kind),
    }
    status = 422 if form.errors else 200
    return render(request, "portal/settings/contact_add.html", context, status=status)


def _added(request: HttpRequest, form: Any, kind: str) -> Any:
    """Return the new address, or None with the reason on the form."""
    who = {"patient_id": request.patient.pk, "actor": audit.actor_of(request.user)}
    try:
        made = contacts.add(**who, kind=kind, value=form.cleaned_data["value"])
    except Refused as refused:
        form.add_error("value", str(refused.message))
        return None
    if made.verified_at is None:
        _send_code(request, made.pk)
    return made


@require_GET
@patient_page
def contact(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """Show one address: its code, its consent, and how to remove it."""
    return _draw(request, contact_id, CodeForm())


@require_POST
@patient_page
def send_code(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """Send a fresh code to an address."""
    _find(request, contact_id)
    _send_code(request, contact_id)
    return _to_contact(request, contact_id)


@require_POST
@patient_page
def verify(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """Take the code somebody typed."""
    form = CodeForm(request.POST)
    if not form.is_valid():  # nothing typed is no try
        return _draw(request, contact_id, form, status=422)
    who = {"patient_id": request.patient.pk, "contact_id": contact_id}
    try:
        contacts.verify(
            **who, code=request.POST.get("code", ""), actor=audit.actor_of(request.user)
        )
    except Refused as refused:
        form.add_error("code", str(refused.message))
        return _draw(request, contact_id, form, status=422)
    mine = addresses_of(patient_id=request.patient.pk)
    messages.success(request, _thanks(_found(mine, contact_id)))
    return _to_contact(request, contact_id)


def _thanks(address: Address) -> str:
    if address.waits_for_yes:
        return _("Thank you. This number is yours. We text it once you agree below.")
    return _("Thank you. This address is yours and in use.")


@require_POST
@patient_page
def agree(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """Record what somebody agreed to at one address, or no longer agrees to.

    The form says which wording it showed: that, and no later one, is what is agreed to.
    """
    contacts.answer(
        contact=_find(request, contact_id),
        purpose=request.POST.get("purpose", ""),
        granted=request.POST.get("agree") == "yes",
        wording=request.POST.get("wording", ""),
        source="portal",
        actor=audit.actor_of(request.user),
        ip=request.META.get("REMOTE_ADDR") or None,
    )
    messages.success(request, _("Your answer is saved."))
    return _to_contact(request, contact_id)


@require_POST
@patient_page
def remove(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    """Stop using an address."""
    who = {"patient_id": request.patient.pk, "contact_id": contact_id}
    contacts.remove(**who, actor=audit.actor_of(request.user))
    messages.success(request, _("The address is removed. Nothing more is sent there."))
    return _see_other(address("settings", user=request.user, patient=request.patient))


def _find(request: HttpRequest, contact_id: UUID) -> Any:
    """Return the patient's own address. Raises ObjectDoesNotExist for any other."""
    return _found(addresses_of(patient_id=request.patient.pk), contact_id).contact


def _found(mine: list[Address], contact_id: UUID) -> Address:
    found = next((each for each in mine if each.contact.pk == contact_id), None)
    if found is None:
        raise ObjectDoesNotExist("no such address")
    return found


def _until_then(mine: list[Address], new: Any) -> Address | None:
    """Return the address that is used until a new one is verified."""
    if new.verified_at is not None:
        return None
    return _in_use(mine, kind=new.kind, relation=new.relation)


def _in_use(mine: list[Address], *, kind: str, relation: str = "") -> Address | None:
    """Return the address in use that another of its kind and relation takes the place of."""
    for each in mine:
        kept = each.contact
        is_same_kind = (kept.kind, kept.relation) == (kind, relation)
        if is_same_kind and kept.verified_at and kept.status == ContactStatus.ACTIVE:
            return each
    return None


def _send_code(request: HttpRequest, contact_id: UUID) -> None:
    who = {"patient_id": request.patient.pk, "contact_id": contact_id}
    try:
        contacts.send_code(**who, actor=audit.actor_of(request.user))
    except Refused as refused:
        messages.error(request, str(refused.message))
    else:
        messages.success(request, _("We sent a code. It works for 15 minutes."))


def _draw(
    request: HttpRequest, contact_id: UUID, form: CodeForm, status: int = 200
) -> HttpResponse:
    mine = addresses_of(patient_id=request.patient.pk)
    shown = _found(mine, contact_id)
    request.page_address = _page_of(request, contact_id)
    context = {
        "address": shown,
        "form": form,
        "asked": contacts.asked_for(contact=shown.contact),
        "until_then": _until_then(mine, shown.contact),
    }
    return render(request, "portal/settings/contact.html", context, status=status)


def _to_contact(request: HttpRequest, contact_id: UUID) -> HttpResponse:
    return _see_other(_page_of(request, contact_id))


def _page_of(request: HttpRequest, contact_id: UUID) -> str:
    return address("contact", contact_id, user=request.user, patient=request.patient)


def _see_other(target: str) -> HttpResponse:
    return HttpResponse(status=303, headers={"Location": target})
