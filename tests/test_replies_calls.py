"""What patients write that a person has to call about: whom, about what, once, and until when."""

from datetime import timedelta

import pytest

from notifications import calls, clock, incoming
from notifications.enums import CallOutcome, CallReason
from notifications.incoming.replies import settle_reply
from notifications.models import CallTask, CarrierEvent, InboundText
from notifications.types import Reply
from portal.models import Appointment, Practice
from portal.services import cancel, default_reminder_rules, depart
from tests.clinic import DESK, a_visit
from tests.conftest import make_patient
from tests.engine import ANAS_NUMBER, NOON, phone_of, run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
IN_TWO_DAYS, HOUR = NOON + timedelta(days=2), timedelta(hours=1)
STRANGER = "+12125550177"


def text(words, number=ANAS_NUMBER):
    reply = Reply(event_key=f"SM{CarrierEvent.objects.count()}", sender=number, text=words)
    incoming.take_reply(channel="sms", reply=reply)
    return InboundText.objects.latest("received_at", "pk")


@pytest.fixture
def book(location, provider):
    """Put a visit into the book; its patient is asked by text whether they come."""
    default_reminder_rules(location)
    Practice.objects.update(texts_a_day=9, texts_a_week=9)

    def book(patient, at=IN_TWO_DAYS) -> Appointment:
        return a_visit(patient, at, location=location, provider=provider, announce=False)

    return book


@pytest.fixture
def visits(ana, ben, book):
    """Two children's visits, A and B of one text to the one number."""
    for child in (ana, ben):
        phone_of(child)
    made = book(ana), book(ben, IN_TWO_DAYS + HOUR)
    run()
    return made


def to_make(reason):
    """Return whom the desk is to call for this reason, about what, and until when."""
    rows = CallTask.objects.filter(reason=reason, settled_at=None).order_by("patient_id")
    assert set(rows) <= set(calls.to_make())
    return [(row.patient, row.subject, row.call_by) for row in rows]


# -- asked for -------------------------------------------------------------------------------


def test_who_asks_for_a_call_is_on_the_desks_list_with_the_visit_we_asked_about(ana, ben, book):
    phone_of(ana)
    visit = book(ana)
    run()
    assert text("2").handled_at is None
    assert to_make(CallReason.ASKED) == [(ana, visit.subject, None)]


def test_a_family_that_names_a_visit_is_called_about_that_one(ben, visits):
    text("2B")
    assert to_make(CallReason.ASKED) == [(ben, visits[1].subject, None)]


def test_a_family_that_names_none_is_called_for_whom_it_had_the_last_text_about(ana, visits):
    text("call me")
    assert to_make(CallReason.ASKED) == [(ana, "", None)]


def test_a_number_we_never_texted_is_called_for_whose_it_was_first(ana, ben):
    for child in (ben, ana):
        phone_of(child)
    text("call me")
    assert to_make(CallReason.ASKED) == [(ben, "", None)]


def test_nobody_is_called_about_a_strangers_text(visits):
    assert text("call me", STRANGER).handled_at is None
    assert not CallTask.objects.exists()


# -- a stop that may have meant the visit ------------------------------------------------------


@pytest.mark.req("M-05")
def test_cancel_is_a_call_for_each_child_who_has_a_visit_ahead(ana, ben, visits, location):
    phone_of(make_patient("cleo@example.com", "Cleo", location))
    text("CANCEL")
    assert to_make(CallReason.MAY_MEAN_THE_VISIT) == [
        (ana, visits[0].subject, IN_TWO_DAYS),
        (ben, visits[1].subject, IN_TWO_DAYS + HOUR),
    ]


@pytest.mark.req("M-05")
def test_a_visit_that_is_cancelled_is_not_ahead(ben, visits):
    cancel(appointment_id=visits[0].pk, actor=DESK)
    run()
    text("CANCEL")
    assert [patient for patient, *_rest in to_make(CallReason.MAY_MEAN_THE_VISIT)] == [ben]


@pytest.mark.req("M-05")
def test_without_a_visit_ahead_cancel_is_one_call(ana, ben):
    for child in (ana, ben):
        phone_of(child)
    text("cancel")
    assert to_make(CallReason.MAY_MEAN_THE_VISIT) == [(ana, "", None)]


def test_a_plain_stop_is_no_call(visits):
    text("STOP")
    assert not CallTask.objects.exists()


def test_nobody_is_called_who_is_gone(ana):
    phone_of(ana)
    depart(patient_id=ana.pk, departure="died", on=NOON.date(), actor=DESK)
    text("CANCEL")
    assert not CallTask.objects.exists()


# -- not understood ----------------------------------------------------------------------------


def test_an_answer_we_do_not_understand_after_asking_back_is_a_call_before_the_first_visit(
    ana, visits
):
    text("1")
    assert not CallTask.objects.exists()
    text("the first one I think")
    assert to_make(CallReason.NOT_UNDERSTOOD) == [(ana, "", IN_TWO_DAYS)]


def test_what_nobody_asked_about_is_read_and_not_called_about(visits):
    text("what do I owe?")
    assert not CallTask.objects.exists()


# -- once, and ended ---------------------------------------------------------------------------


def test_a_text_that_is_acted_on_again_opens_no_second_call(visits):
    for words in ("2", "CANCEL"):
        settle_reply(text(words).event)
    assert CallTask.objects.count() == 3


def test_the_text_is_handled_when_all_its_calls_are_made(visits):
    wrote = text("CANCEL")
    first, second = CallTask.objects.order_by("pk")
    assert incoming.mark_called(call_id=first.pk, actor=DESK)
    wrote.refresh_from_db()
    assert wrote.handled_at is None
    with clock.at(NOON + HOUR):
        assert incoming.mark_called(call_id=second.pk, actor=DESK)
        assert not incoming.mark_called(call_id=second.pk, actor="system:another")
    wrote.refresh_from_db()
    assert (wrote.handled_at, wrote.handled_by) == (NOON + HOUR, DESK)
    assert {row.outcome for row in CallTask.objects.all()} == {CallOutcome.CALLED}


def test_a_yes_to_a_visit_does_not_end_the_call_that_somebody_asked_for(ana, visits):
    text("2A")
    text("1A")
    assert to_make(CallReason.ASKED) == [(ana, visits[0].subject, None)]
