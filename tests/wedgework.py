"""The other side of test_wedge.py: the desk, and somebody who plants a schedule."""

from __future__ import annotations

from uuid import UUID

from django_q.models import Schedule

from notifications import clock
from notifications.models import Delivery
from tests.browser import deskwork
from tests.browser.deskwork import admit, give_email, tell  # noqa: F401 - some of the jobs


def email_status(*, notification_id: UUID) -> str:
    """Return where the e-mail of a message stands."""
    return Delivery.objects.get(notification_id=notification_id, channel="email").status


def plant() -> int:
    """Plant a schedule that cannot be read, due before our own, which is due too."""
    Schedule.objects.filter(name="tick").update(next_run=clock.real_now())
    row = Schedule.objects.create(
        name="nightly",
        func="os.system",
        args="not a literal(",
        schedule_type="I",
        minutes=1,
        next_run="2026-01-01T00:00Z",
    )
    return row.pk


def planted(*, row: int) -> dict[str, object]:
    """Return what is left of it."""
    return Schedule.objects.values("args", "repeats").get(pk=row)


def main() -> None:
    deskwork.main(globals())
