"""Several people and workers at once, each on a database connection of their own."""

import contextvars
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from django.db import connection, connections

from notifications.models import Delivery
from portal.models import Location, User
from tests.conftest import make_patient
from tests.engine import phone_of

NUMBER = "+1212555{:04d}"
PATIENCE = 120  # seconds: a busy machine is no failure

Job = Callable[[], Any]


def side_by_side(*jobs: Job) -> list[Any]:
    """Run jobs at once and return what they returned, in order; they keep the pretended time."""
    with ThreadPoolExecutor(max_workers=len(jobs)) as pool:
        runs = [pool.submit(contextvars.copy_context().run, _alone, job) for job in jobs]
        return [each.result(timeout=PATIENCE) for each in runs]


@contextmanager
def beside() -> Iterator[Callable[[Job], Future]]:
    """Yield what starts a job beside the block; the end of the block waits for all of them."""
    with ThreadPoolExecutor() as pool:
        yield lambda job: pool.submit(contextvars.copy_context().run, _alone, job)


def _alone(job: Job) -> Any:
    try:
        return job()
    finally:
        connections.close_all()


def waits_for_a_lock(job: Future) -> bool:
    """Return whether a job comes to wait for what somebody else holds."""
    until = time.monotonic() + 10
    while time.monotonic() < until and not job.done():
        if _is_somebody_waiting():
            return True
        time.sleep(0.05)
    return False


def _is_somebody_waiting() -> bool:
    if connection.vendor == "sqlite":  # one writer at a time: whoever has not done waits
        time.sleep(0.5)
        return True
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return cursor.fetchone()[0] > 0


def patients_with_phones(location: Location, count: int) -> list[User]:
    people = [make_patient(f"p{n}@example.com", "P", location) for n in range(count)]
    for number, patient in enumerate(people):
        phone_of(patient, NUMBER.format(number + 100))
    return people


def only_texts() -> None:
    """Leave nothing but texts to do, so that each claim is one carrier's call."""
    Delivery.objects.exclude(channel="sms").delete()
