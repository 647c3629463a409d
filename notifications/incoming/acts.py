"""What is done about a text from a patient, one function an act."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.conf import settings
from django.db import Error, transaction
from django.utils.module_loading import import_string

from notifications import clock, consent, contacts
from notifications.enums import ContactStatus
from notifications.incoming import answering
from notifications.incoming.actions import Act, Action
from notifications.incoming.calling import (
    open_asked,
    open_may_mean_the_visit,
    open_not_understood,
)
from notifications.incoming.questions import ASKED, CONFIRM, Board
from notifications.incoming.texts import (
    addresses_of,
    close_asked_back,
    has_said_so_before,
    stops_and_starts,
)
from notifications.models import ContactPoint, Delivery, InboundText, PatientNotification
from notifications.types import Refused

logger = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A text, and whose it may be."""

    text: InboundText
    addresses: list[ContactPoint]  # in use, with this number
    actor: str
    is_late: bool  # too late to answer it
    action: Action
    board: Board = field(default_factory=Board)

    @property
    def channel(self) -> str:
        return self.text.event.channel

    @property
    def number(self) -> str:
        return self.text.number

    @property
    def in_touch(self) -> list[ContactPoint]:
        """Return the addresses that a text may go to: verified, not stopped, and not forbidden."""
        in_use = [row for row in self.addresses if row.verified_at and not _is_stopped(row)]
        return contacts.allowed_among(in_use)

    def of_those_in_touch(self, rows: Sequence[Delivery]) -> list[Delivery]:
        """Return which of these texts are about patients who may be written to here."""
        patients = {row.patient_id for row in self.in_touch}
        return [row for row in rows if row.notification.patient_id in patients]

    def say(self, name: str) -> str:
        """Return one of our answers, in the language of whoever has the number."""
        return answering.say(name, channel=self.channel, addresses=self.addresses)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a text: our answer, if any, and whether nobody needs to look at it."""

    answer: str = ""
    is_handled: bool = False


FOR_A_PERSON = Outcome()


# -- what each is taken for ---------------------------------------------------------------------


def _stop(heard: Heard) -> Outcome:
    """End every text to the number, confirmed once. Who may have meant the visit is called."""
    is_about_a_visit = heard.action.act == Act.STOP_AND_ASK
    is_handled = bool(heard.addresses) and not is_about_a_visit
    is_taken_back = _is_taken_back(heard)
    if is_about_a_visit:
        open_may_mean_the_visit(heard.text, addresses=heard.addresses, actor=heard.actor)
    if is_taken_back:
        return Outcome(is_handled=is_handled)
    contacts.opt_out(number=heard.number, actor=heard.actor)
    if has_said_so_before(heard.text):
        return Outcome(is_handled=is_handled)
    answer = heard.say("stopped_but_visit" if is_about_a_visit else "stopped")
    return Outcome(answer=answer, is_handled=is_handled)


def _start(heard: Heard) -> Outcome:
    """Take a STOP back. Where nobody had agreed before, or may be written to, a person asks."""
    if _is_taken_back(heard):
        return Outcome(is_handled=True)
    contacts.opt_in(number=heard.number, actor=heard.actor)
    addresses = contacts.allowed_among(addresses_of(heard.text))
    if not any(row.verified_at and consent.is_granted(contact=row) for row in addresses):
        return FOR_A_PERSON
    is_repeat = has_said_so_before(heard.text)
    return Outcome(answer="" if is_repeat else heard.say("started"), is_handled=True)


def _help(heard: Heard) -> Outcome:
    """Say who we are and how to reach us, also to whoever said STOP (M-08)."""
    is_handled = bool(heard.addresses) and not heard.is_late
    return Outcome(answer=heard.say("help"), is_handled=is_handled)


def _call(heard: Heard) -> Outcome:
    """Leave it open for a person, who calls. Which visit was meant they say on the phone."""
    close_asked_back(heard.text, actor=heard.actor)
    whose = {"addresses": heard.addresses, "board": heard.board}
    open_asked(heard.text, **whose, actor=heard.actor)
    return Outcome(answer=heard.say("call") if heard.in_touch else "")


def _confirm(heard: Heard) -> Outcome:
    """Say yes to each visit that is named, and thank for those that could be confirmed.

    What could not, such as one that has been moved, waits for a person.
    """
    named = heard.board.rows(heard.action.keys)
    # Inboxes are held in the order of patients, as by everyone who holds several.
    in_turn = sorted(named, key=lambda row: row.notification.patient_id)
    taken = {row.pk for row in in_turn if _is_answered(row.notification, actor=heard.actor)}
    if not taken:
        return _read(heard)
    close_asked_back(heard.text, actor=heard.actor)
    done = [row for row in named if row.pk in taken]
    told = heard.of_those_in_touch(done)
    thanks = answering.thank(told) if told else ""
    return Outcome(answer=thanks, is_handled=len(done) == len(named))


def _ask_back(heard: Heard) -> Outcome:
    """Ask once which of several was meant. It stays open until they say so."""
    keys = heard.action.keys
    rows = heard.board.rows(keys)
    may_hear = not heard.is_late and len(heard.of_those_in_touch(rows)) == len(rows)
    question = answering.ask_which(rows) if may_hear else ""
    if not question:
        return _read(heard)
    text = heard.text
    text.asked_back_at = clock.now()
    text.save(update_fields=["asked_back_at"])
    text.event.content = {**text.event.content, ASKED: list(keys)}
    text.event.save(update_fields=["content"])
    return Outcome(answer=question)


def _leave(heard: Heard) -> Outcome:
    """Leave it for a person, who calls where we had asked back; a yes is told that it is read."""
    if heard.board.was_asked_back:
        whose = {"addresses": heard.addresses, "board": heard.board}
        open_not_understood(heard.text, **whose, actor=heard.actor)
    return _read(heard) if heard.action.is_a_yes else FOR_A_PERSON


def _read(heard: Heard) -> Outcome:
    return Outcome(answer=heard.say("read") if heard.in_touch else "")


ACTS: dict[str, Callable[[Heard], Outcome]] = {
    Act.STOP: _stop,
    Act.STOP_AND_ASK: _stop,
    Act.START: _start,
    Act.HELP: _help,
    Act.CALL: _call,
    Act.CONFIRM: _confirm,
    Act.ASK_BACK: _ask_back,
    Act.PERSON: _leave,
}
# Of what is fetched after a restore: what a yes was said to may be missing from the database.
AFTERWARDS = (Act.STOP, Act.STOP_AND_ASK, Act.START)


def _is_answered(notification: PatientNotification, *, actor: str) -> bool:
    """Hand an answer on to whom settings name; False where that is refused or breaks."""
    answer = import_string(settings.NOTIFICATIONS_ANSWERS)
    try:
        with transaction.atomic():
            answer(
                patient_id=notification.patient_id,
                notification_id=notification.pk,
                action=CONFIRM,
                actor=actor,
            )
    except Error:
        raise  # such as a lock: tried again by the sweep
    except Refused:
        return False
    except Exception as fault:  # a fault over there must not lose what the patient wrote
        logger.error("answer to %s: %s", notification.pk, type(fault).__name__)
        return False
    return True


def _is_taken_back(heard: Heard) -> bool:
    """Return whether the number has said the opposite since, as when this text comes up late.

    The addresses are held first: whoever is acting on the other word is waited for.
    """
    contacts.hold(number=heard.number)
    last = stops_and_starts(heard.text).values_list("meaning", flat=True).first()
    return last != heard.text.meaning


def _is_stopped(row: ContactPoint) -> bool:
    return row.status == ContactStatus.OPTED_OUT
