"""The words of a history: where a delivery stands, what a channel is called, what a gate asks."""

from datetime import datetime

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from notifications import clock, hours, rendering
from notifications.enums import (
    CallOutcome,
    ContactKind,
    DeliveryStatus,
    PatientNotificationChannel,
)
from notifications.models import CallTask, Delivery

# What each gate of `policy` makes sure of, in the order they are asked.
GATES_SAID = {
    "in_time": _("There is still time to act"),
    "still_here": _("The patient is still with the practice"),
    "readable": _("The message can be read"),
    "still_true": _("What it says is still true"),
    "not_answered": _("Nobody has answered yet"),
    "channel_ready": _("The channel is set up"),
    "address_known": _("There is an address"),
    "address_allowed": _("The address may be used"),
    "wanted": _("The patient wants it this way"),
    "address_works": _("The address works"),
    "text_permitted": _("The number is verified and agreed to texts"),
    "not_paused": _("Messages are not paused"),
    "not_a_duplicate": _("The address has not had it yet"),
    "not_for_summary": _("It is not kept for the patient's summary"),
    "outside_quiet_hours": _("It is outside quiet hours"),
    "within_text_hours": _("Texts may go at this hour"),
    "within_advertising_hours": _("It is not advertising at an hour closed to it"),
    "within_allowance": _("The number has not had enough texts"),
    "nothing_held": _("Messages are not held"),
    "channel_open": _("The provider is reachable and takes our messages"),
}
# Those that are asked of some kinds of address only; the others pass them unasked.
ASKED_OF = {
    "text_permitted": (ContactKind.PHONE,),
    "not_for_summary": (ContactKind.EMAIL,),
    "outside_quiet_hours": hours.HELD_KINDS,
    "within_text_hours": (ContactKind.PHONE,),
    "within_advertising_hours": (ContactKind.PHONE,),
    "within_allowance": (ContactKind.PHONE,),
}
CALLS_ENDED = {
    CallOutcome.CALLED: _("Called"),
    CallOutcome.ANSWERED: _("No call needed: the patient answered"),
    CallOutcome.CANCELLED: _("No call needed: it was changed or called off"),
}
# Their reason is a whole sentence: the status before it would say nothing more.
SAYS_IT_ALL = (DeliveryStatus.HELD, DeliveryStatus.UNKNOWN)


def words_for(row: Delivery) -> str:
    """Return a delivery's status in words for staff, with the reason where it was not delivered."""
    why = row.reason and rendering.sentence(reason=row.reason, params=row.reason_params)
    return _with_status(row, why)


def words_to_patient(row: Delivery) -> str:
    """Return the same for the patient it was meant for."""
    why = row.reason and rendering.sentence_to_patient(reason=row.reason, params=row.reason_params)
    return _with_status(row, why)


def _with_status(row: Delivery, why: str) -> str:
    said = status_word(row.status)
    if not why:
        return said
    return why if row.status in SAYS_IT_ALL else f"{said}. {why}"


def words_of_call(row: CallTask) -> str:
    """Return where a call to make stands, in words for staff."""
    if row.settled_at is not None:
        return str(CALLS_ENDED[CallOutcome(row.outcome)])
    if row.due_at > clock.now():
        return gettext("A call from %(time)s on, if nobody answers") % {
            "time": _day_and_time(row.due_at)
        }
    why = {"why": row.get_reason_display()}
    if row.call_by is None:
        return gettext("Call to make. %(why)s") % why
    said = why | {"time": _day_and_time(row.call_by)}
    return gettext("Call to make, until %(time)s. %(why)s") % said


def _day_and_time(moment: datetime) -> str:
    return f"{date_format(localtime(moment), 'M j')}, {rendering.short_time(moment)}"


def status_word(status: str) -> str:
    return str(DeliveryStatus(status).label)


def channel_label(key: str) -> str:
    """Return what a channel is called, also one that was taken out."""
    return str(PatientNotificationChannel.get(key).label)


def is_asked(gate: str, *, kind: ContactKind | None) -> bool:
    """Return whether a gate has anything to say of messages to addresses of a kind."""
    return kind is not None and kind in ASKED_OF.get(gate, tuple(ContactKind))


def gate_label(name: str) -> str:
    return str(GATES_SAID.get(name, name))
