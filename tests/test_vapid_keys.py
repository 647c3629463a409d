"""`manage.py vapid_keys` and the key a fresh clone gets: made once, never lost by accident."""

import json

import pytest
from django.core.checks import run_checks
from django.core.management import CommandError, call_command

from dentamind.bootstrap import fresh_keys
from notifications.channels.push import Push
from notifications.providers import vapid
from tests.pushing import with_key

NAME = "NOTIFICATIONS_VAPID_PRIVATE_KEY"


@pytest.fixture
def env_file(settings, tmp_path):
    settings.NOTIFICATIONS_VAPID_PRIVATE_KEY = ""
    settings.ENV_FILE = tmp_path / ".env"
    return settings.ENV_FILE


def run(capsys, *arguments: str) -> str:
    call_command("vapid_keys", *arguments)
    return capsys.readouterr().out


def key_in(path) -> str:
    lines = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    return lines[NAME]


def test_a_key_is_shown_and_nothing_is_written(env_file, capsys):
    line, note = run(capsys).splitlines()
    name, _, key = line.partition("=")
    assert name == NAME
    assert vapid.public_key(key) in note
    assert not env_file.exists()


def test_the_key_takes_the_empty_line_of_the_file(env_file, capsys):
    env_file.write_text(f"DEBUG=true\n{NAME}=\nREDIS_URL=\n")
    said = run(capsys, "--write")
    assert "Restart web and worker" in said
    first, line, last = env_file.read_text().splitlines()
    assert (first, last) == ("DEBUG=true", "REDIS_URL=")
    assert vapid.public_key(line.removeprefix(f"{NAME}="))
    assert env_file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("before", ["", "DEBUG=true", "DEBUG=true\n"])
def test_a_file_without_the_line_gets_one_at_its_end(env_file, capsys, before):
    env_file.write_text(before)
    run(capsys, "--write")
    assert env_file.read_text().startswith(before)
    assert vapid.public_key(key_in(env_file))


def test_a_key_that_is_there_stays_and_the_reason_is_said(env_file, settings, capsys):
    settings.NOTIFICATIONS_VAPID_PRIVATE_KEY = key = vapid.new_key()
    env_file.write_text(f"{NAME}={key}\n")
    with pytest.raises(CommandError, match="must register again"):
        run(capsys, "--write")
    assert key_in(env_file) == key


def test_it_is_replaced_only_when_that_is_said(env_file, settings, capsys):
    settings.NOTIFICATIONS_VAPID_PRIVATE_KEY = key = vapid.new_key()
    env_file.write_text(f"{NAME}={key}\n")
    said = run(capsys, "--write", "--replace")
    assert "must register again" in said
    assert key_in(env_file) != key
    assert vapid.public_key(key_in(env_file))


def test_a_key_of_the_environment_is_not_overruled_in_a_file(env_file, settings, capsys):
    settings.NOTIFICATIONS_VAPID_PRIVATE_KEY = vapid.new_key()
    with pytest.raises(CommandError, match="change it there"):
        run(capsys, "--write", "--replace")
    assert not env_file.exists()


def test_replacing_without_writing_is_refused(env_file, capsys):
    with pytest.raises(CommandError, match="say --write"):
        run(capsys, "--replace")


def test_a_place_that_cannot_be_written_is_named(settings, env_file, tmp_path, capsys):
    settings.ENV_FILE = tmp_path / "nowhere" / ".env"
    with pytest.raises(CommandError, match="nowhere"):
        run(capsys, "--write")


def test_a_program_can_read_it(env_file, capsys):
    shown = json.loads(run(capsys, "--json"))
    assert shown["public_key"] == vapid.public_key(shown["private_key"])
    written = json.loads(run(capsys, "--write", "--json"))
    assert written["written"]
    assert "private_key" not in written  # it is where it belongs


def test_a_fresh_clone_has_a_key_that_works():
    keys = {fresh_keys()[NAME] for _ in range(20)}
    assert len(keys) == 20
    assert all(len(vapid.public_key(key)) == 87 for key in keys)  # 65 bytes


@pytest.mark.parametrize("wrong", ["short", "!!!", "A" * 86, vapid.new_key()[:-2], "A" * 43])
def test_what_is_no_key_is_told_apart(wrong):
    with pytest.raises(ValueError):
        vapid.public_key(wrong)


# -- what the checks say ------------------------------------------------------------------------


@pytest.fixture
def carried(settings):
    """A production whose pushes leave for real."""
    with_key(settings)
    settings.NOTIFICATIONS_VAPID_SUBJECT = "mailto:it@dental.example"
    return settings


def complaints() -> str:
    found = run_checks(include_deployment_checks=True)
    return "\n".join(f"{one.msg} {one.hint}" for one in found if "VAPID" in one.msg)


def test_a_complete_set_up_has_nothing_wrong(carried):
    assert complaints() == ""
    assert Push().is_configured()


def test_without_a_key_the_channel_is_off_and_the_check_says_so(carried):
    carried.NOTIFICATIONS_VAPID_PRIVATE_KEY = ""
    assert not Push().is_configured()
    assert "NOTIFICATIONS_VAPID_PRIVATE_KEY is empty" in complaints()


def test_a_damaged_key_is_named(carried):
    carried.NOTIFICATIONS_VAPID_PRIVATE_KEY = "damaged"
    assert "vapid_keys --write --replace" in complaints()


@pytest.mark.parametrize("subject", ["mailto:it@localhost", "it@dental.example", "https://site"])
def test_a_sender_nobody_could_write_to_is_named(carried, subject):
    carried.NOTIFICATIONS_VAPID_SUBJECT = subject
    assert "mailto:it@example.com" in complaints()


def test_the_senders_address_serves_where_no_other_is_set(carried):
    carried.NOTIFICATIONS_VAPID_SUBJECT, carried.DEFAULT_FROM_EMAIL = "", "notify@dental.example"
    assert vapid.subject() == "mailto:notify@dental.example"
    assert complaints() == ""
