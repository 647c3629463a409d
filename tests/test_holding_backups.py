"""A backup was put back, and things are not as tidy as they might be."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from notifications import clock, delivery, incoming, switches
from notifications.enums import ContactStatus, DeliveryStatus, Reason
from notifications.models import AuditEvent, Delivery, DeliveryAttempt, Heartbeat, InboundText
from notifications.types import AnswerLost, NotSupported, Reply
from portal.models import Appointment
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.services import default_reminder_rules
from tests.clinic import a_visit
from tests.engine import (
    ANAS_NUMBER,
    BENS_NUMBER,
    NOON,
    NotePayload,
    Told,
    delivery_of,
    email_of,
    phone_of,
    run,
    send,
    status_of,
)
from tests.forgetful import Forgetful

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def book(settings):
    """A carrier of texts that keeps a book of its own, which no backup puts back."""
    Forgetful.fresh()
    settings.NOTIFICATIONS_SMS_PROVIDER = "tests.forgetful.Forgetful"
    return Forgetful.book


def restored(*, made_at, **options) -> None:
    call_command("hold", restored=made_at.isoformat(), why="restored", **options)


def forget(made) -> None:
    """Make a text's row what it was before it left, as a backup does."""
    row = delivery_of(made, "sms")
    DeliveryAttempt.objects.filter(delivery=row).delete()
    Delivery.objects.filter(pk=row.pk).update(
        status="planned", attempts=0, fence=0, provider_id="", settle_at=None
    )


def run_for_a_while(*, since) -> None:
    for number in range(1, 6):
        run(at=since + number * 3 * MINUTE)


# -- when the backup was made -------------------------------------------------------------------


@pytest.mark.req("H-20")
@pytest.mark.parametrize("by", ["system:hold", "system:watermark"])
def test_a_backup_made_while_all_was_held_is_asked_about_like_any_other(ana, book, by):
    phone_of(ana)
    switches.hold(actor="system:hold", why="an upgrade")  # as it stands in the backup
    made = send(ana)
    switches.lift(actor="system:release")  # after the backup
    run()
    forget(made)
    with clock.at(NOON + MINUTE):
        switches.hold(actor="system:hold", why="an upgrade")
    with clock.at(NOON + HOUR):
        assert switches.hold(actor=by, why="restored", restored_from=NOON - MINUTE)
        call_command("release")
        run()
    run_for_a_while(since=NOON + HOUR)
    assert len(book) == 1
    off, on = AuditEvent.objects.filter(action="switch").order_by("-id")[:2][::-1]
    assert (off.actor, off.details["change"]) == (by, "off")
    assert (on.actor, on.details["change"]) == ("system:release", "on")


@pytest.mark.req("H-20")
def test_of_two_moments_at_which_a_backup_may_have_been_made_the_earlier_counts():
    for hours in (2, 3, 1):
        switches.hold(actor="system:hold", why="restored", restored_from=NOON - hours * HOUR)
    everything = switches.read().everything
    assert everything.restored_from == NOON - 3 * HOUR
    assert everything.off_at == NOON


@pytest.mark.req("H-20")
def test_a_moment_named_too_late_is_put_right_by_the_databases_own_last_tick(ana, book):
    phone_of(ana)
    made = send(ana)
    run()
    forget(made)
    Heartbeat.objects.create(name="watermark", beat_at=NOON - MINUTE)
    with clock.at(NOON + 4 * HOUR):
        restored(made_at=NOON + 3 * HOUR)
        call_command("release")
    run_for_a_while(since=NOON + 4 * HOUR)
    assert len(book) == 1


def test_a_backup_of_tomorrow_is_refused():
    with pytest.raises(CommandError, match="has not come yet"):
        restored(made_at=NOON + HOUR)
    assert not switches.read().is_held


# -- what may have left -------------------------------------------------------------------------


@pytest.mark.req("H-20")
def test_one_message_that_cannot_be_written_keeps_no_other_from_going(ana, ben):
    email_of(ana)
    phone_of(ben)
    broken, whole = send(ana, AppointmentReminderPayload.example()), send(ben)
    broken.payload = broken.payload | {"location_zone": "Mars/Olympus"}
    broken.save()
    with clock.at(NOON + MINUTE):
        restored(made_at=NOON - HOUR)
        call_command("release")
    assert status_of(broken, "email") == (DeliveryStatus.SKIPPED, Reason.UNWRITABLE)
    assert status_of(whole, "sms")[0] == DeliveryStatus.UNKNOWN


@pytest.mark.req("H-20")
@pytest.mark.parametrize("is_handled", [True, False])
def test_what_was_left_to_a_person_long_ago_is_not_sent_after_a_restore(ana, carrier, is_handled):
    phone_of(ana)
    Told.answers = [AnswerLost(code="503")]
    made = send(ana)
    run()
    run(at=NOON + 16 * MINUTE)
    assert status_of(made, "sms")[1] == Reason.ANSWER_UNSETTLED
    if is_handled:
        delivery.mark_handled(delivery_id=delivery_of(made, "sms").pk, actor="system:desk")
    Told.known = []
    later = NOON + timedelta(days=60)
    with clock.at(later):
        restored(made_at=later - HOUR)
        call_command("release")
    run_for_a_while(since=later)
    assert len(carrier.texts()) == 1
    assert status_of(made, "sms") == (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNSETTLED)


def test_an_upgrade_asks_after_lost_answers_of_the_last_day_only(ana, ben):
    for patient, hours in ((ana, 23), (ben, 25)):
        phone_of(patient, BENS_NUMBER)
        Delivery.objects.filter(pk=delivery_of(send(patient), "sms").pk).update(
            status="unknown", status_at=timezone.now() - hours * HOUR, settle_at=None
        )
    upgrade = import_module("notifications.migrations.0006_settle_what_is_unknown")
    upgrade.settle(apps, SimpleNamespace(connection=connection))
    [asked] = Delivery.objects.filter(settle_at__isnull=False)
    assert asked.notification.patient_id == ana.pk


@pytest.mark.req("H-20")
@pytest.mark.parametrize("went", [True, False], ids=["it went", "it never went"])
def test_what_has_grown_too_old_since_the_backup_is_asked_about_before_it_is_called_unsent(
    ana, book, went
):
    phone_of(ana)
    made = send(ana, NotePayload(good_until=NOON + 10 * MINUTE))
    if went:
        run()
        forget(made)
    later = NOON + 20 * MINUTE
    with clock.at(later):
        restored(made_at=NOON - MINUTE)
        call_command("release")
        assert status_of(made, "sms")[0] == DeliveryStatus.UNKNOWN
    run_for_a_while(since=later)
    expected = DeliveryStatus.ACCEPTED if went else DeliveryStatus.EXPIRED
    assert status_of(made, "sms")[0] == expected
    assert len(book) == went


@pytest.mark.req("H-20")
def test_what_could_not_have_left_after_the_backup_is_not_asked_about(ana, ben, book):
    phone_of(ana)
    stale = send(ana, NotePayload(good_until=NOON + MINUTE))
    unaddressed = send(ben, NotePayload(good_until=NOON + 10 * MINUTE))
    with clock.at(NOON + 20 * MINUTE):
        restored(made_at=NOON + 5 * MINUTE)
        call_command("release")
    assert status_of(stale, "sms") == (DeliveryStatus.EXPIRED, Reason.EXPIRED)
    assert not DeliveryAttempt.objects.exists()
    outside = unaddressed.deliveries.exclude(channel="in_app")
    assert {row.status for row in outside} <= {DeliveryStatus.SKIPPED, DeliveryStatus.EXPIRED}


# -- two releases -------------------------------------------------------------------------------


@pytest.mark.req("H-20")
def test_of_two_releases_the_second_doubts_nothing_that_was_let_go(ana):
    phone_of(ana)
    made = send(ana)
    with clock.at(NOON + MINUTE):
        restored(made_at=NOON - HOUR)
        switches.lift(actor="system:release")  # the first, done while the second was beginning
        second = delivery.doubt(restored_from=NOON - HOUR, held_at=NOON + MINUTE)
    assert second.total == 0
    assert status_of(made, "sms")[0] == DeliveryStatus.PLANNED


@pytest.mark.req("H-20")
def test_a_release_does_not_end_a_hold_that_began_after_it():
    switches.hold(actor="system:hold", why="one")
    with clock.at(NOON + MINUTE):
        switches.lift(actor="system:release")
        switches.hold(actor="system:hold", why="another")
        assert not switches.lift(actor="system:release", since=NOON)
    assert switches.read().held_since() == NOON + MINUTE


# -- what patients wrote meanwhile --------------------------------------------------------------


def wrote(words, *, at, number=ANAS_NUMBER, key="SM1"):
    """Let a number write to the practice after the backup was made."""
    return Reply(event_key=key, sender=number, text=words, written_at=at)


@pytest.mark.req("H-20")
@pytest.mark.req("M-04")
def test_who_said_stop_after_the_backup_gets_no_text_after_the_restore(ana, ben, carrier, capsys):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    Told.known = []
    Told.written = [
        wrote("STOP", at=NOON - 2 * HOUR, number=BENS_NUMBER, key="SM0"),  # the backup knows it
        wrote("STOP", at=NOON - MINUTE),
    ]
    hers, his = send(ana), send(ben)
    with clock.at(NOON + MINUTE):
        restored(made_at=NOON - HOUR)
        call_command("release")
    assert "1 texts that patients wrote" in capsys.readouterr().out
    run_for_a_while(since=NOON + MINUTE)
    assert status_of(hers, "sms") == (DeliveryStatus.SKIPPED, Reason.OPTED_OUT_STOP)
    assert status_of(his, "sms")[0] == DeliveryStatus.ACCEPTED
    assert carrier.numbers() == [BENS_NUMBER]
    [text] = InboundText.objects.all()
    assert (text.received_at, text.answer) == (NOON - MINUTE, None)


@pytest.mark.req("H-20")
@pytest.mark.parametrize("words", [("STOP", "START"), ("START", "STOP")])
def test_the_last_word_counts_also_where_it_came_in_before_the_older_ones_were_fetched(ana, words):
    contact = phone_of(ana)
    earlier, later = words
    Told.written = [
        wrote(earlier, at=NOON - HOUR / 2),
        wrote(later, at=NOON, key="SM2"),
    ]
    restored(made_at=NOON - HOUR)
    incoming.take_reply(channel="sms", reply=Reply(event_key="SM2", sender=ANAS_NUMBER, text=later))
    with clock.at(NOON + MINUTE):
        call_command("release")
    contact.refresh_from_db()
    assert (contact.status == ContactStatus.OPTED_OUT) == (later == "STOP")


@pytest.mark.req("H-20")
def test_a_yes_that_was_fetched_confirms_no_visit_and_waits_for_a_person(
    ana, ben, location, provider
):
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    default_reminder_rules(location)
    in_two_days = NOON + timedelta(days=2)
    hers, his = (
        a_visit(each, in_two_days, location=location, provider=provider, announce=False)
        for each in (ana, ben)
    )
    run()  # the questions that the backup knows; what was asked after it, it does not
    Told.written = [wrote("1", at=NOON + MINUTE)]
    with clock.at(NOON + HOUR):
        restored(made_at=NOON)
        reply = Reply(event_key="SM9", sender=BENS_NUMBER, text="1")
        incoming.take_reply(channel="sms", reply=reply)  # he answers while all is held
        call_command("release")
    hers.refresh_from_db()
    his.refresh_from_db()
    assert (hers.status, his.status) == (Appointment.Status.BOOKED, Appointment.Status.CONFIRMED)
    [waiting] = InboundText.objects.filter(handled_at=None)
    assert waiting.number == ANAS_NUMBER


@pytest.mark.req("H-20")
@pytest.mark.parametrize(
    ("fault", "said"),
    [(NotSupported(), "cannot list what patients wrote"), (AnswerLost(code="503"), r"\(503\)")],
)
def test_where_the_carrier_cannot_say_who_said_stop_all_stays_held(ana, carrier, fault, said):
    phone_of(ana)
    Told.written = fault
    made = send(ana)
    with clock.at(NOON + MINUTE):
        restored(made_at=NOON - HOUR)
        with pytest.raises(CommandError, match=said):
            call_command("release")
        run()
        assert status_of(made, "sms")[0] == DeliveryStatus.PLANNED
        call_command("release", without_replies=True)
    assert not switches.read().is_held


def test_a_hold_without_a_backup_asks_no_carrier_what_was_written(ana):
    Told.written = NotSupported()
    call_command("hold")
    call_command("release")
    assert not switches.read().is_held


def test_where_no_texts_are_sent_nobody_is_asked_who_said_stop(settings):
    settings.NOTIFICATIONS_SMS_PROVIDER = ""
    restored(made_at=NOON - HOUR)
    call_command("release")
    assert not switches.read().is_held
