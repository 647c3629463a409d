"""What must never happen, looked for in what has just left: the simulation's own eyes.

Asked after every run of the engine, while the book of visits stands as it stood when the
messages were sent.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

from notifications import clock
from notifications.enums import (
    OPEN_STATUSES,
    AttemptResult,
    ContactKind,
    ContactStatus,
    PatientNotificationPriority,
    PatientNotificationType,
    PlanStatus,
)
from notifications.models import (
    Delivery,
    DeliveryAttempt,
    PatientNotification,
    PatientSettings,
    ScheduledNotification,
)
from notifications.types import NotificationPayload
from portal.access import profiles_for
from portal.models import Appointment
from portal.notification_types._visit import VisitPayload

KINDS = ("stale", "duplicate", "after_stop", "after_confirmation", "night", "lost")
MAY_HAVE_LEFT = (AttemptResult.ACCEPTED, AttemptResult.ANSWER_LOST)
Status = Appointment.Status
STATUS_IT_SPEAKS_OF = {
    "appointment_cancelled": (Status.CANCELLED,),
    "appointment_missed": (Status.MISSED,),
}
IN_TIME = timedelta(hours=4)  # to remind somebody of a visit
NIGHT_FROM, NIGHT_UNTIL = time(21), time(8)


class Books:
    """Counts what should not have left, and what should have and did not."""

    def __init__(self) -> None:
        self.violations: Counter[str] = Counter(dict.fromkeys(KINDS, 0))
        self.examples: list[str] = []
        self._seen: set[UUID] = set()
        self._keys: set[tuple] = set()

    def look(self) -> None:
        """Look at what has left since the last look."""
        tries = DeliveryAttempt.objects.filter(started_at=clock.now(), result__in=MAY_HAVE_LEFT)
        tries = tries.exclude(pk__in=self._seen)
        rows = list(tries.select_related("delivery__notification", "delivery__contact"))
        self._seen |= {row.pk for row in rows}
        for row in rows:
            self._judge(row)

    def close(self) -> None:
        """Look for what should have happened by now and did not."""
        now = clock.now()
        late_plans = ScheduledNotification.objects.filter(status=PlanStatus.PLANNED, due_at__lt=now)
        late = Delivery.objects.filter(status__in=OPEN_STATUSES, due_at__lt=now)
        for row in (*late_plans, *late):
            self._note("lost", f"{type(row).__name__} {row.pk} due {row.due_at:%F %H:%M}")
        for visit in _forgotten(now):
            self._note("lost", f"visit {visit.pk} has no plan")

    # -- one message that left ----------------------------------------------------------------

    def _judge(self, attempt: DeliveryAttempt) -> None:
        delivery = attempt.delivery
        notification = delivery.notification
        payload = PatientNotificationType.known(notification.type).load(notification.payload)
        said = f"{notification.type} by {delivery.channel} at {attempt.started_at:%F %H:%M}"
        for kind in self._wrongs(attempt, delivery, payload):
            self._note(kind, f"{said} {delivery.pk}")

    def _wrongs(
        self, attempt: DeliveryAttempt, delivery: Delivery, payload: NotificationPayload
    ) -> Iterable[str]:
        contact = delivery.contact
        if self._is_again(delivery):
            yield "duplicate"
        if contact.kind == ContactKind.PHONE and contact.status == ContactStatus.OPTED_OUT:
            yield "after_stop"
        if self._is_at_night(attempt.started_at, delivery, payload):
            yield "night"
        if isinstance(payload, VisitPayload):
            yield from _wrong_about_the_visit(payload, attempt)

    def _is_again(self, delivery: Delivery) -> bool:
        notification = delivery.notification
        key = (notification.patient_id, notification.key or notification.pk, delivery.contact_id)
        is_known = key in self._keys
        self._keys.add(key)
        return is_known

    def _is_at_night(self, at: datetime, delivery: Delivery, payload: NotificationPayload) -> bool:
        """Return whether a text left at night, or a text or push in the patient's quiet hours."""
        kind, patient_id = delivery.contact.kind, delivery.notification.patient_id
        if kind == ContactKind.EMAIL:
            return False
        local = at.astimezone(ZoneInfo(profiles_for([patient_id])[patient_id].zone)).time()
        is_text_at_night = kind == ContactKind.PHONE and _is_within(local, NIGHT_FROM, NIGHT_UNTIL)
        if is_text_at_night and not payload.passes_floor:
            return True
        if delivery.notification.priority == PatientNotificationPriority.URGENT:
            return False
        chosen = PatientSettings.objects.filter(patient_id=patient_id).first() or PatientSettings()
        has_quiet = chosen.quiet_from is not None
        return has_quiet and _is_within(local, chosen.quiet_from, chosen.quiet_until)

    def _note(self, kind: str, example: str) -> None:
        self.violations[kind] += 1
        self.examples.append(f"{kind}: {example}")


def _forgotten(now: datetime) -> list[Appointment]:
    """Return visits ahead without a plan, unless it was too late for one when they were booked."""
    ahead = Appointment.objects.filter(status__in=Appointment.UPCOMING, starts_at__gt=now)
    planned = set(ScheduledNotification.objects.values_list("subject", flat=True))
    told = set(PatientNotification.objects.values_list("subject", flat=True))
    return [
        visit
        for visit in ahead
        if visit.subject not in planned
        and (visit.subject not in told or visit.starts_at - visit.created_at > IN_TIME)
    ]


def _is_within(hour: time, begins: time, ends: time) -> bool:
    """Return whether an hour of the day lies in a range, which may span midnight."""
    if begins > ends:
        return hour >= begins or hour < ends
    return begins <= hour < ends


def _wrong_about_the_visit(payload: VisitPayload, attempt: DeliveryAttempt) -> Iterable[str]:
    visit = Appointment.objects.filter(pk=payload.appointment_id).first()
    if visit is None or not _stands_so(visit, payload) or not _says_so(visit, payload, attempt):
        yield "stale"
    elif getattr(payload, "asks_to_confirm", False) and visit.status == Status.CONFIRMED:
        yield "after_confirmation"


def _stands_so(visit: Appointment, payload: VisitPayload) -> bool:
    expected = STATUS_IT_SPEAKS_OF.get(payload.type_key, Appointment.UPCOMING)
    return visit.status in expected and visit.starts_at == payload.appointment_date


def _says_so(visit: Appointment, payload: VisitPayload, attempt: DeliveryAttempt) -> bool:
    """Return whether each body says the hour at which the visit now is to begin, or no hour."""
    if not attempt.level:
        return True
    local = visit.starts_at.astimezone(ZoneInfo(payload.location_zone))
    hour = f"{local.hour % 12 or 12}:{local.minute:02}"
    return all(
        hour in text
        for part, text in attempt.snapshot.items()
        if part.endswith((".txt", ".html")) and "subject" not in part
    )
