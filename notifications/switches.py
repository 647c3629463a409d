"""What keeps messages from leaving: the hold of everything, a paused channel, a carrier's rest.

A hold and a pause are ended by a person. A rest ends by itself: a carrier that fails half of what
it is asked is left alone for 30 s, then one message is tried, then one after 60 s, then one every
120 s. So an outage costs few calls, and no message a try that counts.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, Q, QuerySet

from notifications import audit, clock
from notifications.enums import OPEN_STATUSES, AttemptResult, AuditAction
from notifications.models import Delivery, DeliveryAttempt, Switch

logger = logging.getLogger(__name__)

WINDOW = timedelta(seconds=60)
FEWEST_CALLS, IN_A_ROW = 20, 5
FIRST_REST, LONGEST_REST = timedelta(seconds=30), timedelta(minutes=2)
MOST_DOUBLINGS = 2
MOST_TRIPS = 100  # more are not counted: an outage may last, and the column is a small one
TROUBLE = (AttemptResult.UNAVAILABLE, AttemptResult.ANSWER_LOST)
# Codes of attempts whose answer was lost through no fault of the carrier's: the worker died, or
# the database comes from a backup.
LEASE_LOST, RESTORED = "lease_lost", "restored"
ON = {"off_at": None, "off_by": "", "why": "", "restored_from": None}
ON |= {"rests_until": None, "trips": 0}


@dataclass(frozen=True, kw_only=True)
class Switches:
    """How the switches stand: read in one query, then asked."""

    everything: Switch | None = None
    channels: Mapping[str, Switch] = field(default_factory=dict)

    @property
    def is_held(self) -> bool:
        return self.everything is not None and self.everything.off_at is not None

    def held_since(self) -> datetime | None:
        return self.everything.off_at if self.everything else None

    def paused_since(self, channel: str) -> datetime | None:
        """Return since when a channel is paused, or None. Aware."""
        switch = self.channels.get(channel)
        return switch.off_at if switch else None

    def rests_until(self, channel: str) -> datetime | None:
        """Return until when a channel's carrier is left alone, also if that is over. Aware."""
        switch = self.channels.get(channel)
        return switch.rests_until if switch else None

    def shut(self) -> list[str]:
        """Return the channels nothing is claimed for now: paused, at rest, or being tried."""
        now = clock.now()
        return [name for name, each in self.channels.items() if _is_shut(each, now) or each.trips]

    def resting(self) -> list[str]:
        """Return the channels whose carriers are left alone now, by questions as well."""
        now = clock.now()
        return [name for name, each in self.channels.items() if _rests(each, now)]

    def opens_at(self) -> datetime | None:
        """Return when the first carrier that asked for patience may be called again. Aware."""
        asked = [each for each in self.channels.values() if not (each.trips or each.off_at)]
        now = clock.now()
        return min((each.rests_until for each in asked if _rests(each, now)), default=None)

    def without(self, switch: Switch) -> "Switches":
        """Return the same but for one channel, for whom the way is free."""
        others = {name: each for name, each in self.channels.items() if name != switch.name}
        return Switches(everything=self.everything, channels=others)

    def to_try(self) -> list[Switch]:
        """Return the channels whose rest is over and whose carrier is to be tried with one."""
        now = clock.now()
        return [each for each in self.channels.values() if each.trips and not _is_shut(each, now)]


def _is_shut(switch: Switch, now: datetime) -> bool:
    return switch.off_at is not None or _rests(switch, now)


def _rests(switch: Switch, now: datetime) -> bool:
    return switch.rests_until is not None and switch.rests_until > now


def is_left_alone(switch: Switch) -> bool:
    """Return whether a carrier rests now, or is to be tried with something that waits.

    On a channel nobody writes on an outage ends unnoticed: that keeps nothing back.
    """
    now = clock.now()
    if switch.off_at is not None:
        return False
    if _rests(switch, now):
        return True
    if not switch.trips:
        return False
    waiting = Delivery.objects.filter(status__in=OPEN_STATUSES, due_at__lte=now)
    return waiting.filter(channel=switch.name).exists()


def read() -> Switches:
    """Return how the switches stand. One query."""
    rows = {row.name: row for row in Switch.objects.all()}
    everything = rows.pop(Switch.EVERYTHING, None)
    return Switches(everything=everything, channels=rows)


def alarms() -> list[str]:
    """Return a sentence for whoever runs the site for each switch that keeps messages waiting.

    Anybody may read them on `/readyz`: a carrier's code is told, what a person typed is not.
    """
    switched, sentences = read(), []
    if switched.is_held:
        since = switched.held_since()
        sentences.append(f"All is held since {since:%F %H:%M} UTC: `manage.py release`.")
    for name, each in switched.channels.items():
        if each.off_at is not None:
            sentences.append(
                f"The channel {name} is paused since {each.off_at:%F %H:%M} UTC, its carrier "
                f"answers {each.why}: mend the set-up, then `manage.py resume {name}`."
            )
        elif each.trips and is_left_alone(each):
            sentences.append(f"The carrier of {name} does not answer: it is tried by itself.")
    return sentences


# -- everything ---------------------------------------------------------------------------------


def hold(*, actor: str, why: str, restored_from: datetime | None = None) -> bool:
    """Let nothing leave until a person releases it; return False if that is so already.

    `restored_from` (aware): the database is a backup of that moment, so what was due since may
    have been sent though the rows do not say so. That is written whatever was held before: the
    backup may have been made under a hold. Of two such moments the earlier stays.
    """
    if restored_from is None:
        return _switch_off(Switch.EVERYTHING, actor=actor, why=why)
    return _hold_a_backup(actor=actor, why=why, restored_from=restored_from)


@transaction.atomic
def _hold_a_backup(*, actor: str, why: str, restored_from: datetime) -> bool:
    Switch.objects.get_or_create(name=Switch.EVERYTHING)
    switch = Switch.objects.select_for_update().get(name=Switch.EVERYTHING)
    switch.off_at, switch.off_by, switch.why = clock.now(), actor, why[:200]
    switch.restored_from = min(restored_from, switch.restored_from or restored_from)
    switch.save()
    _audit(switch.name, actor=actor, change="off")
    return True


@transaction.atomic
def lift(*, actor: str, since: datetime | None = None) -> bool:
    """End the hold, or the one that began at a moment (aware); return False where it is over."""
    if since is not None and not keep_hold(since=since):
        return False
    return _switch_on(Switch.EVERYTHING, actor=actor)


def keep_hold(*, since: datetime) -> bool:
    """Let nobody end or renew a hold in this transaction; return False where that is done.

    `since` (aware) says which hold: another may have begun meanwhile.
    """
    holds = Switch.objects.filter(name=Switch.EVERYTHING, off_at=since)
    return holds.select_for_update().first() is not None


# -- one channel --------------------------------------------------------------------------------


def pause(*, channel: str, code: str, actor: str) -> bool:
    """Stop a channel whose set-up is wrong; return False if it is paused already."""
    if not _switch_off(channel, actor=actor, why=code):
        return False
    logger.error("channel %s is paused: its carrier answers %s", channel, code)
    return True


@transaction.atomic
def resume(*, channel: str, actor: str) -> Switch | None:
    """Let a channel send again that is paused, or whose carrier is left alone.

    Returns how the switch stood before, or None where nothing kept the channel back.
    """
    before = Switch.objects.select_for_update().filter(name=channel).first()
    if before is None or not (before.trips or _is_shut(before, clock.now())):
        return None
    Switch.objects.filter(name=channel).update(**ON)
    _audit(channel, actor=actor, change="on")
    return before


@transaction.atomic
def _switch_off(name: str, *, actor: str, why: str) -> bool:
    Switch.objects.get_or_create(name=name)
    changes = {"off_at": clock.now(), "off_by": actor, "why": why[:200], "restored_from": None}
    if not Switch.objects.filter(name=name, off_at=None).update(**changes):
        return False
    _audit(name, actor=actor, change="off")
    return True


@transaction.atomic
def _switch_on(name: str, *, actor: str) -> bool:
    if not Switch.objects.filter(name=name, off_at__isnull=False).update(**ON):
        return False
    _audit(name, actor=actor, change="on")
    return True


def _audit(name: str, *, actor: str, change: str) -> None:
    audit.record(action=AuditAction.SWITCH, actor=actor, switch=name, change=change)


# -- a carrier that does not answer, or asks for patience ---------------------------------------


def rest(*, channel: str, until: datetime) -> None:
    """Leave a carrier alone until a moment (aware), as it asked."""
    Switch.objects.get_or_create(name=channel)
    sooner = Q(rests_until=None) | Q(rests_until__lt=until)
    Switch.objects.filter(sooner, name=channel).update(rests_until=until)


def note_trouble(*, channel: str) -> None:
    """Leave a carrier alone that fails; called after a call that failed for the carrier's sake.

    It fails when half of at least twenty calls of the last minute did, or the last five calls,
    however long that took: a small practice's would otherwise use up their tries in an outage.
    """
    heard = DeliveryAttempt.objects.filter(delivery__channel=channel, finished_at__isnull=False)
    heard = heard.exclude(code__in=(LEASE_LOST, RESTORED))
    if not (_fails_half(heard) or _fails_always(heard)):
        return
    Switch.objects.get_or_create(name=channel)
    at_work = Switch.objects.filter(name=channel, trips=0)
    if at_work.update(trips=1, rests_until=clock.now() + FIRST_REST):
        logger.error("the carrier of %s fails: it is left alone for a while", channel)


def _fails_half(heard: QuerySet[DeliveryAttempt]) -> bool:
    lately = heard.filter(finished_at__gt=clock.now() - WINDOW)
    calls = lately.aggregate(all=Count("pk"), failed=Count("pk", filter=Q(result__in=TROUBLE)))
    return calls["all"] >= FEWEST_CALLS and calls["failed"] * 2 >= calls["all"]


def _fails_always(heard: QuerySet[DeliveryAttempt]) -> bool:
    last = list(heard.order_by("-finished_at").values_list("result", flat=True)[:IN_A_ROW])
    return len(last) == IN_A_ROW and all(result in TROUBLE for result in last)


def take_try(switch: Switch) -> bool:
    """Take the one try that is due of a carrier at rest; False where somebody else has it."""
    rest = min(LONGEST_REST, FIRST_REST * 2 ** min(switch.trips, MOST_DOUBLINGS))
    mine = Switch.objects.filter(
        name=switch.name, trips=switch.trips, rests_until=switch.rests_until
    )
    return bool(mine.update(trips=_one_more(switch), rests_until=clock.now() + rest))


def give_back_try(switch: Switch) -> None:
    """Let the next look try, where there was nothing to try it with."""
    Switch.objects.filter(name=switch.name, trips=_one_more(switch)).update(
        trips=switch.trips, rests_until=switch.rests_until
    )


def _one_more(switch: Switch) -> int:
    return min(switch.trips + 1, MOST_TRIPS)


def end_rest(*, channel: str) -> None:
    """Send as usual again: the carrier took the try, or refused it for good reason."""
    if Switch.objects.filter(name=channel, trips__gt=0).update(trips=0, rests_until=None):
        logger.warning("the carrier of %s answers again", channel)
