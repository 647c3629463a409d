"""The row of a text from a number: whose it may be, what came before, when it was dealt with."""

from django.db.models import QuerySet

from notifications import audit, clock, contacts
from notifications.enums import AuditAction, ReplyMeaning
from notifications.models import ContactPoint, InboundText


def addresses_of(text: InboundText) -> list[ContactPoint]:
    """Return the addresses in use with the number a text came from, oldest first."""
    return list(contacts.addresses_at(number=text.number))


def stops_and_starts(text: InboundText) -> QuerySet[InboundText]:
    """Return each STOP and START of the number a text came from, the newest first."""
    words = [ReplyMeaning.STOP, ReplyMeaning.START]
    said = InboundText.objects.filter(number_index=text.number_index, meaning__in=words)
    return said.order_by("-received_at", "-pk")


def has_said_so_before(text: InboundText) -> bool:
    """Return whether the last other STOP or START of the number was the same word."""
    others = stops_and_starts(text).exclude(pk=text.pk)
    return others.values_list("meaning", flat=True).first() == text.meaning


def close(text: InboundText, *, actor: str) -> None:
    """Note that nobody needs to look at a text any more."""
    text.handled_at, text.handled_by = clock.now(), actor
    text.save(update_fields=["handled_at", "handled_by"])


def close_asked_back(text: InboundText, *, actor: str) -> None:
    """Close what we asked back about: this text of the same number is the answer."""
    waiting = InboundText.objects.filter(
        number_index=text.number_index, asked_back_at__isnull=False, handled_at=None
    )
    waiting.exclude(pk=text.pk).update(handled_at=clock.now(), handled_by=actor)


def audit_text(text: InboundText, action: AuditAction, *, actor: str, **details: str) -> None:
    """Write one row for each patient the text may be from, or one about nobody known."""
    patients = sorted({row.patient_id for row in addresses_of(text)}) or [None]
    rows = [(patient_id, text) for patient_id in patients]
    audit.record_many(action=action, actor=actor, rows=rows, **details)
