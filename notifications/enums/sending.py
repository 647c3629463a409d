"""What may become of a delivery, and what a carrier's answer means."""

from django.db import models
from django.utils.translation import gettext_lazy as _


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
    THROTTLED = "throttled", _("Too many at once")
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
    # Carriers may know more than the rows do, which may come from a backup.
    _S.PLANNED: frozenset(
        {_S.HELD, _S.SENDING, _S.EXPIRED, _S.CANCELLED, _S.SKIPPED}
        | {_S.ACCEPTED, _S.DELIVERED, _S.FAILED, _S.UNKNOWN}
    ),
    _S.HELD: frozenset(
        {_S.PLANNED, _S.SENDING, _S.EXPIRED, _S.CANCELLED, _S.SKIPPED}
        | {_S.ACCEPTED, _S.DELIVERED, _S.FAILED, _S.UNKNOWN}
    ),
    _S.SENDING: frozenset(
        {_S.PLANNED, _S.ACCEPTED, _S.DELIVERED, _S.FAILED, _S.UNKNOWN, _S.EXPIRED, _S.SKIPPED}
    ),
    _S.UNKNOWN: frozenset({_S.PLANNED, _S.ACCEPTED, _S.DELIVERED, _S.FAILED, _S.EXPIRED}),
    # Planned again: the phone was switched off, and may be on in an hour.
    _S.ACCEPTED: frozenset({_S.DELIVERED, _S.FAILED, _S.PLANNED}),
    # A carrier may say "failed" and then deliver after all; what reached the patient is final.
    _S.FAILED: frozenset({_S.DELIVERED, _S.PLANNED}),
    _S.DELIVERED: frozenset(),
    _S.EXPIRED: frozenset(),
    _S.CANCELLED: frozenset(),
    _S.SKIPPED: frozenset({_S.PLANNED}),
}

OPEN_STATUSES = (_S.PLANNED, _S.HELD)

NEEDS_A_PERSON = (_S.FAILED, _S.UNKNOWN, _S.EXPIRED)  # until somebody has dealt with it


class Action(models.TextChoices):
    SEND = "send", _("Send")
    HOLD = "hold", _("Hold")
    SKIP = "skip", _("Skip")


class AttemptResult(models.TextChoices):
    STARTED = "started", _("Started")
    ACCEPTED = "accepted", _("Accepted by the carrier")
    REFUSED = "refused", _("Refused by the carrier")
    UNAVAILABLE = "unavailable", _("The carrier was not available")
    ANSWER_LOST = "answer_lost", _("Answer lost")
    NEVER_ARRIVED = "never_arrived", _("The carrier never had it")


class PlanStatus(models.TextChoices):
    PLANNED = "planned", _("Planned")
    SENT = "sent", _("Became a notification")
    CANCELLED = "cancelled", _("Cancelled")
    EXPIRED = "expired", _("Too late")
