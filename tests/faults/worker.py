"""The production's worker command in a process that can be killed at a window."""

import os
import sys

from django.core.management import execute_from_command_line

from dentamind.supervisor import commands
from tests.faults import armed


def main() -> None:
    """Run what the supervisor runs; its forks inherit the listener."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dentamind.settings")
    armed.listen()
    command = commands(port=0)["worker"]
    execute_from_command_line(sys.argv[1:] or command[1:])


if __name__ == "__main__":
    main()
