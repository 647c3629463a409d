"""What becomes of a text after Twilio took it, and what patients write back.

https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks and
https://www.twilio.com/docs/messaging/guides/webhook-request say what a call holds.
"""

import asyncio
import time
from collections.abc import Coroutine
from uuid import uuid4

from carriers.callbacks import Caller
from carriers.magic import Fate
from carriers.modes import Modes
from carriers.texts import VERSION, Text

# https://www.twilio.com/docs/messaging/tutorials/advanced-opt-out: without it, these decide.
STOP_WORDS = {"STOP", "STOPALL", "UNSUBSCRIBE", "END", "QUIT", "CANCEL", "REVOKE", "OPTOUT"}
START_WORDS = {"START", "YES", "UNSTOP"}


class Lives:
    """Follows each text to its end. `stopped`: who said STOP and gets no more."""

    def __init__(self, *, account: str, sender: str, modes: Modes, caller: Caller) -> None:
        self._account, self._sender, self._modes = account, sender, modes
        self.caller = caller
        self.stopped: set[str] = set()
        self._running: set[asyncio.Task[None]] = set()

    def begin(self, text: Text, fate: Fate) -> None:
        self._run(self._live(text, fate))

    def write(self, *, number: str, body: str) -> None:
        """Let somebody write to the practice's number."""
        self._run(self._written(number, body))

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self.caller.close()

    def _run(self, steps: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(steps)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return task

    async def _live(self, text: Text, fate: Fate) -> None:
        """Move on at its own pace: a site that is away does not keep a text from arriving."""
        await asyncio.sleep(fate.late)
        if not fate.reports:  # on its way as any other; only nobody is told
            await self._become(text, "sent", fate)
        told = None
        for status in fate.reports:
            await self._become(text, status, fate)
            told = self._run(self._tell(text, status, fate, after=told))
        if fate.writes:
            await told
            await self._written(text.to, fate.writes)

    async def _become(self, text: Text, status: str, fate: Fate) -> None:
        await asyncio.sleep(self._modes.callback_delay)
        text.sender = text.sender or self._sender  # a messaging service has chosen one by now
        text.move(status, code=fate.code, now=time.time())

    async def _tell(
        self, text: Text, status: str, fate: Fate, *, after: asyncio.Task[None] | None
    ) -> None:
        """Call the site, once it has been told what came before."""
        if after is not None:
            await after
        if not (self._modes.callbacks and text.callback):
            return
        form = self._named(text.sid) | {
            "From": text.sender,
            "To": text.to,
            "MessageStatus": status,
            "SmsStatus": status,
        }
        if text.service:
            form["MessagingServiceSid"] = text.service
        if status in ("undelivered", "failed"):
            form["ErrorCode"] = fate.code
        await self.caller.post(text.callback, form)

    async def _written(self, number: str, body: str) -> None:
        """Remember a STOP or START as Twilio does, and hand the words to the site."""
        word = body.strip().upper()
        if word in STOP_WORDS:
            self.stopped.add(number)
        if word in START_WORDS:
            self.stopped.discard(number)
        if not self._modes.replies_url:
            return
        sid = f"SM{uuid4().hex}"
        form = self._named(sid) | {
            "From": number,
            "To": self._sender,
            "Body": body,
            "NumMedia": "0",
            "NumSegments": "1",
            "SmsMessageSid": sid,
            "SmsStatus": "received",
        }
        await self.caller.post(self._modes.replies_url, form)

    def _named(self, sid: str) -> dict[str, str]:
        return {
            "AccountSid": self._account,
            "ApiVersion": VERSION,
            "MessageSid": sid,
            "SmsSid": sid,
        }
