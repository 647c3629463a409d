"""What the outbox answers at once to a magic recipient: `carriers/magic.py`, in our words."""

import smtplib
from collections import Counter
from datetime import timedelta

from carriers.magic import BUSY_TIMES, NOT_TAKEN, Fate, Handover, fate_of_push, fate_of_text
from notifications.enums import ContactEffect, ErrorKind
from notifications.providers.twilio_codes import meaning_of
from notifications.types import AnswerLost, ChannelError

BUSY_WAIT = timedelta(seconds=1)
# What the real carriers' clients say where no answer came, or none that tells.
LOST = {
    Handover.ERROR_BEFORE: "500",
    Handover.ERROR_AFTER: "500",
    Handover.CUT_BEFORE: "ConnectionError",
    Handover.CUT_AFTER: "ConnectionError",
    Handover.HANG_BEFORE: "ReadTimeout",
    Handover.HANG_AFTER: "ReadTimeout",
}
# How often each message has been sent away. In this process only: another may do so again.
_sent_away: Counter[str] = Counter()


def fate_of(channel: str, address: str) -> Fate:
    """Return what becomes of a text or a push."""
    return fate_of_push(address) if channel == "push" else fate_of_text(address)


def is_sent_away(fate: Fate, *, name: str) -> bool:
    """Return whether a carrier that is busy tells this message to come again."""
    if fate.handover != Handover.BUSY:
        return False
    _sent_away[name] += 1
    if _sent_away[name] <= BUSY_TIMES:
        return True
    del _sent_away[name]
    return False


def before_taking(fate: Fate, *, channel: str, name: str) -> None:
    """Raise what a carrier's no or its silence is, where it does not take the message."""
    if is_sent_away(fate, name=name):
        raise _busy(channel, fate.code or "20429")
    if fate.handover == Handover.REFUSED:
        raise _no_device(fate.code) if channel == "push" else _no_text(fate.code)
    if fate.handover in NOT_TAKEN:
        raise AnswerLost(code=LOST[fate.handover])


def after_taking(fate: Fate) -> None:
    """Raise AnswerLost where the message was taken and the answer did not come back."""
    if fate.handover in LOST:
        raise AnswerLost(code=LOST[fate.handover])


def _busy(channel: str, code: str) -> ChannelError:
    if channel == "push":  # a push service speaks for itself, not for the others
        return ChannelError(code=code, kind=ErrorKind.TRANSIENT, retry_after=BUSY_WAIT)
    return ChannelError.of(code, meaning_of(code), retry_after=BUSY_WAIT)


def _no_text(code: str) -> ChannelError:
    return ChannelError.of(code, meaning_of(code))


def _no_device(code: str) -> ChannelError:
    return ChannelError(code=code, kind=ErrorKind.PERMANENT, contact=ContactEffect.REMOVED)


# -- mails: as Django's SMTP backend would hear it ----------------------------------------------


def before_mailing(fate: Fate, *, to: str, name: str) -> None:
    """Raise what smtplib raises where a server does not take a mail."""
    if fate.handover == Handover.REFUSED or is_sent_away(fate, name=name):
        code, _space, detail = fate.code.partition(" ")
        raise smtplib.SMTPRecipientsRefused({to: (int(code), detail.encode())})
    if fate.handover in NOT_TAKEN:
        raise smtplib.SMTPServerDisconnected


def after_mailing(fate: Fate) -> None:
    """Raise what smtplib raises where a server took a mail and did not say so."""
    if fate.handover == Handover.CUT_AFTER:
        raise smtplib.SMTPServerDisconnected
    if fate.handover == Handover.HANG_AFTER:
        raise TimeoutError
