"""One text a day and three a week to a number: what yields, what never does, and who may say so."""

from dataclasses import dataclass
from datetime import timedelta

import pytest
from django.contrib.auth.models import Permission

from notifications import allowance, clock, contacts, delivery, incoming, preferences
from notifications.delivery.claim import claim
from notifications.delivery.judging import decide_all
from notifications.delivery.tally import Tally
from notifications.enums import (
    AuditAction,
    ContactKind,
    DeliveryStatus,
    ErrorKind,
    PatientNotificationPriority,
    PatientNotificationType,
    Reason,
)
from notifications.facts import People
from notifications.models import AuditEvent, Delivery, TextUse
from notifications.switches import Switches
from notifications.types import ChannelError, Refused, Reply
from portal.models import Practice, User
from portal.notification_types._visit import SETTLES_FOR, example_fields
from portal.notification_types.appointment_cancelled import AppointmentCancelledPayload
from portal.notification_types.appointment_confirmed import AppointmentConfirmedPayload
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.appointment_rescheduled import AppointmentRescheduledPayload
from tests.clinic import DESK, NEW_YORK, wall
from tests.conftest import PASSWORD, make_patient, signed_in
from tests.crowd import side_by_side
from tests.engine import (
    ANAS_NUMBER,
    BENS_NUMBER,
    NOON,
    NotePayload,
    delivery_of,
    email_of,
    phone_of,
    run,
    send,
    send_at,
    status_of,
)
from tests.pages import text_of

pytestmark = pytest.mark.usefixtures("carrier")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SENT = (DeliveryStatus.ACCEPTED, Reason.NONE)
YIELDED = (DeliveryStatus.SKIPPED, Reason.RATE_LIMITED)
SAID_WITH_IT = (DeliveryStatus.SKIPPED, Reason.MERGED)
in_a_table = pytest.mark.django_db


def early(**changes) -> AppointmentReminderPayload:
    """A reminder two days ahead, with another to come."""
    visit = example_fields() | changes
    until = visit["appointment_date"] - 2 * HOUR
    return AppointmentReminderPayload(**visit, current_until=until)


def remind(at, patient, **options):
    """Make such a reminder at a moment and let the clock run once."""
    with clock.at(at):
        made = send(patient, early(), **options)
        run()
    return made


@dataclass(frozen=True, kw_only=True)
class ChatPayload(NotePayload):
    """In the inbox and as a text; by e-mail only if somebody asks, or nothing else is left."""

    type_key = "chat"
    channels = ("in_app", "sms")

    def is_capped(self) -> bool:
        return True


@pytest.fixture
def chat():
    PatientNotificationType.register(ChatPayload)
    yield ChatPayload
    PatientNotificationType.unregister("chat")


# -- the rule -----------------------------------------------------------------------------------


@pytest.mark.req("M-02")
@pytest.mark.parametrize(
    ("used", "now", "has_room"),
    [
        ([], "2026-11-24 12:00", True),
        (["2026-11-24 08:00"], "2026-11-24 20:59", False),
        (["2026-11-24 20:59"], "2026-11-25 08:00", True),
        (["2026-11-18 09:00", "2026-11-20 09:00"], "2026-11-24 09:00", True),
        (["2026-11-17 09:01", "2026-11-18 09:00", "2026-11-20 09:00"], "2026-11-24 09:00", False),
        (["2026-11-17 09:00", "2026-11-18 09:00", "2026-11-20 09:00"], "2026-11-24 09:00", True),
    ],
)
def test_one_a_calendar_day_and_three_in_any_seven_days(used, now, has_room):
    moments = [wall(each) for each in used]
    bounds = {"a_day": 1, "a_week": 3}
    assert allowance.has_room(used=moments, now=wall(now), zone=NEW_YORK, **bounds) == has_room


# -- what a number gets -------------------------------------------------------------------------


@in_a_table
@pytest.mark.req("M-02")
def test_ten_events_in_a_day_are_one_text_and_ten_emails(ana, carrier):
    phone_of(ana)
    email_of(ana)
    made = [remind(wall(f"2026-11-24 {hour:02}:30"), ana) for hour in range(9, 19)]
    assert [status_of(each, "sms") for each in made] == [SENT] + [YIELDED] * 9
    assert {status_of(each, "email") for each in made} == {SENT}
    assert len(carrier.texts()) == 1


@in_a_table
@pytest.mark.req("M-02")
def test_a_week_of_reminders_is_three_texts_and_the_eighth_day_has_room_again(ana, carrier):
    phone_of(ana)
    for day in range(7):
        remind(NOON + day * DAY, ana)
    assert len(carrier.texts()) == 3
    assert status_of(remind(NOON + 7 * DAY, ana), "sms") == SENT


@in_a_table
@pytest.mark.req("M-02")
@pytest.mark.parametrize(("together", "others"), [(True, SAID_WITH_IT), (False, YIELDED)])
def test_a_household_of_three_is_one_number(ana, ben, location, carrier, together, others):
    """One text is about all who are reminded at the same time; whoever is later yields."""
    family = [ana, ben, make_patient("cleo@example.com", "Cleo", location)]
    with clock.at(NOON):
        for patient in family:
            phone_of(patient, ANAS_NUMBER)
        made = []
        for patient in family:
            made.append(send(patient, early()))
            if not together:
                run()
        run()
    assert [status_of(each, "sms") for each in made] == [SENT, others, others]
    assert carrier.numbers() == [ANAS_NUMBER]


@in_a_table
@pytest.mark.req("M-02")
def test_another_number_has_an_allowance_of_its_own(ana, ben, carrier):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    with clock.at(NOON):
        send(ana, early()), send(ben, early())
        run()
    assert sorted(carrier.numbers()) == [ANAS_NUMBER, BENS_NUMBER]


@in_a_table
@pytest.mark.req("M-02")
def test_a_practice_may_allow_more(ana, carrier):
    Practice.objects.update(texts_a_day=2, texts_a_week=3)
    phone_of(ana)
    for day in range(2):
        for hour in range(3):
            remind(NOON + day * DAY + hour * HOUR, ana)
    assert len(carrier.texts()) == 3


@in_a_table
@pytest.mark.req("M-02")
def test_half_past_midnight_at_the_practice_is_still_sunday_for_ana_in_hawaii(ana, carrier):
    User.objects.filter(pk=ana.pk).update(zone="Pacific/Honolulu")
    phone_of(ana)
    on_sunday = remind(wall("2026-11-29 15:00"), ana)  # 10:00 where Ana is
    on_monday = remind(wall("2026-11-30 00:30"), ana)  # 19:30, and Sunday
    at_last = remind(wall("2026-11-30 13:00"), ana)  # 8:00 on Monday
    assert [status_of(each, "sms") for each in (on_sunday, on_monday, at_last)] == [
        SENT,
        YIELDED,
        SENT,
    ]


@in_a_table
def test_a_text_that_waits_for_the_morning_is_one_of_that_day(ana, carrier):
    phone_of(ana)
    remind(NOON, ana)
    late = remind(wall("2026-11-24 22:00"), ana)
    assert status_of(late, "sms") == (DeliveryStatus.HELD, Reason.QUIET_HOURS)
    run(at=wall("2026-11-25 08:00"))
    assert status_of(late, "sms") == SENT


# -- what never yields --------------------------------------------------------------------------


def last_reminder():
    return AppointmentReminderPayload(**example_fields())


def of_an_imported_plan():
    """The last reminder as plans have it: it ends half an hour before the visit."""
    visit = example_fields()
    until = visit["appointment_date"] - timedelta(minutes=30)
    return AppointmentReminderPayload(**visit, current_until=until)


NEVER_YIELD = [
    AppointmentRescheduledPayload.example,
    AppointmentCancelledPayload.example,
    AppointmentConfirmedPayload.example,
    last_reminder,
    of_an_imported_plan,
]


@in_a_table
@pytest.mark.req("M-02")
@pytest.mark.parametrize("build", NEVER_YIELD)
def test_what_cannot_wait_goes_all_the_same_and_counts(ana, carrier, build):
    phone_of(ana)
    for minute in (0, 10, 20):
        send_at(NOON + minute * MINUTE, ana, build())
        run(at=NOON + minute * MINUTE + SETTLES_FOR)
    assert len(carrier.texts()) == 3
    assert status_of(remind(NOON + HOUR, ana), "sms") == YIELDED
    assert status_of(remind(NOON + DAY, ana), "sms") == YIELDED  # three this week


@in_a_table
@pytest.mark.req("M-02")
def test_what_is_urgent_is_never_capped(ana, carrier):
    phone_of(ana)
    remind(NOON, ana)
    urgent = remind(NOON, ana, priority=PatientNotificationPriority.URGENT)
    assert status_of(urgent, "sms") == SENT


@in_a_table
def test_a_code_and_an_answer_to_stop_are_outside_the_count(ana, ben, outbox, settings):
    settings.NOTIFICATIONS_SMS_PROVIDER = "notifications.providers.outbox.Outbox"
    phone_of(ana, ANAS_NUMBER)
    with clock.at(NOON):
        send(ana, early())
        run()
        unverified = phone_of(ben, ANAS_NUMBER, verified=False, agreed=False)
        contacts.send_code(patient_id=ben.pk, contact_id=unverified.pk, actor=DESK)
        help_me = Reply(event_key="help", sender=ANAS_NUMBER, text="HELP")
        incoming.take_reply(channel="sms", reply=help_me)
    assert len(outbox("sms")) >= 2
    assert TextUse.objects.count() == 1


# -- what counts --------------------------------------------------------------------------------


@in_a_table
def test_a_text_the_carrier_refused_reached_nobody_and_takes_nobodys_place(ana, carrier):
    phone_of(ana)
    carrier.answers = [ChannelError(code="21617", kind=ErrorKind.PERMANENT)]
    refused, next_one = remind(NOON, ana), remind(NOON + HOUR, ana)
    assert status_of(refused, "sms")[0] == DeliveryStatus.FAILED
    assert status_of(next_one, "sms") == SENT


@in_a_table
def test_a_text_that_is_tried_again_does_not_yield_to_itself(ana, carrier):
    phone_of(ana)
    later = ChannelError(code="30003", kind=ErrorKind.TRANSIENT, retry_after=HOUR)
    carrier.answers = [later]
    made = remind(NOON, ana)
    run(at=NOON + 2 * HOUR)
    assert status_of(made, "sms") == SENT
    assert TextUse.objects.get().used_at == NOON + 2 * HOUR


@in_a_table
def test_what_goes_in_a_forecast_is_counted_and_nothing_is_written(ana):
    """The same judging, with a tally that goes on from one day to the next."""
    phone_of(ana)
    tally, said = Tally(), []
    for day in range(5):
        with clock.at(NOON + day * DAY):
            rows = Delivery.objects.filter(notification=send(ana, early()), channel="sms")
            verdicts = decide_all(
                list(rows.select_related("notification")),
                people=People.of([ana.pk]),
                switched=Switches(),
                tally=tally,
            )
        said += [each.decision.reason for each in verdicts]
    assert said == [Reason.NONE] * 3 + [Reason.RATE_LIMITED] * 2
    assert not TextUse.objects.exists()


# -- another way ----------------------------------------------------------------------------------


@in_a_table
@pytest.mark.req("M-02")
def test_a_text_that_yields_goes_by_email_where_nothing_else_would_bring_it(ana, chat, carrier):
    phone_of(ana)
    email_of(ana)
    remind(NOON, ana)
    yields = send_at(NOON + HOUR, ana, ChatPayload())
    assert status_of(yields, "sms") == YIELDED
    by_mail = Delivery.objects.get(notification=yields, channel="email")
    assert (by_mail.status, by_mail.step) == (DeliveryStatus.ACCEPTED, 1)


@in_a_table
def test_a_patient_who_turned_email_off_gets_none_in_its_place(ana, chat):
    phone_of(ana)
    email_of(ana)
    preferences.change(
        patient_id=ana.pk, type_key="chat", changes={"email": False}, actor=f"user:{ana.pk}"
    )
    remind(NOON, ana)
    yields = send_at(NOON + HOUR, ana, ChatPayload())
    assert status_of(yields, "email") == (DeliveryStatus.SKIPPED, Reason.PREF_OFF)


# -- a manager ------------------------------------------------------------------------------------


@pytest.fixture
def yielded(ana, noon):
    """Ana's text that yielded, an hour after one that went."""
    phone_of(ana)
    remind(NOON - HOUR, ana)
    return delivery_of(remind(NOON, ana), "sms")


def employee(name, *rights):
    made = User.objects.create_user(username=name, password=PASSWORD, is_staff=True)
    made.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    return made


def page_of(row):
    return f"/admin/notifications/delivery/{row.pk}/send-all-the-same/"


@in_a_table
@pytest.mark.req("M-02")
def test_a_manager_sends_it_all_the_same_and_says_why(yielded, carrier):
    manager = employee("mia@example.com", "view_delivery", "lift_cap")
    window = signed_in(manager)
    shown = text_of(window.get(f"/admin/notifications/delivery/{yielded.pk}/change/"))
    assert page_of(yielded) in shown
    assert "This number has had enough texts" in text_of(window.get(page_of(yielded)))
    assert "This field is required" in text_of(window.post(page_of(yielded), {"why": " "}))
    answer = window.post(page_of(yielded), {"why": "She asked for it by phone"})
    assert answer.status_code == 302
    run(at=NOON)
    yielded.refresh_from_db()
    assert (yielded.status, yielded.uncapped_why) == (SENT[0], "She asked for it by phone")
    assert yielded.uncapped_by == f"user:{manager.pk}"
    assert len(carrier.texts()) == 2
    trail = AuditEvent.objects.get(action=AuditAction.CHANGED, object_id=str(yielded.pk))
    assert (trail.actor, trail.details) == (f"user:{manager.pk}", {"change": "cap_lifted"})


@in_a_table
@pytest.mark.req("M-02")
def test_the_front_desk_may_not(yielded):
    window = signed_in(employee("dana@example.com", "view_delivery", "change_delivery"))
    assert page_of(yielded) not in text_of(
        window.get(f"/admin/notifications/delivery/{yielded.pk}/change/")
    )
    assert window.get(page_of(yielded)).status_code == 403
    assert window.post(page_of(yielded), {"why": "please"}).status_code == 403
    yielded.refresh_from_db()
    assert (yielded.status, yielded.reason) == YIELDED


@in_a_table
@pytest.mark.req("M-02")
@pytest.mark.req("M-06")
def test_a_stop_beats_the_manager(yielded, carrier):
    stop = Reply(event_key="stop", sender=ANAS_NUMBER, text="STOP")
    incoming.take_reply(channel="sms", reply=stop)
    delivery.send_all_the_same(delivery_id=yielded.pk, actor="system:manager", why="urgent to us")
    run(at=NOON)
    yielded.refresh_from_db()
    assert (yielded.status, yielded.reason) == (DeliveryStatus.SKIPPED, Reason.OPTED_OUT_STOP)
    assert len(carrier.numbers()) == 1


@in_a_table
def test_only_what_yielded_is_sent_all_the_same_and_only_once(yielded, ana):
    who = {"actor": "system:manager", "why": "she asked for it"}
    delivery.send_all_the_same(delivery_id=yielded.pk, **who)
    with pytest.raises(Refused, match="did not yield"):
        delivery.send_all_the_same(delivery_id=yielded.pk, **who)


# -- many at once ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
@pytest.mark.req("M-02")
def test_of_fifty_who_reach_for_the_last_text_of_a_number_one_gets_it(ana, ben, carrier):
    """Of a mother and her son, at places that share no text: each thread takes what it finds."""
    with clock.at(NOON):
        for patient in (ana, ben):
            phone_of(patient, ANAS_NUMBER)
            for place in range(25):
                send(patient, early(location_name=f"{patient.first_name}'s place {place}"))
    Delivery.objects.exclude(channel="sms").delete()

    def worker():
        with clock.at(NOON):
            return claim(limit=1, report=delivery.Report())

    taken = [parcel for parcels in side_by_side(*[worker] * 50) for parcel in parcels]
    with clock.at(NOON):  # who passed by, because another was at work on the number, comes back
        while Delivery.objects.filter(status=DeliveryStatus.PLANNED).exists():
            taken += claim(limit=9, look=50, report=delivery.Report())
    assert len(taken) == 1
    reasons = Delivery.objects.exclude(pk=taken[0].delivery.pk).values_list("reason", flat=True)
    assert set(reasons) == {Reason.RATE_LIMITED}
    use = TextUse.objects.get()
    assert use.number_index == contacts.index_of(ANAS_NUMBER)
    assert taken[0].channel.contact_kind == ContactKind.PHONE
