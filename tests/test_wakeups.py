"""A message is on its way at once; where the wake-up is lost, the minute's tick finds it."""

from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import OrmQ

from notifications import delivery
from notifications.enums import DeliveryStatus
from notifications.models import AuditEvent, Delivery, Heartbeat, InboxEvent, PatientNotification
from notifications.scheduler import tick
from notifications.services import patient_notification_service
from tests.engine import NotePayload, ToldMail, email_of, send, status_of

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.usefixtures("note", "carrier"),
]
SENT = (DeliveryStatus.ACCEPTED, "")


def waiting() -> int:
    return OrmQ.objects.count()


def test_a_new_message_wakes_a_worker_which_delivers_it(ana):
    email_of(ana)
    made = send(ana)
    assert waiting() == 1
    delivery.work()
    assert status_of(made, "email") == SENT


@pytest.mark.req("R-01")
def test_all_wake_ups_lost_the_tick_sends_everything(ana, ben):
    email_of(ana)
    email_of(ben)
    made = [send(ana), send(ben), send(ana)]
    OrmQ.objects.all().delete()
    tick()
    assert [status_of(each, "email") for each in made] == [SENT] * 3
    assert Heartbeat.objects.get(name="tick").beat_at > timezone.now() - timedelta(minutes=1)


@pytest.mark.req("R-01")
def test_a_transaction_that_fails_leaves_no_message_no_wake_up_and_no_trace(ana):
    email_of(ana)
    before = AuditEvent.objects.count()
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        send(ana)
        1 / 0  # noqa: B018 - the caller's own trouble
    assert waiting() == 0
    for table in (PatientNotification, Delivery, InboxEvent):
        assert not table.objects.exists()
    assert AuditEvent.objects.count() == before
    assert patient_notification_service.unread_count(patient_id=ana.pk) == 0


def test_nobody_is_woken_before_the_transaction_is_committed(ana):
    with transaction.atomic():
        send(ana)
        assert waiting() == 0
    assert waiting() == 1


def test_many_messages_need_one_wake_up(ana, ben):
    for _each in range(5):
        send(ana)
    with transaction.atomic():
        for _each in range(5):
            send(ben)
    assert waiting() == 1


def test_a_broadcast_needs_one_wake_up(ana, ben):
    patient_notification_service.create_many(
        patient_ids=[ana.pk, ben.pk],
        build=lambda _patient: NotePayload.example(),
        key=lambda _patient: "news",
    )
    assert waiting() == 1


def test_a_worker_that_has_begun_is_not_mistaken_for_one_that_waits(ana):
    """What has been handed out may have looked at the rows already: the next message wakes anew."""
    send(ana)
    [(_id, _task)] = get_broker().dequeue()
    send(ana)
    assert OrmQ.objects.filter(lock__lte=timezone.now()).count() == 1


def test_the_same_message_again_wakes_nobody(ana):
    send(ana, key="results:1")
    OrmQ.objects.all().delete()
    send(ana, key="results:1")
    assert waiting() == 0


def test_a_queue_that_is_broken_does_not_stop_a_message_from_being_made(ana):
    """The rows are the record and the wake-up is a hint: the tick finds them."""
    email_of(ana)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE django_q_ormq RENAME TO mislaid")
    try:
        made = send(ana)
        tick()
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE mislaid RENAME TO django_q_ormq")
    assert status_of(made, "email") == SENT


def test_two_ticks_in_a_row_send_once(ana):
    email_of(ana)
    send(ana)
    tick()
    tick()
    assert len(ToldMail.handed) == 1


def test_the_tick_is_safe_beside_a_wake_up(ana):
    email_of(ana)
    send(ana)
    delivery.work()
    tick()
    delivery.work()
    assert len(ToldMail.handed) == 1
