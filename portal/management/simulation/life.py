"""A clinic's people, ready to do what the dice or a test tell them to.

Each thing that can be done is a method that takes a patient, so that the dice may choose it, and
so may a test that looks for the one order of things that goes wrong.
"""

import random
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from portal.management.simulation.desk import Desk
from portal.management.simulation.home import Home
from portal.management.simulation.line import Line
from portal.management.simulation.town import Town
from portal.models import Location, User

# How often a patient does each in thirty days, on average.
AT_THE_DESK = {
    "book": 0.5,
    "move": 0.35,
    "cancel": 0.1,
    "confirm_at_the_desk": 0.15,
    "get_a_note": 0.3,
    "hear_news": 0.5,
    "be_asked_for_a_form": 0.15,
    "start_a_recall": 0.15,
    "get_a_statement": 0.15,
    "pay": 0.15,
    "agree_to_treatment": 0.05,
    "join_the_waiting_list": 0.05,
    "take_a_free_time": 0.03,
    "depart": 0.01,
    "change_a_rule": 0.005,
    "change_language": 0.02,
    "wish_to_be_reached_otherwise": 0.02,
}
AT_HOME = {
    "read_messages": 3.0,
    "write_back": 0.5,
    "say_stop": 0.03,
    "say_start": 0.3,
    "turn_texts_off": 0.1,
    "choose_for_everything": 0.2,
    "ask_for_news": 0.2,
}
HABITS = AT_THE_DESK | AT_HOME


class Life(Desk, Home):
    """What everybody of a town does, put on a line of time."""

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
        if habit in AT_THE_DESK:
            moment = _office_hour(moment, patient.home_location)
        self.line.at(moment, lambda: getattr(self, habit)(patient))


def _how_often(times: float, dice: random.Random) -> int:
    """Return a whole number whose average is `times`."""
    return int(times) + (dice.random() < times % 1)


def _office_hour(moment: datetime, place: Location) -> datetime:
    """Return a moment of the same day at which the desk is there."""
    local = moment.astimezone(ZoneInfo(place.zone))
    return local.replace(hour=8 + local.hour % 9)
