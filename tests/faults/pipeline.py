"""Runs in flight: each is one message for a fresh patient and one kill; none waits for another.

A kill is armed, its message made, and once a process has died the next is armed: what recovers,
recovers meanwhile.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from uuid import UUID

from django_q.models import OrmQ

from notifications.enums import DeliveryStatus
from notifications.models import CarrierEvent, Delivery, DeliveryAttempt, PatientNotification
from notifications.windows import Window
from tests.faults import people, results
from tests.faults.armed import Kill
from tests.faults.bench import Bench
from tests.faults.hits import EVIDENCE, Traces, moment
from tests.faults.ledger import Seen, judge
from tests.faults.people import Person
from tests.faults.windows import PLAN, TRIGGER, Spec

KILL_SECONDS = 8.0  # in which an armed window is passed, in the short pace
SHIPPED_KILL_SECONDS = 100.0  # the real clock ticks once a minute
MOST_IN_FLIGHT = 40
LOOK_SECONDS = 0.25
WAVE_SECONDS = 8.0  # less than the shortest wait before anything goes again, in the short pace
SETTLE_SECONDS = 2.0  # after the end, in which a second copy would show


@dataclass(kw_only=True)
class Flight:
    """One run under way."""

    spec: Spec
    name: str
    person: Person
    kill: Kill
    until: float  # monotonic: its time to recover is over
    settled_at: float | None = None  # since 1970, as the rows say
    seen_at: float = 0.0  # monotonic


class Pipeline:
    """Launches and settles runs on one bench, and writes each down as it is settled."""

    def __init__(self, *, bench: Bench) -> None:
        self.bench, self.flights = bench, []
        self.counted: dict[str, int] = defaultdict(int)
        self.missed: dict[str, int] = defaultdict(int)
        self.number, self.wave_began = 0, 0.0

    def fly(self, spec: Spec, *, wanted: int, may_land_later: bool = False) -> None:
        """Go on until so many runs of a spec are counted, or far too many kills have missed."""
        begun, said, before = time.monotonic(), 0.0, self.counted[spec.row]
        while self.counted[spec.row] < wanted and self.missed[spec.row] <= wanted * 2 + 5:
            if self._may_launch(spec, wanted):
                self._launch(spec)
            elif may_land_later and not spec.alone:
                return
            else:
                time.sleep(LOOK_SECONDS)
            self.settle()
            if time.monotonic() - said > 5:
                said = time.monotonic()
                self._say(spec, wanted, begun, before)
        self._say(spec, wanted, begun, before)

    def land(self) -> None:
        """Wait for all that are in flight."""
        said = time.monotonic()
        while self.flights:
            time.sleep(LOOK_SECONDS)
            self.settle()
            if time.monotonic() - said > 15:
                said = time.monotonic()
                rows = sorted({flight.spec.row for flight in self.flights})
                self.bench.say(f"{len(self.flights)} still to recover: {', '.join(rows)}")

    def _may_launch(self, spec: Spec, wanted: int) -> bool:
        of_this = [flight for flight in self.flights if flight.spec.row == spec.row]
        if spec.alone and any(flight.settled_at is None for flight in of_this):
            return False
        if spec.in_waves and not self._is_in_wave():
            return False
        return len(self.flights) < MOST_IN_FLIGHT and self.counted[spec.row] + len(of_this) < wanted

    def _is_in_wave(self) -> bool:
        """Whether nothing that was hit can be under way again by now; else wait for all."""
        if not self.flights:
            self.wave_began = time.monotonic()
        return self.bench.together or time.monotonic() - self.wave_began < WAVE_SECONDS

    def _launch(self, spec: Spec) -> None:
        bench, armoury = self.bench, self.bench.site.armoury
        self.number += 1
        name, person = f"run-{self.number}", bench.people.one(spec.channel)
        armoury.arm(window=spec.window, name=name)
        seconds = KILL_SECONDS if bench.is_short else SHIPPED_KILL_SECONDS
        with self._undisturbed(spec):
            self._make(spec, person, key=name)
            kill = armoury.wait(window=spec.window, name=name, seconds=seconds)
        if kill is None:
            self.missed[spec.row] += 1
            return
        if spec.retries:
            bench.trigger.make(patient_id=person.patient_id, key=name)
        until = time.monotonic() + bench.patience
        self.flights.append(Flight(spec=spec, name=name, person=person, kill=kill, until=until))

    @contextmanager
    def _undisturbed(self, spec: Spec) -> Iterator[None]:
        """Let no tick of every half second find what nobody was told of before the kill."""
        ticker, until = self.bench.ticker, time.monotonic() + KILL_SECONDS
        if spec.window != Window.BEFORE_WAKE_UP or not self.bench.is_short:
            yield
            return
        ticker.is_paused = True
        while OrmQ.objects.exists() and time.monotonic() < until:
            time.sleep(LOOK_SECONDS / 5)
        try:
            yield
        finally:
            ticker.is_paused = False

    def _make(self, spec: Spec, person: Person, *, key: str) -> None:
        if spec.made_by == TRIGGER:
            self.bench.trigger.make(patient_id=person.patient_id, key=key)
        elif spec.made_by == PLAN:
            people.plan(patient_id=person.patient_id, key=key)
        else:
            people.send(patient_id=person.patient_id, key=key)

    # -- settling --------------------------------------------------------------------------------

    def settle(self) -> None:
        """Write down the runs that have ended, or whose time is over."""
        rows = _deliveries(self.flights)
        waiting = _open_events(self.flights)
        for flight in list(self.flights):
            mine = rows.get(flight.person.patient_id, {}).get(flight.spec.channel)
            self._look(flight, mine, has_open_events=flight.person.patient_id in waiting)
            now = time.monotonic()
            is_quiet = flight.settled_at is not None and now - flight.seen_at > SETTLE_SECONDS
            if is_quiet or now > flight.until:
                self.flights.remove(flight)
                self._write(flight, mine)

    def _look(self, flight: Flight, row: Delivery | None, *, has_open_events: bool) -> None:
        """Note the moment a message came to its end, as its row says it."""
        if row is None or flight.settled_at is not None:
            return
        needs_receipt = flight.spec.window == Window.BEFORE_RECEIPT
        if needs_receipt and (has_open_events or row.status != DeliveryStatus.DELIVERED):
            return
        if _seen(row, messages=1, copies=()).is_settled:
            flight.settled_at, flight.seen_at = row.status_at.timestamp(), time.monotonic()

    def _write(self, flight: Flight, row: Delivery | None) -> None:
        """Compare with the books and write the run down; one whose kill missed is not counted."""
        traces = self._traces(flight, row) if row is not None else None
        is_hit = traces is None or EVIDENCE[flight.spec.window](traces)
        messages = PatientNotification.objects.filter(patient_id=flight.person.patient_id).count()
        copies = traces.copies if traces else ()
        verdict = judge(
            _seen(row, messages=messages, copies=copies)
            if row is not None
            else Seen(channel=flight.spec.channel, messages=messages, status="")
        )
        if not is_hit and verdict.is_well:
            self.missed[flight.spec.row] += 1
            return
        self.counted[flight.spec.row] += 1
        results.append(
            self.bench.results,
            self.bench.row(
                kind="run",
                row=flight.spec.row,
                run=flight.name,
                pid=flight.kill.pid,
                killed_at=flight.kill.at,
                status=row.status if row is not None else "",
                reason=row.reason if row is not None else "",
                copies=len(copies),
                recovery_s=self._recovery(flight, traces),
                **asdict(verdict),
            ),
        )

    def _traces(self, flight: Flight, row: Delivery) -> Traces:
        copies = self.bench.ledger.copies(
            channel=flight.spec.channel,
            address=flight.person.address,
            delivery_id=str(row.pk),
        )
        return Traces(
            killed_at=moment(flight.kill.at),
            delivery=row,
            made_at=row.created_at,
            attempts=list(DeliveryAttempt.objects.filter(delivery=row).defer("snapshot")),
            events=list(CarrierEvent.objects.filter(delivery_id=row.pk).defer("content")),
            copies=copies,
        )

    def _recovery(self, flight: Flight, traces: Traces | None) -> float | None:
        """Seconds from the kill to the end; None for what had none."""
        if flight.settled_at is None or traces is None:
            return None
        end = flight.settled_at
        if flight.spec.window == Window.BEFORE_RECEIPT:
            settled = [each.settled_at for each in traces.events if each.settled_at]
            end = max([end, *(each.timestamp() for each in settled)])
        return round(max(0.0, end - flight.kill.at), 2)

    def _say(self, spec: Spec, wanted: int, begun: float, before: int) -> None:
        done = self.counted[spec.row]
        rate = (done - before) / max(time.monotonic() - begun, 0.1)
        left = f"about {(wanted - done) / rate:.0f} s left" if rate and done < wanted else ""
        missed = f", {self.missed[spec.row]} kills missed" if self.missed[spec.row] else ""
        self.bench.say(f"{spec.row:<18} {done:>4} of {wanted}{missed}  {left}")


def _deliveries(flights: Iterable[Flight]) -> dict[UUID, dict[str, Delivery]]:
    """Return the rows of these runs by patient and channel. One query."""
    patients = [flight.person.patient_id for flight in flights]
    rows = Delivery.objects.filter(notification__patient_id__in=patients)
    found: dict[UUID, dict[str, Delivery]] = defaultdict(dict)
    for row in rows.select_related("notification"):
        found[row.notification.patient_id][row.channel] = row
    return found


def _open_events(flights: Iterable[Flight]) -> set[UUID]:
    """Return the patients of whose messages a carrier's call waits to be settled."""
    patients = {flight.person.patient_id for flight in flights}
    waiting = CarrierEvent.objects.filter(settled_at=None).values("delivery_id")
    rows = Delivery.objects.filter(pk__in=waiting, notification__patient_id__in=patients)
    return set(rows.values_list("notification__patient_id", flat=True))


def _seen(row: Delivery, *, messages: int, copies: Iterable) -> Seen:
    return Seen(
        channel=row.channel,
        messages=messages,
        status=row.status,
        reason=row.reason,
        expires_at=row.expires_at.timestamp() if row.expires_at else None,
        copies=list(copies),
    )
