"""A clinic whose carriers tell all they know: what is told of each message, in its true order."""

import copy
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.test import Client

from notifications import clock, delivery, incoming
from notifications.delivery.claim import Parcel, claim
from notifications.delivery.handover import Outcome
from notifications.delivery.record import record
from notifications.enums import OPEN_STATUSES
from notifications.models import (
    Consent,
    ContactPoint,
    Delivery,
    PatientNotificationPreference,
    Switch,
)
from notifications.providers import twilio_calls
from notifications.types import SendResult
from portal.models import Location, User
from tests.crowd import only_texts, patients_with_phones
from tests.engine import NOON, send
from tests.forgetful import Fate, Forgetful

FORM = "application/x-www-form-urlencoded"
TOKEN = "a token nobody else knows"
HEARD, LATE = NOON + timedelta(hours=2), NOON + timedelta(hours=26)

Line = tuple[str, str]  # a status in Twilio's words, and a code
QUEUED, SENT, ARRIVED = ("queued", ""), ("sent", ""), ("delivered", "")
OFF = ("undelivered", "30003")
STORIES: dict[str, list[Line]] = {
    "arrived": [QUEUED, SENT, ARRIVED],
    "no such number": [QUEUED, SENT, ("undelivered", "30005")],
    "failed, then arrived": [SENT, ("undelivered", "30005"), ARRIVED],
    "switched off": [QUEUED, SENT, OFF],
    "no reason, then arrived": [SENT, ("undelivered", "30008"), ARRIVED],
    "refused": [QUEUED, ("failed", "21612")],
    "said stop": [QUEUED, ("failed", "21610")],
    "filtered": [QUEUED, SENT, ("undelivered", "30007")],
    "taken": [QUEUED, SENT],
}
SITUATIONS = ("answered", "answer lost", "under way", "restored")
SECOND: dict[str, list[tuple[int, Line]]] = {  # of which try, and what
    "second arrives": [(1, QUEUED), (1, SENT), (2, QUEUED), (2, SENT), (2, ARRIVED)],
    "still off": [(1, SENT), (2, SENT), (2, OFF)],
    "first arrives": [(1, SENT), (2, QUEUED), (2, SENT), (1, ARRIVED)],
    "first fails for good": [(2, SENT), (1, ("failed", "21612")), (2, ARRIVED)],
}
SECOND_SITUATIONS = ("planned", "under way", "answered")
TWO_TEXTS = [("undelivered", "30005"), ("failed", "21610")]


@dataclass(frozen=True, kw_only=True)
class Call:
    """A call of the carrier's about a text, or the answer to a call of ours.

    `to` is the delivery whose address is called, `token` what it is signed with.
    """

    row: Delivery
    sid: str
    said: str = ""
    code: str = ""
    token: str = TOKEN
    to: Delivery | None = None
    answers: Parcel | None = None

    @property
    def is_genuine(self) -> bool:
        return self.token == TOKEN and self.to is None

    @property
    def event_key(self) -> str:
        return f"{self.sid}:{self.said}:{self.code}" if self.code else f"{self.sid}:{self.said}"

    def make(self) -> int:
        """Call; return the HTTP status."""
        if self.answers is not None:
            return self._answer(self.answers)
        form = {"MessageSid": self.sid, "MessageStatus": self.said}
        form |= {"ErrorCode": self.code} if self.code else {}
        url = settings.PUBLIC_URL + _path(self.row)
        signed = twilio_calls.signature(url=url, params=form, token=self.token)
        headers = {twilio_calls.SIGNATURE_HEADER: signed}
        path, body = _path(self.to or self.row), urlencode(form)
        return Client().post(path, body, content_type=FORM, headers=headers).status_code

    def _answer(self, parcel: Parcel) -> int:
        """Write the answer down, as the worker does that has been waiting for it."""
        again = {"delivery": copy.copy(parcel.delivery), "attempt": copy.copy(parcel.attempt)}
        result = SendResult(provider_id=self.sid)
        outcome = Outcome(parcel=replace(parcel, **again), latency_ms=5, result=result)
        record(outcome, report=delivery.Report())
        return 200


def _path(row: Delivery) -> str:
    return f"/webhooks/sms/{row.pk}/"


@dataclass(frozen=True, kw_only=True)
class Told:
    """All that is told of one message, in the order it came about."""

    name: str
    row: Delivery
    calls: list[Call]


# -- the messages -------------------------------------------------------------------------------


def world(location: Location) -> list[Told]:
    """Bring texts into each situation; return what will be told of them."""
    first = [(story, situation) for story in STORIES for situation in SITUATIONS]
    second = [(story, situation) for story in SECOND for situation in SECOND_SITUATIONS]
    people = iter(patients_with_phones(location, len(first) + len(second) + 2))
    told = [_first_try(next(people), *each) for each in first]
    told += [_second_try(next(people), *each) for each in second]
    return [*told, *(each for patient in people for each in _two_texts(patient))]


def _first_try(patient: User, story: str, situation: str) -> Told:
    row, sid, answers = _text(patient, situation)
    calls = [Call(row=row, sid=sid, said=said, code=code) for said, code in STORIES[story]]
    return Told(name=f"{story}, {situation}", row=row, calls=[*answers, *calls])


def _text(patient: User, situation: str) -> tuple[Delivery, str, list[Call]]:
    """Make a text; return it, the carrier's id, and the answer that is still to come, if any."""
    made = send(patient)
    only_texts()
    row = Delivery.objects.get(notification=made, channel="sms")
    if situation == "restored":  # a backup of the moment before it was sent
        _put_away(row)
        return row, f"SM-restored-{row.pk}", []
    if situation == "under way":
        return row, *_under_way(row, number=1)
    Forgetful.fates = [Fate.LOST_AFTER] if situation == "answer lost" else []
    delivery.run_due()
    return row, Forgetful.text_of(row.pk).sid, []


def _put_away(row: Delivery) -> None:
    """Keep a text from leaving, as a hold of everything does."""
    Delivery.objects.filter(pk=row.pk).update(due_at=LATE + timedelta(days=1))


def _under_way(row: Delivery, *, number: int) -> tuple[str, list[Call]]:
    [parcel] = claim(limit=1, report=delivery.Report())
    sid = f"SM-{number}-{row.pk}"
    return sid, [Call(row=row, sid=sid, answers=parcel)]


def _second_try(patient: User, story: str, situation: str) -> Told:
    """A text to a phone that was switched off, and goes once more an hour later."""
    row, first, _none = _text(patient, "answered")
    with clock.at(NOON):
        Call(row=row, sid=first, said=OFF[0], code=OFF[1]).make()
    second, answers = "", []
    if situation == "planned":
        _put_away(row)
    else:
        with clock.at(NOON + timedelta(hours=1)):
            second, answers = _under_way(row, number=2)
        if situation == "answered":
            answers.pop().make()
    calls = [
        Call(row=row, sid=first if number == 1 else second, said=said, code=code)
        for number, (said, code) in SECOND[story]
        if number == 1 or second
    ]
    return Told(name=f"{story}, {situation}", row=row, calls=[*answers, *calls])


def _two_texts(patient: User) -> list[Told]:
    """Two texts to one number: one finds nobody there, of the other it is said that it stopped."""
    told = []
    for said, code in TWO_TEXTS:
        row, sid, _none = _text(patient, "answered")
        told.append(Told(name=code, row=row, calls=[Call(row=row, sid=sid, said=said, code=code)]))
    return told


# -- in order, and in any other -----------------------------------------------------------------


def in_order(told: Sequence[Told]) -> None:
    """Tell each thing once, in the order it came about."""
    with clock.at(HEARD):
        for each in told:
            for call in each.calls:
                assert call.make() == 200
        incoming.sweep()


def stormy(told: Sequence[Told], *, seed: int, count: int) -> list[Call]:
    """Return so many calls in any order: each at least once, repeats, and forgeries."""
    chance = random.Random(seed)
    genuine = [call for each in told for call in each.calls]
    repeatable = [call for call in genuine if call.answers is None]
    forged = [forge(chance.choice(told), told, chance) for _each in range(count // 5)]
    repeats = chance.choices(repeatable, k=count - len(genuine) - len(forged))
    calls = [*genuine, *repeats, *forged]
    chance.shuffle(calls)
    return calls


def forge(about: Told, told: Sequence[Told], chance: random.Random) -> Call:
    """Return a lie about a text: signed by somebody else, or another address' call."""
    said, code = chance.choice([ARRIVED, OFF, ("failed", "21610"), ("undelivered", "30005")])
    lie = Call(row=about.row, sid=about.calls[-1].sid, said=said, code=code)
    if chance.random() < 0.5:
        return replace(lie, token="somebody else's")
    return replace(lie, to=chance.choice([each.row for each in told if each is not about]))


def tell(calls: Sequence[Call]) -> None:
    """Make calls; the last third of them come a day late."""
    for number, call in enumerate(calls):
        with clock.at(HEARD if number < len(calls) * 2 / 3 else LATE):
            assert call.make() == (200 if call.is_genuine else 403)
    with clock.at(LATE):
        incoming.sweep()


def state(told: Sequence[Told]) -> dict[str, Any]:
    """Return where everything stands, by names that do not change.

    Not compared: times (when it was heard, when it is due again), which of several calls was the
    news, how often a text that has arrived had been set back before, and the fence.
    """
    rows = {row.pk: row for row in Delivery.objects.select_related("contact")}
    return {
        "deliveries": {
            (number, each.name): _standing(rows[each.row.pk]) for number, each in enumerate(told)
        },
        "tries": {
            (number, each.name): sorted(
                rows[each.row.pk].tries.values_list("number", "result", "provider_id")
            )
            for number, each in enumerate(told)
        },
        "consents": sorted(Consent.objects.values_list("contact_id", "purpose", "granted")),
        "choices": PatientNotificationPreference.objects.count(),
        "paused": set(Switch.objects.exclude(off_at=None).values_list("name", "why")),
        "addresses": dict(ContactPoint.objects.values_list("pk", "status")),
    }


def _standing(row: Delivery) -> tuple:
    setbacks = row.setbacks if row.status in OPEN_STATUSES else None
    return row.status, row.reason, row.last_code, row.provider_id, row.attempts, setbacks
