#!/usr/bin/env python
"""Run a command of the project: `manage.py help` lists them."""

import os
import sys

from django.core.management import execute_from_command_line
from django.db.utils import DatabaseError


def main() -> None:
    """Run the command; what is wrong with the database itself is said in a sentence."""
    try:
        execute_from_command_line(sys.argv)
    except DatabaseError:
        from notifications import health  # only now are the apps loaded

        problem = health.database_problem()
        if not problem:
            raise
        sys.exit(problem)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dentamind.settings")
    main()
