"""The fault rig: it can see what it looks for, and a few kills at every window lose nothing."""

import json
import subprocess
import sys

import pytest
from django.db import connection

from carriers.books import Entry
from tests.faults import page
from tests.faults.__main__ import Pass, shortfalls
from tests.faults.ledger import Ledger, Seen, judge
from tests.faults.results import COUNTS, append, complaints, counted, read, rows, wrongs
from tests.faults.windows import SPECS
from tests.rig.environment import bare
from tests.rig.processes import ROOT, end

NUMBER = "+13015550001"
SECONDS = 400  # for the rows of one database, servers included: a busy machine is no failure


def entry(number=1, *, at=100.0, **known):
    return Entry(
        **{"id": f"SM{number}", "to": NUMBER, "delivery": "", "body_sha256": "x", "at": at, **known}
    )


def seen(*copies, status="accepted", channel="sms", **known):
    return Seen(**{"channel": channel, "messages": 1, "status": status, "copies": copies, **known})


def row(**found):
    return {"window": "W5", "database": "postgresql", "pace": "as shipped", "channel": "sms"} | {
        "runs": 3,
        **dict.fromkeys(COUNTS, 0),
        "answer_known": True,
        "recovery_max_s": 1.0,
        **found,
    }


def test_the_short_table_says_the_worst_there_was():
    table = [row(), row(duplicated=1, recovery_max_s=99.0), row(window="Queue full", runs=9)]
    told = page.in_short(table)
    assert "| Kills | 6 on PostgreSQL, 0 on SQLite |" in told
    assert "| Texts, pushes or inbox messages that came twice | 1 |" in told
    assert "within 99 s" in told


# -- a doctored book is found out ---------------------------------------------------------------


def test_one_text_in_the_book_and_called_sent_is_well():
    assert judge(seen(entry())).is_well


def test_a_second_text_to_the_same_number_is_seen():
    assert judge(seen(entry(1), entry(2))).duplicated == 1


def test_a_second_message_in_the_inbox_is_seen():
    assert judge(seen(entry(), messages=2)).duplicated == 1


def test_a_text_called_delivered_that_no_book_has_is_lost():
    assert judge(seen(status="delivered")).lost == 1


@pytest.mark.parametrize("status", ["planned", "held", "sending"])
def test_a_text_that_is_still_open_when_its_time_is_over_is_lost(status):
    assert judge(seen(status=status)).lost == 1


def test_a_message_that_is_not_there_at_all_is_lost():
    assert judge(seen(status="", messages=0)).lost == 1


@pytest.mark.parametrize("status", ["failed", "skipped", "expired", "cancelled"])
def test_a_text_called_not_sent_that_a_book_has_contradicts(status):
    assert judge(seen(entry(), status=status)).contradicted == 1


def test_a_text_handed_over_after_it_expired_is_stale():
    assert judge(seen(entry(at=100.0), expires_at=99.0)).stale == 1
    assert judge(seen(entry(at=100.0), expires_at=101.0)).is_well


def test_what_cannot_be_known_is_counted_and_is_no_fault():
    verdict = judge(seen(entry(), status="unknown"))
    assert verdict.unsettled == 1
    assert verdict.is_well


def test_a_second_e_mail_is_told_and_a_third_is_one_too_many():
    assert judge(seen(entry(1), entry(2), channel="email")).extra_emails == 1
    assert judge(seen(entry(1), entry(2), channel="email")).is_well
    assert judge(seen(entry(1), entry(2), entry(3), channel="email")).duplicated == 1


def test_a_push_that_replaces_the_first_is_no_second_one():
    same = judge(seen(entry(1, topic="a"), entry(2, topic="a"), channel="push"))
    assert (same.duplicated, same.replaced_pushes) == (0, 1)
    assert judge(seen(entry(1, topic="a"), entry(2, topic="b"), channel="push")).duplicated == 1


# -- the books and the results ------------------------------------------------------------------


def test_a_copy_is_found_by_number_and_by_our_name_and_counted_once(tmp_path):
    book, ledger = tmp_path / "twilio.jsonl", Ledger(folder=tmp_path)
    line = {"at": 1.0, "id": "SM1", "to": NUMBER, "delivery": "d", "body_sha256": "x"}
    book.write_text(json.dumps(line) + "\n" + '{"at": 2.0, "id"')  # the second is half written
    assert len(ledger.copies(channel="sms", address=NUMBER, delivery_id="d")) == 1
    with book.open("a") as file:
        file.write(': "SM2", "to": "+1", "delivery": "d", "body_sha256": "x"}\n')
    assert len(ledger.copies(channel="sms", address=NUMBER, delivery_id="d")) == 2


def result(**known):
    counts = dict.fromkeys(COUNTS, 0)
    base = {"kind": "run", "row": "W5", "database": "sqlite", "pace": "watched", "recovery_s": 2.0}
    return {**base, **counts, **known}


def test_each_thing_that_must_not_be_is_named():
    assert complaints(rows([result(), result()])) == []
    assert complaints(rows([result(), result(duplicated=1)])) == [
        "W5 on sqlite, watched: 1 duplicated"
    ]
    assert complaints(rows([result(lost=1)]))
    assert complaints(rows([result(stale=1)]))
    assert complaints(rows([result(contradicted=1)]))


def test_a_recovery_that_took_too_long_is_named_where_the_answer_can_be_known():
    assert complaints(rows([result(recovery_s=41.0)])) == [
        "W5 on sqlite, watched: recovered after 41 s, the goal is 40 s"
    ]
    assert complaints(rows([result(row="W4", recovery_s=41.0)])) == []


def test_an_interrupted_night_goes_on_with_what_is_missing(tmp_path):
    path = tmp_path / "results.jsonl"
    assert counted(path) == {}
    for row in ("W4", "W5", "W5"):
        append(path, result(row=row))
    with path.open("a") as file:
        file.write('{"kind": "run", "row": "W5"')  # the power went
    assert counted(path) == {"W4": 1, "W5": 2}
    append(path, result(row="W6"))
    assert counted(path) == {"W4": 1, "W5": 2, "W6": 1}


def test_a_window_that_could_not_be_hit_often_enough_is_named():
    short = Pass(database="sqlite", pace="short", runs=2)
    found = [result(row=spec.row, pace="short") for spec in SPECS for _ in range(2)]
    assert shortfalls(found, [short]) == []
    assert shortfalls(found[:-1], [short]) == [f"{SPECS[-1].row} on sqlite, short: 1 of 2 runs"]


def test_the_page_lists_the_windows_as_they_are():
    assert page.windows_table() in page.PAGE.read_text()


# -- the real thing, in small -------------------------------------------------------------------


def wrong_in_small(path, names):
    """Run these rows once on the tests' kind of database; return what must not be.

    How long it took is for `make faults` to judge: here other tests may run beside it.
    """
    database = "sqlite" if connection.vendor == "sqlite" else "postgresql"
    command = [sys.executable, "-m", "tests.faults.session", "--database", database]
    command += ["--pace", "short", "--runs", "1", "--together", "--results", str(path)]
    command += ["--only", ";".join(names)]
    session = subprocess.Popen(command, cwd=ROOT, env=bare(), start_new_session=True)
    try:
        assert session.wait(timeout=SECONDS) == 0
    finally:
        end(process=session)
    table = rows(read(path))
    assert {row["window"] for row in table} == set(names)
    return [each for row in table for each in wrongs(row)]


@pytest.mark.servers
@pytest.mark.req("R-04")
@pytest.mark.req("SLO-3")
@pytest.mark.req("SLO-4")
@pytest.mark.req("W1")
@pytest.mark.req("W2")
@pytest.mark.req("W3")
@pytest.mark.req("W4")
@pytest.mark.req("W5")
@pytest.mark.req("W6")
@pytest.mark.req("W7")
@pytest.mark.req("W8")
def test_a_kill_at_every_window_loses_nothing_and_sends_no_text_twice(tmp_path):
    assert wrong_in_small(tmp_path / "found.jsonl", [spec.row for spec in SPECS]) == []


@pytest.mark.servers
@pytest.mark.req("W9")
@pytest.mark.req("W10")
def test_a_new_key_or_an_old_database_loses_nothing_and_sends_no_text_twice(tmp_path):
    assert wrong_in_small(tmp_path / "found.jsonl", ["W9", "W10"]) == []
