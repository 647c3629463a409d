"""What requests may say and what answers look like, for validation and for the schema."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from notifications.enums import (
    Category,
    PatientNotificationChannel,
    PatientNotificationPriority,
    PatientNotificationType,
)
from notifications.inbox import LONGEST_PAGE, STATUSES

IGNORED = {"patient", "patient_id"}  # the patient is in the address, nowhere else
LARGEST_SEQ = 10**18 - 1
CURSOR_HINT = _('Paging is by cursor: follow the Link header\'s rel="next", or pass `before`.')
UNKNOWN = _("Unknown field. Known are: %(known)s.")


class Known(serializers.ChoiceField):
    """One of a set that is looked up when asked for, since registries grow."""

    default_error_messages = {"invalid_choice": _("{input} is not known; known are: {known}")}

    def __init__(self, *, known: Callable[[], list[str]], **options: Any) -> None:
        super().__init__(choices=known(), **options)

    def fail(self, key: str, **details: Any) -> None:
        super().fail(key, known=", ".join(self.choices), **details)


class Aware(serializers.DateTimeField):
    """A moment with its zone. Without one it could be meant anywhere, so it is refused."""

    default_error_messages = {"naive": _("Say the zone, such as 2026-11-24T09:30:00-05:00.")}

    def enforce_timezone(self, value: datetime) -> datetime:
        if timezone.is_naive(value):
            self.fail("naive")
        try:
            return value.astimezone(UTC)
        except OverflowError:
            self.fail("overflow")


class Switch(serializers.BooleanField):
    """On or off, and nothing that merely looks like it."""

    TRUE_VALUES = {True}
    FALSE_VALUES = {False}
    NULL_VALUES: set[Any] = set()

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Strict(serializers.Serializer):
    """A request that says nothing this serializer does not know."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if hasattr(data, "keys"):
            unknown = sorted(set(data.keys()) - set(self.fields) - self.ignored())
            if unknown:
                raise serializers.ValidationError({name: [self.hint(name)] for name in unknown})
        return super().to_internal_value(data)

    def ignored(self) -> set[str]:
        return set()

    def hint(self, name: str) -> str:
        return UNKNOWN % {"known": ", ".join(self.fields)}


def type_filter() -> Known:
    """Return a field for a type; empty is no filter."""
    return Known(
        known=lambda: PatientNotificationType.values,
        source="type_key",
        required=False,
        allow_blank=True,
    )


def category_filter() -> Known:
    """Return a field for a category; empty is no filter."""
    return Known(known=lambda: Category.values, required=False, allow_blank=True)


class ListQuery(Strict):
    """The filters of the list."""

    status = Known(known=lambda: list(STATUSES), default="inbox")
    unread_only = serializers.BooleanField(default=False)
    type = type_filter()
    category = category_filter()
    before = serializers.RegexField(
        r"^[0-9]{0,18}$",
        required=False,
        allow_blank=True,
        help_text="The cursor of the page before this one.",
    )
    limit = serializers.IntegerField(default=50, min_value=1, max_value=LONGEST_PAGE)

    def ignored(self) -> set[str]:
        return IGNORED

    def hint(self, name: str) -> str:
        return CURSOR_HINT if name in ("offset", "page") else super().hint(name)


class ReadAllRequest(Strict):
    """Which unread notifications are meant: all, or those up to a seq and within a filter."""

    up_to = serializers.IntegerField(
        default=None, allow_null=True, min_value=0, max_value=LARGEST_SEQ
    )
    type = type_filter()
    category = category_filter()


class SnoozeRequest(Strict):
    until = Aware(help_text="When it comes back, unread; with its zone.")


class PreferenceRequest(Strict):
    """The channels to switch: all or some. A channel added later appears by itself."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {f"{channel}_enabled": Switch(required=False) for channel in channels()}


def channels() -> list[str]:
    """Return the four channels of the contract, then those a clinic added."""
    fixed = ["email", "sms", "in_app", "push"]
    return fixed + [key for key in PatientNotificationChannel.values if key not in fixed]


# -- answers, for the schema --------------------------------------------------------------------


class PatientNotificationShape(serializers.Serializer):
    """One notification. Keys may be added, none may go."""

    id = serializers.UUIDField()
    type = serializers.CharField()
    title = serializers.CharField()
    message = serializers.CharField()
    created_at = serializers.DateTimeField()
    is_read = serializers.BooleanField()
    priority = serializers.ChoiceField(choices=PatientNotificationPriority.choices)
    action_url = serializers.CharField(allow_blank=True, help_text="A path of this site, or empty.")
    metadata = serializers.DictField(help_text="Facts of the type, by name.")
    seq = serializers.IntegerField(help_text="Its place in the inbox: cursors go by it.")
    category = serializers.CharField()
    language = serializers.CharField()
    status = serializers.ChoiceField(choices=["inbox", "dismissed", "archived", "snoozed"])
    seen_at = serializers.DateTimeField(allow_null=True)
    read_at = serializers.DateTimeField(allow_null=True)
    acted_at = serializers.DateTimeField(allow_null=True)
    dismissed_at = serializers.DateTimeField(allow_null=True)
    archived_at = serializers.DateTimeField(allow_null=True)
    snoozed_until = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    expired_at = serializers.DateTimeField(allow_null=True)


class ReadAllAnswer(serializers.Serializer):
    status = serializers.CharField(help_text='Always "success".')
    count = serializers.IntegerField()
    undo = serializers.UUIDField(allow_null=True, help_text="The batch; null when none was unread.")


class UndoAnswer(serializers.Serializer):
    status = serializers.CharField(help_text='Always "success".')
    count = serializers.IntegerField()


class PreferenceShape(serializers.Serializer):
    """A type's switches. The booleans are the patient's choice, or the default."""

    def get_fields(self) -> dict[str, serializers.Field]:
        switches = {f"{channel}_enabled": serializers.BooleanField() for channel in channels()}
        return {
            "notification_type": serializers.CharField(),
            **switches,
            "available": serializers.ListField(child=serializers.CharField()),
            "locked": serializers.ListField(child=serializers.CharField()),
        }


class PreferencesShape(serializers.Serializer):
    """The switches of every type, by the type's key."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {key: PreferenceShape() for key in PatientNotificationType.values}


class Problem(serializers.Serializer):
    """An error (RFC 9457)."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField(help_text="The route, its ids left out.")
    errors = serializers.DictField(
        child=serializers.ListField(child=serializers.CharField()),
        required=False,
        help_text="What is wrong, by the name of the field.",
    )
