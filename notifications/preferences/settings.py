"""What a patient chose for all types together: a pause, quiet hours, a summary.

No row means the defaults. One function answers the API, the pages and the sender.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from notifications import audit, clock
from notifications.enums import OPEN_STATUSES, AuditAction, Digest, Reason
from notifications.hours import TEXTS_FROM, TEXTS_UNTIL
from notifications.models import Delivery, PatientSettings
from notifications.types import Refused

LONGEST_PAUSE = timedelta(days=366)
# What waits because of these settings, and is looked at again when they change.
WAITING = (Reason.DIGEST, Reason.QUIET_HOURS)


@dataclass(frozen=True, kw_only=True)
class GeneralSettings:
    """What holds for all types. Quiet hours are on the patient's wall clock; None twice: off."""

    paused_until: datetime | None = None  # aware
    quiet_from: time | None = time(21)
    quiet_until: time | None = time(8)
    digest: Digest = Digest.NONE


DEFAULTS = GeneralSettings()


def settings_of(*, patient_id: UUID) -> GeneralSettings:
    """Return what holds for a patient, in one query."""
    return settings_of_all(patient_ids=[patient_id]).get(patient_id, DEFAULTS)


def settings_of_all(*, patient_ids: Iterable[UUID]) -> dict[UUID, GeneralSettings]:
    """Return the settings of those who chose any, in one query; for all others DEFAULTS hold."""
    rows = PatientSettings.objects.filter(patient_id__in=set(patient_ids))
    return {row.patient_id: _chosen(row) for row in rows}


def _chosen(row: PatientSettings) -> GeneralSettings:
    return GeneralSettings(
        paused_until=row.paused_until,
        quiet_from=row.quiet_from,
        quiet_until=row.quiet_until,
        digest=Digest(row.digest),
    )


@transaction.atomic
def change_settings(*, patient_id: UUID, changes: Mapping[str, Any], actor: str) -> GeneralSettings:
    """Keep what a patient chose, by the names of GeneralSettings, and return what then holds.

    Raises Refused naming the field: an unknown one, a pause that is over or longer than a year,
    quiet hours with one end or without length, an unknown summary. Nothing is kept unless all can
    be. What waits because of the old choice is decided on again.
    """
    row, is_new = PatientSettings.objects.select_for_update().get_or_create(
        patient_id=patient_id, defaults={"changed_by": actor, "changed_at": clock.now()}
    )
    before = _chosen(row)
    after = _checked(before, changes)
    if after == before:
        if is_new:
            row.delete()
        return before
    _keep(row, after, actor=actor)
    _decide_again(patient_id)
    return after


def _checked(before: GeneralSettings, changes: Mapping[str, Any]) -> GeneralSettings:
    known = asdict(before)
    for name in changes:
        if name not in known:
            said = {"known": ", ".join(known)}
            raise Refused(_("Unknown field. Known are: %(known)s.") % said, field=name)
    if changes.get("digest", "") not in Digest.values:
        raise Refused(_("Choose one of the summaries from the list."), field="digest")
    digest = Digest(changes.get("digest", before.digest))
    after = replace(before, **{**changes, "digest": digest})
    if after.paused_until != before.paused_until:
        _refuse_odd_pause(after.paused_until)
    if (after.quiet_from, after.quiet_until) != (before.quiet_from, before.quiet_until):
        _refuse_odd_quiet(after)
    return after


def _refuse_odd_pause(until: datetime | None) -> None:
    if until is None:
        return
    if until <= clock.now():
        raise Refused(_("This moment is over. Choose one to come."), field="paused_until")
    if until > clock.now() + LONGEST_PAUSE:
        raise Refused(_("A pause lasts a year at most."), field="paused_until")


def _refuse_odd_quiet(after: GeneralSettings) -> None:
    begins, ends = after.quiet_from, after.quiet_until
    if (begins is None) != (ends is None):
        missing = "quiet_from" if begins is None else "quiet_until"
        raise Refused(_("Quiet hours need a beginning and an end, or neither."), field=missing)
    if begins is not None and begins == ends:  # they would hold nothing
        raise Refused(_("Choose an end other than the beginning."), field="quiet_until")
    if begins is not None and not _leaves_room(begins, ends):
        raise Refused(_("These hours would leave none for texts."), field="quiet_until")


def _leaves_room(begins: time, ends: time) -> bool:
    """Whether a text may still go at some time of the day."""
    if begins > ends:  # by night
        return begins > TEXTS_FROM and ends < TEXTS_UNTIL
    return begins > TEXTS_FROM or ends < TEXTS_UNTIL


def _keep(row: PatientSettings, after: GeneralSettings, *, actor: str) -> None:
    row.paused_until, row.digest = after.paused_until, after.digest
    row.quiet_from, row.quiet_until = after.quiet_from, after.quiet_until
    row.changed_by, row.changed_at = actor, clock.now()
    row.save()
    audit.record(
        action=AuditAction.PREFERENCE,
        actor=actor,
        patient_id=row.patient_id,
        obj=row,
        **asdict(after),
    )


def _decide_again(patient_id: UUID) -> None:
    waiting = Delivery.objects.filter(
        notification__patient_id=patient_id, status__in=OPEN_STATUSES, reason__in=WAITING
    )
    waiting.filter(due_at__gt=clock.now()).update(due_at=clock.now())
