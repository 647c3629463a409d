"""One message in an inbox: read, put away, brought back, and nobody else's."""

from datetime import timedelta
from uuid import uuid4

import pytest

from notifications import clock
from notifications.enums import AuditAction, InboxEventKind
from notifications.models import AuditEvent, InboxEvent, PatientNotification
from notifications.services import patient_notification_service as inbox
from notifications.types import Refused
from tests.engine import NOON, NotePayload, run, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
HOUR = timedelta(hours=1)
TOMORROW = NOON + 24 * HOUR
ACTIONS = ["open", "mark_read", "mark_unread", "dismiss", "archive", "restore"]


def do(what, message, **options):
    act = getattr(inbox, what)
    return act(patient_id=message.patient_id, notification_id=message.pk, **options)


def listed(patient, status="inbox", **filters):
    page = inbox.inbox(patient_id=patient.pk, status=status, **filters)
    return [row.pk for row in page.items]


def unread(patient):
    return inbox.unread_count(patient_id=patient.pk)


def events(patient):
    rows = InboxEvent.objects.filter(patient=patient).order_by("seq")
    return list(rows.values_list("kind", "unread"))


# -- read and unread ----------------------------------------------------------------------------


def test_a_new_message_is_unread_until_it_is_opened(ana):
    message = send(ana)
    assert unread(ana) == 1
    assert listed(ana) == [message.pk]
    assert unread(ana) == 1  # looking at the list reads nothing
    opened = do("open", message)
    assert (unread(ana), opened.read_at) == (0, NOON)


def test_marked_as_unread_it_counts_again(ana):
    message = send(ana)
    do("mark_read", message)
    do("mark_unread", message)
    assert unread(ana) == 1
    assert listed(ana, unread_only=True) == [message.pk]


def test_a_read_message_stays_in_the_inbox(ana):
    message = send(ana)
    do("mark_read", message)
    assert listed(ana) == [message.pk]
    assert listed(ana, unread_only=True) == []


@pytest.mark.parametrize("action", ["mark_read", "dismiss", "archive"])
def test_doing_the_same_twice_is_doing_it_once(ana, action):
    message = send(ana)
    first, second = do(action, message), do(action, message)
    assert len(events(ana)) == 2  # created, and the one change
    assert unread(ana) == 0
    assert (first.read_at, first.dismissed_at) == (second.read_at, second.dismissed_at)


# -- away and back ------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "shelf"), [("dismiss", "dismissed"), ("archive", "archived")])
def test_put_away_it_is_gone_from_inbox_and_badge_and_found_on_its_shelf(ana, action, shelf):
    message, other = send(ana), send(ana)
    do(action, message)
    assert listed(ana) == [other.pk]
    assert listed(ana, shelf) == [message.pk]
    assert set(listed(ana, "all")) == {message.pk, other.pk}
    assert unread(ana) == 1


@pytest.mark.req("P-12")
@pytest.mark.parametrize("action", ["dismiss", "archive"])
@pytest.mark.parametrize("was_read", [True, False])
def test_brought_back_it_is_as_it_was_before(ana, action, was_read):
    message, newer = send(ana), send(ana)
    if was_read:
        do("mark_read", message)
    before = (unread(ana), listed(ana))
    do(action, message)
    do("restore", message)
    assert (unread(ana), listed(ana)) == before == (2 - was_read, [newer.pk, message.pk])


def test_a_message_lies_on_one_shelf_at_a_time(ana):
    message = send(ana)
    for action, shelf in [
        ("archive", "archived"),
        ("dismiss", "dismissed"),
        ("archive", "archived"),
    ]:
        do(action, message)
        shelves = [name for name in ("archived", "dismissed", "snoozed") if listed(ana, name)]
        assert shelves == [shelf]


def test_what_was_dismissed_never_comes_back_by_itself(ana):
    message = send(ana, key="results:1")
    do("dismiss", message)
    assert send(ana, key="results:1").pk == message.pk
    do("mark_unread", message)
    run(at=TOMORROW)
    assert listed(ana) == []
    assert unread(ana) == 0
    assert listed(ana, "dismissed") == [message.pk]


# -- remind me later ----------------------------------------------------------------------------


def test_snoozed_it_is_hidden_until_its_hour_and_comes_back_unread(ana):
    message = send(ana)
    do("mark_read", message)
    do("snooze", message, until=TOMORROW)
    assert (listed(ana), listed(ana, "snoozed"), unread(ana)) == ([], [message.pk], 0)
    run(at=TOMORROW - timedelta(seconds=1))
    assert listed(ana) == []
    run(at=TOMORROW)
    assert (listed(ana), listed(ana, "snoozed"), unread(ana)) == ([message.pk], [], 1)
    assert events(ana)[-1] == (InboxEventKind.WOKEN, 1)


def test_a_snoozed_message_that_is_dismissed_sleeps_on(ana):
    message = send(ana)
    do("snooze", message, until=TOMORROW)
    do("dismiss", message)
    run(at=TOMORROW + HOUR)
    assert (listed(ana), listed(ana, "dismissed"), unread(ana)) == ([], [message.pk], 0)
    assert InboxEventKind.WOKEN not in [kind for kind, _unread in events(ana)]


def test_snoozed_again_for_longer_it_is_not_woken_at_the_first_hour(ana):
    message = send(ana)
    do("snooze", message, until=TOMORROW)
    do("snooze", message, until=TOMORROW + HOUR)
    run(at=TOMORROW)
    assert listed(ana) == []
    run(at=TOMORROW + HOUR)
    assert listed(ana) == [message.pk]


def test_it_can_be_brought_back_before_its_hour(ana):
    message = send(ana)
    do("snooze", message, until=TOMORROW)
    do("restore", message)
    assert (listed(ana), unread(ana)) == ([message.pk], 1)
    run(at=TOMORROW)
    assert InboxEventKind.WOKEN not in [kind for kind, _unread in events(ana)]


@pytest.mark.parametrize(
    ("hours", "why"), [(0, "still to come"), (-1, "still to come"), (2, "too late")]
)
def test_a_useless_hour_is_refused_with_the_reason(ana, hours, why):
    message = send(ana, NotePayload(good_until=NOON + 2 * HOUR))
    with pytest.raises(Refused, match=why) as refusal:
        do("snooze", message, until=NOON + hours * HOUR)
    assert refusal.value.field == "until"
    assert listed(ana) == [message.pk]


# -- no longer current --------------------------------------------------------------------------


def test_past_its_time_it_stays_visible_and_counts_no_more(ana):
    message = send(ana, NotePayload(good_until=NOON + HOUR))
    run(at=NOON + HOUR)
    assert (listed(ana), unread(ana)) == ([message.pk], 0)
    assert listed(ana, unread_only=True) == []
    assert events(ana)[-1] == (InboxEventKind.EXPIRED, 0)


def test_one_that_was_read_in_time_is_not_counted_down_twice(ana):
    read, kept = send(ana, NotePayload(good_until=NOON + HOUR)), send(ana)
    do("mark_read", read)
    run(at=NOON + HOUR)
    assert (unread(ana), listed(ana, unread_only=True)) == (1, [kept.pk])


# -- answered -----------------------------------------------------------------------------------


@pytest.mark.req("P-07")
def test_an_answer_is_taken_once_and_reads_the_message(ana):
    message = send(ana)
    answered = do("act", message, action="confirm")
    assert (answered.action_taken, answered.acted_at, unread(ana)) == ("confirm", NOON, 0)
    with clock.at(NOON + HOUR):
        assert do("act", message, action="confirm").acted_at == NOON
    assert [kind for kind, _unread in events(ana)] == ["created", "acted"]


def test_what_a_message_does_not_ask_cannot_be_answered(ana):
    with pytest.raises(Refused, match="does not ask") as refusal:
        do("act", send(ana), action="pay")
    assert refusal.value.field == "action"


# -- whose it is --------------------------------------------------------------------------------


@pytest.mark.req("P-01")
@pytest.mark.req("S-01")
@pytest.mark.parametrize("action", ["get", "history", "explain", *ACTIONS])
def test_bens_hands_on_anas_message_find_what_finds_a_made_up_one(ana, ben, action):
    message = send(ana)
    for notification_id in (message.pk, uuid4()):
        with pytest.raises(PatientNotification.DoesNotExist):
            getattr(inbox, action)(patient_id=ben.pk, notification_id=notification_id)
    assert (unread(ana), listed(ana), listed(ben, "all")) == (1, [message.pk], [])


# -- what is written down -----------------------------------------------------------------------


@pytest.mark.req("H-06")
def test_each_change_leaves_one_audit_row_and_each_look_by_another_one_more(ana, ben):
    message = send(ana)
    do("archive", message)
    do("open", message, actor_id=ben.pk)
    do("open", message)
    rows = AuditEvent.objects.filter(object_id=str(message.pk)).order_by("id")
    told = [(row.action, row.actor, row.details.get("change")) for row in rows]
    assert told[1:] == [
        (AuditAction.INBOX, f"user:{ana.pk}", "archived"),
        (AuditAction.INBOX, f"user:{ben.pk}", "read"),
        (AuditAction.VIEWED, f"user:{ben.pk}", None),
    ]
