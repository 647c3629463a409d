"""The whole sheet at once: a channel turned off, all as recommended, and the way back."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import audit, clock
from notifications.enums import (
    AuditAction,
    PatientNotificationChannel,
    PatientNotificationType,
)
from notifications.models import PatientNotificationPreference
from notifications.preferences.choices import is_on
from notifications.types import Refused

Choice = PatientNotificationPreference


@dataclass(frozen=True, kw_only=True)
class SheetBefore:
    """What a patient had chosen before the whole sheet changed, to be put back as it was."""

    channel: str  # the one that changed; empty: all of them
    count: int  # how many choices changed
    at: str  # when it changed, in ISO 8601: what is chosen later stays
    choices: list[list]  # type, channel, enabled, changed_by, changed_at in ISO 8601

    def dump(self) -> dict:
        """Return it as JSON can keep it."""
        return asdict(self)

    @classmethod
    def load(cls, kept: dict) -> Self:
        return cls(**kept)

    @classmethod
    def of(cls, rows: Iterable[Choice], *, channel: str = "", count: int) -> Self:
        choices = [
            [row.type, row.channel, row.enabled, row.changed_by, row.changed_at.isoformat()]
            for row in rows
        ]
        at = clock.now().isoformat()
        return cls(channel=channel, count=count, at=at, choices=choices)


@transaction.atomic
def turn_off(*, patient_id: UUID, channel: str, actor: str) -> SheetBefore:
    """Turn a channel off for every type that is not locked; return what was, for `put_back`.

    Its `count` is how many types it was on for. Audited once. Raises Refused for a channel that
    does not exist.
    """
    if channel not in PatientNotificationChannel:
        raise Refused(_("There is no such setting."), field="channel")
    before = _held(patient_id, channel)
    known = {row.type: row for row in before}
    kinds = [each for each in PatientNotificationType.classes() if channel not in each.locked]
    open_kinds = [each for each in kinds if _choice(known.get(each.type_key)) is not False]
    was_on = [
        each
        for each in open_kinds
        if is_on(payload_class=each, channel=channel, choice=_choice(known.get(each.type_key)))
    ]
    _write([_off(patient_id, each.type_key, channel, actor) for each in open_kinds])
    if open_kinds:
        _audit(patient_id, actor, turned_off=channel, count=len(was_on))
    return SheetBefore.of(before, channel=channel, count=len(was_on))


def _held(patient_id: UUID, channel: str = "") -> list[Choice]:
    """Return the choices of a channel, or all, and hold them until the transaction ends."""
    rows = Choice.objects.select_for_update().filter(patient_id=patient_id).order_by("id")
    return list(rows.filter(channel=channel) if channel else rows)


def _choice(row: Choice | None) -> bool | None:
    return row.enabled if row else None


def _off(patient_id: UUID, type_key: str, channel: str, actor: str) -> Choice:
    made = Choice(patient_id=patient_id, type=type_key, channel=channel, enabled=False)
    made.changed_by, made.changed_at = actor, clock.now()
    return made


def _write(rows: list[Choice]) -> None:
    Choice.objects.bulk_create(
        rows,
        update_conflicts=True,
        unique_fields=["patient", "type", "channel"],
        update_fields=["enabled", "changed_by", "changed_at"],
    )


@transaction.atomic
def reset(*, patient_id: UUID, actor: str) -> SheetBefore:
    """Go back to what is recommended: forget every choice. Returns what was, for `put_back`."""
    before = _held(patient_id)
    Choice.objects.filter(pk__in=[row.pk for row in before]).delete()
    if before:
        _audit(patient_id, actor, reset=len(before))
    return SheetBefore.of(before, count=len(before))


@transaction.atomic
def put_back(*, patient_id: UUID, before: SheetBefore, actor: str) -> int:
    """Make a patient's choices what they were, with their dates; return how many changed.

    What was never chosen is no choice again. What was chosen since, such as by unsubscribing,
    stays. Twice changes nothing.
    """
    changed_at, now = datetime.fromisoformat(before.at), _held(patient_id, before.channel)
    later = {_cell(row) for row in now if row.changed_at > changed_at}
    every = [_row(patient_id, *each) for each in before.choices]
    rows = [row for row in every if _cell(row) not in later]
    keep = later | {_cell(row) for row in rows}
    gone = [row.pk for row in now if _cell(row) not in keep]
    known = {_cell(row): row.enabled for row in now}
    changed = [row for row in rows if known.get(_cell(row)) is not row.enabled]
    Choice.objects.filter(pk__in=gone).delete()
    _write(changed)
    count = len(gone) + len(changed)
    if count:
        _audit(patient_id, actor, put_back=count)
    return count


def _row(
    patient_id: UUID, type_key: str, channel: str, enabled: bool, changed_by: str, changed_at: str
) -> Choice:
    row = Choice(patient_id=patient_id, type=type_key, channel=channel, enabled=enabled)
    row.changed_by, row.changed_at = changed_by, datetime.fromisoformat(changed_at)
    return row


def _cell(row: Choice) -> tuple[str, str]:
    return row.type, row.channel


def _audit(patient_id: UUID, actor: str, **said: str | int) -> None:
    audit.record(action=AuditAction.PREFERENCE, actor=actor, patient_id=patient_id, **said)
