"""A carrier's calls, each many times, in any order, with forged ones between."""

from __future__ import annotations

import http.client
import random
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit
from uuid import UUID

from twilio.request_validator import RequestValidator

from notifications.enums import DeliveryStatus
from notifications.models import CarrierEvent
from tests.faults.bench import Bench
from tests.faults.crowd import Crowd

TIMES = 10
SAID = ("sent", "delivered", "queued")
AT_ONCE = 6
SIGNED, FORGED = 200, 403


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call as it goes over the wire, and what it must be answered with."""

    url: str
    form: dict[str, str]
    signature: str
    answer: int


def thousand_calls(bench: Bench, *, name: str, runs: int) -> None:
    """Call about each text three times, each call ten times, shuffled, a tenth of them forged."""
    crowd = Crowd.of(bench, max(3, runs * 5 // len(SAID)))
    bench.site.control(carrier="twilio", callbacks=False)
    crowd.tell()
    crowd.wait(seconds=bench.patience)
    calls = [call for row in crowd.rows() for call in _calls_about(bench, crowd, row)]
    forged = [_forged(call) for call in random.sample(calls, max(1, len(calls) // TIMES))]
    every = calls * TIMES + forged
    random.shuffle(every)
    begun = time.time()
    answers = _make(every)
    seconds = time.time() - begun
    more = _compared(crowd, calls, every, answers)
    note = f"{len(calls):,} calls {TIMES} times, {len(forged)} forged, in {seconds:.0f} s"
    crowd.write(name=name, runs=len(every), since=time.time(), note=note, more=more)
    bench.site.control(carrier="twilio", callbacks=True)


def _calls_about(bench: Bench, crowd: Crowd, row) -> list[Call]:
    address = {person.patient_id: person.address for person in crowd.persons}
    (copy,) = bench.ledger.copies(channel="sms", address=address[row.notification.patient_id])
    url = f"{bench.site.url}/webhooks/sms/{row.pk}/"
    return [
        _signed(url, {"MessageSid": copy.id, "MessageStatus": status}, bench.site.ports["token"])
        for status in SAID
    ]


def _signed(url: str, form: dict[str, str], token: str) -> Call:
    signature = RequestValidator(token).compute_signature(url, form)
    return Call(url=url, form=form, signature=signature, answer=SIGNED)


def _forged(call: Call) -> Call:
    """The same call, saying that it failed, under the true one's signature."""
    form = {**call.form, "MessageStatus": "failed", "ErrorCode": "30005"}
    return Call(url=call.url, form=form, signature=call.signature, answer=FORGED)


def _make(calls: Sequence[Call]) -> list[int]:
    """Make the calls, some at once, over kept connections; their answers in order."""
    own = threading.local()

    def make(call: Call) -> int:
        place = urlsplit(call.url)
        if not hasattr(own, "line"):
            own.line = http.client.HTTPConnection(place.netloc, timeout=30)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "X-Twilio-Signature": call.signature,
        }
        own.line.request("POST", place.path, urlencode(call.form), headers)
        answer = own.line.getresponse()
        answer.read()
        return answer.status

    with ThreadPoolExecutor(max_workers=AT_ONCE) as pool:
        return list(pool.map(make, calls))


def _compared(
    crowd: Crowd, calls: Sequence[Call], every: Sequence[Call], answers: Sequence[int]
) -> Counter[str]:
    """What is wrong: an answer, a call kept twice or not at all, a text not called delivered."""
    wrong = sum(call.answer != answer for call, answer in zip(every, answers, strict=True))
    names = {UUID(urlsplit(call.url).path.split("/")[3]) for call in calls}
    kept = CarrierEvent.objects.filter(delivery_id__in=names).count()
    undelivered = sum(row.status != DeliveryStatus.DELIVERED for row in crowd.rows())
    return Counter(
        contradicted=wrong + undelivered,
        duplicated=max(0, kept - len(calls)),
        lost=max(0, len(calls) - kept),
    )
