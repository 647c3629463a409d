"""The words of a history: where a delivery stands, what a channel is called, what a gate asks."""

from django.utils.translation import gettext_lazy as _

from notifications import hours, rendering
from notifications.enums import ContactKind, DeliveryStatus, PatientNotificationChannel
from notifications.models import Delivery

# What each gate of `policy` makes sure of, in the order they are asked.
GATES_SAID = {
    "in_time": _("There is still time to act"),
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
    "not_for_summary": _("It is not kept for the patient's summary"),
    "outside_quiet_hours": _("It is outside quiet hours"),
    "within_text_hours": _("Texts may go at this hour"),
    "within_advertising_hours": _("It is not advertising at an hour closed to it"),
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
