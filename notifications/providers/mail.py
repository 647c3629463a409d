"""E-mail through Django's backend, SMTP or Anymail, with their errors put in our words.

Codes are data: RFC 5321 section 4.2 and RFC 3463 say which replies are final. Opening the
connection and handing over the message are two steps, because only the second can leave it
unknown whether the message went.
"""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import formataddr, make_msgid

import css_inline
import requests
from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils.module_loading import import_string

from notifications.enums import ContactEffect, ErrorKind
from notifications.types import AnswerLost, ChannelError, Envelope

DEAD_ADDRESS = {550, 551, 553, 554}
WRONG_SETUP = {530, 534, 535, 538}


def is_outbox() -> bool:
    """Return whether mail is only kept on this machine."""
    backend = import_string(settings.EMAIL_BACKEND)
    is_local = settings.EMAIL_BACKEND == "django.core.mail.backends.locmem.EmailBackend"
    return is_local or getattr(backend, "is_outbox", False)


def build(*, envelope: Envelope, subject: str, text: str, html: str) -> EmailMultiAlternatives:
    """Return the message with its styles inlined and its way out in the headers (RFC 8058)."""
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=text,
        from_email=formataddr((envelope.sender, settings.DEFAULT_FROM_EMAIL)),
        to=[envelope.to["address"]],
        headers=_headers(envelope),
    )
    message.attach_alternative(css_inline.inline(html, keep_style_tags=True), "text/html")
    message.metadata = {"delivery_id": str(envelope.delivery_id)}
    return message


def _headers(envelope: Envelope) -> dict[str, str]:
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]
    headers = {
        "Message-ID": make_msgid(idstring=envelope.delivery_id.hex, domain=domain),
        "X-Delivery-Id": str(envelope.delivery_id),
        "Auto-Submitted": "auto-generated",
    }
    if envelope.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{envelope.unsubscribe_url}>"
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def send(message: EmailMultiAlternatives) -> str:
    """Hand a message over and return the carrier's id for it.

    Raises ChannelError when refused and AnswerLost when the connection broke in between.
    """
    connection = get_connection(fail_silently=False)
    with _opening():
        connection.open()
    try:
        with _handing_over():
            connection.send_messages([message])
    finally:
        connection.close()
    status = getattr(message, "anymail_status", None)
    return getattr(status, "message_id", None) or message.extra_headers["Message-ID"]


@contextmanager
def _opening() -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise ChannelError(code=str(error.smtp_code), kind=ErrorKind.CONFIGURATION) from None
    except (OSError, smtplib.SMTPException) as error:
        raise ChannelError(code=type(error).__name__, kind=ErrorKind.TRANSIENT) from None


@contextmanager
def _handing_over() -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        raise _refusal(next(iter(error.recipients.values()))[0]) from None
    except smtplib.SMTPResponseException as error:
        raise _refusal(error.smtp_code) from None
    except AnymailRecipientsRefused:
        raise _refusal(550) from None
    except AnymailAPIError as error:
        raise _api_error(error) from None
    except AnymailError as error:
        raise ChannelError(code=type(error).__name__, kind=ErrorKind.CONFIGURATION) from None
    except (OSError, smtplib.SMTPException, requests.RequestException) as error:
        raise AnswerLost(code=type(error).__name__) from None


def _refusal(code: int) -> ChannelError:
    if code in WRONG_SETUP:
        return ChannelError(code=str(code), kind=ErrorKind.CONFIGURATION)
    if code in DEAD_ADDRESS:
        effect = ContactEffect.NEEDS_UPDATE
        return ChannelError(code=str(code), kind=ErrorKind.PERMANENT, contact=effect)
    is_final = 500 <= code < 600
    return ChannelError(
        code=str(code), kind=ErrorKind.PERMANENT if is_final else ErrorKind.TRANSIENT
    )


def _api_error(error: AnymailAPIError) -> ChannelError:
    """An ESP's HTTP status: no answer or 5xx leaves it unknown, 429 asks to wait."""
    code = getattr(error.response, "status_code", None)
    if code is None or code >= 500:
        return AnswerLost(code=str(code or "no_answer"))
    if code == 429:
        return ChannelError(code="429", kind=ErrorKind.TRANSIENT)
    kind = ErrorKind.CONFIGURATION if code in (401, 403) else ErrorKind.PERMANENT
    return ChannelError(code=str(code), kind=kind)
