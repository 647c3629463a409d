"""Commands on a database that is not ready say so in a sentence."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HOME = Path(__file__).parents[1]


def run(*words: str, database: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=HOME,
        env={**os.environ, "DATABASE_URL": database},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.mark.parametrize(
    "words", [("run_due",), ("send_notification", "--patient", "a@b.c", "--type", "lab_results")]
)
def test_a_database_behind_its_migrations_is_a_sentence(tmp_path, words):
    said = run(*words, database=f"sqlite:///{tmp_path}/empty.sqlite3")
    assert said.returncode == 1
    assert said.stderr.splitlines()[-1] == "Migrations are missing: run `manage.py migrate`."
    assert "Traceback" not in said.stderr


def test_a_database_that_is_away_is_a_sentence(tmp_path):
    said = run("run_due", database=f"sqlite:///{tmp_path}/nowhere/empty.sqlite3")
    assert said.returncode == 1
    assert said.stderr.splitlines()[-1].startswith("The database does not answer")
    assert "Traceback" not in said.stderr
