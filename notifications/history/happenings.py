"""What happened to a patient beside the messages: each source read newest first, a page at most."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import clock, contacts
from notifications.audit import Cursor
from notifications.enums import (
    AuditAction,
    ContactKind,
    PatientNotificationChannel,
    PatientNotificationType,
    Purpose,
    TimelineKind,
)
from notifications.history.entries import Happening
from notifications.history.words import words_of_call
from notifications.models import AuditEvent, CallTask, Consent, ContactPoint, InboundText

# Which rows of the audit trail are part of a patient's story, and as what.
AUDITED = {
    AuditAction.CONTACT: TimelineKind.ADDRESS,
    AuditAction.PREFERENCE: TimelineKind.SETTING,
    AuditAction.APPOINTMENT: TimelineKind.VISIT,
}
CHANGES_SAID = {
    "added": gettext_lazy("Address added"),
    "code_sent": gettext_lazy("Code sent"),
    "refreshed": gettext_lazy("Device registered again"),
    "verified": gettext_lazy("Address verified"),
    "active": gettext_lazy("Address in use again"),
    "needs_update": gettext_lazy("Address does not work"),
    "opted_out": gettext_lazy("Replied STOP"),
    "replaced": gettext_lazy("Address replaced by another"),
    "told_replaced": gettext_lazy("Old address told of it"),
    "renamed": gettext_lazy("Device renamed"),
    "tested": gettext_lazy("Device tested"),
    "removed": gettext_lazy("Address no longer used"),
    "only_this": gettext_lazy("Patient wants to be reached this way only"),
    "never_this": gettext_lazy("Patient asked us not to use this"),
    "request_ended": gettext_lazy("A wish how to be reached ended"),
    "guardian_ended": gettext_lazy("A guardian no longer acts for the patient"),
    "booked": gettext_lazy("Visit booked"),
    "moved": gettext_lazy("Visit moved"),
    "confirmed": gettext_lazy("Visit confirmed"),
    "cancelled": gettext_lazy("Visit cancelled"),
    "completed": gettext_lazy("Visit completed"),
    "missed": gettext_lazy("Visit missed"),
}
AGREED_TO = {
    Purpose.TREATMENT: gettext_lazy("messages about care"),
    Purpose.OPERATIONS: gettext_lazy("messages about office matters"),
    Purpose.MARKETING: gettext_lazy("advertising"),
}


@dataclass(frozen=True, kw_only=True)
class Reader:
    """Reads one page's worth of each source of one patient."""

    patient_id: UUID
    before: Cursor | None
    limit: int

    def page_of(self, rows: QuerySet, *, moment: str, key: str = "id") -> list:
        """Return the newest rows older than the cursor, one more than a page holds."""
        if self.before is not None:
            rows = self.before.older(rows, moment=moment, key=key)
        return list(rows.order_by(f"-{moment}", f"-{key}")[: self.limit + 1])


def happenings(
    reader: Reader, *, kinds: Iterable[TimelineKind], addresses: Mapping[UUID, ContactPoint]
) -> list[Happening]:
    """Return what happened beside the messages, of the kinds wanted."""
    found: list[Happening] = []
    if TimelineKind.TEXT in kinds:
        found += _texts(reader, addresses)
    if TimelineKind.CONSENT in kinds:
        found += _consents(reader, addresses)
    if TimelineKind.CALL in kinds:
        found += _calls(reader)
    if actions := [action for action, kind in AUDITED.items() if kind in kinds]:
        found += _audited(reader, actions, addresses)
    return found


def _texts(reader: Reader, addresses: Mapping[UUID, ContactPoint]) -> list[Happening]:
    """Return what was written to us from a patient's numbers: what it asks for, not what it says.

    A number may be several people's, so who wrote is not known. What came from it once it was no
    longer hers is another's.
    """
    phones = [each for each in addresses.values() if each.kind == ContactKind.PHONE]
    if not phones:
        return []
    numbers = {each.value_index: each for each in phones}
    from_her = reduce(or_, (_while_in_use(each) for each in phones))
    rows = InboundText.objects.filter(from_her).defer("number", "text", "answer")
    return [
        Happening(
            id=row.pk,
            at=row.received_at,
            kind=TimelineKind.TEXT,
            sentence=str(row.get_meaning_display()),
            address=contacts.masked(numbers[row.number_index]),
            detail=_("Handled") if row.handled_at else _("Waits for a person"),
            object_id=str(row.pk),
        )
        for row in reader.page_of(rows, moment="received_at", key="event_id")
    ]


def _while_in_use(phone: ContactPoint) -> Q:
    wrote = Q(number_index=phone.value_index)
    return wrote & Q(received_at__lte=phone.status_at) if phone.status in contacts.GONE else wrote


def _consents(reader: Reader, addresses: Mapping[UUID, ContactPoint]) -> list[Happening]:
    rows = Consent.objects.filter(contact__patient_id=reader.patient_id)
    return [
        Happening(
            id=row.pk,
            at=row.recorded_at,
            kind=TimelineKind.CONSENT,
            sentence=_consent_said(row),
            actor=row.actor,
            address=contacts.masked(addresses[row.contact_id]),
            detail=f"{row.source} · {row.wording}",
            object_id=str(row.pk),
        )
        for row in reader.page_of(rows, moment="recorded_at")
    ]


def _consent_said(row: Consent) -> str:
    what = {"what": AGREED_TO[Purpose(row.purpose)]}
    return (
        _("Agreed to %(what)s") % what if row.granted else _("No longer agrees to %(what)s") % what
    )


def _calls(reader: Reader) -> list[Happening]:
    """Return the calls to make that no message of ours is about; the others are told with it."""
    rows = CallTask.objects.filter(patient_id=reader.patient_id, notification=None)
    rows = rows.defer("note").annotate(has_note=Q(note__isnull=False))
    return [
        Happening(
            id=row.pk,
            at=row.due_at,
            kind=TimelineKind.CALL,
            sentence=str(row.get_reason_display()),
            actor=row.settled_by,
            detail=". ".join([words_of_call(row), *([_("With a note")] if row.has_note else [])]),
            object_id=str(row.pk),
        )
        for row in reader.page_of(rows.filter(due_at__lte=clock.now()), moment="due_at")
    ]


def _audited(
    reader: Reader, actions: list[AuditAction], addresses: Mapping[UUID, ContactPoint]
) -> list[Happening]:
    rows = AuditEvent.objects.filter(patient_id=reader.patient_id, action__in=actions)
    return [_of_trail(row, addresses) for row in reader.page_of(rows, moment="at")]


def _of_trail(row: AuditEvent, addresses: Mapping[UUID, ContactPoint]) -> Happening:
    named = {str(pk): contact for pk, contact in addresses.items()}
    about = named.get(row.object_id) or named.get(str(row.details.get("contact")))
    kind = AUDITED[AuditAction(row.action)]
    is_setting = kind == TimelineKind.SETTING
    return Happening(
        id=row.pk,
        at=row.at,
        kind=kind,
        sentence=_setting_said(row.details) if is_setting else _change_said(row.details),
        actor=row.actor,
        address=contacts.masked(about) if about else "",
        object_id=row.object_id,
    )


def _change_said(details: Mapping[str, str]) -> str:
    change = str(details.get("change", ""))
    return str(CHANGES_SAID.get(change, change.replace("_", " ").capitalize()))


def _general_said(details: Mapping[str, object]) -> str:
    if "language" in details:
        return _("Language and time zone saved")
    if "digest" in details:
        return _("Pause, quiet hours or summary changed")
    return _("Settings as recommended")


def _setting_said(details: Mapping[str, object]) -> str:
    if "channel" not in details:
        return _general_said(details)
    said = {
        "channel": PatientNotificationChannel.get(str(details["channel"])).label,
        "type": PatientNotificationType.get(str(details.get("type", ""))).label,
    }
    if details.get("enabled"):
        return _("%(channel)s for %(type)s turned on") % said
    return _("%(channel)s for %(type)s turned off") % said
