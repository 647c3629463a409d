"""A message put off: it lies in one list at a time, comes back once, and is counted once."""

from datetime import timedelta

import pytest

from notifications import clock, inbox
from notifications.models import InboxEvent
from notifications.services import patient_notification_service as service
from tests.engine import NOON, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "noon")]
TONIGHT, TOMORROW = NOON + timedelta(hours=6), NOON + timedelta(hours=20)


@pytest.fixture
def message(ana):
    return send(ana)


def do(verb: str, message, **details):
    who = {"patient_id": message.patient_id, "notification_id": message.pk}
    return getattr(service, verb)(**who, **details)


def badge(patient) -> int:
    return service.unread_count(patient_id=patient.pk)


def test_undoing_an_old_read_all_does_not_count_a_message_twice_that_came_back_since(ana, message):
    batch = service.mark_all_read(patient_id=ana.pk).batch
    do("snooze", message, until=TONIGHT)
    with clock.at(TONIGHT):
        assert inbox.wake_due() == 1
        assert badge(ana) == 1
        assert service.undo_read(patient_id=ana.pk, batch=batch) == 0
    assert badge(ana) == 1


def test_a_message_dismissed_while_it_was_put_off_keeps_its_read_state_and_stays_away(ana, message):
    do("mark_read", message)
    do("snooze", message, until=TONIGHT)
    do("dismiss", message)
    told = InboxEvent.objects.count()
    with clock.at(TONIGHT):
        inbox.wake_due()
    assert InboxEvent.objects.count() == told
    assert do("restore", message).read_at is not None


def test_a_message_put_off_from_the_archive_lies_under_snoozed_and_comes_back(ana, message):
    do("archive", message)
    do("snooze", message, until=TONIGHT)
    shown = service.inbox(patient_id=ana.pk, status="snoozed").items
    assert [each.pk for each in shown] == [message.pk]
    assert service.inbox(patient_id=ana.pk, status="archived").items == []
    with clock.at(TONIGHT):
        inbox.wake_due()
    assert [each.pk for each in service.inbox(patient_id=ana.pk).items] == [message.pk]


def test_who_puts_a_message_off_again_as_it_comes_back_has_the_last_word(ana, message):
    do("snooze", message, until=TONIGHT)
    with clock.at(TONIGHT):
        do("snooze", message, until=TOMORROW)
        inbox.change(
            patient_id=ana.pk,
            notification_id=message.pk,
            event="woken",
            apply=inbox.changes.waking,
            actor="system:tick",
        )
    assert do("get", message).snoozed_until == TOMORROW
