"""What a message would be if it were made now: rows that are never saved, asked of the sender."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from uuid import UUID

from notifications import clock, contacts, delivery, policy, rendering
from notifications.candidates import candidates
from notifications.creation import Draft, notification_of, priority_of, profiles_of
from notifications.enums import (
    Action,
    ContactKind,
    Level,
    PatientNotificationChannel,
    Reason,
)
from notifications.facts import addresses_in_use, facts_for
from notifications.models import Delivery
from notifications.segments import segments
from notifications.types import NotificationPayload, PatientProfile


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
        return sum(map(segments, self.content.values())) if is_text else 0


def preview(*, patient_id: UUID, payload: NotificationPayload) -> list[Preview]:
    """Return what would go out if it were made now, a channel each, without writing anything.

    What comes later, such as a rung of a ladder, is decided as of its time.
    """
    now, profile = clock.now(), profiles_of([patient_id])[patient_id]
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
