"""Whether what leaves the portal says anything that only the signed-in patient may read (H-10).

Pure. A template's context lacks such fields; this finds what somebody typed into another field,
or a template that reached around.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

from notifications.enums import Level
from notifications.types import NotificationPayload

SHORTEST = 4  # letters and digits: "all" or "no" is in every text


def given_away(
    *, content: Iterable[str], payload: NotificationPayload, usual: Callable[[], Iterable[str]]
) -> bool:
    """Return whether texts say what stands in one of a payload's private fields.

    What a field for outside says as well is no secret, such as the provider's name; nor is what
    the type says to everybody: `usual` writes an example of it, and is asked only in doubt.
    """
    found = _said_in(content, _secrets(payload))
    return bool(found) and _said_in(usual(), found) != found


def _said_in(content: Iterable[str], words: set[str]) -> set[str]:
    """Return which words are there; the end may differ, as of "implants", the beginning not."""
    said = " ".join(f" {plain(each)}" for each in content)
    return {word for word in words if f" {word}" in said}


def _secrets(payload: NotificationPayload) -> set[str]:
    allowed = payload.context(ceiling=Level.L1)
    everything = payload.context(ceiling=Level.L2)
    private = {name: value for name, value in everything.items() if name not in allowed}
    return {each for each in _words(private) if len(each) >= SHORTEST} - _words(allowed)


def _words(fields: Mapping[str, Any]) -> set[str]:
    return {plain(str(each)) for value in fields.values() for each in _each(value)}


def _each(value: Any) -> Iterable[Any]:
    """Return what is words or numbers in a field's value; a day is written in too many ways."""
    if isinstance(value, tuple | list):
        return value
    return [value] if isinstance(value, str | int | Decimal) and value is not True else []


def plain(text: str) -> str:
    """Return a text without case, accents and tags: its letters, digits and amounts."""
    whole = text.replace("\r\n ", "")  # a calendar's file folds its lines anywhere
    bare = html.unescape(re.sub(r"<[^>]*>", " ", whole))
    letters = unicodedata.normalize("NFKD", bare.casefold())
    letters = "".join(each for each in letters if not unicodedata.combining(each))
    numbers = re.sub(r"(?<=\d),(?=\d{3})", "", letters)  # 1,250.00
    spaced = re.sub(r"((?<=\d)[.,:](?=\d))|[\W_]+", lambda found: found[1] or " ", numbers)
    return spaced.strip()
