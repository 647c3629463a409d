"""`manage.py vapid_keys`: the key that names this site to browsers' push services."""

import json
import os
import re
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications.providers import vapid

NAME = "NOTIFICATIONS_VAPID_PRIVATE_KEY"
LINE = re.compile(rf"^\s*(?:export\s+)?{NAME}\s*=.*$", re.MULTILINE)
AGAIN = "Devices that registered for another key must register again."


class Command(BaseCommand):
    help = "Make a key for web push and print it, or write it into .env where there is none yet."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--write", action="store_true", help="write it into .env")
        parser.add_argument(
            "--replace", action="store_true", help="with --write: in the place of the key there"
        )
        parser.add_argument("--json", action="store_true", help="print JSON")

    def handle(self, *, write: bool, replace: bool, json: bool, **_options: Any) -> None:
        if replace and not write:
            raise CommandError("--replace changes .env: say --write as well.")
        key = vapid.new_key()
        if write:
            put_in_file(path=settings.ENV_FILE, key=key, may_replace=replace)
        public = vapid.public_key(key)
        if json:
            self.stdout.write(as_json(key=key, public=public, written=write))
            return
        self.stdout.write(in_words(key=key, public=public, written=write, replaced=replace))


def put_in_file(*, path: Path, key: str, may_replace: bool) -> None:
    """Write the key's line. Raises CommandError where there is one, unless it may go."""
    text = path.read_text() if path.is_file() else ""
    if settings.NOTIFICATIONS_VAPID_PRIVATE_KEY and not may_replace:
        raise CommandError(f"{NAME} is set already, and stays. {AGAIN} If that is meant: --replace")
    if settings.NOTIFICATIONS_VAPID_PRIVATE_KEY not in text:
        raise CommandError(f"{NAME} comes from the environment, which wins: change it there.")
    written = LINE.sub(f"{NAME}={key}", text, count=1)
    if not LINE.search(text):
        ending = "" if not text or text.endswith("\n") else "\n"
        written = f"{text}{ending}{NAME}={key}\n"
    save(path=path, text=written)


def save(*, path: Path, text: str) -> None:
    """Put a file in the place of the old one, whole or not at all, for its owner's eyes only."""
    beside = path.with_name(f"{path.name}.new")
    try:
        handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
        beside.replace(path)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from error


def as_json(*, key: str, public: str, written: bool) -> str:
    """Return what a program wants to know; a key that is in its file is not shown."""
    shown = {"file": str(settings.ENV_FILE)} if written else {"private_key": key}
    return json.dumps({"public_key": public, "written": written, **shown})


def in_words(*, key: str, public: str, written: bool, replaced: bool) -> str:
    if not written:
        return f"{NAME}={key}\n# Browsers will be shown: {public}"
    lines = [f"The key is in {settings.ENV_FILE}. Restart web and worker processes."]
    return "\n".join([*lines, AGAIN] if replaced else lines)
