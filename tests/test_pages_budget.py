"""What the pages weigh, and that all of it is ours: read from the files as they are served."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
PARTS = [path for path in STATIC.rglob("*") if path.is_file()]
SHEETS_AND_SCRIPTS = [path for path in PARTS if path.suffix in (".css", ".js")]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
BUDGET = 60_000  # bytes of all sheets and scripts, as they are written: nothing is minified
# What a page may load by itself: from this site, drawn by our own tags.
LOADED = re.compile(
    r"""<(?:script|link|img|iframe|source|use)\b[^>]*?\b(?:src|href)=["']([^"']*)"""
)
OURS = re.compile(r"\{% (?:static|url) ")
ELSEWHERE = re.compile(
    r"""(?:url\(|import |from |fetch\(|src=|href=)\s*["']?(?:https?:)?//[^\s"')]+"""
)


def test_sheets_and_scripts_stay_within_their_budget() -> None:
    sizes = {str(path.relative_to(STATIC)): path.stat().st_size for path in SHEETS_AND_SCRIPTS}
    assert sizes, "the folder of static files is elsewhere"
    assert sum(sizes.values()) < BUDGET, sizes


def test_no_page_needs_a_build_step() -> None:
    """npm's only place is the checker's, beside the tests."""
    names = {"package.json", "node_modules", "webpack.config.js", "vite.config.js", "tsconfig.json"}
    ours = ("static", "templates", "portal", "notifications", "dentamind")
    places = [ROOT, *(path for each in ours for path in (ROOT / each).rglob("*") if path.is_dir())]
    assert [
        str(place / name) for place in places for name in names if (place / name).exists()
    ] == []


def test_pages_load_only_what_is_ours_or_the_frameworks() -> None:
    """htmx comes by `{% htmx_script %}`, from the installed package."""
    loaded = {path.name: LOADED.findall(path.read_text()) for path in TEMPLATES}
    assert loaded["base.html"], "no page loads anything"
    foreign = [(name, url) for name, urls in loaded.items() for url in urls if not OURS.match(url)]
    assert foreign == []


def test_no_sheet_or_script_reaches_for_another_site() -> None:
    assert [url for path in PARTS for url in ELSEWHERE.findall(path.read_text("latin-1"))] == []
