"""A rule that asks, channel by channel, until the desk can no longer fill the chair."""

from datetime import timedelta

import pytest

from notifications import clock
from notifications.models import CallTask, Delivery, PatientNotification
from portal.models import ReminderRule
from portal.services import confirm, keep
from tests.clinic import DESK, a_visit, wall
from tests.engine import device_of, email_of, phone_of, run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier")]
TUESDAY = wall("2026-12-01 10:00")  # after Thanksgiving's long weekend
DAY = timedelta(days=1)


@pytest.fixture
def visit(ana, location, provider):
    """Ana's visit, about which she is asked three days before by a ladder."""
    device_of(ana)
    phone_of(ana)
    email_of(ana)
    with clock.at(TUESDAY - 30 * DAY):
        rule = ReminderRule(
            location=location, name="ask", what="confirm", minutes_before=4320, ladder="standard"
        )
        keep(rule, actor=DESK)
        return a_visit(ana, TUESDAY, location=location, provider=provider)


def left(patient) -> list[str]:
    asked = PatientNotification.objects.get(patient=patient, type="appointment_reminder")
    sent = Delivery.objects.filter(notification=asked).exclude(attempts=0)
    return list(sent.order_by("step").values_list("channel", flat=True))


def test_the_last_rung_is_a_call_in_the_opening_hours_of_the_last_open_day(visit, ana):
    """Three days before is a Saturday: it begins on Friday and ends on Monday at five."""
    moment = wall("2026-11-27 10:00")
    while moment <= wall("2026-11-30 17:00"):
        run(moment)
        moment += timedelta(hours=1)
    assert left(ana) == ["push", "sms", "email"]
    call = CallTask.objects.get(patient=ana)
    assert (call.due_at, call.call_by) == (wall("2026-11-30 13:00"), wall("2026-11-30 17:00"))


def test_who_confirms_is_neither_texted_nor_called(visit, ana):
    run(wall("2026-11-27 10:00"))
    with clock.at(wall("2026-11-28 12:00")):
        confirm(appointment_id=visit.pk, actor=DESK)
    for hour in range(4):
        run(wall("2026-11-30 12:00") + timedelta(hours=hour))
    assert left(ana) == ["push"]
    assert not CallTask.objects.filter(patient=ana, settled_at=None).exists()


def test_after_the_desk_has_gone_home_what_is_late_goes_on_all_channels_at_once(visit, ana):
    """After days of silence, or from a file: the ladder's last moment is past, the visit is not."""
    run(wall("2026-11-30 18:00"))
    assert sorted(left(ana)) == ["email", "push", "sms"]
    assert not CallTask.objects.exists()
