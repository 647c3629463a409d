"""A made-up language that is written from right to left, for tests alone: no site offers it.

Each sentence of our catalogue, and of Django's own, becomes "⟦Ñéw méssägés lórém⟧": accented,
40 % longer, in brackets. On a page in it, words outside brackets were never handed to gettext or
are not in the catalogue, and what is too narrow for longer words runs over.
"""

import re
import struct
from pathlib import Path

import django

ROOT = Path(__file__).resolve().parents[2]
# Hebrew's place: Django writes it from right to left, and its name is known.
CODE = "he"
SOURCES = (
    ROOT / "templates" / "locale" / "es",
    *(
        Path(django.__file__).parent / app / "locale" / "es"
        for app in ("conf", "contrib/auth", "contrib/humanize")
    ),
)
HEAD = "Content-Type: text/plain; charset=UTF-8\nPlural-Forms: nplurals=2; plural=(n != 1);\n"
KEPT = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w*\}|<[^>]+>|&\w+;")
# A pattern of a date, such as "D, M j": letters that stand alone.
PATTERN = re.compile(r"(?:[A-Za-z](?![A-Za-z])|[^A-Za-z])+")
ACCENTS = str.maketrans("aeioucnyAEIOUCN", "äéíöüçñýÄÉÍÖÜÇÑ")
MORE = "lörém ípsüm dölör sít äm" * 20
LONGER = 0.4


def write(folder: Path) -> Path:
    """Write the catalogue below `folder`; return the folder for LOCALE_PATHS."""
    place = folder / CODE / "LC_MESSAGES"
    place.mkdir(parents=True)
    words = {msgid: _mirror(msgid) for source in SOURCES for msgid in msgids(source)}
    (place / "django.mo").write_bytes(compiled(words | {"": HEAD}))
    return folder


def msgids(language: Path) -> list[str]:
    """Return the sentences of a language's compiled catalogue, plurals and contexts with them."""
    data = (language / "LC_MESSAGES" / "django.mo").read_bytes()
    _magic, _version, count, start = struct.unpack("<4I", data[:16])
    table = struct.unpack(f"<{2 * count}I", data[start : start + 8 * count])
    places = zip(table[::2], table[1::2], strict=True)
    return [data[at : at + length].decode() for length, at in places if length]


def _mirror(msgid: str) -> str:
    """Return what a msgid says in the made-up language: of a plural, both forms."""
    return "\0".join(said(each) for each in msgid.split("\4")[-1].split("\0"))


def said(text: str) -> str:
    """Return one sentence in the made-up language, its placeholders and tags untouched."""
    if PATTERN.fullmatch(text):
        return text
    words = KEPT.split(text)
    kept = [*KEPT.findall(text), ""]
    accented = [each.translate(ACCENTS) for each in words]
    longer = MORE[: max(1, round(sum(map(len, words)) * LONGER))].rstrip()
    body = "".join(word + kept[index] for index, word in enumerate(accented))
    return f"⟦{body} {longer}⟧"


def compiled(words: dict[str, str]) -> bytes:
    """Return a catalogue as bytes (GNU gettext manual, "The Format of GNU MO Files")."""
    rows = sorted((msgid.encode(), text.encode()) for msgid, text in words.items())
    tables, texts, at = [b"", b""], b"", 28 + 16 * len(rows)
    for column in (0, 1):
        for row in rows:
            tables[column] += struct.pack("<2I", len(row[column]), at + len(texts))
            texts += row[column] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, len(rows), 28, 28 + 8 * len(rows), 0, at)
    return head + tables[0] + tables[1] + texts
