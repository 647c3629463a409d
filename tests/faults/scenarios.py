"""The rows that are no window: each a function that makes its trouble and writes its row."""

from __future__ import annotations

from collections.abc import Callable

from tests.faults.calls import thousand_calls
from tests.faults.clock_moves import clock_moved
from tests.faults.keys_and_backups import key_rotated, restored, restored_under_a_hold
from tests.faults.outages import (
    database_away,
    killed_at_random,
    queue_full,
    redis_away,
    tasks_again,
)

SCENARIOS: dict[str, Callable[..., None]] = {
    "W6, three minutes on": tasks_again,
    "Killed at random": killed_at_random,
    "Database stopped": database_away,
    "Redis stopped": redis_away,
    "Queue full": queue_full,
    "Calls repeated": thousand_calls,
    "W9": key_rotated,
    "W10": restored,
    "W10, under a hold": restored_under_a_hold,
    "Clock moved": clock_moved,
}
