"""What is to be done about a text from a patient. Pure: words and questions in, action out.

The same function acts and is tried on hundreds of replies in `tests/data/`. A reply acts only on
what it names: a yes to one of several questions is asked back about, once, and then a person reads.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from notifications.enums import ReplyMeaning
from notifications.incoming.naming import Named, has_a_doubtful_picture, named_in
from notifications.incoming.words import may_mean_the_visit, meaning_of


class Act(StrEnum):
    CONFIRM = "confirm"  # what is named
    CALL = "call"
    STOP = "stop"
    STOP_AND_ASK = "stop_and_ask"  # no more texts; and a person asks whether a visit was meant
    START = "start"
    HELP = "help"
    ASK_BACK = "ask_back"  # which of several was meant
    PERSON = "person"  # nothing, until somebody has read it


@dataclass(frozen=True, kw_only=True)
class Question:
    """One thing we asked a number by text, of one patient.

    `key` is the same for the same visit at the same time. `letter`: what the last text with
    letters calls it, if it does. `is_open`: a bare yes may be meant for it. `stands`: it can still
    be said yes to; a visit that was moved or called off cannot.
    """

    key: str
    letter: str = ""
    is_open: bool = True
    stands: bool = True


@dataclass(frozen=True, kw_only=True)
class Action:
    """What to do; `keys` of the questions it is about, in order. `is_a_yes`: they said yes."""

    act: Act
    keys: tuple[str, ...] = ()
    is_a_yes: bool = False


def action_for(
    text: str,
    questions: Sequence[Question] = (),
    *,
    is_stop: bool = False,
    was_asked_back: bool = False,
) -> Action:
    """Return what a text asks for, given what we asked its number, in the order of the letters.

    `is_stop`: the carrier took it for one. `was_asked_back`: about these questions, before.
    """
    meaning = ReplyMeaning.STOP if is_stop else meaning_of(text)
    if meaning == ReplyMeaning.STOP:
        return Action(act=Act.STOP_AND_ASK if may_mean_the_visit(text) else Act.STOP)
    if meaning in (ReplyMeaning.START, ReplyMeaning.HELP, ReplyMeaning.CALL):
        return Action(act=Act(meaning))
    is_a_yes = meaning == ReplyMeaning.CONFIRM and not has_a_doubtful_picture(text)
    named = named_in(text)
    if named is not None:
        return _about_named(named, questions, is_a_yes=is_a_yes, was_asked_back=was_asked_back)
    if is_a_yes:
        return _about_one(questions, was_asked_back=was_asked_back)
    return Action(act=Act.PERSON)


def _about_named(
    named: Named, questions: Sequence[Question], *, is_a_yes: bool, was_asked_back: bool
) -> Action:
    """Say yes to what is named, as long as every name of it stands for one thing."""
    if named.letters:
        lettered = {each.letter: each for each in questions if each.letter and each.stands}
        if not set(named.letters) <= lettered.keys():
            return Action(act=Act.PERSON, is_a_yes=is_a_yes)
        return _yes_to([lettered[letter] for letter in named.letters])
    asked = [each for each in questions if each.is_open]
    if len(asked) == 2 or (named.everything and len(asked) > 2):
        return _yes_to(asked)
    if len(asked) > 2:
        return _which(asked, was_asked_back=was_asked_back)
    return Action(act=Act.PERSON)


def _about_one(questions: Sequence[Question], *, was_asked_back: bool) -> Action:
    """Say yes to the one thing that is asked; a yes to several is a yes to none of them."""
    asked = [each for each in questions if each.is_open]
    if len(asked) > 1:
        return _which(asked, was_asked_back=was_asked_back)
    return _yes_to(asked) if asked else Action(act=Act.PERSON, is_a_yes=True)


def _which(asked: Sequence[Question], *, was_asked_back: bool) -> Action:
    if was_asked_back:
        return Action(act=Act.PERSON)
    return Action(act=Act.ASK_BACK, keys=tuple(each.key for each in asked), is_a_yes=True)


def _yes_to(asked: Sequence[Question]) -> Action:
    return Action(act=Act.CONFIRM, keys=tuple(each.key for each in asked), is_a_yes=True)
