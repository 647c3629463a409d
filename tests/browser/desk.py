"""Another process of the clinic, which makes what the browser is to notice.

This is the test's side: `desk.tell(...)` is a line of JSON to that process (deskwork.py) and its
answer. Starting one process for each message would cost seconds.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from typing import Any

from tests.rig.live import Site
from tests.rig.processes import ROOT

PASSWORD = "correct horse battery"
OPEN = "import django; django.setup(); from {work} import main; main()"


class Desk:
    """The clinic's front desk: books people in and sends them messages."""

    def __init__(self, site: Site, *, work: str = "tests.browser.deskwork") -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", OPEN.format(work=work)],
            cwd=ROOT,
            env=site.environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __getattr__(self, name: str) -> Any:
        def ask(**arguments: Any) -> Any:
            self.process.stdin.write(json.dumps({"do": name, "with": arguments}) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
            if not answer:
                raise RuntimeError(f"the desk could not {name}: see its output above")
            said = json.loads(answer)
            if "fault" in said:
                raise RuntimeError(f"the desk could not {name}:\n{said['fault']}")
            return said["answer"]

        return ask

    def close(self) -> None:
        with suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()
