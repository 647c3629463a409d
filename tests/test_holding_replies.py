"""What patients texted after the backup that was put back is not lost: least of all a STOP."""

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from notifications import clock, incoming, switches
from notifications.enums import ContactStatus, DeliveryStatus, Reason
from notifications.models import InboundText
from notifications.types import AnswerLost, NotSupported, Reply
from portal.models import Appointment
from portal.services import default_reminder_rules
from tests.clinic import a_visit
from tests.engine import ANAS_NUMBER, BENS_NUMBER, NOON, Told, phone_of, run, send, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def restored(*, made_at) -> None:
    call_command("hold", restored=made_at.isoformat(), why="restored")


def run_for_a_while(*, since) -> None:
    for number in range(1, 6):
        run(at=since + number * 3 * MINUTE)


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
