"""Makes messages on demand, each in a fork of its own, so that a kill takes only that one.

A line of JSON on its input is one message: {"patient": id, "key": key}. The answer is a line with
the key and how the process ended: 0, or -9 for one that was killed.
"""

import json
import os
import sys
import traceback

import django

from tests.faults import armed


def main() -> None:
    django.setup()
    armed.listen()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        wanted = json.loads(line)
        said = {"key": wanted["key"], "code": _in_a_fork(wanted)}
        sys.stdout.write(json.dumps(said) + "\n")
        sys.stdout.flush()


def _in_a_fork(wanted: dict) -> int:
    """Make one message in a child process; return its exit code, negative for a signal."""
    child = os.fork()
    if not child:
        os._exit(_make(wanted))
    _pid, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _make(wanted: dict) -> int:
    from tests.faults.people import send

    try:
        send(patient_id=wanted["patient"], key=wanted["key"])
    except Exception:
        traceback.print_exc()  # into the log; the rig sees the code
        return 1
    return 0


if __name__ == "__main__":
    main()
