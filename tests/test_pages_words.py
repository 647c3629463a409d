"""Every sentence of the pages has its Spanish, and nothing in the catalogue is left open."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import translation

ROOT = Path(settings.BASE_DIR)
CATALOGUE = ROOT / "templates" / "locale" / "es" / "LC_MESSAGES"
BLOCK = re.compile(
    r"\{% blocktranslate(?P<options>[^%]*)%\}(?P<words>.*?)\{% endblocktranslate %\}", re.DOTALL
)
TAG = re.compile(r"""\{% translate ("(?P<double>[^"]+)"|'(?P<single>[^']+)')""")
SAME = {"Arizona", "Alaska", "Puerto Rico", "Periodontal", "g:i A"}


def sentences() -> set[str]:
    """Return what the templates patients read ask to be translated, plurals left out."""
    pages = [*(ROOT / "templates").glob("*.html"), *(ROOT / "templates/portal").glob("*.html")]
    pages += (ROOT / "templates/registration").glob("*.html")
    pages += [path for path in (ROOT / "templates/notifications").rglob("*.*") if path.is_file()]
    texts = [page.read_text() for page in pages]
    found = [match for text in texts for match in TAG.finditer(text)]
    blocks = [match for text in texts for match in BLOCK.finditer(text)]
    return {match["double"] or match["single"] for match in found} | {
        msgid_of(block) for block in blocks if "{% plural %}" not in block["words"]
    }


def msgid_of(block: re.Match) -> str:
    """Return a block's words as the catalogue knows them."""
    words = re.sub(r"\{\{ *(\w+) *\}\}", r"%(\1)s", block["words"])
    if "trimmed" not in block["options"]:
        return words
    return " ".join(line.strip() for line in words.strip().splitlines())


@pytest.mark.req("P-35")
def test_every_sentence_of_the_pages_has_its_spanish():
    with translation.override("es"):
        missing = [each for each in sorted(sentences()) if translation.gettext(each) == each]
    assert missing == []


@pytest.mark.req("P-35")
def test_catalogue_has_no_gap_and_its_compiled_form_says_the_same():
    entries = (CATALOGUE / "django.po").read_text().split("\n\n")[1:]
    assert [
        entry for entry in entries if re.search(r'^msgstr(\[\d\])? ""$(?!\n")', entry, re.M)
    ] == []
    assert [entry for entry in entries if "#, fuzzy" in entry] == []
    with translation.override("es"):
        for entry in entries:
            simple = re.search(r'^msgid "(.+)"\nmsgstr "(.+)"$', entry, re.M)
            if simple and "msgctxt" not in entry and "\\" not in simple[0]:
                assert translation.gettext(simple[1]) == simple[2]
