"""All is held: by a person, or because the database comes from a backup."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from notifications import clock, delivery, switches
from notifications.enums import DeliveryStatus, Reason
from notifications.models import AuditEvent, Delivery, DeliveryAttempt, Heartbeat, Switch
from notifications.scheduler import notification_scheduler_service, tick
from notifications.services import patient_notification_service
from notifications.types import Receipt
from tests.engine import (
    BENS_NUMBER,
    NOON,
    NotePayload,
    Told,
    ToldMail,
    delivery_of,
    email_of,
    phone_of,
    run,
    send,
    send_at,
    status_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
BACKUP = NOON - HOUR
PLANNED, ACCEPTED = (DeliveryStatus.PLANNED, ""), (DeliveryStatus.ACCEPTED, "")


def hold(**options):
    call_command("hold", **options)


def release(capsys) -> str:
    call_command("release")
    return capsys.readouterr().out


def restored() -> None:
    """Put a backup of an hour ago back: what was sent since is planned again."""
    hold(restored=BACKUP.isoformat(), why="restored")


def has(made, sid, *, status=DeliveryStatus.ACCEPTED):
    """Say that the carrier has a text of a message."""
    Told.known.append(
        Receipt(
            delivery_id=delivery_of(made, "sms").pk,
            provider_id=sid,
            event_key=sid,
            status=status,
        )
    )


# -- a person holds -----------------------------------------------------------------------------


def test_while_all_is_held_nothing_leaves_and_the_inbox_goes_on(ana, ben, carrier, capsys):
    for patient, number in ((ana, "+12125550142"), (ben, BENS_NUMBER)):
        phone_of(patient, number)
        email_of(patient)
    hold(why="the carrier moves house")
    for patient in (ana, ben):
        made = send(patient)
        run()
        assert (status_of(made, "sms"), status_of(made, "email")) == (PLANNED, PLANNED)
        assert status_of(made, "in_app")[0] == DeliveryStatus.DELIVERED
    assert carrier.handed == ToldMail.handed == []
    assert "Released what was held" in release(capsys)
    run()
    assert len(carrier.texts()) == len(ToldMail.handed) == 2


def test_why_it_waits_is_said_where_somebody_asks(ana):
    phone_of(ana)
    hold()
    made = send(ana)
    known = {
        each.channel: dict(each.gates)
        for each in patient_notification_service.explain(patient_id=ana.pk, notification_id=made.pk)
    }
    assert known["sms"]["nothing_held"] == Reason.ALL_HELD
    [previewed] = [
        each
        for each in patient_notification_service.preview(patient_id=ana.pk, payload=NotePayload())
        if each.channel == "sms"
    ]
    assert previewed.decision.reason == Reason.ALL_HELD


def test_what_grows_too_old_meanwhile_is_not_sent(ana, carrier, capsys):
    phone_of(ana)
    hold()
    made = send(ana, NotePayload(good_until=NOON + HOUR))
    with clock.at(NOON + 2 * HOUR):
        release(capsys)
        run()
    assert status_of(made, "sms") == (DeliveryStatus.EXPIRED, Reason.EXPIRED)
    assert carrier.texts() == []


def test_holding_twice_and_releasing_nothing_are_sentences(capsys):
    hold()
    with pytest.raises(CommandError, match="held already, since 2026-11-24"):
        hold()
    release(capsys)
    assert release(capsys) == "Nothing is held.\n"


def test_a_backup_without_a_zone_is_refused():
    with pytest.raises(CommandError, match="not a moment with its zone"):
        hold(restored="2026-11-24 03:00")
    assert not Switch.objects.exists()


def test_each_switch_is_a_row_of_the_trail(capsys):
    hold()
    release(capsys)
    rows = AuditEvent.objects.filter(action="switch").order_by("id")
    assert [(row.actor, row.details) for row in rows] == [
        ("system:hold", {"switch": "everything", "change": "off"}),
        ("system:release", {"switch": "everything", "change": "on"}),
    ]


# -- a backup was put back ----------------------------------------------------------------------


@pytest.mark.req("H-20")
@pytest.mark.req("W10")
def test_what_left_after_the_backup_does_not_leave_again(ana, ben, carrier, capsys):
    Told.known = []
    phone_of(ana)
    phone_of(ben, BENS_NUMBER)
    gone = send_at_without_running(NOON - HOUR / 2, ana)
    unsent = send_at_without_running(NOON - HOUR / 2, ben)
    restored()
    has(gone, "SM1")
    assert "2 messages may have been sent since the backup" in release(capsys)
    run()
    assert status_of(gone, "sms") == ACCEPTED
    assert status_of(unsent, "sms") == (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNKNOWN)
    run(at=NOON + 2 * MINUTE)
    run(at=NOON + 3 * MINUTE)
    assert status_of(unsent, "sms") == ACCEPTED
    assert carrier.numbers() == [BENS_NUMBER]


@pytest.mark.req("H-20")
def test_an_email_nobody_can_ask_about_waits_for_a_person(ana, carrier, capsys):
    email_of(ana)
    made = send_at_without_running(NOON - HOUR / 2, ana)
    restored()
    release(capsys)
    for minutes in (0, 11, 16, 60):
        run(at=NOON + minutes * MINUTE)
    assert status_of(made, "email") == (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNSETTLED)
    assert ToldMail.handed == []


@pytest.mark.req("H-20")
def test_what_is_made_after_the_backup_was_put_back_goes_without_questions(ana, carrier, capsys):
    phone_of(ana)
    restored()
    with clock.at(NOON + MINUTE):
        made = send(ana)
        release(capsys)
        run()
    assert status_of(made, "sms") == ACCEPTED
    assert len(carrier.texts()) == 1


@pytest.mark.req("H-20")
def test_a_plan_that_was_due_after_the_backup_is_asked_about_as_well(ana, carrier, capsys):
    Told.known = []
    phone_of(ana)
    plan = notification_scheduler_service.plan(
        patient_id=ana.pk,
        payload=NotePayload.example(),
        subject="note:1",
        rule="one",
        due_at=NOON - HOUR / 2,
        key="note:1:one",
    )
    restored()
    with clock.at(NOON + MINUTE):
        run()  # the inbox goes on: the message is there, and does not leave
        plan.refresh_from_db()
        has(plan.notification, "SM1")
        release(capsys)
        run()
    assert status_of(plan.notification, "sms") == ACCEPTED
    assert carrier.texts() == []


@pytest.mark.req("H-20")
def test_an_email_repeated_after_the_backup_is_not_repeated_again(ana, carrier, capsys):
    email_of(ana)
    carrier.answers = [ConnectionResetError("cut")]
    made = send_at(NOON - 2 * HOUR, ana)
    assert status_of(made, "email")[0] == DeliveryStatus.UNKNOWN
    Delivery.objects.filter(status=DeliveryStatus.UNKNOWN).update(settle_at=NOON + HOUR)
    restored()
    release(capsys)
    for minutes in (0, 11, 61):
        run(at=NOON + minutes * MINUTE)
    assert len(ToldMail.handed) == 1
    assert status_of(made, "email") == (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNSETTLED)


@pytest.mark.req("H-20")
def test_a_database_older_than_this_machine_has_seen_is_held_by_itself(ana, carrier, mark, capsys):
    phone_of(ana)
    tick()
    three_hours_ago = timezone.now() - 3 * HOUR
    Heartbeat.objects.filter(name="watermark").update(beat_at=three_hours_ago)
    made = send(ana)
    delivery.work()  # a wake-up comes before the first tick
    assert status_of(made, "sms") == PLANNED
    everything = switches.read().everything
    assert everything.off_by == "system:watermark"
    assert timezone.now() - everything.restored_from > 2 * HOUR
    release(capsys)
    tick()
    assert not switches.read().is_held


def test_no_attempt_of_a_backup_counts_as_the_carriers_fault(ana, carrier, capsys):
    phone_of(ana)
    for _each in range(6):
        send_at_without_running(NOON - HOUR / 2, ana)
    restored()
    release(capsys)
    assert DeliveryAttempt.objects.filter(code="restored").count() == 6
    switches.note_trouble(channel="sms")
    assert switches.read().shut() == []


def send_at_without_running(at, patient):
    with clock.at(at):
        return send(patient)
