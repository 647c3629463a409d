"""What a text costs: the letters of GSM 03.38, and how many segments a carrier makes of them.

3GPP TS 23.038 section 6.2.1 is the alphabet, TS 23.040 section 9.2.3.24.1 the room a text of
several parts loses to its header. Pure.
"""

import re
import unicodedata

BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = frozenset("^{}\\[~]|€")  # an escape and a letter: two places
ONE_GSM, EACH_GSM = 160, 153
ONE_UCS2, EACH_UCS2 = 70, 67

# What Unicode does not take apart by itself, or takes apart in a way nobody would write.
WRITTEN_AS = {
    **dict.fromkeys("‘’‚‛′´`ʼ", "'"),
    **dict.fromkeys("“”„‟″«»", '"'),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    **dict.fromkeys("•·‧", "*"),
    **dict.fromkeys("\t\v\f\u2028\u2029", " "),
    "⁄": "/",
    "×": "x",
    "→": "->",
    "©": "(c)",
    "®": "(R)",
    "ç": "c",
    "ı": "i",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
    "ð": "d",
    "Ð": "D",
    "þ": "th",
    "Þ": "Th",
    "œ": "oe",
    "Œ": "OE",
}
# Pictures, marks upon letters, and what cannot be seen: left out without loss of a word.
DROPPED = {"So", "Sk", "Mn", "Me", "Cf", "Cc", "Cn", "Co", "Cs"}


def to_gsm7(text: str) -> str:
    """Return a text in the letters of GSM 03.38, so that it has 160 places instead of 70.

    Accents that the alphabet lacks, curly quotes and long dashes become plain; pictures go. Where
    a letter of another script is left, the text stays as it was: it costs UCS-2 anyway, and then
    nothing is gained by changing the rest.
    """
    composed = unicodedata.normalize("NFC", text)
    if _is_gsm7(composed):
        return composed
    plain = "".join(map(_plain, composed))
    return re.sub(" {2,}", " ", plain).strip() if _is_gsm7(plain) else text


def segments(text: str) -> int:
    """Return how many texts a carrier bills for a text; 0 for an empty one."""
    is_gsm7 = _is_gsm7(text)
    one, each = (ONE_GSM, EACH_GSM) if is_gsm7 else (ONE_UCS2, EACH_UCS2)
    places = [_places(letter, is_gsm7=is_gsm7) for letter in text]
    if sum(places) <= one:
        return 1 if text else 0
    count, room = 1, each
    for needed in places:  # a letter of two places is never cut in two
        if needed > room:
            count, room = count + 1, each
        room -= needed
    return count


def _is_gsm7(text: str) -> bool:
    return BASIC.union(EXTENDED).issuperset(text)


def _places(letter: str, *, is_gsm7: bool) -> int:
    if is_gsm7:
        return 2 if letter in EXTENDED else 1
    return 2 if ord(letter) > 0xFFFF else 1  # UTF-16: a pair


def _plain(letter: str) -> str:
    if _is_gsm7(letter):
        return letter
    if letter in WRITTEN_AS:
        return WRITTEN_AS[letter]
    parts = unicodedata.normalize("NFKD", letter)
    if parts != letter:
        return "".join(map(_plain, parts))
    return "" if unicodedata.category(letter) in DROPPED else letter
