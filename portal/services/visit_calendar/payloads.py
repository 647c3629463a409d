"""The payload of each step of a visit's calendar. Pure."""

from datetime import datetime, timedelta
from typing import Any

from notifications.types import NotificationPayload
from portal.models import Appointment, ReminderRule
from portal.notification_types._visit import visit_fields
from portal.notification_types.appointment_missed import AppointmentMissedPayload
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.forms_due import FormsDuePayload
from portal.notification_types.review_request import ReviewRequestPayload
from portal.notification_types.treatment_followup import TreatmentFollowupPayload
from portal.services.visit_calendar.facts import VisitFacts
from portal.services.visit_calendar.hours import Hours

What = ReminderRule.What
# Closer to the visit an answer no longer helps the desk to fill the chair.
ASKS_AT_LEAST = timedelta(days=1)


def payload_of_step(
    rule: ReminderRule,
    facts: VisitFacts,
    *,
    hours: Hours,
    due_at: datetime,
    expires_at: datetime,
) -> NotificationPayload:
    """Return what a rule's message says; `due_at` and `expires_at` (aware) are its step's."""
    visit = facts.visit
    if rule.what == What.FORMS:
        return FormsDuePayload(**visit_fields(visit), forms=", ".join(facts.open_forms))
    if rule.what == What.MISSED:
        return AppointmentMissedPayload(**visit_fields(visit))
    if rule.what == What.REVIEW:
        return ReviewRequestPayload(**_past_fields(visit))
    if rule.what == What.FOLLOW_UP:
        return TreatmentFollowupPayload(
            **_past_fields(visit), treatment=visit.treatment, watch_for=visit.watch_for or ""
        )
    reach_by = _reach_by(rule, facts, hours=hours, due_at=due_at)
    return AppointmentReminderPayload(
        **visit_fields(visit),
        asks_to_confirm=_asks(rule, facts, due_at=due_at),
        saves_the_date=rule.what == What.SAVE_THE_DATE,
        # What only reminds takes over from what only reminds: a ladder is climbed to its end.
        current_until=expires_at if reach_by is None else max(expires_at, reach_by),
        ladder="" if reach_by is None else str(rule.ladder),
        asks_from=None if reach_by is None else due_at,
        reach_by=reach_by,
    )


def _past_fields(visit: Appointment) -> dict[str, Any]:
    return {
        "appointment_id": visit.pk,
        "appointment_date": visit.starts_at,
        "provider_name": visit.provider.name,
        "location_zone": visit.location.zone,
        "location_phone": visit.location.phone,
    }


def _asks(rule: ReminderRule, facts: VisitFacts, *, due_at: datetime) -> bool:
    if facts.is_answered or rule.what == What.SAVE_THE_DATE:
        return False
    return rule.what == What.CONFIRM or facts.visit.starts_at - due_at >= ASKS_AT_LEAST


def _reach_by(
    rule: ReminderRule, facts: VisitFacts, *, hours: Hours, due_at: datetime
) -> datetime | None:
    """Return by when a ladder has to reach the patient; None where there is none to climb.

    Who has answered, or is asked when nobody is there any more before the visit, climbs none.
    """
    if not rule.ladder or facts.is_answered:
        return None
    reach_by = hours.last_closing_before(hours.day_of(facts.visit.starts_at))
    return reach_by if reach_by is not None and reach_by > due_at else None
