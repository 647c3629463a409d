"""`python -m tests.rig.trust` writes the tests column of docs/TRUST.md anew, from the tests' marks.

What each requirement asks is written by hand, in the page itself; the order is the page's.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "TRUST.md"
ROW = re.compile(r"^\| ([A-Z]+-\d+|W\d+|CANARY) \| (.*?) \|\s*(.*?)\s*\|$", re.MULTILINE)
REQUIREMENT = re.compile(r"[A-Z]+-\d+|W\d+|CANARY")
IN_A_NAME = re.compile(r"test_([ahlmprs])(\d\d)_")


def marked_tests() -> dict[str, list[str]]:
    """The tests marked with each requirement, as `file::test`, in the order of the files."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        module = ast.parse(path.read_text())
        shared = requirements_of_all_in(module)
        for node in ast.walk(module):
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                continue
            named = requirements_of(node)
            if node.name.startswith("test_"):
                named = named | shared
            for requirement in sorted(named):
                name = f"{path.relative_to(ROOT / 'tests')}::{node.name}"
                found.setdefault(requirement, []).append(name)
    return found


def requirements_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    """The ids a test is marked with or named after."""
    named = IN_A_NAME.match(function.name)
    marks = [mark for decorator in function.decorator_list for mark in ids_in(decorator)]
    return {*marks, *([f"{named[1].upper()}-{named[2]}"] if named else [])}


def requirements_of_all_in(module: ast.Module) -> set[str]:
    """The ids in a module's `pytestmark`, which hold for each of its tests."""
    return {
        requirement
        for node in module.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "pytestmark"
        for each in ast.walk(node.value)
        for requirement in ids_in(each)
    }


def ids_in(mark: ast.AST) -> list[str]:
    """The ids a mark names; marks in other words are no ids."""
    if not isinstance(mark, ast.Call) or ast.unparse(mark.func) != "pytest.mark.req":
        return []
    words = [ast.literal_eval(argument) for argument in mark.args]
    return [word for word in words if REQUIREMENT.fullmatch(word)]


def cited_tests() -> dict[str, set[str]]:
    """The tests the page names for each requirement."""
    return {
        requirement: set(re.findall(r"`(\S+?::\w+)`", tests))
        for requirement, _asks, tests in ROW.findall(PAGE.read_text())
    }


def rewritten(page: str) -> str:
    """The page with the tests of today in each row."""
    tests = marked_tests()

    def row(match: re.Match) -> str:
        names = "<br>".join(f"`{name}`" for name in tests.get(match[1], []))
        return f"| {match[1]} | {match[2]} | {names} |"

    return ROW.sub(row, page)


def main() -> int:
    """Rewrite the page; fails when a requirement that tests name has no row."""
    PAGE.write_text(rewritten(PAGE.read_text()))
    missing = sorted(marked_tests().keys() - cited_tests().keys())
    if missing:
        print(f"docs/TRUST.md has no row for {', '.join(missing)}: write what each asks.")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
