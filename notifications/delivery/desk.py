"""What ended badly and waits for a person: tried again by them, or marked as dealt with (R-08).

Nothing here sends. What is tried again is planned again, and `policy` decides at the claim as for
any other: who opted out meanwhile, or whose address does not work, gets nothing. What may have
gone is never tried again, since a second text is worse than one late call. Nor is what came too
late: about a patient's care somebody calls (R-10).
"""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from notifications import audit, clock
from notifications.delivery.climbing import ARRIVING, SAID_ELSEWHERE
from notifications.delivery.escalate import channels_outside
from notifications.delivery.statuses import audit_status, move
from notifications.enums import (
    NEEDS_A_PERSON,
    AuditAction,
    DeliveryStatus,
    PatientNotificationType,
    Purpose,
    Reason,
)
from notifications.models import Delivery, PatientNotification
from notifications.types import Refused

LONGEST_REASON = 200  # letters, as the column takes them
LATELY = timedelta(days=7)  # what ended before that is history, on the patient's timeline
# An answer that may still be found is not for a person yet.
ENDED_BADLY = Q(status=DeliveryStatus.FAILED) | Q(
    status=DeliveryStatus.UNKNOWN, reason=Reason.ANSWER_UNSETTLED
)


def for_a_person() -> QuerySet[Delivery]:
    """Return what of the last seven days ended badly, or too late, and nobody has dealt with.

    What was too late is there once a message, where it is about care and nothing brought it.
    """
    # The statuses and the empty moment are those of the index `delivery_for_a_person`.
    open_rows = Delivery.objects.filter(status__in=NEEDS_A_PERSON, handled_at=None)
    return open_rows.filter(ENDED_BADLY | _missed(), status_at__gte=_since())


def _missed() -> Q:
    """What was too late about a patient's care, and neither read nor brought by other means."""
    care = [
        cls.type_key
        for cls in PatientNotificationType.classes()
        if cls.purpose == Purpose.TREATMENT
    ]
    others = Delivery.objects.filter(
        notification=OuterRef("notification"), channel__in=channels_outside()
    )
    # Of two that were too late the first stands for the message; what failed is listed itself.
    speaks = Q(status__in=(*ARRIVING, DeliveryStatus.FAILED)) | Q(
        status=DeliveryStatus.EXPIRED, pk__lt=OuterRef("pk")
    )
    speaks |= Q(status=DeliveryStatus.SKIPPED, reason__in=SAID_ELSEWHERE)
    return Q(
        ~Exists(others.filter(speaks)),
        ~Exists(_later_about_the_same()),
        status=DeliveryStatus.EXPIRED,
        channel__in=channels_outside(),
        notification__type__in=care,
        notification__read_at=None,
        notification__acted_at=None,
    )


def _later_about_the_same() -> QuerySet[PatientNotification]:
    """A later reminder of the same visit replaces the one before."""
    same = PatientNotification.objects.exclude(subject="")
    return same.filter(
        subject=OuterRef("notification__subject"),
        patient=OuterRef("notification__patient"),
        seq__gt=OuterRef("notification__seq"),
    )


def _since() -> datetime:
    """Return when "lately" begins: a midnight of the reader's clock, so that lists agree."""
    local = timezone.localtime(clock.now() - LATELY)
    return local.replace(hour=0, minute=0, second=0, microsecond=0)


@transaction.atomic
def plan_again(*, delivery_id: UUID, actor: str) -> None:
    """Plan a failed delivery once more, for now, with all its tries before it.

    Raises Refused for what did not fail, and Delivery.DoesNotExist.
    """
    row = Delivery.objects.select_related("notification").get(pk=delivery_id)
    if row.status != DeliveryStatus.FAILED:
        raise Refused(_why_not(row))
    again = {"due_at": clock.now(), "setbacks": 0, "provider_id": ""}
    open_again = {"reason": Reason.NONE, "reason_params": {}, "handled_at": None, "handled_by": ""}
    if not move(row, DeliveryStatus.PLANNED, **again, **open_again):
        raise Refused(_("Something happened to it meanwhile. Look at it again."))
    audit_status(row, actor=actor)


@transaction.atomic
def lift_cap(*, delivery_id: UUID, actor: str, why: str) -> None:
    """Plan a text once more that yielded because its number had enough; `why` is kept with it.

    `policy` decides as for any other: nothing else is lifted, an opt-out least of all.
    Raises Refused for what did not yield, or without a reason, and Delivery.DoesNotExist.
    """
    row = Delivery.objects.select_related("notification").get(pk=delivery_id)
    reason = why.strip()
    if not 0 < len(reason) <= LONGEST_REASON:
        raise Refused(_("Say why, in up to 200 letters."), field="why")
    if (row.status, row.reason) != (DeliveryStatus.SKIPPED, Reason.RATE_LIMITED):
        raise Refused(_("This text did not yield to the cap."))
    lifted = {"uncapped_by": actor, "uncapped_why": reason}
    again = {"due_at": clock.now(), "reason": Reason.NONE, "reason_params": {}}
    if not move(row, DeliveryStatus.PLANNED, **again, **lifted):
        raise Refused(_("Something happened to it meanwhile. Look at it again."))
    audit.record(
        action=AuditAction.CHANGED,
        actor=actor,
        patient_id=row.notification.patient_id,
        obj=row,
        change="cap_lifted",
    )


def _why_not(row: Delivery) -> str:
    if row.status == DeliveryStatus.UNKNOWN:
        return _("It may have gone, so it is never sent again. Call, then mark it as dealt with.")
    return _("Only what failed can be tried again.")


@transaction.atomic
def mark_handled(*, delivery_id: UUID, actor: str) -> bool:
    """Note that somebody has dealt with a delivery; return False if that was noted before.

    Raises Refused where there is nothing to deal with, and Delivery.DoesNotExist.
    """
    row = Delivery.objects.select_related("notification").get(pk=delivery_id)
    if row.handled_at is not None:
        return False
    needs_somebody = ENDED_BADLY | Q(status=DeliveryStatus.EXPIRED)
    waiting = Delivery.objects.filter(needs_somebody, pk=row.pk, handled_at=None)
    if not waiting.update(handled_at=clock.now(), handled_by=actor):
        raise Refused(_("This does not wait for anybody."))
    audit.record(
        action=AuditAction.CHANGED,
        actor=actor,
        patient_id=row.notification.patient_id,
        obj=row,
        change="handled",
    )
    return True
