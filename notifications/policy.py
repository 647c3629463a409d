"""The one place that decides: send now, hold until, or skip, and why.

Pure: facts in, decision out; no tables, no clock, no settings. The same function sends, explains
("why did she not get it?") and previews. Gates are asked in order; the first that objects wins.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from notifications.enums import (
    Action,
    ContactKind,
    ContactStatus,
    Level,
    PatientNotificationPriority,
    Reason,
)

# No automated text before or after, whatever a patient sets: 47 CFR 64.1200(c)(1) says 8 to 9.
TEXTS_FROM, TEXTS_UNTIL = time(8), time(21)
NEXT_LOOK = timedelta(minutes=1)  # at what waits for a person to switch it on again
HELD_KINDS = (ContactKind.PHONE, ContactKind.PUSH)


@dataclass(frozen=True, kw_only=True)
class Facts:
    """All that is known about one delivery at one moment. Times are aware."""

    now: datetime
    zone: str = "UTC"
    # the channel
    contact_kind: ContactKind | None = None
    ceiling: Level = Level.L0
    is_configured: bool = True
    has_agreement: bool = True
    # the message
    priority: PatientNotificationPriority = PatientNotificationPriority.MEDIUM
    is_on_by_default: bool = True
    is_locked: bool = False
    passes_floor: bool = False
    expires_at: datetime | None = None
    is_followed: bool = False  # by a later rung of its ladder, or by a call
    is_readable: bool = True
    is_irrelevant: bool = False
    is_answered: bool = False
    l0_only: bool = False
    # the patient's choices
    choice: bool | None = None
    choice_at: datetime | None = None
    paused_until: datetime | None = None
    quiet_from: time | None = TEXTS_UNTIL
    quiet_until: time | None = TEXTS_FROM
    # the address
    has_contact: bool = True
    contact_status: ContactStatus = ContactStatus.ACTIVE
    contact_status_at: datetime | None = None
    is_confidential: bool = False
    is_verified: bool = True
    has_consent: bool = True
    # a later step: an earlier one failed, so the type's default says nothing any more
    is_escalated: bool = False
    # the switches
    held_since: datetime | None = None
    channel_paused_since: datetime | None = None
    channel_rests_until: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do, why, when (for HOLD) and how much may be said (for SEND)."""

    action: Action
    reason: Reason = Reason.NONE
    at: datetime | None = None
    level: Level = Level.L0
    params: dict[str, str] = field(default_factory=dict)


Gate = Callable[[Facts], Decision | None]


def decide(facts: Facts) -> Decision:
    """Return the decision of the first gate that objects, else SEND with the level allowed."""
    objections = (gate(facts) for gate in GATES)
    first = next((decision for decision in objections if decision), None)
    return first or Decision(action=Action.SEND, level=allowed_level(facts))


def explain(facts: Facts) -> list[tuple[str, Decision | None]]:
    """Return every gate by name with its objection, in the order they are asked."""
    return [(gate.__name__, gate(facts)) for gate in GATES]


def allowed_level(facts: Facts) -> Level:
    """Return how much may be said: the channel's ceiling, or L0 where anything is missing."""
    trusted = facts.is_verified and facts.has_consent and facts.has_agreement
    return facts.ceiling if trusted and not facts.l0_only else Level.L0


# -- gates --------------------------------------------------------------------------------------


def in_time(facts: Facts) -> Decision | None:
    if facts.expires_at is not None and facts.expires_at <= facts.now:
        return _too_late(facts)
    return None


def readable(facts: Facts) -> Decision | None:
    """A message whose type is gone, or whose payload does not open, cannot be written."""
    return None if facts.is_readable else _skip(Reason.UNWRITABLE)


def still_true(facts: Facts) -> Decision | None:
    return _skip(Reason.CANCELLED) if facts.is_irrelevant else None


def not_answered(facts: Facts) -> Decision | None:
    return _skip(Reason.ANSWERED) if facts.is_answered else None


def channel_ready(facts: Facts) -> Decision | None:
    return None if facts.is_configured else _skip(Reason.CHANNEL_OFF)


def wanted(facts: Facts) -> Decision | None:
    """A patient's own choice counts first, then the type's default; a locked cell is on.

    What another channel failed to bring goes on one that is off by default, never on one that
    the patient turned off.
    """
    if facts.is_locked or facts.choice:
        return None
    if facts.choice is None:
        is_on = facts.is_on_by_default or facts.is_escalated
        return None if is_on else _skip(Reason.DEFAULT_OFF)
    return _skip(Reason.PREF_OFF, date=facts.choice_at)


def address_known(facts: Facts) -> Decision | None:
    if facts.contact_kind is None or facts.has_contact:
        return None
    is_push = facts.contact_kind == ContactKind.PUSH
    return _skip(Reason.NO_DEVICE if is_push else Reason.NO_ADDRESS)


def address_allowed(facts: Facts) -> Decision | None:
    """Confidential communications (45 CFR 164.522(b)) and STOP are never overridden."""
    if facts.is_confidential:
        return _skip(Reason.CONFIDENTIAL)
    if facts.contact_status == ContactStatus.OPTED_OUT:
        return _skip(Reason.OPTED_OUT_STOP, date=facts.contact_status_at)
    return None


def address_works(facts: Facts) -> Decision | None:
    if facts.contact_status == ContactStatus.ACTIVE:
        return None
    is_push = facts.contact_kind == ContactKind.PUSH
    return _skip(Reason.PUSH_GONE if is_push else Reason.BOUNCED_HARD)


def text_permitted(facts: Facts) -> Decision | None:
    """A text needs a verified number and recorded consent: 47 CFR 64.1200(a)(1)."""
    if facts.contact_kind != ContactKind.PHONE:
        return None
    if not facts.is_verified:
        return _skip(Reason.UNVERIFIED)
    return None if facts.has_consent else _skip(Reason.NO_CONSENT)


def not_paused(facts: Facts) -> Decision | None:
    if facts.paused_until is None or facts.paused_until <= facts.now or facts.is_locked:
        return None
    return _skip(Reason.PAUSED, date=facts.paused_until)


def outside_quiet_hours(facts: Facts) -> Decision | None:
    if facts.contact_kind not in HELD_KINDS or _is_urgent(facts):
        return None
    if facts.quiet_from is None or facts.quiet_until is None:
        return None
    return _held(facts, Reason.QUIET_HOURS, facts.quiet_from, facts.quiet_until)


def within_text_hours(facts: Facts) -> Decision | None:
    if facts.contact_kind != ContactKind.PHONE or facts.passes_floor:
        return None
    return _held(facts, Reason.TEXT_HOURS, TEXTS_UNTIL, TEXTS_FROM)


def nothing_held(facts: Facts) -> Decision | None:
    if facts.held_since is None:
        return None
    return _later(facts, Reason.ALL_HELD, facts.now + NEXT_LOOK, date=facts.held_since)


def channel_open(facts: Facts) -> Decision | None:
    """A channel whose set-up is wrong waits for a person, one that does not answer for its time."""
    if facts.channel_paused_since is not None:
        at, since = facts.now + NEXT_LOOK, facts.channel_paused_since
        return _later(facts, Reason.CHANNEL_PAUSED, at, date=since)
    at = facts.channel_rests_until
    if at is None or at <= facts.now:
        return None
    return _later(facts, Reason.CHANNEL_RESTING, at, time=at)


GATES: tuple[Gate, ...] = (
    in_time,
    readable,
    still_true,
    not_answered,
    channel_ready,
    address_known,
    address_allowed,
    wanted,
    address_works,
    text_permitted,
    not_paused,
    outside_quiet_hours,
    within_text_hours,
    nothing_held,
    channel_open,
)


# -- how a gate answers -------------------------------------------------------------------------


def _skip(reason: Reason, *, date: datetime | None = None) -> Decision:
    params = {"date": date.isoformat()} if date else {}
    return Decision(action=Action.SKIP, reason=reason, params=params)


def _too_late(facts: Facts) -> Decision:
    """Of a ladder only the last rung can be too late: before that, the next takes over."""
    if not facts.is_followed:
        return _skip(Reason.EXPIRED)
    return _skip(Reason.ANSWERED if facts.is_answered else Reason.SUPERSEDED)


def _is_urgent(facts: Facts) -> bool:
    return facts.priority == PatientNotificationPriority.URGENT


def _held(facts: Facts, reason: Reason, closed_from: time, closed_until: time) -> Decision | None:
    opens_at = reopening(
        now=facts.now, zone=facts.zone, closed_from=closed_from, closed_until=closed_until
    )
    if opens_at is None:
        return None
    if facts.expires_at is not None and opens_at >= facts.expires_at:
        return _too_late(facts)
    return _later(facts, reason, opens_at, time=opens_at)


def _later(facts: Facts, reason: Reason, at: datetime, **said: datetime) -> Decision:
    """Hold until a moment, or until the time to act is over, which then decides."""
    at = at if facts.expires_at is None else min(at, facts.expires_at)
    params = {name: moment.isoformat() for name, moment in said.items()}
    return Decision(action=Action.HOLD, reason=reason, at=at, params=params)


def reopening(
    *, now: datetime, zone: str, closed_from: time, closed_until: time
) -> datetime | None:
    """Return when a daily closed range (local wall clock, may span midnight) ends, or None.

    The answer is aware, in `zone`. A wall-clock time that a DST gap skips moves forward; of one
    that comes twice the first counts.
    """
    local = ZoneInfo(zone)
    today = now.astimezone(local).date()
    nights = 1 if closed_from > closed_until else 0
    for day in (today - timedelta(days=1), today):
        begins = _instant(day, closed_from, local)
        ends = _instant(day + timedelta(days=nights), closed_until, local)
        if begins <= now < ends:
            return ends.astimezone(local)
    return None


def _instant(day: date, at: time, local: ZoneInfo) -> datetime:
    """Return a wall-clock time as a moment in UTC, where moments can be compared."""
    return datetime.combine(day, at, tzinfo=local).astimezone(UTC)
