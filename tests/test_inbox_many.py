"""The same change of several messages at once: all of them or none, and each written down."""

from uuid import uuid4

import pytest

from notifications import realtime
from notifications.enums import AuditAction, CallOutcome, CallReason
from notifications.models import AuditEvent, CallTask, PatientNotification
from notifications.services import patient_notification_service as inbox
from notifications.types import Refused
from tests.engine import NOON, NotePayload, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]


def many(patient, count):
    return [send(patient, NotePayload.example()).pk for _each in range(count)]


def change(patient, ids, name):
    return inbox.change_many(patient_id=patient.pk, notification_ids=ids, change=name)


def lying_in(patient, status):
    page = inbox.inbox(patient_id=patient.pk, status=status, limit=100)
    return {row.pk for row in page.items}


def unread(patient):
    return inbox.unread_count(patient_id=patient.pk)


def changes_noted(patient):
    rows = AuditEvent.objects.filter(patient_id=patient.pk, action=AuditAction.INBOX)
    return [(row.object_id, row.details["change"]) for row in rows.order_by("at")]


def test_several_are_archived_at_once_and_each_is_an_event_and_an_entry_of_the_trail(ana):
    first, second, third = many(ana, 3)
    start, _unread = realtime.position(patient_id=ana.pk)

    done = change(ana, [first, third], "archive")

    assert done.changed == [third, first] == [row.pk for row in done.rows]
    assert lying_in(ana, "archived") == {first, third}
    assert unread(ana) == 1
    events = inbox.changes_since(patient_id=ana.pk, seq=start).events
    assert [(each.kind, each.notification_id, each.unread) for each in events] == [
        ("archived", third, 2),
        ("archived", first, 1),
    ]
    assert [each.seq for each in events] == [start + 1, start + 2]
    assert sorted(changes_noted(ana)) == sorted(
        [(str(first), "archived"), (str(third), "archived")]
    )


def test_a_second_press_changes_and_writes_nothing(ana):
    ids = many(ana, 2)
    change(ana, ids, "dismiss")
    position, noted = realtime.position(patient_id=ana.pk), changes_noted(ana)
    again = change(ana, ids, "dismiss")
    assert again.changed == []
    assert {row.pk for row in again.rows} == set(ids)
    assert (realtime.position(patient_id=ana.pk), changes_noted(ana)) == (position, noted)


def test_only_those_that_were_unread_are_changed_and_taking_it_back_leaves_the_rest_read(ana):
    read, one, two = many(ana, 3)
    inbox.mark_read(patient_id=ana.pk, notification_id=read)
    done = change(ana, [read, one, two], "read")
    assert set(done.changed) == {one, two}
    change(ana, done.changed, "unread")
    assert unread(ana) == 2
    assert inbox.get(patient_id=ana.pk, notification_id=read).read_at == NOON


def test_the_way_back_keeps_what_was_read(ana):
    read, new = many(ana, 2)
    inbox.mark_read(patient_id=ana.pk, notification_id=read)
    change(ana, [read, new], "archive")
    change(ana, [read, new], "restore")
    assert lying_in(ana, "inbox") == {read, new}
    assert unread(ana) == 1


@pytest.mark.req("P-01")
def test_one_message_of_somebody_else_stops_all_of_it(ana, ben):
    mine, theirs = many(ana, 1)[0], many(ben, 1)[0]
    for strange in (theirs, uuid4()):
        with pytest.raises(PatientNotification.DoesNotExist):
            change(ana, [mine, strange], "archive")
    assert lying_in(ana, "inbox") == {mine}
    assert lying_in(ben, "inbox") == {theirs}


def test_none_too_many_and_what_is_no_change_are_refused(ana):
    mine = many(ana, 1)
    for ids, name in (
        ([], "read"),
        ([uuid4() for _ in range(101)], "read"),
        (mine, "confirm"),
        (mine, "snooze"),
    ):
        with pytest.raises(Refused):
            change(ana, ids, name)


def test_nobody_calls_about_what_was_read_among_others(ana):
    ids = many(ana, 2)
    call = CallTask.objects.create(
        patient=ana, notification_id=ids[0], reason=CallReason.NOT_REACHED, key="a", due_at=NOON
    )
    change(ana, ids, "read")
    call.refresh_from_db()
    assert call.outcome == CallOutcome.ANSWERED


def test_fifty_cost_as_many_queries_as_one(ana, django_assert_max_num_queries):
    ids = many(ana, 50)
    for name in ("read", "archive", "restore"):
        with django_assert_max_num_queries(12):
            assert len(change(ana, ids, name).changed) == 50


def test_drawing_a_list_notes_when_each_message_was_first_seen_and_tells_nobody(
    ana, ben, django_assert_num_queries
):
    many(ana, 2)
    theirs = many(ben, 1)[0]
    position = realtime.position(patient_id=ana.pk)
    items = inbox.inbox(patient_id=ana.pk).items
    strange = inbox.get(patient_id=ben.pk, notification_id=theirs)
    with django_assert_num_queries(1):
        assert inbox.mark_seen(patient_id=ana.pk, rows=[*items, strange]) == 2
    again = inbox.inbox(patient_id=ana.pk).items
    assert [row.seen_at for row in again] == [NOON, NOON]
    with django_assert_num_queries(0):
        assert inbox.mark_seen(patient_id=ana.pk, rows=again) == 0
    assert realtime.position(patient_id=ana.pk) == position
    assert unread(ana) == 2
    assert inbox.get(patient_id=ben.pk, notification_id=theirs).seen_at is None
