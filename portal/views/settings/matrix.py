"""The settings as a table of types and channels, each cell with its state and its reason."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import contacts, preferences
from notifications.enums import (
    Category,
    ContactKind,
    ContactStatus,
    PatientNotificationChannel,
    PatientNotificationType,
)
from notifications.types import Refused

LOCKED: dict[str, Promise] = {
    "email": gettext_lazy("We always email this kind of message."),
}
# What lacks at an address that is there and cannot be used.
AGREE, VERIFY = gettext_lazy("Agree to texts"), gettext_lazy("Verify your address")
STOPPED = gettext_lazy("You replied STOP")
BROKEN = gettext_lazy("Does not work: change it")
UNWANTED = gettext_lazy("You asked us not to use it")
LACKS = (AGREE, VERIFY, BROKEN, STOPPED, UNWANTED)  # the least first
ADD = {
    ContactKind.EMAIL: gettext_lazy("Add your email address"),
    ContactKind.PHONE: gettext_lazy("Add your mobile number"),
    ContactKind.PUSH: gettext_lazy("Not on this device yet"),
}
SHORT = {
    ContactKind.EMAIL: gettext_lazy("Add email"),
    ContactKind.PHONE: gettext_lazy("Add number"),
    ContactKind.PUSH: gettext_lazy("Turn on here"),
}


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """An address that is there but cannot be used yet, and the one thing it lacks."""

    contact_id: UUID
    label: str


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One type on one channel. Its state is `switch`, `locked`, `add` or `off`."""

    type_key: str
    channel: Any
    is_on: bool
    state: str
    unfinished: Unfinished | None = None

    @property
    def name(self) -> str:
        return f"{self.type_key}.{self.channel.key}"

    @property
    def label(self) -> str:
        return str(self.channel.label)

    @property
    def why_id(self) -> str:
        """Return the id of the sentence that says why this cell is locked."""
        return "why-in_app" if self.channel.key == "in_app" else f"why-{self.type_key}"

    @property
    def add_kind(self) -> str:
        """Return the kind of address to add, where a page can add it."""
        kind = self.channel.contact_kind
        return str(kind) if kind in (ContactKind.EMAIL, ContactKind.PHONE) else ""

    @property
    def add_label(self) -> str:
        return str(ADD[self.channel.contact_kind])

    @property
    def long(self) -> str:
        """Return what lacks, or what to add, in full."""
        return self.unfinished.label if self.unfinished else self.add_label

    @property
    def short(self) -> str:
        """Return what leads to an address, in the space of a box."""
        return self.unfinished.label if self.unfinished else str(SHORT[self.channel.contact_kind])


@dataclass(frozen=True, kw_only=True)
class Line:
    """One type with its cells and the reasons for those that are locked."""

    type_key: str
    label: str
    category: str
    cells: list[Cell]

    @property
    def reasons(self) -> list[str]:
        """Return why cells are locked; why in-app is stands once above all lines."""
        locked = [cell.channel for cell in self.cells if cell.state == "locked"]
        others = [channel for channel in locked if channel.key != "in_app"]
        return [str(LOCKED.get(channel.key) or always_on(channel)) for channel in others]


def always_on(channel: Any) -> str:
    return _("%(channel)s is always on for this kind of message.") % {"channel": channel.label}


def matrix(*, patient_id: UUID) -> list[tuple[str, list[Line]]]:
    """Return (category, lines) in the order of the categories; empty ones are left out."""
    known, lacking = preferences.effective(patient_id=patient_id), _unfinished(patient_id)
    lines = [_line(cls, known[cls.type_key], lacking) for cls in PatientNotificationType.classes()]
    groups = [
        (str(category.label), [line for line in lines if line.category == category])
        for category in Category
    ]
    return [(label, found) for label, found in groups if found]


def missing(groups: list[tuple[str, list[Line]]]) -> list[Cell]:
    """Return, for each channel that lacks an address, one of its cells: said once for all."""
    cells = [cell for _label, lines in groups for line in lines for cell in line.cells]
    found = {cell.channel.key: cell for cell in cells if cell.state == "add"}
    return [found[each.key] for each in in_order() if each.key in found]


def has_switch(groups: list[tuple[str, list[Line]]], channel: str) -> bool:
    """Return whether there is anything to switch on a channel."""
    cells = (cell for _label, lines in groups for line in lines for cell in line.cells)
    return any(cell.state == "switch" and cell.channel.key == channel for cell in cells)


def _unfinished(patient_id: UUID) -> dict[str, Unfinished]:
    """Return, by kind, the address that lacks least; shown where none can be used."""
    known = contacts.of_patient(patient_id=patient_id)
    allowed = {each.pk for each in contacts.allowed_among(known)}
    lacks = {each.pk: _lacks(each) if each.pk in allowed else UNWANTED for each in known}
    found: dict[str, Unfinished] = {}
    for lack in LACKS:
        for contact in (each for each in known if lacks[each.pk] is lack):
            made = Unfinished(contact_id=contact.pk, label=str(lack))
            found.setdefault(contact.kind, made)
    return found


def _lacks(contact: Any) -> Promise | None:
    """Return what stands in the way of an address; None for a device, which has its own part."""
    if contact.kind not in (ContactKind.EMAIL, ContactKind.PHONE):
        return None
    if contact.status == ContactStatus.OPTED_OUT:
        return STOPPED
    if contact.status == ContactStatus.NEEDS_UPDATE:
        return BROKEN
    return AGREE if contact.verified_at else VERIFY


def _line(
    kind: Any, preference: preferences.TypePreference, lacking: dict[str, Unfinished]
) -> Line:
    cells = [
        Cell(
            type_key=kind.type_key,
            channel=channel,
            is_on=preference.enabled[channel.key],
            state=_state(channel, preference),
            unfinished=lacking.get(channel.contact_kind),
        )
        for channel in in_order()
    ]
    return Line(type_key=kind.type_key, label=str(kind.label), category=kind.category, cells=cells)


def in_order() -> list[Any]:
    """Return the channels as a reader expects them: in-app first, then by age of the thing."""
    usual = ["in_app", "email", "sms", "push"]
    place = {key: number for number, key in enumerate(usual)}
    channels = PatientNotificationChannel.classes()
    return sorted(channels, key=lambda channel: place.get(channel.key, len(usual)))


def _state(channel: Any, preference: preferences.TypePreference) -> str:
    if channel.key in preference.locked:
        return "locked"
    if channel.key in preference.available:
        return "switch"
    return "add" if channel().is_configured() and channel.contact_kind else "off"


def save_all(*, patient_id: UUID, drawn: Iterable[str], ticked: Iterable[str], actor: str) -> int:
    """Keep a whole sheet: what was drawn is on if ticked. Returns how many cells changed.

    Raises Refused naming the cell that cannot be changed. A cell not drawn stays as it is.
    """
    on, known, changed = set(ticked), preferences.effective(patient_id=patient_id), 0
    for name in drawn:
        type_key, channel = parts_of(name)
        if (name in on) != known[type_key].enabled.get(channel):
            save(patient_id=patient_id, cell=name, enabled=name in on, actor=actor)
            changed += 1
    return changed


def save(*, patient_id: UUID, cell: str, enabled: bool, actor: str) -> None:
    """Keep one cell. Raises Refused whose message names it, for one that is locked or unknown."""
    type_key, channel = parts_of(cell)
    try:
        preferences.change(
            patient_id=patient_id, type_key=type_key, changes={channel: enabled}, actor=actor
        )
    except Refused as refused:
        raise Refused(f"{cell_label(cell)}: {refused.message}", field=cell) from refused


def parts_of(cell: str) -> tuple[str, str]:
    """Return (type, channel) of a cell's name. Raises Refused for one that does not exist."""
    type_key, _dot, channel = cell.partition(".")
    if type_key not in PatientNotificationType or channel not in PatientNotificationChannel:
        raise Refused(_("There is no such setting."), field="cell")
    return type_key, channel


def cell_label(cell: str) -> str:
    """Return "Email for visit reminders" as a heading would say it."""
    type_key, channel = parts_of(cell)
    return _("%(channel)s for %(type)s") % {
        "channel": PatientNotificationChannel.get(channel).label,
        "type": PatientNotificationType.get(type_key).label,
    }
