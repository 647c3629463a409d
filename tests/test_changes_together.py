"""Several changes of one visit within minutes: the patient hears of them as one, and truly."""

from datetime import datetime, timedelta

import pytest

from notifications import clock
from notifications.delivery import Report, for_a_person
from notifications.delivery.claim import claim
from notifications.enums import DeliveryStatus, Reason
from notifications.models import Delivery, PatientNotification
from notifications.services import patient_notification_service
from portal.models import Provider
from portal.notification_types._visit import SETTLES_FOR
from portal.services import cancel, default_reminder_rules, reschedule
from tests.clinic import DESK, HALF_AN_HOUR, a_visit, wall
from tests.engine import device_of, email_of, phone_of, run

pytestmark = [pytest.mark.django_db, pytest.mark.req("R-10")]

NOON = wall("2026-11-10 12:00")
MINUTE = timedelta(minutes=1)
FIRST, SECOND, THIRD = (wall(f"2026-12-0{day} 09:30") for day in (1, 2, 3))
WHILE_LATER = NOON + timedelta(hours=1)


@pytest.fixture(autouse=True)
def rules(location):
    return default_reminder_rules(location)


@pytest.fixture
def reached(ana):
    """Ana, with an e-mail address, a mobile and a device that all work."""
    email_of(ana)
    phone_of(ana)
    device_of(ana)
    return ana


@pytest.fixture
def visit(reached, location, provider):
    """A visit Ana has heard of on every channel, before noon."""
    return booked(reached, location, provider, at=NOON - timedelta(hours=1))


@pytest.fixture
def left(outbox):
    """Return the words of what left since noon on a channel, oldest first."""

    def since_noon(channel: str) -> list[str]:
        return [row.content["text"] for row in outbox(channel) if row.created_at >= NOON]

    return since_noon


def booked(patient, location, provider, *, at: datetime):
    with clock.at(at):
        visit = a_visit(patient, FIRST, location=location, provider=provider)
    if at < NOON:
        run(at=at + SETTLES_FOR)
    return visit


def move(visit, starts_at: datetime, *, minute: float, **options):
    with clock.at(NOON + minute * MINUTE):
        return reschedule(
            appointment_id=visit.pk,
            starts_at=starts_at,
            ends_at=starts_at + HALF_AN_HOUR,
            actor=DESK,
            **options,
        )


def call_off(visit, *, minute: float):
    with clock.at(NOON + minute * MINUTE):
        cancel(appointment_id=visit.pk, actor=DESK)


def news_of(patient) -> list[str]:
    """Return the types of a patient's messages since noon, oldest first."""
    rows = PatientNotification.objects.filter(patient=patient, created_at__gte=NOON)
    return list(rows.order_by("seq").values_list("type", flat=True))


def current(patient) -> list[str]:
    """Return what a patient's inbox says now and still means, newest first."""
    page = patient_notification_service.inbox(patient_id=patient.pk)
    return [row.message for row in page.items if row.expired_at is None]


# -- moved and moved again -----------------------------------------------------------------------


def test_a_visit_moved_three_times_in_five_minutes_is_one_message_a_channel(visit, reached, left):
    for minute, start in ((0, SECOND), (1.5, THIRD), (3, SECOND + timedelta(hours=4))):
        move(visit, start, minute=minute)
        run(at=NOON + minute * MINUTE)
    run(at=WHILE_LATER)
    [mail], [text], [_push] = left("email"), left("sms"), left("push")
    for said in (mail, text):
        assert "Dec 2 at 1:30 PM" in said
        assert "Dec 3" not in said
    assert "no longer on Tue, Dec 1 at 9:30 AM EST" in mail
    assert "no longer on Tue, Dec 1 at 9:30 AM EST" in current(reached)[0]
    assert len(current(reached)) == 1


def test_a_move_is_told_within_three_minutes_and_not_before_it_has_settled(visit, left):
    move(visit, SECOND, minute=0)
    run(at=NOON + SETTLES_FOR - timedelta(seconds=1))
    assert left("email") == left("sms") == []
    run(at=NOON + SETTLES_FOR)
    assert len(left("email")) == len(left("sms")) == len(left("push")) == 1


def test_in_the_portal_a_move_is_there_at_once(visit, reached):
    move(visit, SECOND, minute=0)
    assert "now on Wed, Dec 2" in current(reached)[0]


def test_a_second_move_after_the_first_has_left_speaks_of_the_time_she_was_told(visit, left):
    move(visit, SECOND, minute=0)
    run(at=NOON + 3 * MINUTE)
    move(visit, THIRD, minute=10)
    run(at=WHILE_LATER)
    first, second = left("email")
    assert "no longer on Tue, Dec 1" in first
    assert "now on Thu, Dec 3" in second
    assert "no longer on Wed, Dec 2" in second


def test_whoever_read_the_first_move_in_the_portal_hears_of_the_second_from_there(
    visit, reached, left
):
    move(visit, SECOND, minute=0)
    [message] = PatientNotification.objects.filter(type="appointment_rescheduled")
    patient_notification_service.mark_read(patient_id=reached.pk, notification_id=message.pk)
    move(visit, FIRST, minute=1)
    run(at=WHILE_LATER)
    [mail] = left("email")
    assert "now on Tue, Dec 1" in mail
    assert "no longer on Wed, Dec 2" in mail


def test_moved_back_to_where_it_was_within_the_two_minutes_nothing_is_sent(visit, reached, left):
    move(visit, SECOND, minute=0)
    move(visit, FIRST, minute=1)
    run(at=WHILE_LATER)
    assert left("email") == left("sms") == left("push") == []
    assert news_of(reached) == ["appointment_rescheduled"]
    assert current(reached) == []


@pytest.mark.parametrize("at", ["07:31", "08:01"], ids=["before she had it", "after"])
def test_a_reminder_that_waits_goes_all_the_same_when_a_move_is_taken_back(
    ana, location, provider, outbox, at
):
    """The text of half past seven waits for eight; by mistake the visit is moved, and back."""
    phone_of(ana)
    visit = booked(ana, location, provider, at=NOON - timedelta(hours=1))
    for moment in ("2026-11-24 09:30", "2026-11-29 09:30", "2026-12-01 07:30", f"2026-12-01 {at}"):
        run(at=wall(moment))
    for start in (SECOND, FIRST):
        with clock.at(wall(f"2026-12-01 {at}")):
            options = {"starts_at": start, "ends_at": start + HALF_AN_HOUR, "actor": DESK}
            reschedule(appointment_id=visit.pk, **options)
    run(at=wall("2026-12-01 08:10"))
    today = [row for row in outbox("sms") if row.created_at >= wall("2026-12-01 00:00")]
    assert ["9:30 AM" in row.content["text"] for row in today] == [True]


def test_what_a_households_text_has_said_was_heard(visit, reached, outbox):
    """Its push waits for the morning; the text went with a brother's, and does not go again."""
    for moment in ("2026-11-24 09:30", "2026-11-29 09:30", "2026-12-01 07:30"):
        run(at=wall(moment))
    texts = Delivery.objects.filter(notification__patient=reached, channel="sms")
    brothers = texts.filter(status=DeliveryStatus.ACCEPTED).first()
    texts.filter(status=DeliveryStatus.HELD).update(
        status=DeliveryStatus.SKIPPED, reason=Reason.MERGED, merged_into=brothers
    )
    mails = Delivery.objects.filter(channel="email", notification__type="appointment_reminder")
    mails.update(status=DeliveryStatus.FAILED)
    for start in (SECOND, FIRST):
        with clock.at(wall("2026-12-01 07:31")):
            options = {"starts_at": start, "ends_at": start + HALF_AN_HOUR, "actor": DESK}
            reschedule(appointment_id=visit.pk, **options)
    run(at=wall("2026-12-01 08:10"))
    assert not [row for row in outbox("sms") if row.created_at >= wall("2026-12-01 00:00")]


def test_moved_back_while_a_text_of_the_move_is_with_the_carrier_she_is_told(visit, reached):
    """What may have reached her has to be taken back in words."""
    move(visit, SECOND, minute=0)
    with clock.at(NOON + 2 * MINUTE):
        assert claim(limit=10, report=Report())
    move(visit, FIRST, minute=2)
    assert news_of(reached) == ["appointment_rescheduled"] * 2
    assert "now on Tue, Dec 1" in current(reached)[0]
    assert "no longer on Wed, Dec 2" in current(reached)[0]


def test_back_at_the_same_time_with_somebody_else_is_news_of_that_alone(visit, left):
    move(visit, SECOND, minute=0)
    move(visit, FIRST, minute=1, provider_id=Provider.objects.create(name="Dr Novak").pk)
    run(at=WHILE_LATER)
    [mail] = left("email")
    assert "Dec 1 at 9:30 AM EST with Dr Novak" in mail
    assert "no longer" not in mail


def test_at_night_the_text_that_waits_for_the_morning_is_the_last_word(
    ana, location, provider, outbox
):
    phone_of(ana)
    visit = booked(ana, location, provider, at=NOON - timedelta(hours=1))
    for hour, start in ((22, SECOND), (23, THIRD)):
        move(visit, start, minute=(hour - 12) * 60)
        run(at=wall(f"2026-11-10 {hour}:05"))
    run(at=wall("2026-11-11 08:01"))
    _booked, moved = (row.content["text"] for row in outbox("sms"))
    assert "Dec 3" in moved
    assert "Dec 2" not in moved


def test_what_is_near_waits_for_nothing(visit, left):
    soon = NOON + timedelta(hours=3)
    move(visit, soon, minute=0)
    run(at=NOON)
    assert len(left("sms")) == 1


# -- booked, and then ----------------------------------------------------------------------------


def test_what_would_be_too_late_in_two_minutes_waits_for_nothing(
    reached, location, provider, outbox
):
    """Who walks in is booked for the next minute: nobody needs to call them about it."""
    with clock.at(FIRST - MINUTE):
        a_visit(reached, FIRST, location=location, provider=provider)
        run()
        assert [row.channel for row in outbox("email")] == ["email"]
    run(at=FIRST + MINUTE)
    with clock.at(FIRST + MINUTE):
        assert not for_a_person().exists()


def test_booked_and_moved_at_once_is_booked_for_the_new_time(reached, location, provider, left):
    visit = booked(reached, location, provider, at=NOON)
    move(visit, SECOND, minute=1)
    run(at=WHILE_LATER)
    [mail], [text] = left("email"), left("sms")
    assert "booked for Wed, Dec 2" in mail
    assert "Dec 1" not in mail + text
    assert current(reached) == [row for row in current(reached) if "booked for Wed, Dec 2" in row]


def test_booked_by_mistake_and_taken_out_at_once_leaves_nothing_outside(
    reached, location, provider, left
):
    visit = booked(reached, location, provider, at=NOON)
    call_off(visit, minute=1)
    run(at=WHILE_LATER)
    assert left("email") == left("sms") == left("push") == []
    assert news_of(reached) == ["appointment_confirmed"]
    assert current(reached) == []


def test_a_cancellation_after_the_two_minutes_is_told_though_the_booking_never_left(
    ana, location, provider, settings
):
    settings.NOTIFICATIONS_SMS_PROVIDER = ""
    phone_of(ana)
    visit = booked(ana, location, provider, at=NOON)
    call_off(visit, minute=30)
    assert news_of(ana) == ["appointment_confirmed", "appointment_cancelled"]


def test_moved_and_cancelled_at_once_she_hears_that_the_time_she_knows_is_off(visit, left):
    move(visit, SECOND, minute=0)
    call_off(visit, minute=1)
    run(at=WHILE_LATER)
    [mail] = left("email")
    assert "Tue, Dec 1 at 9:30 AM EST" in mail
    assert "cancelled" in mail
    assert "Dec 2" not in mail


def test_another_patients_news_is_none_of_this(visit, reached, ben, location, provider, left):
    email_of(ben)
    other = booked(ben, location, provider, at=NOON - timedelta(minutes=30))
    move(visit, SECOND, minute=0)
    move(other, THIRD, minute=0.5)
    move(visit, FIRST, minute=1)
    run(at=WHILE_LATER)
    assert news_of(ben) == ["appointment_rescheduled"]
    assert [mail for mail in left("email") if "Dec 3" in mail] == left("email")


# -- what the desk sees --------------------------------------------------------------------------


def test_what_was_called_off_says_which_message_speaks_for_it(visit):
    move(visit, SECOND, minute=0)
    move(visit, THIRD, minute=1)
    first, second = PatientNotification.objects.filter(type="appointment_rescheduled").order_by(
        "seq"
    )
    called_off = Delivery.objects.filter(notification=first, channel__in=("email", "sms", "push"))
    assert {row.status for row in called_off} == {DeliveryStatus.CANCELLED}
    assert {row.reason for row in called_off} == {Reason.MERGED}
    assert {row.merged_into.notification_id for row in called_off} == {second.pk}


def test_what_nothing_speaks_for_is_only_cancelled(visit):
    move(visit, SECOND, minute=0)
    move(visit, FIRST, minute=1)
    [only] = PatientNotification.objects.filter(type="appointment_rescheduled")
    called_off = Delivery.objects.filter(notification=only, channel__in=("email", "sms", "push"))
    assert {(row.reason, row.merged_into) for row in called_off} == {(Reason.CANCELLED, None)}
