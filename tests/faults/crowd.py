"""Many messages at once, and what became of all of them: what the scenarios share."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any

from django.db import Error, connections

from notifications.models import Delivery, PatientNotification
from tests.faults import people, results
from tests.faults.bench import Bench
from tests.faults.ledger import Seen, judge
from tests.faults.people import Person

LOOK_SECONDS = 0.5
QUIET_SECONDS = 3.0  # in which a second copy would come


@dataclass(kw_only=True)
class Crowd:
    """Fresh patients of one channel, and when each one's message was first seen settled."""

    bench: Bench
    channel: str
    persons: list[Person]
    settled: dict[Any, float] = field(default_factory=dict)  # patient: seconds since 1970

    @classmethod
    def of(cls, bench: Bench, count: int, *, channel: str = "sms") -> Crowd:
        persons = [bench.people.one(channel) for _ in range(count)]
        return cls(bench=bench, channel=channel, persons=persons)

    def tell(self, key: str = "crowd") -> None:
        """Make a message for everybody."""
        for person in self.persons:
            people.send(patient_id=person.patient_id, key=key)

    def wait(self, *, seconds: float) -> bool:
        """Return whether all are settled within the time; a database may be away meanwhile."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                self._look()
            except Error:
                connections.close_all()
            if len(self.settled) == len(self.persons):
                return True
            time.sleep(LOOK_SECONDS)
        return False

    def rows(self) -> list[Delivery]:
        patients = [person.patient_id for person in self.persons]
        rows = Delivery.objects.filter(notification__patient_id__in=patients, channel=self.channel)
        return list(rows.select_related("notification").order_by("id"))

    def _look(self) -> None:
        for row in self.rows():
            seen = self._seen(row, messages=1)
            if seen.is_settled:
                self.settled.setdefault(row.notification.patient_id, row.status_at.timestamp())

    def _seen(self, row: Delivery, *, messages: int) -> Seen:
        address = {person.patient_id: person.address for person in self.persons}
        copies = self.bench.ledger.copies(
            channel=self.channel,
            address=address[row.notification.patient_id],
            delivery_id=str(row.pk),
        )
        return Seen(
            channel=self.channel,
            messages=messages,
            status=row.status,
            reason=row.reason,
            expires_at=row.expires_at.timestamp() if row.expires_at else None,
            copies=copies,
        )

    def judged(self) -> Counter[str]:
        """Compare each one's message with the books; what nobody has a row of is lost."""
        time.sleep(QUIET_SECONDS)
        patients = [person.patient_id for person in self.persons]
        made = PatientNotification.objects.filter(patient_id__in=patients)
        messages = Counter(made.values_list("patient_id", flat=True))
        found = {row.notification.patient_id: row for row in self.rows()}
        total: Counter[str] = Counter()
        for pk in patients:
            total.update(
                asdict(judge(self._seen(found[pk], messages=messages[pk])))
                if pk in found
                else {"lost": 1}
            )
        return total

    def write(
        self,
        *,
        name: str,
        runs: int,
        since: float,
        note: str = "",
        answer_known: bool = False,
        more: Counter[str] | None = None,
    ) -> None:
        """Write a scenario's row: `since` (seconds since 1970) is when its trouble was over."""
        counts = self.judged()
        counts.update(more or {})
        took = [max(0.0, at - since) for at in self.settled.values()]
        write_row(
            self.bench,
            name=name,
            runs=runs,
            counts=counts,
            took=took,
            note=note,
            channel=self.channel,
            answer_known=answer_known,
        )


def write_row(
    bench: Bench,
    *,
    name: str,
    runs: int,
    counts: Counter[str],
    took: Sequence[float] = (),
    note: str = "",
    channel: str = "sms",
    answer_known: bool = False,
) -> None:
    row = bench.row(
        kind="scenario",
        row=name,
        channel=channel,
        runs=runs,
        **{count: counts[count] for count in results.COUNTS},
        recovery_p50_s=round(median(took), 2) if took else None,
        recovery_max_s=round(max(took), 2) if took else None,
        answer_known=answer_known,
        note=note,
    )
    results.append(bench.results, row)
    wrong = {count: counts[count] for count in results.WRONG if counts[count]}
    bench.say(f"{name:<18} done  {wrong or 'well'}  {note}")
