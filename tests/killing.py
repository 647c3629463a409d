"""A carrier of e-mails that once kills the worker in the middle of a call.

The first message to an address that begins with "kills" ends its process; the file in KILLED keeps
it from happening twice.
"""

import os
import signal
from pathlib import Path

from notifications.providers.outbox import EmailBackend


class Mails(EmailBackend):
    def send_messages(self, email_messages: list) -> int:
        killed = Path(os.environ["KILLED"])
        if email_messages[0].to[0].startswith("kills") and not killed.exists():
            killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super().send_messages(email_messages)
