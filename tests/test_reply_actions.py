"""What is done about each of hundreds of replies, given what the number had been asked."""

import csv
from pathlib import Path
from time import perf_counter

import pytest

from notifications.incoming.actions import Act, Question, action_for

CORPUS = Path(__file__).parent / "data" / "replies_to_questions.csv"
ASKED = {"none": "", "one": "A", "two": "AB", "two_asked_back": "AB", "three": "ABC"}


def corpus() -> list[dict[str, str]]:
    with CORPUS.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def questions(asked: str) -> list[Question]:
    """Return what was asked; the one question of a text about one visit has no letter."""
    names = ASKED[asked]
    return [Question(key=name, letter=name if len(names) > 1 else "") for name in names]


def done(row: dict[str, str]) -> tuple[str, str]:
    action = action_for(
        row["text"],
        questions(row["asked"]),
        was_asked_back=row["asked"] == "two_asked_back",
    )
    return str(action.act), " ".join(action.keys)


def test_the_corpus_has_every_action_in_both_languages():
    rows = corpus()
    assert len(rows) >= 300
    assert {row["action"] for row in rows} == set(Act)
    for language in ("en", "es"):
        assert {row["action"] for row in rows if row["language"] == language} == set(Act)
    assert len({(row["text"], row["asked"]) for row in rows}) == len(rows)


@pytest.mark.req("M-04")
@pytest.mark.req("M-05")
@pytest.mark.req("M-06")
@pytest.mark.req("M-08")
def test_each_reply_leads_to_the_action_its_writer_meant():
    wrong = [
        (row["text"], row["asked"], f"meant {row['action']} {row['names']}", done(row))
        for row in corpus()
        if done(row) != (row["action"], row["names"])
    ]
    assert wrong == []


def test_no_reply_confirms_what_it_does_not_name():
    """Whatever is written, a yes to one of two visits never spreads to the other."""
    for row in corpus():
        act, names = done(row)
        assert act != Act.CONFIRM or names == row["names"]


def test_hundreds_of_replies_are_decided_in_a_moment():
    begun = perf_counter()
    for row in corpus():
        done(row)
    assert perf_counter() - begun < 2


# -- letters, one by one ------------------------------------------------------------------------

A = Question(key="a", letter="A")
B = Question(key="b", letter="B")
GONE = Question(key="gone", letter="A", is_open=False, stands=False)
ANSWERED = Question(key="a", letter="A", is_open=False)


def test_a_letter_that_stands_for_nothing_any_more_is_a_yes_to_nothing():
    assert action_for("1A", [GONE, B]).act == Act.PERSON
    assert action_for("1AB", [GONE, B]).act == Act.PERSON
    assert action_for("1B", [GONE, B]).keys == ("b",)


def test_a_bare_one_is_for_the_only_visit_that_is_still_asked_about():
    assert action_for("1", [GONE, B]).keys == ("b",)
    assert action_for("1", [ANSWERED, B]).keys == ("b",)


def test_a_letter_may_say_yes_again():
    assert action_for("1A", [ANSWERED, B]).keys == ("a",)


def test_what_the_carrier_takes_for_a_stop_is_one():
    assert action_for("1AB", [A, B], is_stop=True).act == Act.STOP
    assert action_for("CANCEL", [A, B], is_stop=True).act == Act.STOP_AND_ASK
