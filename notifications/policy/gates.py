"""What may object to a message: each gate answers None, or why not and until when.

Their order is the policy: the first that objects is heard.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from notifications import allowance
from notifications.enums import (
    Action,
    ContactKind,
    ContactStatus,
    PatientNotificationPriority,
    Reason,
)
from notifications.hours import (
    advertising_begins,
    all_open,
    next_summary,
    quiet_ends,
    texts_begin,
)
from notifications.policy.facts import Decision, Facts, allowed_level

NEXT_LOOK = timedelta(minutes=1)  # at what waits for a person to switch it on again

Gate = Callable[[Facts], Decision | None]


def in_time(facts: Facts) -> Decision | None:
    if facts.expires_at is not None and facts.expires_at <= facts.now:
        return _too_late(facts)
    return None


def still_here(facts: Facts) -> Decision | None:
    """Nothing goes to somebody who died or left, whatever it is and whoever wants it sent."""
    return _skip(Reason.DEPARTED) if facts.is_departed else None


def readable(facts: Facts) -> Decision | None:
    """A message whose type is gone, or whose payload does not open, cannot be written."""
    return None if facts.is_readable else _skip(Reason.UNWRITABLE)


def still_true(facts: Facts) -> Decision | None:
    return _skip(facts.gone_because) if facts.is_irrelevant else None


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
    """A pause keeps back all but what is urgent and what a patient cannot turn off."""
    is_over = facts.paused_until is None or facts.paused_until <= facts.now
    if is_over or facts.is_locked or facts.priority == PatientNotificationPriority.URGENT:
        return None
    return _skip(Reason.PAUSED, date=facts.paused_until)


def not_a_duplicate(facts: Facts) -> Decision | None:
    """Who shares an address with somebody gets there what is the same for both only once.

    Not where less was said than may be said now, such as the neutral sentence.
    """
    if facts.told_up_to is None or facts.told_up_to < allowed_level(facts):
        return None
    return _skip(Reason.DUPLICATE)


def not_for_summary(facts: Facts) -> Decision | None:
    """What is not pressing waits for the e-mail that tells of all such, where one was asked for.

    Not where that would be too late to act.
    """
    is_low = facts.priority == PatientNotificationPriority.LOW
    if facts.contact_kind != ContactKind.EMAIL or not (facts.digest and is_low and facts.made_at):
        return None
    at = next_summary(after=facts.made_at, zone=facts.zone, digest=facts.digest)
    if at <= facts.now or (facts.expires_at is not None and at >= facts.expires_at):
        return None
    return _later(facts, Reason.DIGEST, at, date=at, time=at)


def outside_quiet_hours(facts: Facts) -> Decision | None:
    return _held(facts, Reason.QUIET_HOURS, quiet_ends(facts, facts.now))


def within_text_hours(facts: Facts) -> Decision | None:
    return _held(facts, Reason.TEXT_HOURS, texts_begin(facts, facts.now))


def within_advertising_hours(facts: Facts) -> Decision | None:
    """Advertising by text also keeps the hours of each state it may concern, and no Sunday."""
    return _held(facts, Reason.TEXT_HOURS, advertising_begins(facts, facts.now))


def within_allowance(facts: Facts) -> Decision | None:
    """Early reminders yield when a number has had enough; what is urgent never does (M-02).

    Nor does what stands in for an e-mail that failed. Asked after the hours: a text that waits
    for the morning is one of that day.
    """
    is_free = not facts.is_capped or facts.is_escalated or _is_urgent(facts)
    if facts.contact_kind != ContactKind.PHONE or is_free:
        return None
    bounds = {"a_day": facts.texts_a_day, "a_week": facts.texts_a_week}
    has_room = allowance.has_room(used=facts.texts_used, now=facts.now, zone=facts.zone, **bounds)
    return None if has_room else _skip(Reason.RATE_LIMITED)


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
    still_here,
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
    not_a_duplicate,
    not_for_summary,
    outside_quiet_hours,
    within_text_hours,
    within_advertising_hours,
    within_allowance,
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


def _held(facts: Facts, reason: Reason, opens_at: datetime | None) -> Decision | None:
    """Hold until no hour objects any more, or give up where that is past the time to act."""
    if opens_at is None:
        return None
    at = all_open(facts, opens_at)
    if at is None or (facts.expires_at is not None and at >= facts.expires_at):
        return _too_late(facts)
    return _later(facts, reason, at, time=at)


def _later(facts: Facts, reason: Reason, at: datetime, **said: datetime) -> Decision:
    """Hold until a moment, or until the time to act is over, which then decides."""
    at = at if facts.expires_at is None else min(at, facts.expires_at)
    params = {name: moment.isoformat() for name, moment in said.items()}
    return Decision(action=Action.HOLD, reason=reason, at=at, params=params)
