"""The words of the field: closed sets as choices, open sets as registries."""

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


class ContactEffect(models.TextChoices):
    """What a carrier's answer means for the address itself."""

    NONE = "none", _("Nothing")
    NEEDS_UPDATE = "needs_update", _("The address does not work")
    OPTED_OUT = "opted_out", _("The patient opted out")
    REMOVED = "removed", _("The device is gone")
    COMPLAINED = "complained", _("The patient called it spam")


class ErrorKind(models.TextChoices):
    PERMANENT = "permanent", _("Will never work")
    TRANSIENT = "transient", _("May work later")
    CONFIGURATION = "configuration", _("Our set-up is wrong")


class DeliveryStatus(models.TextChoices):
    PLANNED = "planned", _("Planned")
    HELD = "held", _("Held")
    SENDING = "sending", _("Sending")
    ACCEPTED = "accepted", _("Sent")
    DELIVERED = "delivered", _("Delivered")
    FAILED = "failed", _("Failed")
    UNKNOWN = "unknown", _("Not known yet")
    EXPIRED = "expired", _("Too late, not sent")
    CANCELLED = "cancelled", _("Cancelled")
    SKIPPED = "skipped", _("Not sent")


_S = DeliveryStatus
TRANSITIONS: dict[str, frozenset[str]] = {
    _S.PLANNED: frozenset({_S.HELD, _S.SENDING, _S.EXPIRED, _S.CANCELLED, _S.SKIPPED}),
    _S.HELD: frozenset({_S.PLANNED, _S.SENDING, _S.EXPIRED, _S.CANCELLED, _S.SKIPPED}),
    _S.SENDING: frozenset(
        {_S.PLANNED, _S.ACCEPTED, _S.DELIVERED, _S.FAILED, _S.UNKNOWN, _S.EXPIRED, _S.SKIPPED}
    ),
    _S.UNKNOWN: frozenset({_S.PLANNED, _S.ACCEPTED, _S.DELIVERED, _S.FAILED, _S.EXPIRED}),
    _S.ACCEPTED: frozenset({_S.DELIVERED, _S.FAILED}),
    # A carrier may say "failed" and then deliver after all; what reached the patient is final.
    _S.FAILED: frozenset({_S.DELIVERED, _S.PLANNED}),
    _S.DELIVERED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.SKIPPED: frozenset({_S.PLANNED}),
}
OPEN_STATUSES = (_S.PLANNED, _S.HELD)


class Action(models.TextChoices):
    SEND = "send", _("Send")
    HOLD = "hold", _("Hold")
    SKIP = "skip", _("Skip")


class Reason(models.TextChoices):
    """Why something was not delivered, or not yet: one code, one sentence for staff.

    Codes are added, never renamed: rows and reports hold them for years.
    """

    NONE = "", ""
    PREF_OFF = "pref_off", _("Patient turned this off for this type on %(date)s")
    DEFAULT_OFF = "default_off", _("Patient has not asked for this kind of message")
    PAUSED = "paused", _("Patient paused messages until %(date)s")
    QUIET_HOURS = "quiet_hours", _("Held until %(time)s (patient's quiet hours)")
    TEXT_HOURS = "text_hours", _("Held until %(time)s (no texts at this hour)")
    NO_ADDRESS = "no_address", _("No address on file for this channel")
    UNVERIFIED = "unverified", _("Mobile number not verified")
    NO_CONSENT = "no_consent", _("No consent to texts recorded")
    NO_DEVICE = "no_device", _("Push is not turned on anywhere")
    OPTED_OUT_STOP = "opted_out_stop", _("Replied STOP on %(date)s")
    CONFIDENTIAL = "confidential", _("Patient asked us not to use this address")
    BOUNCED_HARD = "bounced_hard", _("The address does not exist or does not work")
    SOFT_FAIL = "soft_fail", _("Not accepting messages now; trying again %(time)s")
    PROVIDER_ERROR = "provider_error", _("Our provider had a problem")
    ANSWER_UNKNOWN = "answer_unknown", _("Not known yet if it went; asking the provider")
    PUSH_GONE = "push_gone", _("Device no longer registered")
    CHANNEL_OFF = "channel_off", _("This channel is not set up or switched off")
    DUPLICATE = "duplicate", _("Same message already sent")
    MERGED = "merged", _("Part of another message")
    ANSWERED = "answered", _("Patient had already read or confirmed")
    EXPIRED = "expired", _("The time to act had passed")
    CANCELLED = "cancelled", _("Appointment was changed before sending")
    RATE_LIMITED = "rate_limited", _("Enough texts this week already")
    PHI_BLOCKED = "phi_blocked", _("Text failed the privacy check")
    UNWRITABLE = "unwritable", _("The message could not be read or written")


NEXT_STEPS: dict[str, str] = {
    Reason.PREF_OFF: _("Shown in-app; see the patient's settings"),
    Reason.DEFAULT_OFF: _("Shown in-app; see the patient's settings"),
    Reason.PAUSED: _("Wait, or call"),
    Reason.QUIET_HOURS: _("It goes at the time shown"),
    Reason.TEXT_HOURS: _("It goes at the time shown"),
    Reason.NO_ADDRESS: _("Add an address"),
    Reason.UNVERIFIED: _("Send a code"),
    Reason.NO_CONSENT: _("Record consent"),
    Reason.NO_DEVICE: _("None (shown in-app)"),
    Reason.OPTED_OUT_STOP: _("Call; no override"),
    Reason.CONFIDENTIAL: _("Call the way the patient asked; no override"),
    Reason.BOUNCED_HARD: _("Fix the address"),
    Reason.SOFT_FAIL: _("Wait for the next try"),
    Reason.PROVIDER_ERROR: _("Retry, or use another channel"),
    Reason.ANSWER_UNKNOWN: _("Wait; a text is never sent again blindly"),
    Reason.PUSH_GONE: _("None (shown in-app)"),
    Reason.CHANNEL_OFF: _("See the channel's settings"),
    Reason.DUPLICATE: _("See the first message"),
    Reason.MERGED: _("See the other message"),
    Reason.ANSWERED: _("None"),
    Reason.EXPIRED: _("Call"),
    Reason.CANCELLED: _("See the new reminder"),
    Reason.RATE_LIMITED: _("E-mail, or override with a reason"),
    Reason.PHI_BLOCKED: _("Open the template"),
    Reason.UNWRITABLE: _("Call, and tell whoever runs the system"),
}


class AttemptResult(models.TextChoices):
    STARTED = "started", _("Started")
    ACCEPTED = "accepted", _("Accepted by the carrier")
    REFUSED = "refused", _("Refused by the carrier")
    ANSWER_LOST = "answer_lost", _("Answer lost")


class PlanStatus(models.TextChoices):
    PLANNED = "planned", _("Planned")
    SENT = "sent", _("Became a notification")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Too late")


class InboxEventKind(models.TextChoices):
    CREATED = "created", _("Created")
    READ = "read", _("Read")
    UNREAD = "unread", _("Marked as unread")
    READ_ALL = "read_all", _("All marked as read")
    DISMISSED = "dismissed", _("Dismissed")
    ARCHIVED = "archived", _("Archived")
    RESTORED = "restored", _("Moved to the inbox")
    SNOOZED = "snoozed", _("Snoozed")
    WOKEN = "woken", _("Back from snooze")
    ACTED = "acted", _("Answered")
    EXPIRED = "expired", _("No longer current")
    UNREAD_COUNT = "unread_count", _("Count corrected")


class AuditAction(models.TextChoices):
    CREATED = "created", _("Created")
    VIEWED = "viewed", _("Viewed")
    SENT = "sent", _("Sent")
    STATUS = "status", _("Status changed")
    CONSENT = "consent", _("Consent recorded")
    PREFERENCE = "preference", _("Setting changed")
    CONTACT = "contact", _("Address changed")
    INBOX = "inbox", _("Inbox changed")
    PLAN = "plan", _("Plan changed")
    APPOINTMENT = "appointment", _("Visit changed")
    LOGIN = "login", _("Signed in")
    LOGIN_FAILED = "login_failed", _("Sign-in failed")
    DENIED = "denied", _("Refused")
    EXPORTED = "exported", _("Exported")
    IMPORTED = "imported", _("Imported")
    REPLY = "reply", _("Answered by text")
    CHANGED = "changed", _("Changed")
    DELETED = "deleted", _("Deleted")


class TimelineKind(models.TextChoices):
    """What a patient's timeline is made of."""

    MESSAGE = "message", _("Message")
    TEXT = "text", _("Text to us")
    CONSENT = "consent", _("Consent")
    ADDRESS = "address", _("Address")
    SETTING = "setting", _("Setting")
    VISIT = "visit", _("Visit")


class CarrierEventKind(models.TextChoices):
    RECEIPT = "receipt", _("What became of a message")
    REPLY = "reply", _("A text from a patient")


class EventOutcome(models.TextChoices):
    """What a carrier's call led to. Empty: kept, and still to be looked at."""

    APPLIED = "applied", _("Applied")
    NOTHING_NEW = "nothing_new", _("Nothing new")
    UNKNOWN_DELIVERY = "unknown_delivery", _("No such message here")


class ReplyMeaning(models.TextChoices):
    """What a text from a patient asks for. What is not understood waits for a person."""

    STOP = "stop", _("Wants no more texts")
    START = "start", _("Wants texts again")
    HELP = "help", _("Asks for help")
    CONFIRM = "confirm", _("Confirms a visit")
    CALL = "call", _("Asks for a call")
    UNCLEAR = "unclear", _("For a person to read")
