"""Where rules meet: a number's texts are counted, a household's go as one, ladders climb on."""

from datetime import time, timedelta

import pytest

from notifications import clock
from notifications.enums import DeliveryStatus, ErrorKind, Reason
from notifications.models import TextUse
from notifications.preferences import change_settings
from notifications.types import ChannelError
from portal.models import ReminderRule
from portal.notification_types._visit import example_fields
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from tests.clinic import DESK, wall
from tests.conftest import make_patient
from tests.engine import (
    ANAS_NUMBER,
    NOON,
    delivery_of,
    device_of,
    email_of,
    phone_of,
    run,
    send,
    send_at,
    status_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier")]
SENT = (DeliveryStatus.ACCEPTED, Reason.NONE)
SAID_WITH_IT = (DeliveryStatus.SKIPPED, Reason.MERGED)
YIELDED = (DeliveryStatus.SKIPPED, Reason.RATE_LIMITED)
HOUR = timedelta(hours=1)


@pytest.fixture
def family(ana, ben):
    """Two children whose parent has one number."""
    for child in (ana, ben):
        phone_of(child, ANAS_NUMBER)
    return ana, ben


def early(**changes):
    """A reminder that yields, for another comes two hours before the visit."""
    visit = example_fields() | changes
    return AppointmentReminderPayload(**visit, current_until=visit["appointment_date"] - 2 * HOUR)


def last(**changes):
    return AppointmentReminderPayload(**example_fields() | changes)


def later_that_morning():
    return {"appointment_date": example_fields()["appointment_date"] + HOUR}


# -- a household and its allowance --------------------------------------------------------------


@pytest.mark.req("M-02")
@pytest.mark.parametrize("yields_first", [True, False])
def test_what_would_yield_goes_along_with_the_last_reminder_of_a_brother(
    family, carrier, yields_first
):
    """The number has had its text of the day. One more goes for the last reminder; it says both."""
    ana, ben = family
    with clock.at(NOON):
        send(ana, early(location_name="Elm Street"))
        run()
        drafts = [(ana, early()), (ben, last(**later_that_morning()))]
        made = {child: send(child, said) for child, said in drafts[:: 1 if yields_first else -1]}
        run()
    assert len(carrier.texts()) == 2
    assert "9:30 AM, 10:30 AM" in carrier.texts()[1]
    assert (status_of(made[ana], "sms"), status_of(made[ben], "sms")) == (SENT, SAID_WITH_IT)
    assert TextUse.objects.count() == 2


@pytest.mark.req("M-02")
def test_a_text_about_two_is_one_of_the_three_a_week(family, carrier):
    ana, ben = family
    for day in range(4):
        with clock.at(NOON + day * timedelta(days=1)):
            made = [send(ana, early()), send(ben, early(**later_that_morning()))]
            run()
        expected = [SENT, SAID_WITH_IT] if day < 3 else [YIELDED, YIELDED]
        assert [status_of(each, "sms") for each in made] == expected
    assert len(carrier.texts()) == 3


def test_what_is_ahead_of_its_time_goes_along_or_not_at_all(ana, ben, location, carrier):
    """Ana's text waits out her quiet hours. Her brothers', of an hour later, wait for their own."""
    family = ana, ben, make_patient("cleo@example.com", "Cleo", location)
    for child in family:
        phone_of(child, ANAS_NUMBER)
        device_of(child, f"https://push.example/{child.first_name}")
    asked = [ask(ana), *(ask(child, reach_by=FIVE + HOUR) for child in family[1:])]
    change_settings(
        patient_id=ana.pk, changes={"quiet_from": time(8), "quiet_until": time(20)}, actor=DESK
    )
    run(at=TEXT)
    assert [status_of(each, "sms")[0] for each in asked] == ["held", "planned", "planned"]
    run(at=TEXT + HOUR)
    assert [status_of(each, "sms") for each in asked[1:]] == [SENT, SAID_WITH_IT]
    assert len(carrier.texts()) == 1


# -- a household and its ladders ------------------------------------------------------------------

FIVE = wall("2026-11-25 17:00")
PUSH, TEXT, EMAIL = NOON + HOUR, NOON + 3 * HOUR, NOON + 9 * HOUR


def ask(patient, *, reach_by=FIVE, **changes):
    """Ask a patient on Tuesday, one channel after the other, until Wednesday at five."""
    with clock.at(PUSH):
        said = AppointmentReminderPayload(
            **example_fields() | changes,
            asks_to_confirm=True,
            ladder=ReminderRule.Ladder.STANDARD,
            asks_from=PUSH,
            reach_by=reach_by,
        )
        made = send(patient, said)
        run()
    return made


@pytest.fixture
def asked(family):
    """Both can be reached in every way; they come an hour apart."""
    for child in family:
        device_of(child, f"https://push.example/{child.first_name}")
        email_of(child)
    ana, ben = family
    with clock.at(PUSH):
        at = later_that_morning()
    return ask(ana), ask(ben, **at)


def test_the_texts_of_two_ladders_are_one_and_both_climb_on(asked, carrier):
    run(at=TEXT)
    assert [status_of(each, "push") for each in asked] == [SENT, SENT]
    assert [status_of(each, "sms") for each in asked] == [SENT, SAID_WITH_IT]
    assert len(carrier.texts()) == 1
    run(at=EMAIL)
    assert [status_of(each, "email") for each in asked] == [SENT, SENT]


def test_a_text_about_two_that_fails_goes_on_by_email_for_one_and_by_itself_for_the_other(
    asked, carrier
):
    run(at=PUSH)
    carrier.answers = [ChannelError(code="30006", kind=ErrorKind.PERMANENT)]
    run(at=TEXT)
    assert status_of(asked[0], "sms")[0] == DeliveryStatus.FAILED
    assert status_of(asked[0], "email") == status_of(asked[1], "sms") == SENT
    assert delivery_of(asked[1], "email").status == DeliveryStatus.PLANNED
    assert "10:30 AM" in carrier.texts()[-1]


@pytest.mark.req("M-02")
def test_ladders_whose_number_has_had_its_text_both_go_on_by_email_at_once(family):
    ana, ben = family
    for child in family:
        email_of(child)
    send_at(NOON, ana, early(location_name="Elm Street"))
    until = {"current_until": FIVE}  # another reminder follows: this one yields
    asked = [ask(ana, **until), ask(ben, **until)]
    run(at=TEXT)
    assert [status_of(each, "sms") for each in asked] == [YIELDED, YIELDED]
    assert [status_of(each, "email") for each in asked] == [SENT, SENT]
