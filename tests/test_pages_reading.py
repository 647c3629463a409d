"""What patients read is in short words and short sentences: about grade 6."""

import ast
import re
from pathlib import Path

import pytest

from tests.reading import grade, syllables_of
from tests.test_pages_words import BLOCK, TAG, msgid_of

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("templates/portal", "templates/notifications", "templates/registration")
MODULES = ("portal/views", "portal/forms.py", "portal/questionnaires", "portal/services")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}")
MOST = 5.0  # of everything together: short lines pull it down, so this is no grade 6 of prose
MOST_OF_ONE = 12.5  # of one sentence: a single long word weighs much in a short one
# What patients know by its long name: their medicines and illnesses.
KNOWN_TO_WHO_HAS_IT = re.compile("warfarin|ibuprofen|Hepatitis", re.I)


def sentences() -> dict[str, str]:
    """Return what patients read, and where the first of each stands."""
    found: dict[str, str] = {}
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.*")):
            for words in _in_template(path.read_text()):
                found.setdefault(words, str(path.relative_to(ROOT)))
    for module in MODULES:
        place = ROOT / module
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            for words in _in_module(path.read_text()):
                found.setdefault(words, str(path.relative_to(ROOT)))
    return {PLACEHOLDER.sub("Ana", words): where for words, where in found.items()}


def _in_template(text: str) -> list[str]:
    said = [match["double"] or match["single"] for match in TAG.finditer(text)]
    blocks = [msgid_of(match) for match in BLOCK.finditer(text)]
    return [*said, *(re.sub(r"\{% plural %\}.*|<[^>]+>", "", each) for each in blocks)]


def _in_module(text: str) -> list[str]:
    calls = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Call)]
    return [
        call.args[0].value
        for call in calls
        if isinstance(call.func, ast.Name)
        and call.func.id in ("_", "gettext", "gettext_lazy", "ngettext")
        and isinstance(call.args[0], ast.Constant)
    ]


@pytest.mark.parametrize(
    ("word", "count"),
    [("visit", 2), ("care", 1), ("turned", 1), ("names", 1), ("table", 2), ("notification", 5)],
)
def test_syllables_are_counted_as_spoken(word, count):
    assert syllables_of(word) == count


def test_the_formula_tells_a_childs_book_from_a_contract():
    assert grade("The cat sat on the mat. It was a good cat.") < 2
    legal = "Notwithstanding the aforementioned obligations, indemnification remains applicable."
    assert grade(legal) > 16


def test_patients_read_about_grade_six():
    read = sentences()
    assert len(read) > 300, "the sentences are elsewhere"
    worst = sorted(read, key=grade, reverse=True)[:10]
    told = "\n".join(f"{grade(each):.1f} {read[each]}: {each}" for each in worst)
    assert grade("\n".join(read)) <= MOST, told


def test_no_sentence_asks_for_more_than_school():
    read = sentences()
    hard = [each for each in read if grade(each) > MOST_OF_ONE]
    assert [
        f"{grade(each):.1f} {read[each]}: {each}"
        for each in sorted(hard, key=grade, reverse=True)
        if not KNOWN_TO_WHO_HAS_IT.search(each)
    ] == []
