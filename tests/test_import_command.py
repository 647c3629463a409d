"""The import at a terminal: what it is told, what it shows, what its page promises."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from notifications import clock
from portal.importers.columns import COLUMNS, STATUSES
from portal.importers.relations import RELATIONS
from portal.models import Appointment
from tests.imports import ANA, NOW, csv_of, import_path, row, run_import

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "imports.md").read_text(encoding="utf-8")


@pytest.mark.django_db
def test_a_file_that_is_not_there_is_a_sentence(tmp_path):
    outcome = import_path(tmp_path / "none.csv")
    assert outcome.code == 1
    assert outcome.err == f"{tmp_path / 'none.csv'}: cannot be read: No such file or directory\n"


@pytest.mark.django_db
@pytest.mark.parametrize("source", ["", "My System", "UPPER", "x" * 65, "../x", "2125550142"])
def test_a_source_that_could_not_be_kept_the_same_is_refused(tmp_path, source):
    outcome = run_import(csv_of(row(ANA)), folder=tmp_path, source=source)
    assert outcome.code == 1
    assert outcome.err.startswith("--source is a letter and up to 63 lower-case letters")


@pytest.mark.django_db
def test_what_a_file_is_can_be_said_when_it_does_not_show(practice, tmp_path):
    outcome = run_import(csv_of(row(ANA)), folder=tmp_path, format="fhir")
    assert outcome.problems[0] == "visits.csv: line 1: file: is not JSON at column 1"


@pytest.mark.django_db
def test_without_a_practice_one_is_made_and_the_output_says_so(tmp_path):
    with clock.at(NOW):
        outcome = run_import(csv_of(row(ANA)), folder=tmp_path)
    assert "no practice is set up: one is made, give it its name and zone" in outcome.out
    assert Appointment.objects.get().location.practice.name == "Dental practice"


def test_help_names_the_options_and_the_exit_codes():
    command = [sys.executable, "manage.py", "import_appointments", "--help"]
    shown = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    for option in ("--source", "--format", "--dry-run", "--skip-invalid", "--yes", "--json"):
        assert option in shown.stdout
        assert f"`{option}`" in PAGE


# -- docs/imports.md -----------------------------------------------------------------------------


def test_the_page_names_every_column_status_and_relation():
    for column in COLUMNS:
        assert f"`{column.name}`" in PAGE or f" {column.name} " in PAGE, column.name
    for word in STATUSES:
        assert f"`{word}`" in PAGE, word
    for relation in RELATIONS:
        assert relation in PAGE


@pytest.mark.django_db
def test_the_pages_own_example_can_be_imported(practice, tmp_path):
    example = re.search(r"```\n(appointment_id,.*?)```", PAGE, re.DOTALL)[1]
    with clock.at(NOW):
        assert run_import(example, folder=tmp_path).code == 0
    assert Appointment.objects.get().patient.display_name == "Ana Example"
