"""What is written down: changes of an inbox, the audit trail, what carriers call with."""

from django.db import models
from django.utils.translation import gettext_lazy as _


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
    CALL = "call", _("Call to make")
    SWITCH = "switch", _("Sending switched")
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
    CALL = "call", _("Call to make")


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


class CallReason(models.TextChoices):
    """Why somebody of the practice is to call a patient."""

    NOT_REACHED = "not_reached", _("No message was read or answered")
    CONFIDENTIAL = "confidential", _("The patient asked us not to write")
    ASKED = "asked", _("The patient asked for a call")
    MOVE = "move", _("The patient asks to move a visit")
    BILL = "bill", _("The patient has a question about a bill")
    MAY_MEAN_THE_VISIT = "may_mean_visit", _("Opted out; may have meant the visit")
    NOT_UNDERSTOOD = "not_understood", _("We asked back and did not understand the answer")
    TEXT_REFUSED = "text_refused", _("The text failed the privacy check")


class CallOutcome(models.TextChoices):
    """How a call to make ended. Empty: it is still to be made."""

    CALLED = "called", _("Called")
    ANSWERED = "answered", _("Not needed: the patient answered")
    CANCELLED = "cancelled", _("Not needed: it was changed or called off")
