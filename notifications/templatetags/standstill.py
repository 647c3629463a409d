"""What keeps messages from leaving: `{% standstill as stops %}` on every page of the admin."""

from dataclasses import dataclass
from datetime import datetime

from django import template

from notifications import audit, clock, switches
from notifications.history import channel_label, code_in_words
from notifications.models import Switch

register = template.Library()

HELD, PAUSED, RESTING = "held", "paused", "resting"


@dataclass(frozen=True, kw_only=True)
class Stop:
    """One thing that keeps messages back: what, since when, by whom, why. Times are aware."""

    kind: str
    switch: Switch
    channel: str = ""
    by: str = ""
    means: str = ""  # the carrier's code in words
    tried_at: datetime | None = None  # None: any moment now


@register.simple_tag(takes_context=True)
def standstill(context: template.Context) -> list[Stop]:
    """Return what stands still, the worst first. One query, one more for a name; none to others."""
    user = getattr(context.get("request"), "user", None)
    if user is None or not user.is_staff:
        return []
    switched = switches.read()
    stops = [_held(switched.everything)] if switched.is_held else []
    channels = sorted(switched.channels.values(), key=lambda each: each.name)
    stops += [_paused(each) for each in channels if each.off_at is not None]
    return stops + [_resting(each) for each in channels if switches.is_left_alone(each)]


def _held(switch: Switch) -> Stop:
    by = audit.names_of([switch.off_by]).get(switch.off_by, "")
    return Stop(kind=HELD, switch=switch, by=by)


def _paused(switch: Switch) -> Stop:
    label, means = channel_label(switch.name), code_in_words(switch.why)
    return Stop(kind=PAUSED, switch=switch, channel=label, means=means)


def _resting(switch: Switch) -> Stop:
    is_due = switch.rests_until is None or switch.rests_until <= clock.now()
    tried_at = None if is_due else switch.rests_until
    label = channel_label(switch.name)
    return Stop(kind=RESTING, switch=switch, channel=label, tried_at=tried_at)
