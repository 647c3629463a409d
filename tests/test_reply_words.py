"""What patients mean by what they text: every stop is heard, and no visit is taken for one."""

import csv
from pathlib import Path
from time import perf_counter

import pytest

from notifications.enums import ReplyMeaning
from notifications.incoming.words import may_mean_the_visit, meaning_of

CORPUS = Path(__file__).parent / "data" / "replies.csv"
# support.twilio.com, "Twilio support for opt-out keywords": one word, alone, in any case.
OF_THE_CARRIER = ["STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "OPTOUT", "REVOKE"]


def corpus() -> list[dict[str, str]]:
    with CORPUS.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def phrases(*meanings: ReplyMeaning) -> list[str]:
    return [row["text"] for row in corpus() if row["meaning"] in meanings]


def test_the_corpus_speaks_both_languages_and_of_everything():
    rows = corpus()
    assert len(rows) >= 200
    assert {row["language"] for row in rows} == {"en", "es"}
    assert {row["meaning"] for row in rows} == set(ReplyMeaning.values)
    assert len({row["text"] for row in rows}) == len(rows)


@pytest.mark.req("M-04")
def test_every_revocation_in_whatever_words_is_a_stop():
    missed = [text for text in phrases(ReplyMeaning.STOP) if meaning_of(text) != ReplyMeaning.STOP]
    assert missed == []


@pytest.mark.req("M-04")
def test_no_question_about_a_visit_is_taken_for_a_stop():
    others = set(ReplyMeaning) - {ReplyMeaning.STOP}
    wrong = [text for text in phrases(*others) if meaning_of(text) == ReplyMeaning.STOP]
    assert wrong == []


def test_everything_else_means_what_the_patient_meant():
    wrong = [
        (row["text"], row["meaning"])
        for row in corpus()
        if meaning_of(row["text"]) != row["meaning"]
    ]
    assert wrong == []


@pytest.mark.req("M-05")
def test_a_stop_that_may_be_about_the_visit_is_read_by_a_person_too():
    wrong = [
        row["text"]
        for row in corpus()
        if row["meaning"] == ReplyMeaning.STOP
        and may_mean_the_visit(row["text"]) != (row["also_for_a_person"] == "yes")
    ]
    assert wrong == []


@pytest.mark.parametrize("word", OF_THE_CARRIER)
def test_what_the_carrier_blocks_a_number_for_is_a_stop_here_too(word):
    assert meaning_of(word) == meaning_of(word.lower()) == ReplyMeaning.STOP


@pytest.mark.parametrize("text", ["START", "unstop", "Start please", "ALTA", "empezar"])
def test_a_start_is_said_alone(text):
    assert meaning_of(text) == ReplyMeaning.START
    assert meaning_of(f"When do we {text} the treatment?") == ReplyMeaning.UNCLEAR


@pytest.mark.parametrize("text", ["yes", "YES", "Sí", "ok", "👍"])
def test_a_yes_neither_confirms_nor_begins_texts_again(text):
    """Carriers unblock a number for YES; what the patient meant by it only a person can tell."""
    assert meaning_of(text) == ReplyMeaning.UNCLEAR


@pytest.mark.parametrize(
    "text", ["wrong number", "who is this", "please don't", "número equivocado"]
)
def test_what_may_be_a_stop_waits_for_a_person(text):
    assert meaning_of(text) == ReplyMeaning.UNCLEAR


def test_a_phone_that_likes_our_text_sends_our_own_way_out_back_and_stops_nothing():
    ours = "Main Street Dental: your visit is Tue, Nov 24 at 9:30 AM. STOP to opt out."
    assert meaning_of(f"Liked “{ours}”") == ReplyMeaning.UNCLEAR
    assert meaning_of(f"{ours} Is this for my son?") == ReplyMeaning.UNCLEAR
    assert meaning_of("STOP to opt out") == ReplyMeaning.STOP


@pytest.mark.parametrize("text", ["", " ", "\x00", "?", "🦷" * 500, "stop " * 400, "1" * 1600])
def test_whatever_arrives_has_some_meaning(text):
    assert meaning_of(text) in ReplyMeaning


def test_the_longest_text_is_read_in_a_moment():
    """Sixteen hundred letters, which is the longest a carrier puts together, word after word."""
    longest = " ".join(f"stop{number} sending the" for number in range(80))[:1600]
    begun = perf_counter()
    meaning_of(longest)
    assert perf_counter() - begun < 0.5
