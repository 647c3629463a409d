"""Send, hold or skip: each gate, its reason, and which of them speaks first."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from notifications.enums import (
    Action,
    ContactKind,
    ContactStatus,
    Level,
    PatientNotificationPriority,
    Reason,
)
from notifications.policy import GATES, Facts, decide, explain

NOON = datetime(2026, 11, 24, 17, tzinfo=UTC)  # 12:00 in New York
NIGHT = datetime(2026, 11, 25, 4, tzinfo=UTC)  # 23:00 the same day
HOUR = timedelta(hours=1)
URGENT = PatientNotificationPriority.URGENT

A_TEXT = Facts(now=NOON, zone="America/New_York", contact_kind=ContactKind.PHONE, ceiling=Level.L1)
A_MAIL = replace(A_TEXT, contact_kind=ContactKind.EMAIL)
A_PUSH = replace(A_TEXT, contact_kind=ContactKind.PUSH, ceiling=Level.L0)

# What each gate says no to: enough to stop a text that would otherwise go at once.
OBJECTIONS = [
    ("in_time", {"expires_at": NOON}, Reason.EXPIRED),
    ("still_here", {"is_departed": True}, Reason.DEPARTED),
    ("still_true", {"is_irrelevant": True}, Reason.CANCELLED),
    ("not_answered", {"is_answered": True}, Reason.ANSWERED),
    ("channel_ready", {"is_configured": False}, Reason.CHANNEL_OFF),
    ("address_known", {"has_contact": False}, Reason.NO_ADDRESS),
    ("address_allowed", {"is_confidential": True}, Reason.CONFIDENTIAL),
    ("wanted", {"choice": False}, Reason.PREF_OFF),
    ("address_works", {"contact_status": ContactStatus.NEEDS_UPDATE}, Reason.BOUNCED_HARD),
    ("text_permitted", {"is_verified": False}, Reason.UNVERIFIED),
    ("not_paused", {"paused_until": NOON + HOUR}, Reason.PAUSED),
    ("not_a_duplicate", {"told_up_to": Level.L1}, Reason.DUPLICATE),
    ("within_allowance", {"is_capped": True, "texts_used": (NOON - HOUR,)}, Reason.RATE_LIMITED),
]
STOPPED = {"contact_status": ContactStatus.OPTED_OUT, "contact_status_at": NOON - HOUR}


def verdict(facts: Facts, **changes) -> tuple[Action, Reason]:
    decision = decide(replace(facts, **changes))
    return decision.action, decision.reason


def test_at_noon_a_wanted_text_to_a_verified_number_goes_out():
    assert verdict(A_TEXT) == (Action.SEND, Reason.NONE)


@pytest.mark.parametrize(("gate", "facts", "reason"), OBJECTIONS)
def test_each_gate_has_its_reason(gate, facts, reason):
    assert verdict(A_TEXT, **facts) == (Action.SKIP, reason)
    said = dict(explain(replace(A_TEXT, **facts)))
    assert [name for name, no in said.items() if no] == [gate]


@pytest.mark.parametrize("first", range(len(OBJECTIONS)))
def test_where_several_object_the_earliest_gate_is_heard(first):
    together = {}
    for _gate, facts, _reason in OBJECTIONS[first:]:
        together |= facts
    assert verdict(A_TEXT, **together)[1] == OBJECTIONS[first][2]


def test_the_hours_are_asked_last_so_that_nothing_is_held_that_would_be_skipped_anyway():
    names = [gate.__name__ for gate in GATES]
    assert names[-6:] == [
        "outside_quiet_hours",
        "within_text_hours",
        "within_advertising_hours",
        "within_allowance",  # of the day on which it goes
        "nothing_held",
        "channel_open",
    ]
    assert verdict(A_TEXT, now=NIGHT, choice=False) == (Action.SKIP, Reason.PREF_OFF)


def test_a_message_on_its_very_last_moment_is_too_late():
    assert verdict(A_MAIL, expires_at=NOON) == (Action.SKIP, Reason.EXPIRED)
    assert verdict(A_MAIL, expires_at=NOON + timedelta(seconds=1)) == (Action.SEND, Reason.NONE)


def test_a_patient_who_never_chose_gets_the_types_default():
    assert verdict(A_MAIL, choice=None, is_on_by_default=True)[0] == Action.SEND
    assert verdict(A_MAIL, choice=None, is_on_by_default=False) == (
        Action.SKIP,
        Reason.DEFAULT_OFF,
    )


def test_a_patient_who_asked_for_what_is_off_by_default_gets_it():
    assert verdict(A_MAIL, choice=True, is_on_by_default=False)[0] == Action.SEND


def test_the_reason_names_the_day_the_patient_turned_it_off():
    decision = decide(replace(A_MAIL, choice=False, choice_at=NOON - HOUR))
    assert decision.params == {"date": "2026-11-24T16:00:00+00:00"}


def test_a_locked_message_passes_an_old_no_and_a_pause():
    assert verdict(A_MAIL, is_locked=True, choice=False)[0] == Action.SEND
    assert verdict(A_MAIL, is_locked=True, paused_until=NOON + HOUR)[0] == Action.SEND


@pytest.mark.req("H-13")
@pytest.mark.parametrize("mail_or_text", [A_MAIL, A_TEXT, A_PUSH])
def test_nothing_overrides_the_wish_not_to_be_written_to_at_an_address(mail_or_text):
    loud = {"priority": URGENT, "is_locked": True, "passes_floor": True, "choice": True}
    assert verdict(mail_or_text, is_confidential=True, **loud) == (
        Action.SKIP,
        Reason.CONFIDENTIAL,
    )


@pytest.mark.req("M-06")
def test_nothing_overrides_stop():
    loud = {"priority": URGENT, "is_locked": True, "passes_floor": True, "choice": True}
    decision = decide(replace(A_TEXT, **STOPPED, **loud))
    assert decision.reason == Reason.OPTED_OUT_STOP
    assert decision.params == {"date": "2026-11-24T16:00:00+00:00"}


def test_a_number_that_stopped_is_told_apart_from_one_that_is_dead():
    dead = {"contact_status": ContactStatus.NEEDS_UPDATE}
    assert verdict(A_TEXT, **STOPPED)[1] == Reason.OPTED_OUT_STOP
    assert verdict(A_TEXT, **dead)[1] == Reason.BOUNCED_HARD


def test_a_device_that_is_gone_and_one_that_never_was_are_two_reasons():
    assert verdict(A_PUSH, has_contact=False)[1] == Reason.NO_DEVICE
    assert verdict(A_PUSH, contact_status=ContactStatus.REMOVED)[1] == Reason.PUSH_GONE


def test_the_inbox_needs_no_address():
    here = replace(A_MAIL, contact_kind=None, has_contact=False, ceiling=Level.L2)
    assert verdict(here) == (Action.SEND, Reason.NONE)


def test_a_pause_that_is_over_holds_nothing_back():
    assert verdict(A_MAIL, paused_until=NOON)[0] == Action.SEND


# -- how much may be said -----------------------------------------------------------------------


@pytest.mark.req("M-01")
def test_a_number_without_consent_or_verification_gets_no_text_at_all():
    assert verdict(A_TEXT, has_consent=False) == (Action.SKIP, Reason.NO_CONSENT)
    assert verdict(A_TEXT, is_verified=False, has_consent=False) == (
        Action.SKIP,
        Reason.UNVERIFIED,
    )


@pytest.mark.req("H-11")
@pytest.mark.req("H-12")
@pytest.mark.parametrize(
    "lacking",
    [
        {"is_verified": False},
        {"has_consent": False},
        {"has_agreement": False},
        {"l0_only": True},
        {"is_verified": False, "has_consent": False},
    ],
)
def test_an_email_that_lacks_anything_carries_the_neutral_sentence_only(lacking):
    decision = decide(replace(A_MAIL, **lacking))
    assert (decision.action, decision.level) == (Action.SEND, Level.L0)


def test_a_verified_address_with_consent_gets_day_and_time_but_nothing_clinical():
    assert decide(A_MAIL).level == Level.L1


def test_no_priority_raises_what_may_be_said():
    assert decide(replace(A_MAIL, has_consent=False, priority=URGENT)).level == Level.L0
    assert decide(replace(A_PUSH, priority=URGENT)).level == Level.L0
