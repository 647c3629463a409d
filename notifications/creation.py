"""From a payload to rows: a message is born here with its deliveries, its event and its audit row.

One transaction for one patient or for five hundred; the patients' inboxes are locked in the order
of their ids, so that two broadcasts cannot wait for each other.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from notifications import audit, calls, clock, delivery, realtime, rendering, windows
from notifications.candidates import candidates
from notifications.crypto import keys_loaded, new_id
from notifications.enums import (
    AuditAction,
    PatientNotificationPriority,
    PatientNotificationType,
)
from notifications.facts import addresses_in_use, profiles_for
from notifications.models import Delivery, PatientNotification
from notifications.types import NotificationPayload, PatientProfile, Refused

CHUNK = 500


@dataclass(frozen=True, kw_only=True)
class Draft:
    """A message about to be made."""

    patient_id: UUID
    payload: NotificationPayload
    key: str = ""
    priority: PatientNotificationPriority
    subject: str = ""
    actor: str = "system:service"
    id: UUID = field(default_factory=new_id)


def priority_of(
    payload: NotificationPayload, wanted: PatientNotificationPriority | str | None
) -> PatientNotificationPriority:
    """Return the wanted priority or the type's own. Raises ValueError naming the known ones."""
    if wanted is None:
        return payload.priority
    if wanted not in PatientNotificationPriority.values:
        known = ", ".join(PatientNotificationPriority.values)
        raise ValueError(f"{wanted!r} is not a known priority; known are: {known}")
    return PatientNotificationPriority(wanted)


def draft_of(
    patient_id: UUID,
    *,
    build: Callable[[UUID], NotificationPayload],
    key: Callable[[UUID], str],
    actor: str,
) -> Draft:
    """Return the draft of one of many, with its type's own priority."""
    payload = build(patient_id)
    return Draft(
        patient_id=patient_id,
        payload=payload,
        key=key(patient_id),
        priority=payload.priority,
        actor=actor,
    )


def create_many(
    *,
    patient_ids: Iterable[UUID],
    build: Callable[[UUID], NotificationPayload],
    key: Callable[[UUID], str],
    actor: str,
) -> int:
    """Make one message for each patient, a transaction a chunk; return how many were new."""
    remaining, made = iter(sorted(set(patient_ids))), 0
    while chunk := list(islice(remaining, CHUNK)):
        drafts = [draft_of(each, build=build, key=key, actor=actor) for each in chunk]
        ids = {draft.id for draft in drafts}
        made += sum(row.pk in ids for row in create(drafts, leave_out=True))
    return made


@transaction.atomic
def create(drafts: Sequence[Draft], *, leave_out: bool = False) -> list[PatientNotification]:
    """Write messages, one a patient, with deliveries, events and audit rows.

    Who died or left is refused, or with `leave_out` left out.
    """
    for draft in drafts:
        PatientNotificationType.known(draft.payload.type_key)
    patient_ids = [draft.patient_id for draft in drafts]
    profiles = profiles_of(patient_ids)
    drafts = _still_here(drafts, profiles, leave_out=leave_out)
    realtime.lock_all(patient_ids=patient_ids)
    there = _already_there(drafts)
    fresh = [draft for draft in drafts if (draft.patient_id, draft.key) not in there]
    with keys_loaded(patient_ids, create=True):
        made = {row.pk: row for row in _write(fresh, profiles)}
    if made:
        delivery.wake_after_commit()
    windows.passing(windows.Window.BEFORE_COMMIT)
    return [there.get((draft.patient_id, draft.key)) or made[draft.id] for draft in drafts]


def profiles_of(patient_ids: Sequence[UUID]) -> dict[UUID, PatientProfile]:
    """Return how to address these patients. Raises Refused for one who is not there."""
    profiles = profiles_for(patient_ids)
    unknown = set(patient_ids) - profiles.keys()
    if unknown:
        raise Refused(_("There is no such patient."), field="patient_id")
    return profiles


def _still_here(
    drafts: Sequence[Draft], profiles: dict[UUID, PatientProfile], *, leave_out: bool
) -> list[Draft]:
    """Return the drafts for who neither died nor left; refuse the others, or leave them out."""
    here = [draft for draft in drafts if not profiles[draft.patient_id].is_departed]
    if len(here) < len(drafts) and not leave_out:
        raise Refused(_("This person is no longer a patient here."), field="patient_id")
    return here


def _already_there(drafts: Sequence[Draft]) -> dict[tuple[UUID, str], PatientNotification]:
    """Return the rows whose key was used before; asked under the patients' locks."""
    keyed = [draft for draft in drafts if draft.key]
    if not keyed:
        return {}
    rows = PatientNotification.objects.filter(
        Q(patient_id__in=[draft.patient_id for draft in keyed]),
        key__in={draft.key for draft in keyed},
    )
    return {(row.patient_id, row.key): row for row in rows}


def _write(
    drafts: Sequence[Draft], profiles: dict[UUID, PatientProfile]
) -> list[PatientNotification]:
    if not drafts:
        return []
    events = realtime.record_created(
        rows=[(draft.patient_id, draft.id, str(draft.priority)) for draft in drafts]
    )
    contacts = addresses_in_use([draft.patient_id for draft in drafts])
    rows = [
        notification_of(draft, profiles[draft.patient_id], seq=events[draft.patient_id].seq)
        for draft in drafts
    ]
    PatientNotification.objects.bulk_create(rows)
    Delivery.objects.bulk_create(
        [
            each
            for draft, row in zip(drafts, rows, strict=True)
            for each in candidates(row, draft.payload, contacts.get(row.patient_id, []))
        ]
    )
    calls.open_at_the_end(
        [(row, draft.payload.rungs()) for draft, row in zip(drafts, rows, strict=True)]
    )
    audit.record_many(
        action=AuditAction.CREATED,
        actor=drafts[0].actor,
        rows=[(row.patient_id, row) for row in rows],
    )
    return rows


def notification_of(draft: Draft, profile: PatientProfile, *, seq: int) -> PatientNotification:
    title, message = rendering.message_for(payload=draft.payload, profile=profile)
    return PatientNotification(
        id=draft.id,
        patient_id=draft.patient_id,
        seq=seq,
        type=draft.payload.type_key,
        priority=draft.priority,
        title=title,
        message=message,
        language=profile.language,
        action_url=_own_path(draft.payload.action_url()),
        metadata=draft.payload.metadata(),
        payload=draft.payload.dump(),
        key=draft.key,
        subject=draft.subject or draft.payload.same_as(),
        created_by=draft.actor,
        created_at=clock.now(),
        expires_at=draft.payload.expires_at(),
    )


def _own_path(path: str) -> str:
    """Return a path of this site. Raises ValueError for an address elsewhere (S-09)."""
    clean = path.isascii() and path.isprintable() and "\\" not in path and "%0" not in path.lower()
    if path and not (clean and path.startswith("/") and not path.startswith("//")):
        raise ValueError("action_url() must be a path of this site, such as /visits/")
    return path
