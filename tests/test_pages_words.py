"""Every sentence of the pages has its Spanish, and nothing in the catalogue is left open."""

import ast
import gettext
import re
from collections.abc import Iterator
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
SAME = {"No."}


def sentences() -> set[str]:
    """Return what the templates of patients and desk ask to be translated, plurals left out."""
    pages = [*(ROOT / "templates").glob("*.html"), *(ROOT / "templates/portal").rglob("*.html")]
    pages += (ROOT / "templates/admin").rglob("*.html")
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
        missing = [each for each in sorted(sentences() - SAME) if translation.gettext(each) == each]
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


def words_in_the_source() -> Iterator[str]:
    """Return what our modules hand to gettext, of plurals the first form."""
    for app in ("dentamind", "notifications", "portal"):
        for path in (ROOT / app).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _asks(node):
                    yield node.args[0].value


def _asks(call: ast.Call) -> bool:
    names = ("_", "gettext", "gettext_lazy", "ngettext")
    is_one = isinstance(call.func, ast.Name) and call.func.id in names
    return is_one and isinstance(call.args[0], ast.Constant)


@pytest.mark.req("P-35")
def test_every_word_of_the_engine_and_the_admin_has_its_spanish():
    with (CATALOGUE / "django.mo").open("rb") as compiled:
        known = gettext.GNUTranslations(compiled)._catalog
    missing = {word for word in words_in_the_source() if not (word in known or (word, 0) in known)}
    assert missing == set()
