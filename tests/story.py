"""What may happen at a practice, in any order: the steps of a story, and what must hold after each.

Hypothesis picks the steps. What a story broke is printed as the shortest one that breaks it.
"""

from datetime import timedelta
from random import Random

from django.db import transaction
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from notifications import clock, windows
from notifications.enums import DeliveryStatus
from notifications.models import Delivery, DeliveryAttempt
from portal.management.simulation import carriers
from portal.management.simulation.books import Books
from portal.management.simulation.life import HABITS, Life
from portal.management.simulation.line import Line
from portal.management.simulation.town import found
from tests.clinic import wall

BEGINS = wall("2026-10-28 10:00")  # four days before the end of summer time
PATIENTS = 6
LONG_AGO = wall("2000-01-01 00:00")

anybody = some.integers(0, PATIENTS - 1)
dice = some.integers(0, 2**16)
CRASHES = [
    windows.Window.BEFORE_COMMIT,
    windows.Window.BEFORE_ATTEMPT,
    windows.Window.BEFORE_REQUEST,
    windows.Window.BEFORE_RECORD,
    windows.Window.BEFORE_PLAN,
    windows.Window.BEFORE_RECEIPT,
]


class Killed(BaseException):
    """The process is gone: nobody catches this but the story itself."""


class Story(RuleBasedStateMachine):
    """A small practice whose people and machines do anything, in any order."""

    steps = 0
    sent = 0

    def __init__(self) -> None:
        super().__init__()
        self.whole = transaction.atomic()
        self.whole.__enter__()

    @initialize(seed=dice)
    def open(self, seed: int) -> None:
        self.books, self.dice = Books(), Random(seed)
        self.line = Line(begins_at=BEGINS, after=self._after_a_run)
        with clock.at(BEGINS):
            town = found(patients=PATIENTS, dice=self.dice)
        self.life = Life(town=town, line=self.line, dice=self.dice)
        for patient in town.patients:  # a practice that has been open for a while
            self.line.at(BEGINS, lambda patient=patient: self.life.book(patient))
        self._play(timedelta(hours=1))

    def _after_a_run(self) -> None:
        self.books.look()
        carriers.report(dice=self.dice)

    @rule(habit=some.sampled_from(sorted(HABITS)), who=anybody, seed=dice)
    def somebody_does_something(self, habit: str, who: int, seed: int) -> None:
        self.dice.seed(seed)
        patient = self.life.town.patients[who]
        self.line.at(self.line.now, lambda: getattr(self.life, habit)(patient))
        self._play(timedelta())

    @rule(minutes=some.integers(1, 36 * 60))
    def time_passes(self, minutes: int) -> None:
        self._play(timedelta(minutes=minutes))

    @rule(hours=some.integers(1, 72))
    def nothing_runs_for_hours(self, hours: int) -> None:
        """The machines are off; when they are on again, all that was due is due at once."""
        self.line.jump(timedelta(hours=hours))
        self._play(timedelta())

    @rule(minutes=some.integers(1, 10))
    def the_clock_is_put_back(self, minutes: int) -> None:
        self.line.jump(-timedelta(minutes=minutes))
        self._play(timedelta())

    @rule(window=some.sampled_from(CRASHES), minutes=some.integers(1, 24 * 60))
    def the_process_dies_at_its_work(self, window: windows.Window, minutes: int) -> None:
        """It dies once, at the first such window in this time, and is started again."""
        windows.listener = _dying_at(window)
        try:
            self._play(timedelta(minutes=minutes))
        except Killed:
            self.books.look()
            # The real clock, by which leases go, stands still in a story.
            Delivery.objects.filter(status=DeliveryStatus.SENDING).update(lease_until=LONG_AGO)
        finally:
            windows.listener = None
        self._play(timedelta(minutes=5))

    def _play(self, length: timedelta) -> None:
        Story.steps += 1
        self.line.play(until=self.line.now + length, progress=lambda _moment: None)
        assert not sum(self.books.violations.values()), self.books.examples

    def teardown(self) -> None:
        try:
            with clock.at(self.line.now):
                self.books.close()
            assert not sum(self.books.violations.values()), self.books.examples
            Story.sent += DeliveryAttempt.objects.count()
        finally:
            transaction.set_rollback(True)
            self.whole.__exit__(None, None, None)


def _dying_at(window: windows.Window):
    def listener(passed: windows.Window) -> None:
        if passed == window:
            windows.listener = None
            raise Killed

    return listener
