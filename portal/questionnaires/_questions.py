"""What a questionnaire is made of: plain data, and what may be answered to it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications import clock

NONE = "none"  # of several choices, the one that stands by itself
YES_NO = (("yes", gettext_lazy("Yes")), ("no", gettext_lazy("No")))
DIGITS = range(7, 16)  # of a phone number: those of E.164 and local ones
WRITTEN = ("%Y-%m-%d", "%m/%d/%Y")  # a day: as browsers send it, and as people here write it
FIRST_YEAR = 1900

Answer = str | list[str]


class Kind(StrEnum):
    """How a question is answered."""

    TEXT = "text"
    LONG_TEXT = "long_text"
    YES_NO = "yes_no"
    CHOICE = "choice"
    SEVERAL = "several"
    DATE = "date"  # today or before
    PHONE = "phone"
    TICK = "tick"  # a sentence to agree to


@dataclass(frozen=True, kw_only=True)
class Question:
    """One question. `key` is what its answer is kept by: it never changes.

    `choices` are (value, words); a value `none` is chosen by itself. `max_length` is in characters.
    """

    key: str
    label: str
    kind: Kind = Kind.TEXT
    required: bool = False
    hint: str = ""
    choices: tuple[tuple[str, str], ...] = ()
    max_length: int = 200

    @property
    def options(self) -> tuple[tuple[str, str], ...]:
        """Return what may be chosen; empty where people write."""
        return YES_NO if self.kind == Kind.YES_NO else self.choices

    def kept(self, answer: Answer) -> Answer:
        """Return an answer as it is kept: without spaces around it, a day as 2026-11-24."""
        if isinstance(answer, list):
            return answer
        text = answer.strip().replace("\r\n", "\n")
        day = _day(text) if self.kind == Kind.DATE else None
        return day.isoformat() if day else text

    def complaint(self, answer: Any) -> str:
        """Return what is wrong with an answer, a sentence for the patient; empty: nothing."""
        answer = answer.strip() if isinstance(answer, str) else answer
        if answer in ("", [], None):
            return self._missing() if self.required else ""
        if not self._is_shaped(answer):
            return _("This cannot be an answer here.")
        if self.kind == Kind.SEVERAL and NONE in answer and len(answer) > 1:
            alone = {"none": dict(self.choices)[NONE]}
            return _("Choose “%(none)s” by itself, or not at all.") % alone
        if len(answer) > self.max_length:
            return _("This is too long. %(most)s characters fit.") % {"most": self.max_length}
        if self.kind == Kind.DATE:
            return _about_day(answer)
        if self.kind == Kind.PHONE and len(re.sub(r"\D", "", answer)) not in DIGITS:
            return _("Write a phone number with its area code, such as 212-555-0100.")
        return ""

    def read_out(self, answer: Answer) -> list[str]:
        """Return an answer in words: what was chosen or written, line by line."""
        words = dict(self.options)
        if self.kind == Kind.TICK:
            return [_("Yes")] if answer else []
        found = answer if isinstance(answer, list) else [answer]
        return [str(words.get(each, each)) for each in found if each]

    def _is_shaped(self, answer: Any) -> bool:
        """Return whether an answer is of the kind asked for, and among the choices if there are."""
        chosen = answer if isinstance(answer, list) else [answer]
        if isinstance(answer, list) != (self.kind == Kind.SEVERAL):
            return False
        if self.kind == Kind.TICK:
            return answer == "yes"
        values = dict(self.options)
        return all(isinstance(each, str) and (not values or each in values) for each in chosen)

    def _missing(self) -> str:
        if self.kind == Kind.TICK:
            return _("Tick this box to go on.")
        return _("Choose an answer.") if self.options else _("Please answer this.")


@dataclass(frozen=True, kw_only=True)
class Section:
    title: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, kw_only=True)
class Questionnaire:
    """A form patients fill in here. `key` is the name of its file, and `PatientForm.kind`."""

    key: str
    title: str
    intro: str
    sections: tuple[Section, ...]

    @property
    def questions(self) -> Iterator[Question]:
        return (each for section in self.sections for each in section.questions)

    def complaints(self, answers: Mapping[str, Any]) -> dict[str, str]:
        """Return what is wrong with answers, by question, in the order of the questions.

        What was not asked is wrong as well, under its own key.
        """
        found = {each.key: each.complaint(answers.get(each.key)) for each in self.questions}
        strange = {key: _("This was not asked.") for key in answers if key not in found}
        return {key: words for key, words in (found | strange).items() if words}

    def kept(self, answers: Mapping[str, Answer]) -> dict[str, Answer]:
        """Return answers, none of them wrong, as they are kept: without those that are empty."""
        found = {each.key: each.kept(answers.get(each.key) or "") for each in self.questions}
        return {key: answer for key, answer in found.items() if answer}

    def check_definition(self) -> None:
        """Raise ImproperlyConfigured for questions that cannot be asked like this."""
        keys = [each.key for each in self.questions]
        if len(keys) != len(set(keys)) or not all(key.isidentifier() for key in keys):
            raise ImproperlyConfigured(f"{self.key}: each question needs a key of its own")
        for each in self.questions:
            needs_choices = each.kind in (Kind.CHOICE, Kind.SEVERAL)
            if needs_choices != bool(each.choices):
                raise ImproperlyConfigured(f"{self.key}.{each.key}: {each.kind} and its choices")


def _day(text: str) -> date | None:
    for form in WRITTEN:
        try:
            return datetime.strptime(text, form).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
    return None


def _about_day(answer: str) -> str:
    day = _day(answer)
    if day is None:
        return _("Write the day like 11/24/2026.")
    if day > clock.now().date() + timedelta(days=1):  # some clocks show tomorrow already
        return _("This day is still to come. Check it.")
    return _("Check the year.") if day.year < FIRST_YEAR else ""
