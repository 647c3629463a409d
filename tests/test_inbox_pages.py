"""Reading an inbox page by page, and marking all that was seen as read."""

from datetime import timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from notifications.crypto import PatientKey
from notifications.enums import InboxEventKind
from notifications.models import InboxEvent
from notifications.services import patient_notification_service as inbox
from notifications.types import Refused
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.lab_results import LabResultsPayload
from tests.engine import NOON, NotePayload, run, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]


def many(patient, count, payload=None):
    return [send(patient, payload).pk for _each in range(count)]


def page(patient, **options):
    return inbox.inbox(patient_id=patient.pk, **options)


def ids(patient, **options):
    return [row.pk for row in page(patient, **options).items]


def read_all(patient, **options):
    return inbox.mark_all_read(patient_id=patient.pk, **options)


def unread(patient):
    return inbox.unread_count(patient_id=patient.pk)


# -- pages --------------------------------------------------------------------------------------


def test_pages_go_from_newest_to_oldest_and_the_last_one_has_no_next(ana, ben):
    made = many(ana, 5)
    many(ben, 2)
    first = page(ana, limit=2)
    second = page(ana, limit=2, before=first.next_cursor)
    third = page(ana, limit=2, before=second.next_cursor)
    seen = [row.pk for each in (first, second, third) for row in each.items]
    assert seen == made[::-1]
    assert third.next_cursor == ""


def test_a_full_last_page_promises_nothing_more(ana):
    many(ana, 4)
    first = page(ana, limit=2)
    assert page(ana, limit=2, before=first.next_cursor).next_cursor == ""


@pytest.mark.req("P-29")
def test_nothing_is_shown_twice_or_left_out_while_new_messages_arrive(ana):
    made = many(ana, 6)
    seen, cursor = [], ""
    for _page in range(3):
        current = page(ana, limit=2, before=cursor)
        seen += [row.pk for row in current.items]
        cursor = current.next_cursor
        many(ana, 3)  # arrivals in between
    assert seen == made[::-1]


def test_nothing_is_left_out_when_rows_on_the_page_before_are_put_away(ana):
    made = many(ana, 6)
    first = page(ana, limit=2)
    for row in first.items:
        inbox.dismiss(patient_id=ana.pk, notification_id=row.pk)
    assert ids(ana, limit=4, before=first.next_cursor) == made[3::-1]


def test_the_page_says_where_the_stream_stood_and_how_many_are_unread(ana):
    many(ana, 3)
    current = page(ana, limit=1)
    assert (current.seq, current.unread) == (3, 3)
    assert [event.seq for event in inbox.changes_since(patient_id=ana.pk, seq=1).events] == [2, 3]


def test_an_empty_inbox_is_an_empty_page(ana):
    current = page(ana)
    assert (current.items, current.next_cursor, current.unread, current.seq) == ([], "", 0, 0)


def test_a_page_of_a_hundred_costs_as_many_queries_as_a_page_of_one(ana, django_assert_num_queries):
    many(ana, 3)
    for limit in (1, 100):
        with django_assert_num_queries(3):  # one for the patient's key while it is new
            assert all(row.message for row in page(ana, limit=limit).items)
    PatientKey.objects.update(created_at=timezone.now() - timedelta(hours=1))
    page(ana)
    with django_assert_num_queries(2):
        assert all(row.message for row in page(ana).items)


def test_filters_narrow_the_page_and_its_next_one(ana):
    visit = many(ana, 1, AppointmentReminderPayload.example())
    results = many(ana, 3, LabResultsPayload.example())
    assert ids(ana, type_key="appointment_reminder") == visit
    assert ids(ana, category="clinical") == results[::-1]
    first = page(ana, category="clinical", limit=2)
    assert ids(ana, category="clinical", limit=2, before=first.next_cursor) == results[:1]
    assert ids(ana, category="billing") == []


@pytest.mark.parametrize(
    ("wrong", "field", "words"),
    [
        ({"limit": 101}, "limit", "1 to 100"),
        ({"limit": 0}, "limit", "1 to 100"),
        ({"limit": -1}, "limit", "1 to 100"),
        ({"status": "trash"}, "status", "inbox, archived, dismissed"),
        ({"type_key": "gossip"}, "type", "lab_results"),
        ({"category": "gossip"}, "category", "appointments"),
        ({"before": "abc"}, "before", "not a cursor"),
        ({"before": "-1"}, "before", "not a cursor"),
        ({"before": "9" * 30}, "before", "not a cursor"),
        ({"before": "1; DROP TABLE"}, "before", "not a cursor"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(ana, wrong, field, words):
    with pytest.raises(Refused, match=words) as refusal:
        page(ana, **wrong)
    assert refusal.value.field == field


# -- read all -----------------------------------------------------------------------------------


@pytest.mark.req("P-14")
def test_read_all_stops_at_what_was_shown(ana):
    many(ana, 3)
    shown = page(ana).seq
    later = many(ana, 1)
    done = read_all(ana, up_to=shown)
    assert (done.count, done.unread) == (3, 1)
    assert ids(ana, unread_only=True) == later


@pytest.mark.req("P-14")
def test_read_all_covers_the_filter_shown_and_nothing_else(ana):
    many(ana, 2, LabResultsPayload.example())
    visits = many(ana, 2, AppointmentReminderPayload.example())
    assert read_all(ana, category="clinical").count == 2
    assert ids(ana, unread_only=True) == visits[::-1]
    assert read_all(ana, type_key="appointment_reminder").count == 2


@pytest.mark.req("S-01")
def test_read_all_is_of_one_patient(ana, ben):
    many(ana, 2)
    many(ben, 2)
    read_all(ana)
    assert (unread(ana), unread(ben)) == (0, 2)


def test_read_all_leaves_what_is_put_away_as_it_is_and_is_one_event(ana):
    first, *_rest = many(ana, 3)
    inbox.dismiss(patient_id=ana.pk, notification_id=first)
    assert read_all(ana).count == 2
    inbox.restore(patient_id=ana.pk, notification_id=first)
    assert ids(ana, unread_only=True) == [first]
    assert InboxEvent.objects.filter(kind=InboxEventKind.READ_ALL).count() == 1


def test_reading_all_of_nothing_does_nothing(ana):
    done = read_all(ana)
    assert (done.count, done.batch, done.unread) == (0, None, 0)
    assert not InboxEvent.objects.exists()


def test_undo_makes_exactly_that_batch_unread_again(ana):
    read_by_hand = many(ana, 1)[0]
    inbox.mark_read(patient_id=ana.pk, notification_id=read_by_hand)
    batch = many(ana, 3)
    done = read_all(ana)
    later = many(ana, 1)
    assert inbox.undo_read(patient_id=ana.pk, batch=done.batch) == 3
    assert ids(ana, unread_only=True) == [*later, *batch[::-1]]
    assert unread(ana) == 4
    assert inbox.undo_read(patient_id=ana.pk, batch=done.batch) == 0


def test_undo_counts_only_what_is_still_in_the_inbox(ana):
    first, second, third = many(ana, 3)
    done = read_all(ana)
    inbox.archive(patient_id=ana.pk, notification_id=first)
    inbox.snooze(patient_id=ana.pk, notification_id=second, until=NOON + timedelta(hours=1))
    inbox.undo_read(patient_id=ana.pk, batch=done.batch)
    assert (unread(ana), ids(ana, unread_only=True)) == (1, [third])


def test_undo_after_a_snoozed_message_woke_counts_it_once(ana):
    [only] = many(ana, 1)
    done = read_all(ana)
    inbox.snooze(patient_id=ana.pk, notification_id=only, until=NOON + timedelta(hours=1))
    run(at=NOON + timedelta(hours=1))
    assert unread(ana) == 1
    inbox.undo_read(patient_id=ana.pk, batch=done.batch)
    assert unread(ana) == 1


def test_undo_leaves_what_was_marked_by_hand_in_between(ana):
    [only] = many(ana, 1)
    done = read_all(ana)
    inbox.mark_unread(patient_id=ana.pk, notification_id=only)
    inbox.mark_read(patient_id=ana.pk, notification_id=only)
    assert inbox.undo_read(patient_id=ana.pk, batch=done.batch) == 0
    assert unread(ana) == 0


@pytest.mark.req("S-01")
def test_ben_cannot_undo_anas_batch(ana, ben):
    many(ana, 2)
    done = read_all(ana)
    for batch in (done.batch, uuid4()):
        assert inbox.undo_read(patient_id=ben.pk, batch=batch) == 0
    assert unread(ana) == 0


def test_read_all_of_fifty_is_as_many_queries_as_of_one(ana, django_assert_max_num_queries):
    many(ana, 50, NotePayload.example())
    with django_assert_max_num_queries(10):
        assert read_all(ana).count == 50
