"""Reading what changed after a position, for one inbox or for many at once."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Q

from notifications.models import InboxEvent, InboxState

CHUNK = 100  # inboxes a query: SQLite nests conditions 1,000 deep at most


@dataclass(frozen=True, kw_only=True)
class Changes:
    """The events after a position, or the word that they are no longer kept."""

    events: list[InboxEvent]
    resync: bool = False


def position(*, patient_id: UUID) -> tuple[int, int]:
    """Return (last seq, unread count) of an inbox; (0, 0) when nothing ever happened in it."""
    counters = InboxState.objects.filter(patient_id=patient_id)
    return counters.values_list("last_seq", "unread").first() or (0, 0)


def changes_since(*, positions: Sequence[tuple[UUID, int]]) -> list[Changes]:
    """Return the events after each (patient id, seq), in order: two queries for a hundred.

    Where the first of them is gone, or the position is none this inbox ever had, it is a resync.
    The counters are read first: an event written in between is then one more, never a gap.
    """
    oldest: dict[UUID, int] = {}
    for patient_id, seq in positions:
        oldest[patient_id] = min(seq, oldest.get(patient_id, seq))
    states = InboxState.objects.filter(pk__in=oldest)
    last = dict(states.values_list("pk", "last_seq"))
    events = _events_after({pk: seq for pk, seq in oldest.items() if last.get(pk, 0) > seq})
    return [
        _changes(seq=seq, last=last.get(patient_id, 0), events=events[patient_id])
        for patient_id, seq in positions
    ]


def _events_after(positions: Mapping[UUID, int]) -> Mapping[UUID, list[InboxEvent]]:
    found: defaultdict[UUID, list[InboxEvent]] = defaultdict(list)
    wanted = [Q(patient_id=patient_id, seq__gt=seq) for patient_id, seq in positions.items()]
    for start in range(0, len(wanted), CHUNK):
        condition = reduce(or_, wanted[start : start + CHUNK])
        for event in InboxEvent.objects.filter(condition).order_by("patient_id", "seq"):
            found[event.patient_id].append(event)
    return found


def _changes(*, seq: int, last: int, events: Sequence[InboxEvent]) -> Changes:
    after = [event for event in events if event.seq > seq]
    expected = after[0].seq if after else last + 1
    return Changes(events=after, resync=expected > seq + 1 or seq > last)
