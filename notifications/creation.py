"""From a payload to rows: a message is born here with its deliveries, its event and its audit row.

One transaction for one patient or for five hundred; the patients' inboxes are locked in the order
of their ids, so that two broadcasts cannot wait for each other.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import groupby
from uuid import UUID

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from notifications import (
    audit,
    calls,
    clock,
    contacts,
    delivery,
    policy,
    realtime,
    rendering,
    segments,
    windows,
)
from notifications.candidates import candidates
from notifications.crypto import keys_loaded, new_id
from notifications.enums import (
    Action,
    AuditAction,
    ContactKind,
    Level,
    PatientNotificationChannel,
    PatientNotificationPriority,
    PatientNotificationType,
    Reason,
)
from notifications.facts import addresses_in_use, facts_for, profiles_for
from notifications.models import Delivery, PatientNotification
from notifications.types import NotificationPayload, PatientProfile, Refused


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


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What would go out on one channel, when, and why or why not.

    `at` is when it goes: now, at its rung's time, or when what holds it is over; aware. None where
    it does not go. What is held has the words and the level it will go with. `to` is its address,
    masked, or its device; `is_trusted`: verified and agreed to, so that it may say more than L0.
    """

    channel: str
    decision: policy.Decision
    content: dict[str, str]
    at: datetime | None = None
    contact_id: UUID | None = None
    to: str = ""
    is_trusted: bool = True

    @property
    def comes(self) -> bool:
        """Return whether the patient gets it, now or later."""
        return self.decision.action != Action.SKIP

    @property
    def to_patient(self) -> str:
        """Return why it does not come, or not yet, as the patient reads it; empty: it comes."""
        reason, params = self.decision.reason, self.decision.params
        return rendering.sentence_to_patient(reason=reason, params=params) if reason else ""

    @property
    def segments(self) -> int:
        """Return how many texts a carrier bills for it; 0 for what is no text."""
        is_text = PatientNotificationChannel.known(self.channel).contact_kind == ContactKind.PHONE
        return sum(map(segments.segments, self.content.values())) if is_text else 0


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


@transaction.atomic
def create(drafts: Sequence[Draft], *, leave_out: bool = False) -> list[PatientNotification]:
    """Write messages, one a patient, with deliveries, events and audit rows.

    Who died or left is refused, or with `leave_out` left out.
    """
    for draft in drafts:
        PatientNotificationType.known(draft.payload.type_key)
    patient_ids = [draft.patient_id for draft in drafts]
    profiles = _profiles(patient_ids)
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


def _profiles(patient_ids: Sequence[UUID]) -> dict[UUID, PatientProfile]:
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
    known = addresses_in_use([draft.patient_id for draft in drafts])
    rows = [
        notification_of(draft, profiles[draft.patient_id], seq=events[draft.patient_id].seq)
        for draft in drafts
    ]
    PatientNotification.objects.bulk_create(rows)
    Delivery.objects.bulk_create(
        [
            each
            for draft, row in zip(drafts, rows, strict=True)
            for each in candidates(row, draft.payload, known.get(row.patient_id, []))
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


def preview(*, patient_id: UUID, payload: NotificationPayload) -> list[Preview]:
    """Return what would go out if it were made now, a channel each, without writing anything.

    What comes later, such as a rung of a ladder, is decided as of its time.
    """
    now, profile = clock.now(), _profiles([patient_id])[patient_id]
    draft = Draft(patient_id=patient_id, payload=payload, priority=priority_of(payload, None))
    row = notification_of(draft, profile, seq=0)
    rows = candidates(row, payload, addresses_in_use([patient_id]).get(patient_id, []))
    known: dict[UUID, policy.Facts] = {}
    for moment, some in groupby(sorted(rows, key=_due), key=_due):
        known |= _facts(list(some), at=max(moment, now))
    return [_preview(each, known[each.pk], payload, profile) for each in rows]


def _due(row: Delivery) -> datetime:
    return row.due_at


def _facts(rows: Sequence[Delivery], *, at: datetime) -> dict[UUID, policy.Facts]:
    found = facts_for(deliveries=rows, now=at)
    return {row.pk: facts for row, facts in zip(rows, found, strict=True)}


def _preview(
    row: Delivery, facts: policy.Facts, payload: NotificationPayload, profile: PatientProfile
) -> Preview:
    decision, level = _decided(facts)
    links = delivery.links_for(row, payload_class=type(payload), profile=profile)
    text = delivery.written(row, payload=payload, level=level, profile=profile, links=links)
    if text.is_blocked and decision.action == Action.SEND:
        decision = replace(decision, reason=Reason.PHI_BLOCKED, level=text.level)
    return Preview(
        channel=row.channel,
        decision=decision,
        content=text.content,
        at=facts.now if decision.action == Action.SEND else decision.at,
        contact_id=row.contact_id,
        to=contacts.masked(row.contact) if row.contact else "",
        is_trusted=facts.is_verified and facts.has_consent,
    )


def _decided(facts: policy.Facts) -> tuple[policy.Decision, Level]:
    """Return what is decided, and at which level it is said; what is held, as it then goes."""
    decision = policy.decide(facts)
    if facts.contact_kind is None:
        return decision, facts.ceiling
    if decision.action == Action.HOLD:
        decision = replace(decision, level=policy.allowed_level(facts))
    return decision, decision.level
