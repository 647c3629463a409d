"""The badge is never wrong: whatever a patient does, in any order, it says what the rows say."""

from contextlib import suppress
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from notifications import clock, inbox
from notifications.enums import InboxEventKind
from notifications.models import InboxEvent, InboxState, PatientNotification
from notifications.services import patient_notification_service as service
from notifications.types import Refused
from tests.conftest import make_patient
from tests.engine import NOON, NotePayload, send

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier")]
HOUR = timedelta(hours=1)
ANY = some.integers(min_value=0, max_value=2)  # few, so that stories cross


def rows_that_count(patient_id) -> list[PatientNotification]:
    """What the badge promises, read from the rows in plain words."""
    rows = PatientNotification.objects.filter(patient_id=patient_id)
    return [
        row
        for row in rows
        if row.read_at is None
        and row.dismissed_at is None
        and row.archived_at is None
        and row.snoozed_until is None
        and row.expired_at is None
    ]


class Life(RuleBasedStateMachine):
    """A patient's inbox, and another's beside it that nothing may touch."""

    location = None
    lives = 0

    def __init__(self) -> None:
        super().__init__()
        Life.lives += 1
        self.now = NOON
        self.patient = make_patient(f"life{Life.lives}@example.com", "A", Life.location)
        self.other = make_patient(f"other{Life.lives}@example.com", "B", Life.location)
        self.made: list = []
        self.gone: set = set()
        self.batches: list = []
        send(self.other)

    def one(self, number: int):
        return self.made[number % len(self.made)] if self.made else None

    def act(self, name: str, number: int, **options) -> None:
        chosen = self.one(number)
        if chosen is None:
            return
        with clock.at(self.now):
            getattr(service, name)(patient_id=self.patient.pk, notification_id=chosen.pk, **options)
        if name in ("dismiss", "archive"):
            self.gone.add(chosen.pk)
        if name in ("restore", "snooze"):
            self.gone.discard(chosen.pk)

    @rule(hours=some.none() | some.integers(1, 5), key=some.sampled_from(["", "a", "b"]))
    def a_message_arrives(self, hours, key) -> None:
        until = self.now + hours * HOUR if hours else None
        with clock.at(self.now):
            made = send(self.patient, NotePayload(good_until=until), key=key)
        if made not in self.made:
            self.made.append(made)

    @rule(
        name=some.sampled_from(
            ["open", "mark_read", "mark_unread", "dismiss", "archive", "restore"]
        ),
        number=ANY,
    )
    def the_patient_does(self, name, number) -> None:
        self.act(name, number)

    @rule(number=ANY)
    def the_patient_answers(self, number) -> None:
        self.act("act", number, action="confirm")

    @rule(number=ANY, hours=some.integers(1, 4))
    def the_patient_snoozes(self, number, hours) -> None:
        with suppress(Refused):  # past its time
            self.act("snooze", number, until=self.now + hours * HOUR)

    @rule(number=ANY)
    def the_patient_sleeps_on_it(self, number) -> None:
        self.the_patient_snoozes(number, 1)
        self.time_passes(1)

    @rule(shown=some.none() | some.integers(1, 20))
    def the_patient_reads_all(self, shown) -> None:
        with clock.at(self.now):
            done = service.mark_all_read(patient_id=self.patient.pk, up_to=shown)
        if done.batch:
            self.batches.append(done.batch)

    @rule(number=ANY)
    def the_patient_undoes_a_batch(self, number) -> None:
        if self.batches:
            batch = self.batches[number % len(self.batches)]
            service.undo_read(patient_id=self.patient.pk, batch=batch)

    @rule(hours=some.integers(1, 3))
    def time_passes(self, hours) -> None:
        self.now += hours * HOUR
        with clock.at(self.now):
            inbox.expire_due()
            inbox.wake_due()

    @invariant()
    def the_badge_says_what_the_rows_say(self) -> None:
        counted = rows_that_count(self.patient.pk)
        page = service.inbox(patient_id=self.patient.pk, unread_only=True)
        assert service.unread_count(patient_id=self.patient.pk) == len(counted)
        assert {row.pk for row in page.items} == {row.pk for row in counted}

    @invariant()
    def what_was_put_away_stays_away(self) -> None:
        page = service.inbox(patient_id=self.patient.pk)
        assert not {row.pk for row in page.items} & self.gone

    @invariant()
    def the_events_tell_the_same_story_without_a_gap(self) -> None:
        events = list(InboxEvent.objects.filter(patient=self.patient).order_by("seq"))
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        if events:
            assert events[-1].unread == service.unread_count(patient_id=self.patient.pk)

    @invariant()
    def the_other_patient_is_left_alone(self) -> None:
        assert service.unread_count(patient_id=self.other.pk) == 1
        assert InboxEvent.objects.filter(patient=self.other).count() == 1

    @invariant()
    def there_is_nothing_to_put_right(self) -> None:
        assert inbox.recount() == 0


def test_the_badge_is_right_after_any_story(location):
    Life.location = location
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=20,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_a_counter_that_went_wrong_is_put_right_and_the_patient_is_told(ana, ben):
    for patient in (ana, ben):
        send(patient)
    InboxState.objects.filter(patient=ana).update(unread=41)
    assert inbox.recount() == 1
    assert service.unread_count(patient_id=ana.pk) == 1
    last = InboxEvent.objects.filter(patient=ana).latest("seq")
    assert (last.kind, last.unread) == (InboxEventKind.UNREAD_COUNT, 1)
    assert InboxEvent.objects.filter(patient=ben).count() == 1
    assert inbox.recount() == 0


def test_events_are_kept_thirty_days_and_then_the_page_starts_over(ana):
    with clock.at(NOON):
        first, second = send(ana), send(ana)
    InboxEvent.objects.filter(seq=1).update(created_at=NOON)
    InboxEvent.objects.filter(seq=2).update(created_at=NOON + timedelta(days=2))
    with clock.at(NOON + timedelta(days=30, seconds=1)):
        assert inbox.forget_old_events() == 1
    assert service.changes_since(patient_id=ana.pk, seq=0).resync
    caught_up = service.changes_since(patient_id=ana.pk, seq=1)
    assert (caught_up.resync, [each.seq for each in caught_up.events]) == (False, [2])
    assert {first.seq, second.seq} == {1, 2}


def test_a_position_from_the_future_starts_over(ana):
    send(ana)
    assert service.changes_since(patient_id=ana.pk, seq=7).resync
    assert not service.changes_since(patient_id=ana.pk, seq=1).resync
