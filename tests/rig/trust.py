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
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                for requirement in requirements_of(node):
                    name = f"{path.relative_to(ROOT / 'tests')}::{node.name}"
                    found.setdefault(requirement, []).append(name)
    return found


def requirements_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The ids a test is marked with or named after; marks in other words are no ids."""
    named = IN_A_NAME.match(function.name)
    found = [f"{named[1].upper()}-{named[2]}"] if named else []
    for decorator in function.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func) == "pytest.mark.req":
            requirement = ast.literal_eval(decorator.args[0])
            if REQUIREMENT.fullmatch(requirement):
                found.append(requirement)
    return sorted(set(found))


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
