"""Which of a household's visits a text names: by letter, or all of them. Pure.

We letter the visits of a text that is about several, so that 1 and 2 keep their meaning: "1A" is
a yes to the visit that text calls A, "1AB" or "both" to both.
"""

import re
import unicodedata
from dataclasses import dataclass

from notifications.incoming import vocabulary
from notifications.incoming.spelling import plain, words_of


@dataclass(frozen=True, kw_only=True)
class Named:
    """What a text names: letters, or `both`, or `everything`. A yes may have been said with it."""

    letters: tuple[str, ...] = ()
    both: bool = False
    everything: bool = False


def named_in(text: str) -> Named | None:
    """Return what a text names and says yes to; None where it names nothing, or asks, or doubts."""
    if "?" in text or has_a_doubtful_picture(text) or vocabulary.REACTION.match(plain(text)):
        return None
    said = vocabulary.YES_AFTER.sub("", vocabulary.YES_BEFORE.sub("", words_of(text)).strip())
    if vocabulary.BOTH.fullmatch(said):
        return Named(both=True)
    if vocabulary.ALL.fullmatch(said):
        return Named(everything=True)
    rest = vocabulary.BETWEEN_LETTERS.sub(" ", vocabulary.BEFORE_A_LETTER.sub("", said))
    letters = _letters(rest.split())
    return Named(letters=letters) if letters else None


def is_named_with_a_one(text: str) -> bool:
    """Return whether a text says yes to letters whatever we asked: "1A", not a bare "A"."""
    named = named_in(text)
    has_one = re.search(r"\b(?:1|one|uno)|confirm", words_of(text)) is not None
    return named is not None and bool(named.letters) and has_one


def has_a_doubtful_picture(text: str) -> bool:
    """Return whether a text has a picture that may be the "no" its words leave out."""
    return any(unicodedata.category(each) == "So" and each not in vocabulary.GLAD for each in text)


def _letters(words: list[str]) -> tuple[str, ...]:
    """Return the letters of words such as "1a", "ab" or "1a1b"; none where one is no letter."""
    words = [vocabulary.ONES.get(word, word) for word in words]
    words = [_without_and(word) for word in words]
    said = "".join(words)
    if not all(map(_is_lettered, words)) or not re.fullmatch("(?:1?[a-f]+)+", said):
        return ()
    letters = said.replace("1", "").upper()
    return tuple(sorted(letters)) if len(set(letters)) == len(letters) else ()


def _without_and(word: str) -> str:
    """Spelling joins single letters: "a y b" comes as "ayb"."""
    return re.sub(r"(?<=[a-f])y(?=1?[a-f])", "", word)


def _is_lettered(word: str) -> bool:
    """Letters by themselves stand in order, or "bad" would be three visits."""
    return "1" in word or list(word) == sorted(word)
