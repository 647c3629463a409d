"""A message as a row of a list: what it says, where it lies, what can be done with it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import clock
from notifications.enums import Category, PatientNotificationPriority, PatientNotificationType
from notifications.templatetags.notification_text import clock_time
from notifications.types import NotificationPayload, payload_of
from portal.templatetags.portal import short_day
from portal.views.messages.days import Day, by_day

ANSWERS = {"confirm": gettext_lazy("Confirm"), "accept": gettext_lazy("Take this time")}
ANSWERED = {
    "confirm": gettext_lazy("Confirmed %(time)s"),
    "accept": gettext_lazy("Taken %(time)s"),
    "fill_in": gettext_lazy("Filled in %(time)s"),
    "pay": gettext_lazy("Paid on %(day)s"),
    "move": gettext_lazy("You asked to move it %(time)s"),
}
EVENING, MORNING = time(18), time(8)


@dataclass(frozen=True)
class Row:
    """One message with what its template needs.

    `asks`, and `way` (a path and its label), are empty once it is out of date.
    """

    message: Any
    asks: tuple[str, ...] = ()
    way: tuple[str, str] | None = None

    @cached_property
    def icon(self) -> str:
        return PatientNotificationType.get(self.message.type).icon

    @property
    def category(self) -> str:
        return str(Category(PatientNotificationType.get(self.message.type).category).label)

    @property
    def type_key(self) -> str:
        """Return where the settings have its kind, or nothing once that kind is gone."""
        return self.message.type if self.message.type in PatientNotificationType else ""

    @property
    def kind(self) -> str:
        """Return what the settings call its kind, such as "Visit reminders"."""
        return str(PatientNotificationType.get(self.message.type).label)

    @property
    def is_expired(self) -> bool:
        ends = self.message.expires_at
        return self.message.expired_at is not None or (ends is not None and ends <= clock.now())

    @property
    def is_unread(self) -> bool:
        return self.message.read_at is None and not self.is_expired

    @property
    def is_urgent(self) -> bool:
        return self.message.priority == PatientNotificationPriority.URGENT

    @property
    def is_high(self) -> bool:
        return self.message.priority == PatientNotificationPriority.HIGH

    @property
    def place(self) -> str:
        """Return where the message lies: inbox, archived, dismissed or snoozed."""
        marks = {"archived": "archived_at", "dismissed": "dismissed_at", "snoozed": "snoozed_until"}
        return next((name for name, mark in marks.items() if getattr(self.message, mark)), "inbox")

    @property
    def came_by(self) -> str:
        """Return the action that put the message where it lies."""
        return {"archived": "archive", "dismissed": "dismiss"}.get(self.place, "")

    @property
    def answers(self) -> list[tuple[str, str]]:
        """Return (action, label) of what the patient may answer right here."""
        return [(key, str(ANSWERS.get(key, key.capitalize()))) for key in self.asks]

    @property
    def answered(self) -> str:
        """Return "Confirmed 2:05 PM EST", or nothing while there is no answer."""
        if self.message.acted_at is None:
            return ""
        said = ANSWERED.get(self.message.action_taken, gettext_lazy("Answered %(time)s"))
        at = self.message.acted_at
        return str(said) % {"time": clock_time(at), "day": short_day(timezone.localdate(at))}

    @property
    def snoozes(self) -> list[tuple[str, str]]:
        """Return (ISO moment, label) of when to be reminded, never past the time to act."""
        ends = self.message.expires_at
        return [
            (moment.isoformat(), label)
            for moment, label in _later(clock.now())
            if ends is None or moment < ends
        ]

    @property
    def first_free_day(self) -> str:
        return (timezone.localdate(clock.now()) + timedelta(days=2)).isoformat()


def rows_of(messages: Sequence[Any]) -> list[Row]:
    """Return messages as rows. Whether they still ask is one question a kind, not one a row."""
    asking = {message.pk: _asking_payload(message) for message in messages}
    stale = _irrelevant([payload for payload in asking.values() if payload])
    return [_row(message, asking[message.pk], stale) for message in messages]


def days_of(rows: Sequence[Row]) -> list[Day]:
    """Return rows, newest first, under the days they came on."""
    return by_day(rows, moment=lambda row: row.message.created_at)


def moment_of(data: Any) -> datetime | None:
    """Return the moment a snooze form names: an ISO time, or a day (then its morning)."""
    try:
        if data.get("until"):
            moment = datetime.fromisoformat(data["until"])
            return moment.astimezone(UTC) if timezone.is_aware(moment) else None
        return _at(date.fromisoformat(data.get("day", "")), MORNING).astimezone(UTC)
    except (ValueError, OverflowError):  # the latter at the ends of the calendar
        return None


def _row(message: Any, payload: NotificationPayload | None, stale: set) -> Row:
    row = Row(message)
    if payload is None or payload in stale or row.is_expired:
        return row
    way = (message.action_url, str(payload.action_label or _("View")))
    return Row(message, asks=tuple(payload.actions()), way=way if message.action_url else None)


def _asking_payload(message: Any) -> NotificationPayload | None:
    if message.acted_at is not None:
        return None
    try:
        payload = payload_of(type_key=message.type, data=message.payload)
    except (TypeError, ValueError, ArithmeticError):
        return None  # an old row that its type no longer reads still shows what it said
    return payload if payload and (payload.actions() or message.action_url) else None


def _irrelevant(payloads: Sequence[NotificationPayload]) -> set[NotificationPayload]:
    """Return those out of date. Types that ask the same question ask it together."""
    by_question = defaultdict(list)
    for payload in payloads:
        by_question[type(payload).irrelevant.__func__].append(payload)
    return set().union(*(type(some[0]).irrelevant(some) for some in by_question.values()))


def _later(now: datetime) -> list[tuple[datetime, str]]:
    today = timezone.localdate(now)
    evening, morning = _at(today, EVENING), _at(today + timedelta(days=1), MORNING)
    choices = [(morning, _("Tomorrow morning"))]
    return [(evening, _("This evening")), *choices] if now < evening else choices


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, tzinfo=timezone.get_current_timezone())
