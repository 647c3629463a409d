"""What a carrier's no means: for the delivery, for its address, for the channel.

The same whether it is the answer to a call or a receipt hours later.
"""

import random
from datetime import datetime, timedelta

from notifications import clock, switches
from notifications.delivery import effects
from notifications.delivery.statuses import ACTOR
from notifications.enums import ContactEffect, DeliveryStatus, ErrorKind, Reason
from notifications.models import Delivery
from notifications.types import AnswerLost, ChannelError, Meaning

MOST_SETBACKS = 8
MOST_ATTEMPTS = 100  # those included that a carrier put off, so that none goes round for ever
BACKOFF, LONGEST_BACKOFF = timedelta(seconds=5), timedelta(minutes=15)
THROTTLED_FOR = timedelta(seconds=1)  # where a carrier does not say for how long


def after_error(row: Delivery, error: ChannelError, *, setbacks: int | None = None) -> dict:
    """Return what a carrier's no means for a delivery, and as `effect` for its address.

    `setbacks`: how many it has now, where that is not one more than before.
    """
    if isinstance(error, AnswerLost):
        status, reason = DeliveryStatus.UNKNOWN, Reason.ANSWER_UNKNOWN
        changes = {"status": status, "reason": reason, "effect": error.contact}
    elif error.kind == ErrorKind.PERMANENT:
        changes = failed(error, effect=error.contact)
    else:
        changes = _later(row, error, setbacks) or failed(error, effect=_effect_at_last(row, error))
    return changes | {"last_code": error.code[:64]}


def failed(error: ChannelError, *, effect: ContactEffect) -> dict:
    """Return what it means that this was the last try."""
    return {"status": DeliveryStatus.FAILED, "reason": _why(error, effect), "effect": effect}


def _why(error: ChannelError, effect: ContactEffect) -> Reason:
    if effect in effects.EFFECTS:
        return effects.EFFECTS[effect][1]
    is_setup = error.kind == ErrorKind.CONFIGURATION
    return Reason.CHANNEL_OFF if is_setup else Reason.PROVIDER_ERROR


def _later(row: Delivery, error: ChannelError, setbacks: int | None) -> dict | None:
    """Return how a delivery is tried again, or None where its tries are used up."""
    if setbacks is None:
        setbacks = row.setbacks + (error.kind != ErrorKind.THROTTLED)
    at = next_try(row, error, setbacks=setbacks)
    if at is None:
        return None
    reason, params = Reason.SOFT_FAIL, {"time": at.isoformat()}
    if error.kind == ErrorKind.CONFIGURATION:  # the channel is paused: that is the reason
        reason, params = Reason.CHANNEL_PAUSED, {"date": clock.now().isoformat()}
    return {
        "status": DeliveryStatus.PLANNED,
        "reason": reason,
        "reason_params": params,
        "due_at": at,
        "provider_id": "",  # the next try gets one of its own
        "setbacks": setbacks,
        "effect": ContactEffect.NONE,
    }


def next_try(row: Delivery, error: ChannelError, *, setbacks: int) -> datetime | None:
    """Return when to try again after so many setbacks, or None to give up. Aware, UTC.

    Full jitter: anywhere up to 5 s x 2^n, 15 min at most, never past the time to act.
    """
    most = min(MOST_SETBACKS, error.max_tries or MOST_SETBACKS)
    if setbacks >= most or row.attempts >= MOST_ATTEMPTS:
        return None
    at = clock.now() + _wait(error, setbacks)
    return None if row.expires_at is not None and at >= row.expires_at else at


def _wait(error: ChannelError, setbacks: int) -> timedelta:
    if error.kind == ErrorKind.CONFIGURATION:
        return timedelta(0)  # as soon as the channel is resumed
    if error.kind == ErrorKind.THROTTLED:
        return error.retry_after or THROTTLED_FOR
    return error.retry_after or min(LONGEST_BACKOFF, BACKOFF * 2**setbacks) * random.random()


def _effect_at_last(row: Delivery, error: ChannelError) -> ContactEffect:
    """Return what it says of an address that a carrier could not serve time and again."""
    if error.kind != ErrorKind.TRANSIENT:
        return ContactEffect.NONE
    if error.meaning.at_last != ContactEffect.NONE:
        return error.meaning.at_last
    return effects.after_soft_failures(row)


def is_trouble(error: ChannelError | None) -> bool:
    """Whether a call failed for the carrier's sake, not for the address' or ours."""
    return isinstance(error, AnswerLost) or (
        error is not None and error.kind == ErrorKind.TRANSIENT
    )


def heed(meaning: Meaning, *, code: str, channel: str) -> None:
    """Pause a channel whose set-up is wrong; let one rest that is asked for patience."""
    if meaning.kind == ErrorKind.CONFIGURATION:
        switches.pause(channel=channel, code=code, actor=ACTOR)
    if meaning.kind == ErrorKind.THROTTLED:
        switches.rest(channel=channel, until=clock.now() + (meaning.retry_after or THROTTLED_FOR))
