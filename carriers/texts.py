"""The texts Twilio has taken, as its Messages resource shows them.

https://www.twilio.com/docs/messaging/api/message-resource. What that page does not say: what a
DateSent filter does with a text that has not been sent yet; here the moment it was made counts.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from math import ceil
from typing import Any
from uuid import uuid4

VERSION = "2010-04-01"
# GSM 03.38: what fits into seven bits, and what takes two places.
BASIC = re.compile(
    r"[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà"
    r"^{}\\\[~\]|€]*"
)
DOUBLE = re.compile(r"[\^{}\\\[~\]|€]")
# What a status may not go back from: a late "queued" does not undo "delivered".
RANK = {"accepted": 0, "queued": 1, "sent": 2, "undelivered": 3, "failed": 3, "delivered": 3}


@dataclass(kw_only=True)
class Text:
    """One text. `made` and `sent` are in seconds since 1970."""

    to: str
    sender: str
    service: str
    body: str
    callback: str
    made: float
    status: str = "queued"
    code: str = ""
    sent: float | None = None
    changed: float = 0.0
    sid: str = field(default_factory=lambda: f"SM{uuid4().hex}")

    def move(self, status: str, *, code: str, now: float) -> None:
        """Become what is reported, unless more is known already."""
        if RANK[status] <= RANK[self.status]:
            return
        self.status, self.changed = status, now
        if status in ("undelivered", "failed"):
            self.code = code
        elif self.sent is None and RANK[status] >= RANK["sent"]:
            self.sent = now

    def shown(self, *, account: str) -> dict[str, Any]:
        """Return the resource as JSON holds it."""
        uri = f"/{VERSION}/Accounts/{account}/Messages/{self.sid}"
        return {
            "account_sid": account,
            "api_version": VERSION,
            "body": self.body,
            "date_created": _rfc2822(self.made),
            "date_sent": None if self.sent is None else _rfc2822(self.sent),
            "date_updated": _rfc2822(self.changed or self.made),
            "direction": "outbound-api",
            "error_code": int(self.code) if self.code else None,
            "error_message": None,
            "from": self.sender or None,
            "messaging_service_sid": self.service or None,
            "num_media": "0",
            "num_segments": str(segments(self.body)) if self.sender else "0",
            "price": None,
            "price_unit": "USD",
            "sid": self.sid,
            "status": self.status,
            "subresource_uris": {"media": f"{uri}/Media.json"},
            "to": self.to,
            "uri": f"{uri}.json",
        }


def segments(body: str) -> int:
    """Return how many texts a body travels in: 160 or 70 letters in one, 153 or 67 in several."""
    is_basic = BASIC.fullmatch(body) is not None
    length = (
        len(body) + len(DOUBLE.findall(body)) if is_basic else len(body.encode("utf-16-le")) // 2
    )
    one, several = (160, 153) if is_basic else (70, 67)
    return 1 if length <= one else ceil(length / several)


class Texts:
    """All that were taken, found by SID or newest first."""

    def __init__(self) -> None:
        self._by_sid: dict[str, Text] = {}
        self._by_number: dict[str, list[Text]] = {}

    def add(self, text: Text) -> None:
        self._by_sid[text.sid] = text
        self._by_number.setdefault(text.to, []).append(text)

    def one(self, sid: str, *, until: float) -> Text | None:
        """Return the text of a SID, unless it was made after `until`."""
        text = self._by_sid.get(sid)
        return text if text is not None and text.made <= until else None

    def newest_first(self, wanted: Mapping[str, str], *, until: float) -> Iterator[Text]:
        """Return what fits the filters of Twilio's list. Raises ValueError for a bad date."""
        since, before = span(wanted)
        to, sender = wanted.get("To", ""), wanted.get("From", "")
        known = self._by_number.get(to, []) if to else list(self._by_sid.values())
        return (
            text
            for text in reversed(known)
            if text.made <= until
            and (not sender or text.sender == sender)
            and since <= (text.made if text.sent is None else text.sent) < before
        )


def span(wanted: Mapping[str, str]) -> tuple[float, float]:
    """Return from when, and before when, texts are asked for. Raises ValueError."""
    since, before = float("-inf"), float("inf")
    if on := wanted.get("DateSent"):
        day = on[:10]
        since, before = _start(day), _end(day)
    if after := wanted.get("DateSent>"):
        since = max(since, _start(after))
    if until := wanted.get("DateSent<"):
        before = min(before, _end(until))
    return since, before


def _start(value: str) -> float:
    return _moment(value).timestamp()


def _end(value: str) -> float:
    """Return the first moment after a day, or after a second, in GMT."""
    length = timedelta(days=1) if len(value) == 10 else timedelta(seconds=1)
    return (_moment(value) + length).timestamp()


def _moment(value: str) -> datetime:
    given = datetime.fromisoformat(value)
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def _rfc2822(moment: float) -> str:
    return format_datetime(datetime.fromtimestamp(moment, UTC))
