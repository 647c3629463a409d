"""Whatever the desk does, in any order: what is planned is what the rules of the place want."""

from contextlib import suppress
from datetime import timedelta
from random import Random

import pytest

from notifications import clock
from notifications.types import Refused
from portal import services
from portal.models import Appointment, ClosedDay, Location, PatientForm, Provider, ReminderRule
from portal.services.places import unfinished_visits
from portal.services.visit_calendar import Manner, replan_all
from tests.clinic import DENVER, DESK, HALF_AN_HOUR, NEW_YORK, wall
from tests.engine import run

BEGIN = wall("2026-10-27 12:00")  # the clocks change on the way
OPERATIONS, LOOK_EVERY = 200, 10
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
What, Audience = ReminderRule.What, ReminderRule.Audience


class Desk:
    """Somebody at the desk who does anything at all; `dice` say what, and to what."""

    def __init__(self, dice: Random, *patients) -> None:
        self.dice, self.patients = dice, patients
        on_visits = (services.cancel, services.confirm, services.complete, services.mark_missed)
        on_rules = (self.switch, self.retime, self.retarget, self.rename)
        self.kinds = [self.book, self.book, self.move, self.move, self.ask, self.fill_in]
        self.kinds += [self.close, self.open, self.set_clock, *on_rules]
        self.kinds += [
            lambda act=act: act(appointment_id=self.one_of(Appointment).pk, actor=DESK)
            for act in on_visits
        ]

    def act(self) -> None:
        with suppress(Refused, IndexError):  # IndexError: there is nothing yet to do it to
            self.dice.choice(self.kinds)()

    def one_of(self, model):
        return self.dice.choice(list(model.objects.order_by("pk")))

    def times(self) -> dict:
        days, minutes = self.dice.choice((0, 1, 2, 5, 8, 22)), self.dice.choice((10, 90, 700))
        starts_at = clock.now() + days * DAY + minutes * MINUTE
        return {"starts_at": starts_at, "ends_at": starts_at + HALF_AN_HOUR}

    def book(self) -> None:
        services.book(
            patient_id=self.dice.choice(self.patients).pk,
            provider_id=self.one_of(Provider).pk,
            location_id=self.one_of(Location).pk,
            actor=DESK,
            announce=self.dice.random() < 0.5,
            **self.times(),
        )

    def move(self) -> None:
        where = {"location_id": self.one_of(Location).pk, "actor": DESK}
        visit = self.one_of(Appointment)
        services.reschedule(appointment_id=visit.pk, **where, **self.times())

    def ask(self) -> None:
        visit = self.one_of(Appointment)
        own = {"patient_id": visit.patient_id, "appointment_id": visit.pk}
        services.request_form(**own, name=self.dice.choice("ab"), actor=DESK)

    def fill_in(self) -> None:
        services.complete_form(form_id=self.one_of(PatientForm).pk, actor=DESK)

    def close(self) -> None:
        on = (clock.now() + self.dice.randrange(8) * DAY).date()
        if not ClosedDay.objects.filter(on=on).exists():
            services.keep(ClosedDay(on=on, name="Works"), actor=DESK)

    def open(self) -> None:
        services.remove(self.one_of(ClosedDay), actor=DESK)

    def set_clock(self) -> None:
        place = self.one_of(Location)
        place.zone = self.dice.choice((NEW_YORK, DENVER))
        services.keep(place, actor=DESK)

    def switch(self) -> None:
        rule = self.one_of(ReminderRule)
        self.set(rule, is_active=not rule.is_active)

    def retime(self) -> None:
        rule = self.one_of(ReminderRule)
        when = "minutes_after" if rule.what in ReminderRule.AFTERWARDS else "minutes_before"
        self.set(rule, **{when: self.dice.choice((60, 120, 600, 1440, 4320, 10080))})

    def retarget(self) -> None:
        self.set(self.one_of(ReminderRule), audience=self.dice.choice(Audience.values))

    def rename(self) -> None:
        rule, name = self.one_of(ReminderRule), self.dice.choice("abcd")
        if not ReminderRule.objects.filter(location=rule.location, name=name).exists():
            self.set(rule, name=name)

    def set(self, rule: ReminderRule, **values) -> None:
        for field, value in values.items():
            setattr(rule, field, value)
        services.keep(rule, actor=DESK)


@pytest.mark.django_db
@pytest.mark.parametrize("seed", [11])
def test_after_anything_the_desk_did_planning_it_all_anew_changes_nothing(
    seed, ana, ben, practice, location, provider
):
    other = Location.objects.create(practice=practice, name="Two", zone=DENVER)
    for place in (location, other):
        services.default_reminder_rules(place)
        ask = {"what": What.CONFIRM, "minutes_before": 5760, "ladder": "standard"}
        ReminderRule.objects.create(location=place, name="confirm", **ask)
    dice, now = Random(seed), BEGIN
    desk = Desk(dice, ana, ben)
    for number in range(OPERATIONS):
        now += dice.choice((0, 1, 5, 60, 600, 1440)) * MINUTE
        with clock.at(now):
            run()
            desk.act()
            if number % LOOK_EVERY == 0:
                anew = replan_all(unfinished_visits(), Manner(is_change=True, is_rehearsal=True))
                assert not anew.changed, (number, anew)
