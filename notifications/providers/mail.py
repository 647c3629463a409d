"""E-mail through Django's backend, SMTP or Anymail, with their errors put in our words.

Codes are data: RFC 5321 section 4.2 and RFC 3463 say which replies are final. Opening the
connection and handing over the message are two steps, because only the second can leave it
unknown whether the message went.
"""

import re
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.mime.text import MIMEText
from email.utils import formataddr

import css_inline
import requests
from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from django.utils.module_loading import import_string

from notifications.enums import ContactEffect, ErrorKind
from notifications.providers import ses
from notifications.types import AnswerLost, ChannelError, Envelope, Meaning

DEAD = Meaning(kind=ErrorKind.PERMANENT, contact=ContactEffect.NEEDS_UPDATE)
REFUSED = Meaning(kind=ErrorKind.PERMANENT)
LATER = Meaning(kind=ErrorKind.TRANSIENT)
THROTTLED = Meaning(kind=ErrorKind.THROTTLED)
SET_UP = Meaning(kind=ErrorKind.CONFIGURATION)
CODES: dict[int, Meaning] = {
    **dict.fromkeys((550, 551, 553, 554), DEAD),
    **dict.fromkeys((530, 534, 535, 538), SET_UP),
}
# RFC 3463 says more than the three digits: the first beginning that fits decides. 5.7 is policy,
# such as spam or relaying, 5.3 the system and 5.6 the text: not the address' fault.
ENHANCED: list[tuple[str, Meaning]] = [
    ("5.1.7", SET_UP),  # our own address
    ("5.1.8", SET_UP),
    ("5.7.26", SET_UP),  # our mail is not authenticated (DMARC)
    ("5.2.2", LATER),  # mailbox full
    ("5.3.", REFUSED),
    ("5.6.", REFUSED),
    ("5.7.", REFUSED),
]
CALENDAR_FILE = "visit.ics"
# An e-mail service's HTTP status.
STATUSES: dict[int, Meaning] = {401: SET_UP, 403: SET_UP, 429: THROTTLED}


def is_outbox() -> bool:
    """Return whether mail is only kept on this machine."""
    if settings.EMAIL_BACKEND.startswith("anymail."):
        return False  # even where the library of one is missing: only e-mail stops for that
    backend = import_string(settings.EMAIL_BACKEND)
    is_local = settings.EMAIL_BACKEND == "django.core.mail.backends.locmem.EmailBackend"
    return is_local or getattr(backend, "is_outbox", False)


def is_twin() -> bool:
    """Return whether mail goes to the outbox, whose stand-in for a carrier reports on it."""
    return getattr(import_string(settings.EMAIL_BACKEND), "speaks_mailgun", False)


def build(
    *, envelope: Envelope, subject: str, text: str, html: str, calendar: str = ""
) -> EmailMultiAlternatives:
    """Return the message with its styles inlined and its way out in the headers (RFC 8058).

    `calendar` is the text of a calendar's file to go with it, if any. Raises ChannelError for an
    address that is not exactly one.
    """
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=text,
        from_email=formataddr((" ".join(envelope.sender.split()), settings.DEFAULT_FROM_EMAIL)),
        to=[_one_address(envelope.to["address"])],
        headers=_headers(envelope),
    )
    message.attach_alternative(css_inline.inline(html), "text/html")
    if calendar:
        message.attach(_attached(calendar))
    message.metadata = {"delivery_id": str(envelope.delivery_id)}
    return message


def _attached(calendar: str) -> MIMEText:
    """Return a calendar's file as RFC 6047 section 2.4 has it: its type names the file's method.

    Outlook does not read one where the two differ. Services by API take no third alternative
    beside text and HTML, so it is attached.
    """
    part = MIMEText(calendar, "calendar", "utf-8")
    part.set_param("method", re.search(r"^METHOD:(\w+)", calendar, re.MULTILINE)[1])
    part.add_header("Content-Disposition", "attachment", filename=CALENDAR_FILE)
    return part


def _one_address(value: str) -> str:
    try:
        validate_email(value)
    except ValidationError:
        raise ChannelError(
            code="bad_address", kind=ErrorKind.PERMANENT, contact=ContactEffect.NEEDS_UPDATE
        ) from None
    return value


def _headers(envelope: Envelope) -> dict[str, str]:
    domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]
    headers = {
        # The same for a repeated mail, so that a reader's mail program can see it is the same.
        "Message-ID": f"<{envelope.delivery_id.hex}@{domain}>",
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
    connection = _connection()
    try:
        with _opening():
            connection.open()
            _greet(connection)
        with _handing_over():
            taken = connection.send_messages([message])
    finally:
        with suppress(OSError, smtplib.SMTPException):  # the answer is known by now
            connection.close()
    if not taken:
        raise ChannelError(code="not_taken", kind=ErrorKind.TRANSIENT)
    status = getattr(message, "anymail_status", None)
    return getattr(status, "message_id", None) or message.extra_headers["Message-ID"]


def _connection() -> BaseEmailBackend:
    try:
        return get_connection(fail_silently=False)
    except (ImproperlyConfigured, ImportError) as error:  # a key or a library is missing
        raise ChannelError(code=type(error).__name__, kind=ErrorKind.CONFIGURATION) from None


def _greet(connection: BaseEmailBackend) -> None:
    """Say hello before anything is handed over: a server that hangs here has taken nothing."""
    server = getattr(connection, "connection", None)
    if isinstance(server, smtplib.SMTP):
        server.ehlo_or_helo_if_needed()


@contextmanager
def _opening() -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPAuthenticationError as error:
        raise ChannelError(code=str(error.smtp_code), kind=ErrorKind.CONFIGURATION) from None
    except ses.BotoCoreError as error:  # no region, or a setting it does not know
        raise ChannelError(code=type(error).__name__, kind=ErrorKind.CONFIGURATION) from None
    except (OSError, smtplib.SMTPException) as error:
        raise ChannelError(code=type(error).__name__, kind=ErrorKind.TRANSIENT) from None


@contextmanager
def _handing_over() -> Iterator[None]:
    try:
        yield
    except smtplib.SMTPRecipientsRefused as error:
        raise refusal(*next(iter(error.recipients.values()))) from None
    except smtplib.SMTPSenderRefused as error:
        raise _refusal_of_us(error.smtp_code) from None
    except smtplib.SMTPResponseException as error:
        raise refusal(error.smtp_code, error.smtp_error) from None
    except AnymailRecipientsRefused:
        raise refusal(550, b"5.1.1") from None
    except AnymailAPIError as error:
        raise _api_error(error) from None
    except AnymailError as error:
        raise ChannelError(code=type(error).__name__, kind=ErrorKind.CONFIGURATION) from None
    except (OSError, smtplib.SMTPException, requests.RequestException) as error:
        raise AnswerLost(code=type(error).__name__) from None


def refusal(code: int, text: bytes | str) -> ChannelError:
    """Judge a server's no by its codes, at once or later: `text` may begin with the enhanced one.

    Its words may name the address: they go nowhere.
    """
    detail = text.decode(errors="replace") if isinstance(text, bytes) else text
    known = CODES.get(code) or _by_class(code)
    judged = [meaning for beginning, meaning in ENHANCED if detail.startswith(beginning)]
    return ChannelError.of(str(code), known if known is SET_UP or not judged else judged[0])


def _by_class(code: int) -> Meaning:
    """Return what the first digit says: 5 is final (RFC 5321 section 4.2.1)."""
    return REFUSED if 500 <= code < 600 else LATER


def _refusal_of_us(code: int) -> ChannelError:
    """Judge a no to our own address: the patient's has nothing to do with it."""
    return ChannelError.of(str(code), SET_UP if _by_class(code) is REFUSED else LATER)


def _api_error(error: AnymailAPIError) -> ChannelError:
    """An ESP's HTTP status: no answer or 5xx leaves it unknown, 429 asks to wait."""
    if said := ses.refusal(error):
        return said
    code = getattr(error.response, "status_code", None)
    if code is None or code >= 500:
        return AnswerLost(code=str(code or "no_answer"))
    return ChannelError.of(str(code), STATUSES.get(code, REFUSED))
