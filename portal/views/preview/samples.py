"""Samples: what a kind of message would be to one patient on each channel, drawn by the sender."""

from dataclasses import dataclass
from typing import Any

from django.urls import reverse
from django.utils import translation
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from notifications.enums import (
    Action,
    Category,
    ContactKind,
    PatientNotificationType,
    Reason,
)
from notifications.services import patient_notification_service as service
from portal.access import profiles_for
from portal.models import User
from portal.views.preview.letters import Block, blocks_of, without_links
from portal.views.settings.matrix import in_order

# Where on the settings page, or at which address, a patient changes what keeps a message back.
ON_THE_SHEET = (Reason.PREF_OFF, Reason.DEFAULT_OFF)
PLACES = {
    Reason.QUIET_HOURS: "quiet",
    Reason.DIGEST: "summary",
    Reason.CONFIDENTIAL: "private",
    Reason.NO_DEVICE: "devices",
    Reason.PUSH_GONE: "devices",
    Reason.PAUSED: "main",
}
AT_THE_ADDRESS = (
    Reason.UNVERIFIED,
    Reason.NO_CONSENT,
    Reason.OPTED_OUT_STOP,
    Reason.BOUNCED_HARD,
)
ADD_LABELS: dict[str, Promise] = {
    ContactKind.EMAIL: _("Add an email address"),
    ContactKind.PHONE: _("Add a mobile number"),
}


@dataclass(frozen=True, kw_only=True)
class Way:
    """Where a patient changes something: a path without /for/, and what the link says."""

    path: str
    label: Promise


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One message on one channel: the sender's own words for this patient, or why none come."""

    channel: Any
    type_key: str
    shown: Any  # of the service's preview
    title: str  # of the message, as its patient reads it
    sender: str

    @property
    def kind(self) -> str:
        """Return how it is drawn: as an `email`, a `phone`'s text, a `push`, or the page's own."""
        return str(self.channel.contact_kind or "here")

    @property
    def subject(self) -> str:
        return " ".join(self.shown.content.get("email_subject.txt", "").split())

    @property
    def text(self) -> str:
        """Return the words, of an e-mail those of its text part."""
        parts = [part for part in self.channel.parts if part != "email_subject.txt"]
        return without_links(self.shown.content[parts[0]])

    @property
    def letter(self) -> list[Block]:
        return blocks_of(self.shown.content.get("email.html", ""))

    @property
    def has_calendar(self) -> bool:
        """Return whether an entry for the patient's calendar comes with it."""
        return self.channel.calendar_part in self.shown.content

    @property
    def is_held(self) -> bool:
        return self.shown.decision.action == Action.HOLD

    @property
    def is_short(self) -> bool:
        """Return whether it says less than it could, for want of a code or a yes."""
        return self.shown.comes and self.kind == ContactKind.EMAIL and not self.shown.is_trusted

    @property
    def way(self) -> Way | None:
        """Return where the patient changes what keeps it back or short, or None."""
        reason = self.shown.decision.reason
        if reason in AT_THE_ADDRESS or self.is_short:
            path = reverse("contact", args=[self.shown.contact_id])
            return Way(path=path, label=_("See this address"))
        if reason == Reason.NO_ADDRESS and self.kind in ADD_LABELS:
            path = reverse("contact-add", args=[self.kind])
            return Way(path=path, label=ADD_LABELS[self.kind])
        place = self._place(reason)
        path = f"{reverse('settings')}#{place}"
        return Way(path=path, label=_("Change this")) if place else None

    def _place(self, reason: Reason) -> str:
        if reason in ON_THE_SHEET:
            return f"type-{self.type_key}"
        return PLACES.get(reason, "")


def samples_of(*, patient: User, type_key: str) -> list[Sample]:
    """Return what a type would be to a patient now on each channel and device, with its example.

    Nothing is written. Raises ValueError for a type that is not known.
    """
    payload_class = PatientNotificationType.known(type_key)
    shown = service.preview(patient_id=patient.pk, payload=payload_class.example())
    sender = profiles_for([patient.pk])[patient.pk].public_name
    with translation.override(patient.language):
        title = str(payload_class.title)
    return [
        Sample(channel=channel, type_key=type_key, shown=each, title=title, sender=sender)
        for channel in in_order()
        for each in shown
        if each.channel == channel.key
    ]


def kinds_of_messages() -> list[tuple[str, list[tuple[str, str]]]]:
    """Return every type as (key, label) under its category's label, in the order of settings."""
    kinds: dict[Category, list[tuple[str, str]]] = {category: [] for category in Category}
    for each in PatientNotificationType.classes():
        kinds[each.category].append((each.type_key, str(each.label)))
    return [(str(category.label), known) for category, known in kinds.items() if known]
