"""What is written about the project is true of it: settings, requirements and their tests."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import get_commands

from tests.rig import trust

ROOT = Path(__file__).resolve().parent.parent
SOURCE = (ROOT / "dentamind/settings.py").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()
README = (ROOT / "README.md").read_text()
PAGES = (ROOT / "docs/pages.md").read_text()
# Of the make targets and of systemd, not of an installation.
MADE_BY_THE_TOOLS = {"PORT", "DENTAMIND_ENV_FILE", "NOTIFY_SOCKET"}
NO_ROW = {"DEMO_PASSWORD"}  # told of where the demo is


def engine_settings():
    """The engine's settings with their defaults, as settings.py writes them."""
    return dict(re.findall(r'^(NOTIFICATIONS_\w+) = (?:\(\s*)?"(.*?)"', SOURCE, re.MULTILINE))


def read_settings():
    """Every variable settings.py asks the environment for."""
    asked = set(re.findall(r'env\.\w+\(\s*"(\w+)"', SOURCE))
    return (asked | set(engine_settings())) - MADE_BY_THE_TOOLS


def example_lines():
    return dict(re.findall(r"^(?:# )?([A-Z][A-Z0-9_]+)=(.*)$", EXAMPLE, re.MULTILINE))


def readme_settings():
    rows = re.findall(r"^\| (`[A-Z_`, ]+`) \|", README, re.MULTILINE)
    return {name for row in rows for name in re.findall(r"[A-Z_]+", row)}


# -- settings -----------------------------------------------------------------------------------


def test_every_setting_has_a_line_in_the_example_file():
    assert read_settings() == set(example_lines())


def test_every_setting_has_a_row_in_the_readme():
    assert readme_settings() == read_settings() - NO_ROW


def test_the_example_shows_the_engines_defaults():
    shown = example_lines()
    assert {name: shown[name] for name in engine_settings()} == engine_settings()


def test_every_engine_setting_that_is_used_has_a_default():
    used = {
        name
        for path in (ROOT / "notifications").rglob("*.py")
        for name in re.findall(r"settings\.(NOTIFICATIONS_\w+)", path.read_text())
    }
    assert used <= set(engine_settings())
    assert all(hasattr(settings, name) for name in used)


# -- requirements and the tests that show them --------------------------------------------------


def test_every_test_named_for_a_requirement_exists_and_is_marked_with_it():
    marked = trust.marked_tests()
    assert trust.cited_tests()
    for requirement, tests in trust.cited_tests().items():
        assert tests, f"{requirement} has no test: run `python -m tests.rig.trust`"
        assert tests <= set(marked.get(requirement, [])), requirement


def test_every_requirement_that_tests_name_has_a_row():
    assert set(trust.marked_tests()) == set(trust.cited_tests())


def test_every_page_has_a_row_that_names_what_there_is():
    """The table of docs/pages.md: each page's template, each view and each test named is there."""
    rows = [line for line in PAGES.splitlines() if line.startswith("| `")]
    files = {each for row in rows for each in re.findall(r"`([\w/]+\.(?:py|html))`", row)}
    places = ("portal/views", "templates", "templates/portal", "tests")
    known = {str(path.relative_to(ROOT / each)) for each in places for path in _in(ROOT / each)}
    assert files - known - {path.rpartition("/")[2] for path in known} == set()
    pages = {path for path in _in(ROOT / "templates/portal") if not path.name.startswith("_")}
    assert {path.name for path in pages} <= {name.rpartition("/")[2] for name in files}


def _in(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*.*") if path.suffix in (".py", ".html")]


@pytest.mark.parametrize("path", sorted((ROOT / "docs").glob("*.md")) + [ROOT / "README.md"])
def test_links_between_the_pages_lead_somewhere(path):
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text())
    assert not [link for link in links if not (path.parent / link).exists()]


def test_commands_named_in_the_pages_exist():
    pages = [README, *(path.read_text() for path in (ROOT / "docs").glob("*.md"))]
    named = {name for text in pages for name in re.findall(r"manage\.py (\w+)", text)}
    assert named <= set(get_commands())
