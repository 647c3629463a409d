"""One channel after the other, until the patient has read it or answered; then somebody calls."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from notifications import calls, clock, contacts, delivery, incoming, preferences
from notifications.delivery import NextStep
from notifications.enums import (
    CallOutcome,
    CallReason,
    ContactEffect,
    DeliveryStatus,
    ErrorKind,
    PatientNotificationType,
    Reason,
)
from notifications.models import CallTask, ContactPoint, Delivery
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from notifications.types import AnswerLost, ChannelError, Receipt, Rung, ladder, public
from portal.models import ReminderRule
from portal.notification_types._ladders import LADDERS
from tests.clinic import DESK
from tests.engine import (
    BENS_NUMBER,
    NOON,
    NotePayload,
    delivery_of,
    device_of,
    email_of,
    phone_of,
    run,
    send,
    status_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
Status = DeliveryStatus
STEPS = (("push", HOUR), ("sms", HOUR), ("email", HOUR), (Rung.CALL, HOUR))
REACH_BY = NOON + 4 * HOUR
BOUNCED = ChannelError(code="30005", kind=ErrorKind.PERMANENT, contact=ContactEffect.NEEDS_UPDATE)


@dataclass(frozen=True, kw_only=True)
class QuestionPayload(NotePayload):
    """A note that needs an answer: push at noon, text at one, e-mail at two, a call at three."""

    type_key = "question"

    steps: str = public(default="push sms email call")

    def rungs(self):
        chosen = [step for step in STEPS if step[0] in self.steps.split()]
        return ladder(steps=chosen, reach_by=REACH_BY)


@pytest.fixture(autouse=True)
def questions():
    PatientNotificationType.register(QuestionPayload)
    yield
    PatientNotificationType.unregister("question")


@pytest.fixture
def reachable(ana):
    """Ana has a device, a number and an e-mail address."""
    device_of(ana)
    phone_of(ana)
    email_of(ana)


def ask(patient, **options):
    made = send(patient, QuestionPayload(**options), subject=f"question:{patient.pk}")
    run()
    return made


def call_of(made) -> CallTask:
    return CallTask.objects.get(notification=made)


def calls_at(moment) -> list[CallTask]:
    with clock.at(moment):
        return list(calls.to_make())


def sent(made) -> list[str]:
    """Return which channels left the portal, in the order of their rungs."""
    gone = Delivery.objects.filter(notification=made, status=Status.ACCEPTED)
    return list(gone.order_by("step").values_list("channel", flat=True))


# -- when the rungs are ---------------------------------------------------------------------------


def times(rungs) -> list[tuple]:
    return [(rung.channel, rung.due_at - NOON, rung.expires_at - NOON) for rung in rungs]


def test_a_ladder_is_counted_back_from_its_last_moment():
    assert times(ladder(steps=STEPS, reach_by=REACH_BY)) == [
        ("push", 0 * HOUR, HOUR),
        ("sms", HOUR, 2 * HOUR),
        ("email", 2 * HOUR, 3 * HOUR),
        ("call", 3 * HOUR, 4 * HOUR),
    ]


def test_where_it_is_known_when_it_begins_the_first_rung_has_the_time_to_spare():
    early = times(ladder(steps=STEPS, reach_by=REACH_BY, begins_at=NOON - DAY))
    assert early[:2] == [("push", -DAY, HOUR), ("sms", HOUR, 2 * HOUR)]


def test_with_little_time_what_would_be_over_is_left_out():
    late = ladder(steps=STEPS, reach_by=REACH_BY, begins_at=NOON + 90 * MINUTE)
    assert times(late) == [
        ("sms", 90 * MINUTE, 2 * HOUR),
        ("email", 2 * HOUR, 3 * HOUR),
        ("call", 3 * HOUR, 4 * HOUR),
    ]
    assert ladder(steps=STEPS, reach_by=REACH_BY, begins_at=REACH_BY) == ()


def test_a_message_made_early_sends_its_first_rung_at_once(ana, reachable):
    with clock.at(NOON - 2 * HOUR):
        made = ask(ana)
    assert (sent(made), delivery_of(made, "sms").due_at) == (["push"], NOON + HOUR)


def test_of_a_message_made_late_the_latest_overdue_rung_goes_at_once(ana, reachable):
    with clock.at(NOON + 90 * MINUTE):
        made = ask(ana)
    assert status_of(made, "push") == (Status.SKIPPED, Reason.SUPERSEDED)
    assert (sent(made), delivery_of(made, "email").due_at) == (["sms"], NOON + 2 * HOUR)


@pytest.mark.parametrize("name", [each for each in ReminderRule.Ladder if each])
def test_every_ladder_a_rule_can_choose_ends_in_a_call(name):
    assert LADDERS[name][-1][0] == Rung.CALL


# -- nobody answers -------------------------------------------------------------------------------


def test_push_text_email_and_call_come_one_after_the_other(ana, reachable):
    made = ask(ana)
    assert status_of(made, "in_app")[0] == Status.DELIVERED
    went = {}
    for hour in range(4):
        run(at=NOON + hour * HOUR)
        went[hour] = sent(made), len(calls_at(NOON + hour * HOUR))
    assert went == {
        0: (["push"], 0),
        1: (["push", "sms"], 0),
        2: (["push", "sms", "email"], 0),
        3: (["push", "sms", "email"], 1),
    }
    call = call_of(made)
    assert (call.reason, call.call_by) == (CallReason.NOT_REACHED, REACH_BY)
    assert call.subject == f"question:{ana.pk}"


@pytest.mark.req("P-40")
def test_a_preview_names_the_hour_of_each_rung(ana, reachable):
    shown = patient_notification_service.preview(patient_id=ana.pk, payload=QuestionPayload())
    hours = {each.channel: each.at and each.at - NOON for each in shown}
    assert hours == {"in_app": 0 * HOUR, "push": 0 * HOUR, "sms": HOUR, "email": 2 * HOUR}


def test_two_devices_are_one_rung(ana, reachable):
    device_of(ana, "https://push.example/2")
    made = ask(ana)
    assert sent(made) == ["push", "push"]
    assert delivery_of(made, "sms").due_at == NOON + HOUR


def test_what_is_not_on_the_ladder_never_goes(ana, reachable):
    made = ask(ana, steps="email call")
    run(at=NOON + 3 * HOUR)
    assert sent(made) == ["email"]
    assert set(made.deliveries.values_list("channel", flat=True)) == {"in_app", "email"}


# -- what moves it on -----------------------------------------------------------------------------


def test_without_a_device_the_text_goes_at_once(ana):
    phone_of(ana)
    email_of(ana)
    made = ask(ana)
    assert status_of(made, "push") == (Status.SKIPPED, Reason.NO_DEVICE)
    assert sent(made) == ["sms"]
    assert delivery_of(made, "email").due_at == NOON + 2 * HOUR


@pytest.mark.req("R-08")
def test_a_text_that_bounces_later_sends_the_email_now(ana, reachable):
    made = ask(ana, steps="sms email call")
    row = delivery_of(made, "sms")
    bounced = Receipt(
        delivery_id=row.pk,
        provider_id=row.provider_id,
        event_key="bounced",
        status=Status.FAILED,
        code="30005",
        contact=ContactEffect.NEEDS_UPDATE,
    )
    incoming.take_receipts(channel="sms", receipts=[bounced, bounced])
    run()
    assert status_of(made, "sms") == (Status.FAILED, Reason.BOUNCED_HARD)
    assert sent(made) == ["email"]
    assert call_of(made).due_at == NOON + 3 * HOUR


def test_a_rung_that_fails_after_the_next_has_gone_changes_nothing(ana, reachable):
    made = ask(ana)
    run(at=NOON + HOUR)
    row = delivery_of(made, "push")
    gone = Receipt(
        delivery_id=row.pk,
        provider_id=row.provider_id,
        event_key="gone",
        status=Status.FAILED,
        code="410",
        contact=ContactEffect.REMOVED,
    )
    with clock.at(NOON + HOUR + MINUTE):
        incoming.take_receipts(channel="push", receipts=[gone])
        run()
    assert sent(made) == ["sms"]
    assert delivery_of(made, "email").due_at == NOON + 2 * HOUR


@pytest.mark.req("W5")
def test_an_answer_nobody_can_tell_moves_on_when_it_is_given_up(ana, reachable, carrier):
    carrier.answers = [AnswerLost(code="timeout")]
    made = ask(ana, steps="sms email call")
    run(at=NOON + 5 * MINUTE)
    assert sent(made) == []
    run(at=NOON + 20 * MINUTE)
    assert status_of(made, "sms") == (Status.UNKNOWN, Reason.ANSWER_UNSETTLED)
    assert sent(made) == ["email"]
    assert len(carrier.texts()) == 1


@pytest.mark.req("W5")
def test_an_answer_nobody_can_tell_moves_on_all_whom_the_text_was_for(
    ana, ben, reachable, practice, carrier, monkeypatch
):
    monkeypatch.setattr(QuestionPayload, "together", lambda _self: "one day")
    practice.l0_only = True  # a question has no words for several
    practice.save()
    phone_of(ben)
    email_of(ben)
    carrier.answers = [AnswerLost(code="timeout")]
    with clock.at(NOON):
        made = [send(each, QuestionPayload(steps="sms email call")) for each in (ana, ben)]
        run()
    assert {status_of(each, "sms")[1] for each in made} == {Reason.ANSWER_UNKNOWN, Reason.MERGED}
    run(at=NOON + 5 * MINUTE)
    assert [sent(each) for each in made] == [[], []]
    run(at=NOON + 20 * MINUTE)
    assert [sent(each) for each in made] == [["email"], ["email"]]
    assert len(carrier.texts()) == 1


def turn_off(patient, channel):
    preferences.change(
        patient_id=patient.pk, type_key="question", changes={channel: False}, actor=DESK
    )


def stop(patient, _channel):
    phone = ContactPoint.objects.get(patient=patient, kind="phone")
    contacts.set_status(contact=phone, status="opted_out", reason="stop", actor=DESK)


@pytest.mark.parametrize(
    ("prevent", "why"),
    [(turn_off, Reason.PREF_OFF), (stop, Reason.OPTED_OUT_STOP)],
    ids=["turned off", "stopped"],
)
def test_a_channel_the_patient_refuses_is_left_out_at_once(ana, reachable, carrier, prevent, why):
    prevent(ana, "sms")
    made = ask(ana, steps="sms email call")
    assert status_of(made, "sms") == (Status.SKIPPED, why)
    assert sent(made) == ["email"]
    assert carrier.texts() == []


def test_with_no_address_at_all_the_desk_is_asked_at_once(ana, ben):
    phone_of(ben, BENS_NUMBER)
    made, bens = ask(ana), ask(ben)
    assert [call.notification_id for call in calls_at(NOON)] == [made.pk]
    assert call_of(made).call_by == REACH_BY
    assert call_of(bens).due_at == NOON + 3 * HOUR


def rung(step, status=Status.PLANNED, reason="") -> Delivery:
    return Delivery(step=step, status=status, reason=reason)


@pytest.mark.parametrize(
    ("ended", "others", "following"),
    [
        ((Status.FAILED,), [(2,), (3,)], NextStep(step=2)),
        ((Status.SKIPPED, Reason.PAUSED), [(2, Status.FAILED), (3, Status.HELD)], NextStep(step=3)),
        ((Status.SKIPPED, Reason.NO_CONSENT), [(2, Status.FAILED)], NextStep(is_call=True)),
        ((Status.FAILED,), [(1, Status.ACCEPTED), (2,)], NextStep()),
        ((Status.FAILED,), [(2, Status.UNKNOWN, Reason.ANSWER_UNKNOWN), (3,)], NextStep()),
        ((Status.UNKNOWN, Reason.ANSWER_UNKNOWN), [(2,)], NextStep()),
        ((Status.SKIPPED, Reason.MERGED), [(2,)], NextStep()),
        ((Status.ACCEPTED,), [(2,)], NextStep()),
        ((Status.SKIPPED, Reason.ANSWERED), [(2,)], NextStep(outcome=CallOutcome.ANSWERED)),
        ((Status.SKIPPED, Reason.DEPARTED), [(2,)], NextStep(outcome=CallOutcome.CANCELLED)),
        ((Status.CANCELLED, Reason.CANCELLED), [(2,)], NextStep(outcome=CallOutcome.CANCELLED)),
    ],
)
def test_what_comes_next_is_decided_without_a_table(ended, others, following):
    first, rest = rung(1, *ended), [rung(*each) for each in others]
    assert delivery.next_step(rungs=[first, *rest], ended=first) == following


# -- time and outages -----------------------------------------------------------------------------


def test_after_an_outage_only_the_latest_rung_goes(ana, reachable):
    made = send(ana, QuestionPayload())
    run(at=NOON + 2 * HOUR + MINUTE)
    assert sent(made) == ["email"]
    for channel in ("push", "sms"):
        assert status_of(made, channel) == (Status.SKIPPED, Reason.SUPERSEDED)


def test_after_a_longer_outage_only_the_call_is_left(ana, reachable):
    made = send(ana, QuestionPayload())
    run(at=NOON + DAY)
    assert sent(made) == []
    assert status_of(made, "email") == (Status.SKIPPED, Reason.SUPERSEDED)
    with clock.at(NOON + DAY):
        assert not delivery.for_a_person().exists()
    assert [call.notification_id for call in calls_at(NOON + DAY)] == [made.pk]


def test_without_a_call_at_its_end_the_last_rung_is_too_late(ana, reachable):
    made = send(ana, QuestionPayload(steps="sms email"))
    run(at=NOON + DAY)
    assert status_of(made, "sms") == (Status.SKIPPED, Reason.SUPERSEDED)
    assert status_of(made, "email") == (Status.EXPIRED, Reason.EXPIRED)


def test_a_text_whose_time_is_all_at_night_lets_the_email_go(ana, reachable):
    night = NOON + 10 * HOUR
    steps = (("sms", 2 * HOUR), ("email", 2 * HOUR), (Rung.CALL, 12 * HOUR))

    @dataclass(frozen=True, kw_only=True)
    class AtNight(QuestionPayload):
        def rungs(self):
            return ladder(steps=steps, reach_by=night + 16 * HOUR)

    with clock.at(night):
        PatientNotificationType.unregister("question")
        PatientNotificationType.register(AtNight)
        made = send(ana, AtNight())
        run()
    assert status_of(made, "sms") == (Status.SKIPPED, Reason.SUPERSEDED)
    assert sent(made) == ["email"]


# -- what ends it ---------------------------------------------------------------------------------


def read(made):
    patient_notification_service.mark_read(patient_id=made.patient_id, notification_id=made.pk)


def answer(made):
    patient_notification_service.act(
        patient_id=made.patient_id, notification_id=made.pk, action="confirm"
    )


def read_all(made):
    patient_notification_service.mark_all_read(patient_id=made.patient_id)


@pytest.mark.parametrize("end", [read, answer, read_all])
def test_once_it_is_read_no_email_follows_and_nobody_calls(ana, ben, reachable, end):
    phone_of(ben, BENS_NUMBER)
    made, bens = ask(ana), ask(ben)
    run(at=NOON + HOUR)
    with clock.at(NOON + 90 * MINUTE):
        end(made)
    call = call_of(made)
    assert (call.outcome, call.settled_at) == (CallOutcome.ANSWERED, NOON + 90 * MINUTE)
    assert call.settled_by == f"user:{ana.pk}"
    run(at=NOON + 3 * HOUR)
    assert status_of(made, "email") == (Status.SKIPPED, Reason.ANSWERED)
    assert sent(made) == ["push", "sms"]
    assert [each.notification_id for each in calls_at(NOON + 3 * HOUR)] == [bens.pk]


def test_a_push_that_waits_for_the_morning_does_not_go_to_who_reads_at_night(
    ana, reachable, monkeypatch
):
    night = NOON + 11 * HOUR
    monkeypatch.setattr("tests.test_ladder.REACH_BY", night + DAY)
    with clock.at(night):
        made = send(ana, QuestionPayload())
        run()
        read(made)
    assert status_of(made, "push") == (Status.HELD, Reason.QUIET_HOURS)
    run(at=night + 10 * HOUR)
    assert status_of(made, "push") == (Status.SKIPPED, Reason.ANSWERED)


def test_read_all_taken_back_puts_the_call_back(ana, reachable):
    made = ask(ana)
    batch = patient_notification_service.mark_all_read(patient_id=ana.pk).batch
    assert call_of(made).settled_at is not None
    patient_notification_service.undo_read(patient_id=ana.pk, batch=batch)
    assert call_of(made).settled_at is None
    patient_notification_service.mark_read(patient_id=ana.pk, notification_id=made.pk)
    patient_notification_service.mark_unread(patient_id=ana.pk, notification_id=made.pk)
    assert [each.notification_id for each in calls_at(NOON + 3 * HOUR)] == [made.pk]


def test_what_is_called_off_asks_no_more(ana, ben, reachable):
    phone_of(ben, BENS_NUMBER)
    made, bens = ask(ana), ask(ben)
    notification_scheduler_service.cancel(subject=f"question:{ana.pk}")
    assert status_of(made, "sms") == (Status.CANCELLED, Reason.CANCELLED)
    assert call_of(made).outcome == CallOutcome.CANCELLED
    run(at=NOON + 3 * HOUR)
    assert [each.notification_id for each in calls_at(NOON + 3 * HOUR)] == [bens.pk]
