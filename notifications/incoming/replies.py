"""What a patient writes: kept as it came, then acted on in one transaction.

What is plain is done at once and answered: STOP, START, HELP, a yes to a visit we asked about and
that it names. A yes that may be meant for several is asked back about, once. Everything else is
left open for a person, unanswered. A text that cannot be acted on stays open too, and the clock's
sweep tries again; an answer that comes so late is not sent.

A number may be several patients'. What we answer names the times of visits only where we asked
about them in texts to that very number; otherwise it is the same for everybody.
"""

import logging
from uuid import UUID

from django.db import transaction

from notifications import contacts, windows
from notifications.enums import AuditAction, CarrierEventKind, EventOutcome, ReplyMeaning
from notifications.incoming.actions import Act, action_for
from notifications.incoming.acts import ACTS, AFTERWARDS, FOR_A_PERSON, Heard
from notifications.incoming.keeping import held, keep, settle
from notifications.incoming.questions import Board, board_at
from notifications.incoming.texts import addresses_of, audit_text, close
from notifications.incoming.words import meaning_of
from notifications.models import CarrierEvent, InboundText
from notifications.types import Reply

logger = logging.getLogger(__name__)

ABOUT_QUESTIONS = (ReplyMeaning.CONFIRM, ReplyMeaning.UNCLEAR, ReplyMeaning.CALL)
TRIES_AT_ONCE = 2  # a STOP should not wait for the sweep because of one passing fault


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
        close(text, actor=actor)
        audit_text(text, AuditAction.CHANGED, actor=actor, change="handled")
    return text


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
    heard = _heard(text, actor=actor, is_late=is_late or is_fetched)
    audit_text(text, AuditAction.REPLY, actor=actor, meaning=text.meaning)
    is_for_later = is_fetched and heard.action.act not in AFTERWARDS
    outcome = FOR_A_PERSON if is_for_later else ACTS[heard.action.act](heard)
    answer = "" if is_answered or heard.is_late else outcome.answer
    if answer:
        text.answer = answer
        text.save(update_fields=["answer"])
    if outcome.is_handled and text.handled_at is None:
        close(text, actor=actor)
    settle(event, EventOutcome.APPLIED)
    return answer


def _heard(text: InboundText, *, actor: str, is_late: bool) -> Heard:
    """Return a text with whose it may be, what is asked there, and what it asks for.

    What it means may show only now: "both", to a number that was asked about two visits.
    """
    addresses, board = addresses_of(text), Board()
    if text.meaning in ABOUT_QUESTIONS:
        board = board_at(text=text, addresses=[row for row in addresses if row.verified_at])
    action = action_for(
        text.text,
        board.questions,
        is_stop=text.meaning == ReplyMeaning.STOP,
        was_asked_back=board.was_asked_back,
    )
    if action.act in (Act.CONFIRM, Act.ASK_BACK) and text.meaning != ReplyMeaning.CONFIRM:
        text.meaning = ReplyMeaning.CONFIRM
        text.save(update_fields=["meaning"])
    return Heard(
        text=text, addresses=addresses, actor=actor, is_late=is_late, action=action, board=board
    )
