"""Payloads: one message of one type, whose fields have levels.

`public()` may appear anywhere, `logistics()` at a verified address with consent, `phi()` only to
the signed-in patient. `context(ceiling=...)` simply lacks what lies above the ceiling, so a
careless template cannot leak.
"""

import dataclasses
import typing
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Self
from uuid import UUID

from django.core.exceptions import ImproperlyConfigured

from notifications.calendar import CalendarEvent
from notifications.enums import (
    Category,
    Level,
    PatientNotificationPriority,
    PatientNotificationType,
    Purpose,
    Reason,
    Shape,
)

REFUSED_FIELDS = {
    "title": "a title is constant: it belongs to the type, so that nothing private gets into it",
    "message": "a message is rendered from the type's template and the other fields",
}


def public(**options: Any) -> Any:
    """Return a dataclass field that may be said anywhere (L0)."""
    return dataclasses.field(metadata={"level": Level.L0}, **options)


def logistics(**options: Any) -> Any:
    """Return a dataclass field for a verified address with consent (L1): when, where, who."""
    return dataclasses.field(metadata={"level": Level.L1}, **options)


def phi(**options: Any) -> Any:
    """Return a dataclass field only the signed-in patient sees (L2): clinical or financial."""
    return dataclasses.field(metadata={"level": Level.L2}, **options)


@dataclass(frozen=True, kw_only=True)
class Rung:
    """One rung of a ladder: which channel, from when, and until when (aware).

    A rung ends when the next begins. CALL, the last, is no channel but a call by the desk.
    """

    CALL: ClassVar[str] = "call"

    channel: str
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True, kw_only=True)
class NotificationPayload(ABC):
    """The base of every type: a frozen dataclass whose fields have levels.

    Class constants say how the type behaves; `register` refuses one that lacks any.
    """

    type_key: ClassVar[str]
    title: ClassVar[str]  # constant, translatable, L0
    label: ClassVar[str]  # what the settings page calls it
    icon: ClassVar[str] = "info"
    category: ClassVar[Category]
    purpose: ClassVar[Purpose]
    priority: ClassVar[PatientNotificationPriority] = PatientNotificationPriority.MEDIUM
    locked: ClassVar[tuple[str, ...]] = ("in_app",)
    channels: ClassVar[tuple[str, ...]] = ("in_app", "email")  # on by default
    passes_floor: ClassVar[bool] = False  # may text before 08:00
    shape: ClassVar[Shape] = Shape.FAN_OUT
    metadata_fields: ClassVar[tuple[str, ...]] = ()  # what the API shows of the payload
    gone_because: ClassVar[Reason] = Reason.WITHDRAWN  # said where it is `irrelevant`
    action_label: ClassVar[str] = ""  # on the way to `action_url()`, translatable; empty: "View"
    leads_to: ClassVar[str] = ""  # what is done there, such as `move`: noted as the answer
    settles_for: ClassVar[timedelta] = timedelta(0)  # outside: it may change again. Urgent: none

    def __new__(cls, **given: Any) -> Self:
        for name in REFUSED_FIELDS.keys() & given.keys():
            raise TypeError(f"{cls.__name__} takes no {name}: {REFUSED_FIELDS[name]}")
        return super().__new__(cls)

    @classmethod
    @abstractmethod
    def example(cls) -> Self:
        """Return a believable payload: feeds previews, tests and `send_notification`."""

    def action_url(self) -> str:
        """Return where "View" leads: a path of this site, with ids only. Empty: the message."""
        return ""

    def rungs(self) -> Sequence[Rung]:
        """Return the ladder this message climbs, first rung first; none: all channels at once."""
        return ()

    def leaves_out(self) -> tuple[str, ...]:
        """Return the channels this one message never takes, whatever the patient chose."""
        return ()

    def is_capped(self) -> bool:
        """Return whether its text yields when a number has had enough of them (M-02)."""
        return True

    def together(self) -> str:
        """Return what it may share one text with, to the same number; empty: nothing.

        Such as "this day's visits at this place": the same word for a whole household.
        """
        return ""

    def happens_at(self) -> datetime | None:
        """Return when that which it speaks of happens (aware), or None.

        A household's visits are lettered in this order.
        """
        return None

    def same_as(self) -> str:
        """Return what makes it the same message for another patient; empty: nothing does.

        Who shares an address with somebody gets such a message once.
        """
        return ""

    def actions(self) -> tuple[str, ...]:
        """Return the keys of what the patient may answer right here, such as `confirm`."""
        return ()

    def calendar(self, *, practice_name: str) -> CalendarEvent | None:
        """Return the entry a mail brings for the patient's calendar, or None.

        Its words are in the current language and say nothing that is private.
        """
        return None

    def expires_at(self) -> datetime | None:
        """Return when acting on the message stops making sense (aware), or None."""
        return None

    @classmethod
    def irrelevant(cls, payloads: Iterable["NotificationPayload"]) -> set["NotificationPayload"]:
        """Return those whose reason to be sent has gone, asked once for a whole batch.

        Uses a fixed number of queries whatever the number of payloads.
        """
        return set()

    def context(self, *, ceiling: Level) -> dict[str, Any]:
        """Return the fields a template of a channel with this ceiling may see."""
        return {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.metadata["level"] <= ceiling
        }

    def metadata(self) -> dict[str, Any]:
        """Return the part of the payload that is public API, JSON-ready."""
        dumped = self.dump()
        return {name: dumped[name] for name in self.metadata_fields}

    def dump(self) -> dict[str, Any]:
        """Return the fields as JSON-ready values; `load` reads them back."""
        return {
            field.name: _dump_value(getattr(self, field.name)) for field in dataclasses.fields(self)
        }

    @classmethod
    def load(cls, data: Mapping[str, Any]) -> Self:
        """Return a payload from what `dump` wrote. Unknown keys are dropped: old plans load.

        Raises TypeError for a missing field and ValueError for a value that cannot be read.
        """
        hints = typing.get_type_hints(cls)
        names = [field.name for field in dataclasses.fields(cls)]
        return cls(**{name: _load_value(hints[name], data[name]) for name in names if name in data})

    @classmethod
    def field_names(cls) -> list[str]:
        return [field.name for field in dataclasses.fields(cls)]

    @classmethod
    def check_definition(cls) -> None:
        """Raise ImproperlyConfigured when a constant, a level or a field is wrong."""
        missing = [
            name for name in ("title", "label", "category", "purpose") if not hasattr(cls, name)
        ]
        if missing:
            raise ImproperlyConfigured(f"{cls.__name__} lacks {', '.join(missing)}")
        for field in dataclasses.fields(cls):
            if "level" not in field.metadata:
                raise ImproperlyConfigured(
                    f"{cls.__name__}.{field.name} has no level: "
                    "declare it with public(), logistics() or phi()"
                )
        unknown = set(cls.metadata_fields) - set(cls.field_names())
        if unknown:
            raise ImproperlyConfigured(f"{cls.__name__}.metadata_fields names no field: {unknown}")


def payload_of(*, type_key: str, data: Mapping[str, Any]) -> NotificationPayload | None:
    """Return a stored payload as its class reads it, or None where the type's file is gone."""
    if type_key not in PatientNotificationType:
        return None
    return PatientNotificationType.known(type_key).load(data)


def _dump_value(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, Decimal | UUID):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def _load_value(hint: Any, value: Any) -> Any:
    kinds = [kind for kind in typing.get_args(hint) if kind is not type(None)] or [hint]
    if value is None or not isinstance(value, str | list):
        return value
    if datetime in kinds:
        return _aware(value)
    if date in kinds:
        return date.fromisoformat(value)
    if isinstance(value, list):
        return tuple(value)
    simple = next((kind for kind in kinds if kind in (Decimal, UUID, int, bool)), str)
    return _read_bool(value) if simple is bool else simple(value)


def _aware(value: str) -> datetime:
    moment = datetime.fromisoformat(value)
    if moment.tzinfo is None:
        raise ValueError(f"{value!r} has no zone: write it like 2026-11-24T09:30-05:00")
    return moment


def _read_bool(value: str) -> bool:
    words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
    if value.lower() not in words:
        raise ValueError(f"{value!r} is neither true nor false")
    return words[value.lower()]
