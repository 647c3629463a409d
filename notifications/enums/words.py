"""What messages, channels and addresses are called; the open sets are registries."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from notifications.registry import Registry

PatientNotificationType = Registry("notification type", key_attribute="type_key")

PatientNotificationChannel = Registry("channel", key_attribute="key")


def type_choices() -> list[tuple[str, str]]:
    """Return (key, label) of every registered type, for a field's callable `choices`."""
    return [(cls.type_key, cls.label) for cls in PatientNotificationType.classes()]


def channel_choices() -> list[tuple[str, str]]:
    """Return (key, label) of every registered channel, for a field's callable `choices`."""
    return [(cls.key, cls.label) for cls in PatientNotificationChannel.classes()]


class Level(models.IntegerChoices):
    """What may be said: to anyone, to the patient at a verified address, only signed in."""

    L0 = 0, _("public")
    L1 = 1, _("logistics")
    L2 = 2, _("health or financial")


class PatientNotificationPriority(models.TextChoices):
    LOW = "low", _("Low")
    MEDIUM = "medium", _("Medium")
    HIGH = "high", _("High")
    URGENT = "urgent", _("Urgent")

    @property
    def rank(self) -> int:
        """Return 0 for urgent to 3 for low: what is claimed first has the lowest rank."""
        return ["urgent", "high", "medium", "low"].index(self.value)


class Category(models.TextChoices):
    APPOINTMENTS = "appointments", _("Appointments")
    CLINICAL = "clinical", _("Clinical")
    BILLING = "billing", _("Billing")
    RECALL = "recall", _("Recall")
    PRACTICE_NEWS = "practice_news", _("Practice news")
    ACCOUNT = "account", _("Account")


# Of these an e-mail and the page of its link name the type: others' names tell of care or money.
NAMED_CATEGORIES = (Category.APPOINTMENTS, Category.PRACTICE_NEWS, Category.ACCOUNT)


class Purpose(models.TextChoices):
    """The class of a message in law: HIPAA 45 CFR 164.501 and .508, TCPA 47 CFR 64.1200."""

    TREATMENT = "treatment", _("Treatment")
    OPERATIONS = "operations", _("Operations")
    MARKETING = "marketing", _("Marketing")


class Shape(models.TextChoices):
    """Whether the channels of a type go out side by side, or one after the other."""

    FAN_OUT = "fan_out", _("All channels at once")
    LADDER = "ladder", _("One channel after the other")


class ContactKind(models.TextChoices):
    EMAIL = "email", _("Email")
    PHONE = "phone", _("Mobile")
    PUSH = "push", _("Device")


class ContactStatus(models.TextChoices):
    ACTIVE = "active", _("In use")
    NEEDS_UPDATE = "needs_update", _("Needs an update")
    OPTED_OUT = "opted_out", _("Replied STOP")
    REPLACED = "replaced", _("Replaced")
    REMOVED = "removed", _("Removed")


class Digest(models.TextChoices):
    """How often a patient hears of what is not pressing by e-mail."""

    NONE = "", _("Each message as it comes")
    DAILY = "daily", _("Once a day")
    WEEKLY = "weekly", _("Once a week")
