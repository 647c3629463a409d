"""What the desk does: it books, moves and closes visits, and all that goes with them."""

import random
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from notifications import clock
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal import services
from portal.management.simulation import ACTOR
from portal.management.simulation.line import Line
from portal.management.simulation.town import Town
from portal.models import (
    Appointment,
    Departure,
    Location,
    RecallSchedule,
    ReminderRule,
    Statement,
    User,
    WaitingListEntry,
)
from portal.notification_types.general_announcement import GeneralAnnouncementPayload
from portal.notification_types.message_from_provider import MessageFromProviderPayload

CLOSES_AFTER = timedelta(minutes=10)  # the end of a visit, when the desk notes how it went
HALF_AN_HOUR = timedelta(minutes=30)


class Desk:
    """The front desk's half of a clinic's life.

    The dice also choose what cannot be done: what a service refuses just does not happen.
    """

    town: Town
    line: Line
    dice: random.Random

    def book(self, patient: User) -> None:
        """Book a visit in the next weeks, at a time that is free or not."""
        place, start = patient.home_location, self._free_time(patient.home_location)
        provider = self.dice.choice(self.town.providers[place])
        with suppress(Refused):
            visit = services.book(
                patient_id=patient.pk,
                provider_id=provider.pk,
                location_id=place.pk,
                starts_at=start,
                ends_at=start + timedelta(minutes=30),
                reason="Check-up",
                actor=ACTOR,
            )
            self._close_after(visit)

    def move(self, patient: User) -> None:
        """Move the patient's next visit, twice within minutes now and then."""
        visit = self._next_visit(patient)
        if visit is None:
            return
        self._move_to(visit, self._free_time(visit.location))
        if self.dice.random() < 0.2:
            later = self.line.now + timedelta(seconds=40)
            self.line.at(later, lambda: self._move_to(visit, self._free_time(visit.location)))

    def cancel(self, patient: User) -> None:
        visit = self._next_visit(patient)
        if visit is not None:
            services.cancel(appointment_id=visit.pk, actor=ACTOR)

    def confirm_at_the_desk(self, patient: User) -> None:
        visit = self._next_visit(patient)
        if visit is not None:
            services.confirm(appointment_id=visit.pk, actor=ACTOR)

    def get_a_note(self, patient: User) -> None:
        """Get a message from a provider."""
        payload = MessageFromProviderPayload(provider_name="Dr. Main Street 1", text="Well done.")
        with suppress(Refused):
            patient_notification_service.create_notification(
                patient_id=patient.pk, payload=payload, actor=ACTOR
            )

    def hear_news(self, patient: User) -> None:
        """Get what the practice tells everybody; not pressing, and off unless asked for."""
        payload = GeneralAnnouncementPayload(text="We are open on Saturdays from January on.")
        with suppress(Refused):
            patient_notification_service.create_notification(
                patient_id=patient.pk, payload=payload, actor=ACTOR
            )

    def be_asked_for_a_form(self, patient: User) -> None:
        visit = self._next_visit(patient)
        if visit is not None:
            services.request_form(
                patient_id=patient.pk,
                name="Health history",
                appointment_id=visit.pk,
                actor=ACTOR,
            )

    def start_a_recall(self, patient: User) -> None:
        """Be due for a cleaning about now, some weeks ago or ahead."""
        due_on = clock.now().date() + timedelta(days=self.dice.randint(-20, 30))
        with suppress(Refused):
            services.start_recall(
                patient_id=patient.pk,
                kind=RecallSchedule.Kind.HYGIENE,
                months=6,
                due_on=due_on,
                actor=ACTOR,
            )

    def get_a_statement(self, patient: User) -> None:
        with suppress(Refused):
            services.issue_statement(
                patient_id=patient.pk,
                amount=Decimal("120.50"),
                due_on=clock.now().date() + timedelta(days=self.dice.randint(2, 20)),
                what_for="Filling",
                actor=ACTOR,
            )

    def pay(self, patient: User) -> None:
        """Pay what is open, oldest first."""
        owed = Statement.objects.filter(guarantor=patient, paid_at=None, withdrawn_at=None)
        for statement in owed.order_by("issued_on", "pk")[:1]:
            services.pay_statement(statement_id=statement.pk, actor=ACTOR)

    def agree_to_treatment(self, patient: User) -> None:
        provider = self.dice.choice(self.town.providers[patient.home_location])
        with suppress(Refused):
            services.plan_treatment(
                patient_id=patient.pk, provider_id=provider.pk, summary="A crown", actor=ACTOR
            )

    def join_the_waiting_list(self, patient: User) -> None:
        visit = self._next_visit(patient)
        with suppress(Refused):
            services.join_waiting_list(
                patient_id=patient.pk,
                location_id=patient.home_location_id,
                appointment_id=visit and visit.pk,
                actor=ACTOR,
            )

    def take_a_free_time(self, patient: User) -> None:
        """Let the desk offer an hour to the waiting list, and whoever is first take it."""
        place, start = patient.home_location, self._free_time(patient.home_location)
        provider = self.dice.choice(self.town.providers[place])
        times = {"starts_at": start, "ends_at": start + HALF_AN_HOUR}
        with suppress(Refused):
            opening = services.offer_opening(
                provider_id=provider.pk, location_id=place.pk, actor=ACTOR, **times
            )
            waiting = WaitingListEntry.objects.filter(location=place, ended_at=None)
            first = waiting.order_by("created_at", "pk").first()
            if first is not None and self.dice.random() < 0.7:
                seated = services.accept_opening(
                    opening_id=opening.pk, entry_id=first.pk, actor=ACTOR
                )
                self._close_after(seated)

    def depart(self, patient: User) -> None:
        departure = self.dice.choice((Departure.DIED, Departure.LEFT))
        services.depart(patient_id=patient.pk, departure=departure, on=None, actor=ACTOR)

    def change_a_rule(self, patient: User) -> None:
        """Let the desk of the patient's place send its first reminder an hour earlier or later."""
        rule = ReminderRule.objects.filter(location=patient.home_location, name="7-days").first()
        rule.minutes_before += self.dice.choice((-60, 60))
        with suppress(Refused):  # it would make too many texts
            services.keep(rule, actor=ACTOR)

    def change_language(self, patient: User) -> None:
        other = "en" if patient.language == "es" else "es"
        User.objects.filter(pk=patient.pk).update(language=other)

    def _move_to(self, visit: Appointment, start: datetime) -> None:
        with suppress(Refused):
            moved = services.reschedule(
                appointment_id=visit.pk,
                starts_at=start,
                ends_at=start + timedelta(minutes=30),
                actor=ACTOR,
            )
            self._close_after(moved)

    def _close_after(self, visit: Appointment) -> None:
        """Let the desk note how a visit went, if it still stands when it is over."""
        revision, ends_at = visit.revision, visit.ends_at
        self.line.at(ends_at + CLOSES_AFTER, lambda: self._close(visit.pk, revision))

    def _close(self, visit_id, revision: int) -> None:
        visit = Appointment.objects.get(pk=visit_id)
        if visit.revision != revision or not visit.is_upcoming:
            return
        close = services.mark_missed if self.dice.random() < 0.08 else services.complete
        close(appointment_id=visit_id, actor=ACTOR)

    def _next_visit(self, patient: User) -> Appointment | None:
        ahead = Appointment.objects.filter(
            patient=patient, status__in=Appointment.UPCOMING, starts_at__gt=clock.now()
        )
        return ahead.select_related("location").order_by("starts_at").first()

    def _free_time(self, place: Location) -> datetime:
        day = clock.now() + timedelta(days=self.dice.randint(0, 25))
        local = day.astimezone(ZoneInfo(place.zone))
        local += timedelta(days=max(0, local.isoweekday() - 5) and 8 - local.isoweekday())
        half_hours = self.dice.randrange(0, 18)
        start = local.replace(hour=8 + half_hours // 2, minute=30 * (half_hours % 2))
        start = start.replace(second=0, microsecond=0)
        return start if start > clock.now() else start + timedelta(days=7)
