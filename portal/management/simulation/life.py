"""What people do: the desk books, moves and closes visits, patients read, answer and say STOP.

Each thing that can be done is a method that takes a patient, so that the dice may choose it, and
so may a test that looks for the one order of things that goes wrong.
"""

import random
from contextlib import suppress
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from notifications import clock, contacts, preferences
from notifications.enums import ContactKind, ContactStatus
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal import services
from portal.management.simulation import ACTOR
from portal.management.simulation.line import Line
from portal.management.simulation.town import Town, agree
from portal.models import Appointment, Location, User
from portal.notification_types.message_from_provider import MessageFromProviderPayload

# How often a patient does each in thirty days, on average.
HABITS = {
    "book": 0.5,
    "move": 0.35,
    "cancel": 0.1,
    "confirm_at_the_desk": 0.15,
    "read_messages": 4.0,
    "say_stop": 0.03,
    "say_start": 0.3,
    "turn_texts_off": 0.1,
    "get_a_note": 0.3,
    "change_language": 0.02,
}
CLOSES_AFTER = timedelta(minutes=10)  # the end of a visit, when the desk notes how it went


class Life:
    """A clinic's people, ready to do what the dice or a test tell them to."""

    def __init__(self, *, town: Town, line: Line, dice: random.Random) -> None:
        self.town, self.line, self.dice = town, line, dice

    def put_on_the_line(self, *, days: int) -> None:
        """Give every patient a month: a visit to come for most, and their habits."""
        for patient in self.town.patients:
            if self.dice.random() < 0.7:
                self._at_some_time(patient, "book", within=3)
            for habit, times in HABITS.items():
                for _time in range(_how_often(times * days / 30, self.dice)):
                    self._at_some_time(patient, habit, within=days)

    def _at_some_time(self, patient: User, habit: str, *, within: int) -> None:
        moment = self.line.now + timedelta(days=self.dice.uniform(0, within))
        if habit not in ("read_messages", "say_stop", "say_start"):
            moment = _office_hour(moment, patient.home_location)
        self.line.at(moment, lambda: getattr(self, habit)(patient))

    # -- at the desk --------------------------------------------------------------------------

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

    # -- at home ------------------------------------------------------------------------------

    def read_messages(self, patient: User) -> None:
        """Open what is new; confirm most visits that ask."""
        mine = {"patient_id": patient.pk}
        for row in patient_notification_service.inbox(**mine, unread_only=True, limit=5).items:
            one = {**mine, "notification_id": row.pk}
            if row.payload.get("asks_to_confirm") and self.dice.random() < 0.7:
                with suppress(Refused):  # the visit has moved or is cancelled since
                    services.answer(**one, action="confirm", actor=f"user:{patient.pk}")
            else:
                patient_notification_service.mark_read(**one)

    def say_stop(self, patient: User) -> None:
        for contact in self._phones(patient):
            contacts.opt_out(number=contact.value["address"], actor=ACTOR)

    def say_start(self, patient: User) -> None:
        """Ask for texts again, if they were stopped."""
        for contact in self._phones(patient):
            if contact.status == ContactStatus.OPTED_OUT:
                contacts.opt_in(number=contact.value["address"], actor=ACTOR)
                agree(contact)

    def turn_texts_off(self, patient: User) -> None:
        preferences.change(
            patient_id=patient.pk,
            type_key="appointment_reminder",
            changes={"sms": False},
            actor=f"user:{patient.pk}",
        )

    def _phones(self, patient: User) -> list:
        known = contacts.of_patient(patient_id=patient.pk)
        return [contact for contact in known if contact.kind == ContactKind.PHONE]


def _how_often(times: float, dice: random.Random) -> int:
    """Return a whole number whose average is `times`."""
    return int(times) + (dice.random() < times % 1)


def _office_hour(moment: datetime, place: Location) -> datetime:
    """Return a moment of the same day at which the desk is there."""
    local = moment.astimezone(ZoneInfo(place.zone))
    return local.replace(hour=8 + local.hour % 9)
