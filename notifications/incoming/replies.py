"""What a patient writes: kept as it came, then acted on in one transaction.

What is plain is done at once and answered: STOP, START, HELP, a yes to the one visit we asked
about. Everything else is left open for a person, unanswered. A text that cannot be acted on stays
open too, and the clock's sweep tries again; an answer that comes so late is not sent.

A number may be several patients'. What we answer names a visit only where one patient was asked
about one, in a text to that very number; otherwise it is the same for everybody.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db import Error, transaction
from django.db.models import QuerySet
from django.utils.module_loading import import_string

from notifications import audit, clock, consent, contacts, windows
from notifications.enums import (
    AuditAction,
    CarrierEventKind,
    ContactStatus,
    EventOutcome,
    ReplyMeaning,
)
from notifications.incoming import answering
from notifications.incoming.keeping import held, keep, settle
from notifications.incoming.questions import CONFIRM, question_at
from notifications.incoming.words import may_mean_the_visit, meaning_of
from notifications.models import CarrierEvent, ContactPoint, InboundText
from notifications.types import Refused, Reply

logger = logging.getLogger(__name__)

TRIES_AT_ONCE = 2  # a STOP should not wait for the sweep because of one passing fault


@dataclass(frozen=True, kw_only=True)
class Heard:
    """A text, and whose it may be."""

    text: InboundText
    addresses: list[ContactPoint]  # in use, with this number
    actor: str
    is_late: bool  # too late to answer it

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

    def say(self, name: str) -> str:
        return answering.say(name, channel=self.channel, addresses=self.addresses)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What came of a text: our answer, if any, and whether nobody needs to look at it."""

    answer: str = ""
    is_handled: bool = False


FOR_A_PERSON = Outcome()


def take_reply(*, channel: str, reply: Reply) -> str:
    """Keep a text that a verified call brought, act on it, and return what to answer; "" for none.

    A repeat does nothing and is not answered, nor is what the carrier has answered already. Of
    what was fetched from the carrier afterwards only STOP and START are acted on.
    """
    content = {
        "sender": reply.sender,
        "text": reply.text,
        "is_stop": reply.is_stop,
        "raw": dict(reply.raw),
        "is_fetched": reply.written_at is not None,
    }
    kept = keep(
        channel=channel,
        kind=CarrierEventKind.REPLY,
        key=reply.event_key,
        content=content,
        came_at=reply.written_at,
    )
    if kept is None:
        return ""
    windows.passing(windows.Window.BEFORE_RECEIPT)
    with transaction.atomic():
        event = held(kept.pk)
        return "" if event is None else _acted_on(event, is_answered=reply.is_answered)


def _acted_on(event: CarrierEvent, *, is_answered: bool) -> str:
    """Write a text down, act on it, and return what to answer."""
    _write_down(event)
    for _try in range(TRIES_AT_ONCE):
        try:
            with transaction.atomic():
                return _settle(event, is_answered=is_answered)
        except Exception as fault:  # the text is kept, open for a person, and swept up later
            logger.error("text %s is not settled: %s", event.pk, type(fault).__name__)
    return ""


@transaction.atomic
def settle_reply(event: CarrierEvent) -> None:
    """Act on a text that was kept and never dealt with. It is too late to answer it."""
    _settle(event, is_late=True)


@transaction.atomic
def mark_handled(*, text_id: UUID, actor: str) -> InboundText:
    """Note that somebody has dealt with a text; twice changes nothing."""
    text = InboundText.objects.select_for_update().get(pk=text_id)
    if text.handled_at is None:
        _close(text, actor=actor)
        _audit(text, AuditAction.CHANGED, actor=actor, change="handled")
    return text


def addresses_of(text: InboundText) -> list[ContactPoint]:
    """Return the addresses in use with the number a text came from, oldest first."""
    return list(contacts.addresses_at(number=text.number))


def _write_down(event: CarrierEvent) -> InboundText:
    said = event.content
    text, _is_new = InboundText.objects.get_or_create(
        event=event,
        defaults={
            "number": said["sender"],
            "number_index": contacts.index_of(said["sender"]),
            "text": said["text"],
            "meaning": ReplyMeaning.STOP if said.get("is_stop") else meaning_of(said["text"]),
            "received_at": event.received_at,
        },
    )
    return text


def _settle(event: CarrierEvent, *, is_answered: bool = False, is_late: bool = False) -> str:
    text, actor = _write_down(event), f"system:reply:{event.pk}"
    is_fetched = bool(event.content.get("is_fetched"))
    acts, is_late = (ACTS_AFTERWARDS, True) if is_fetched else (ACTS, is_late)
    _audit(text, AuditAction.REPLY, actor=actor, meaning=text.meaning)
    heard = Heard(text=text, addresses=addresses_of(text), actor=actor, is_late=is_late)
    outcome = acts.get(text.meaning, _leave)(heard)
    answer = "" if is_answered or is_late else outcome.answer
    if answer:
        text.answer = answer
        text.save(update_fields=["answer"])
    if outcome.is_handled and text.handled_at is None:
        _close(text, actor=actor)
    settle(event, EventOutcome.APPLIED)
    return answer


# -- what each is taken for ---------------------------------------------------------------------


def _stop(heard: Heard) -> Outcome:
    """End every text to the number, confirmed once. Who may have meant the visit is called."""
    is_about_a_visit = may_mean_the_visit(heard.text.text)
    is_handled = bool(heard.addresses) and not is_about_a_visit
    if _is_taken_back(heard):
        return Outcome(is_handled=is_handled)
    contacts.opt_out(number=heard.number, actor=heard.actor)
    if _has_said_so_before(heard.text):
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
    is_repeat = _has_said_so_before(heard.text)
    return Outcome(answer="" if is_repeat else heard.say("started"), is_handled=True)


def _help(heard: Heard) -> Outcome:
    """Say who we are and how to reach us, also to whoever said STOP (M-08)."""
    is_handled = bool(heard.addresses) and not heard.is_late
    return Outcome(answer=heard.say("help"), is_handled=is_handled)


def _call(heard: Heard) -> Outcome:
    return Outcome(answer=heard.say("call") if heard.in_touch else "")


def _confirm(heard: Heard) -> Outcome:
    """Confirm what we asked about, where that is one thing of one patient."""
    question = question_at(channel=heard.channel, addresses=_verified(heard.addresses))
    if question is None or not _is_answered(question.notification, actor=heard.actor):
        return Outcome(answer=heard.say("read") if heard.in_touch else "")
    asked = question.notification.patient_id
    is_in_touch = any(row.patient_id == asked for row in heard.in_touch)
    thanks = answering.thank(question) if is_in_touch else ""
    return Outcome(answer=thanks, is_handled=True)


def _leave(heard: Heard) -> Outcome:
    return FOR_A_PERSON


ACTS: dict[str, Callable[[Heard], Outcome]] = {
    ReplyMeaning.STOP: _stop,
    ReplyMeaning.START: _start,
    ReplyMeaning.HELP: _help,
    ReplyMeaning.CALL: _call,
    ReplyMeaning.CONFIRM: _confirm,
}
# Of what is fetched after a restore: what a yes was said to may be missing from the database.
ACTS_AFTERWARDS = {meaning: ACTS[meaning] for meaning in (ReplyMeaning.STOP, ReplyMeaning.START)}


def _is_answered(notification, *, actor: str) -> bool:
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


# -- the row ------------------------------------------------------------------------------------


def _is_taken_back(heard: Heard) -> bool:
    """Return whether the number has said the opposite since, as when this text comes up late.

    The addresses are held first: whoever is acting on the other word is waited for.
    """
    contacts.hold(number=heard.number)
    last = _stops_and_starts(heard.text).values_list("meaning", flat=True).first()
    return last != heard.text.meaning


def _has_said_so_before(text: InboundText) -> bool:
    """Return whether the last other STOP or START of the number was the same word."""
    others = _stops_and_starts(text).exclude(pk=text.pk)
    return others.values_list("meaning", flat=True).first() == text.meaning


def _stops_and_starts(text: InboundText) -> QuerySet[InboundText]:
    """Return each STOP and START of the number a text came from, the newest first."""
    words = [ReplyMeaning.STOP, ReplyMeaning.START]
    said = InboundText.objects.filter(number_index=text.number_index, meaning__in=words)
    return said.order_by("-received_at", "-pk")


def _verified(addresses: list[ContactPoint]) -> list[ContactPoint]:
    return [row for row in addresses if row.verified_at]


def _is_stopped(row: ContactPoint) -> bool:
    return row.status == ContactStatus.OPTED_OUT


def _close(text: InboundText, *, actor: str) -> None:
    text.handled_at, text.handled_by = clock.now(), actor
    text.save(update_fields=["handled_at", "handled_by"])


def _audit(text: InboundText, action: AuditAction, *, actor: str, **details: str) -> None:
    """Write one row for each patient the text may be from, or one about nobody known."""
    patients = sorted({row.patient_id for row in addresses_of(text)}) or [None]
    rows = [(patient_id, text) for patient_id in patients]
    audit.record_many(action=action, actor=actor, rows=rows, **details)
