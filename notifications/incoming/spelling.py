"""A text as it was meant: small letters, no accents, slips of the finger put right. Pure."""

import re
import unicodedata
from functools import lru_cache

# Polite or empty words, left out before a text is compared with what stands alone.
FILLERS = {
    *("please", "pls", "plz", "plse", "thanks", "thank", "thx", "ty", "kindly", "asap"),
    *("ok", "okay", "hi", "hello", "hey", "yes", "yeah", "just", "now", "immediately", "sir"),
    *("porfavor", "porfa", "favor", "gracias", "hola", "ya", "ahora", "si", "senor", "senora"),
}
# Right words by how many slips are forgiven: those that people mistype, and those that decide.
MEANT = {
    "stop": 1,
    "stopall": 1,
    "optout": 1,
    "cancel": 1,
    "confirm": 1,
    "unsubscribe": 2,
    "texting": 1,
    "harassing": 1,
    "message": 1,
    "messages": 1,
    "reminders": 1,
    "sending": 1,
    "receiving": 2,
    "notifications": 2,
    "appointment": 2,
}
SHORTEST = 3
# Words of their own that are one slip away from another.
RIGHT = {
    *("step", "shop", "slop", "swap", "top", "stomp", "strop", "stow", "cancer", "cancels"),
    *("subscribe", "subscribed", "subscription", "conform", "testing", "taxing", "massage"),
    *("spending", "bending", "lending", "mending", "vending", "tending", "resending", "stops"),
    *("cancela", "cancele", "cancelo", "confirmo", "confirmed", "reminder", "resting"),
}
CLAUSE_ENDS = re.compile(r"[.,;:!?\n()…–—]+|\s-\s")
LONG_DRAWN = re.compile(r"([a-z])\1{2,}")  # "stoooop"


def plain(text: str) -> str:
    """Return a text in small letters, without accents, apostrophes and the frames of emoji."""
    text = text.replace("🛑", " stop ")
    spread = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in spread if not unicodedata.category(letter).startswith("M"))
    return LONG_DRAWN.sub(r"\1", re.sub(r"['’‘`´]", "", bare))


def words_of(text: str) -> str:
    """Return the words of a text that say something, corrected, one space apart."""
    words = [word for word in _words(plain(text)) if word not in FILLERS]
    if "por" in words and "favor" in plain(text):
        words.remove("por")
    if "you" in words and "thank" in plain(text):
        words.remove("you")
    return " ".join(_once(words))


def clauses_of(text: str) -> list[str]:
    """Return what a text says, one part between stops at a time, without fillers."""
    return [said for part in CLAUSE_ENDS.split(plain(text)) if (said := words_of(part))]


def _words(text: str) -> list[str]:
    found = re.findall(r"[a-z0-9]+", text)
    if len(found) > 2 and all(len(word) == 1 for word in found):
        found = ["".join(found)]  # s.t.o.p
    return [_corrected(word) for word in found]


def _once(words: list[str]) -> list[str]:
    """Leave out a word that only repeats the one before: "stop stop stop"."""
    return [word for number, word in enumerate(words) if number == 0 or words[number - 1] != word]


@lru_cache(maxsize=1024)
def _corrected(word: str) -> str:
    if len(word) < SHORTEST or word in RIGHT or word in MEANT or word.isdigit():
        return word
    alike = {meant: slips for meant, slips in MEANT.items() if abs(len(word) - len(meant)) <= slips}
    near = [meant for meant, slips in alike.items() if _slips(word, meant) <= slips]
    return min(near, key=lambda meant: _slips(word, meant), default=word)


def _slips(word: str, meant: str) -> int:
    """Return how many letters are missing, too many, wrong or swapped with the next.

    The distance of optimal string alignment.
    """
    earlier, before = [], list(range(len(meant) + 1))
    for number, letter in enumerate(word, start=1):
        row = [number]
        for place, right in enumerate(meant, start=1):
            best = min(before[place] + 1, row[-1] + 1, before[place - 1] + (letter != right))
            is_swapped = word[number - 2 : number] == meant[place - 2 : place][::-1]
            if is_swapped and place > 1 and number > 1:
                best = min(best, earlier[place - 2] + 1)
            row.append(best)
        earlier, before = before, row
    return before[-1]
