"""The line of time: what people do and what the engine does, each at its own moment."""

import heapq
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from notifications import clock
from notifications.scheduler import notification_scheduler_service

Act = Callable[[], Any]

MOST_RUNS = 1000  # of the engine at one moment; what is due and done is due no more


class Line:
    """Plays acts in order, and between them the engine whenever something is due.

    The real clock ticks every minute and mostly finds nothing; here it jumps to the next minute
    at which there is something to do. `after` is called after each run of the engine.
    """

    def __init__(self, *, begins_at: datetime, after: Act = lambda: None) -> None:
        self.now = begins_at
        self._after = after
        self._acts: list[tuple[datetime, int, Act]] = []
        self._order = count()
        self._ticked = False  # at this very moment

    def at(self, moment: datetime, act: Act) -> None:
        """Let something happen at a moment (aware), or now if that is over."""
        heapq.heappush(self._acts, (max(moment, self.now), next(self._order), act))

    def jump(self, by: timedelta) -> None:
        """Let time pass, or come again, with nobody and nothing at work."""
        self.now += by
        self._ticked = False

    def play(self, *, until: datetime, progress: Callable[[datetime], None]) -> None:
        """Let everything happen up to a moment; acts may put more on the line."""
        while (moment := self._next()) is not None and moment <= until:
            self._ticked = self._ticked and moment <= self.now
            self.now = max(moment, self.now)
            progress(self.now)
            with clock.at(self.now):
                self._act()
                self._tick()
        self.now = until

    def _next(self) -> datetime | None:
        """Return the next moment at which there is something to do, or None."""
        due = notification_scheduler_service.next_due()
        # What is due and was not taken, such as while a channel rests, is for the next minute.
        soonest = self.now + clock.MINUTE if self._ticked else self.now
        ticks = [] if due is None else [max(clock.next_tick(due), soonest)]
        return min([*ticks, *(moment for moment, _order, _act in self._acts[:1])], default=None)

    def _act(self) -> None:
        while self._acts and self._acts[0][0] <= self.now:
            heapq.heappop(self._acts)[2]()

    def _tick(self) -> None:
        """Run the engine as the wake-up after a commit and the clock's tick do."""
        due = notification_scheduler_service.next_due()
        if due is None or due > self.now:
            return
        self._ticked = True
        for _run in range(MOST_RUNS):
            if not notification_scheduler_service.run_due().total:
                return
            self._after()
        raise RuntimeError(f"the engine finds no rest at {self.now:%F %H:%M}")
