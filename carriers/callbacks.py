"""What Twilio calls the site with: signed, some at a time, a few tries, and this machine only.

https://www.twilio.com/docs/usage/security#validating-requests
"""

import asyncio
from collections.abc import Mapping
from http import HTTPStatus

from aiohttp import ClientError, ClientSession, ClientTimeout
from twilio.request_validator import RequestValidator
from yarl import URL

from carriers.doors import is_here

AT_ONCE = 8
PAUSES = (0.2, 0.5, 1.0, 2.0)  # seconds before each try after the first
TIMEOUT = ClientTimeout(total=15)  # Twilio waits as long


class Caller:
    """Posts forms as Twilio does. Counts what was made, given up, and is still to be made."""

    def __init__(self, *, token: str) -> None:
        self._validator = RequestValidator(token)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._session: ClientSession | None = None
        self.made, self.lost, self.waiting = 0, 0, 0

    async def post(self, url: str, form: Mapping[str, str]) -> bool:
        """Call until the site answers, or give up; return whether it did.

        A refusal is an answer, a fault is worth another try.
        """
        if not is_here(url):
            self.lost += 1
            return False
        self.waiting += 1
        try:
            is_heard = await self._insist(url, form)
        finally:
            self.waiting -= 1
        self.made, self.lost = self.made + is_heard, self.lost + (not is_heard)
        return is_heard

    async def _insist(self, url: str, form: Mapping[str, str]) -> bool:
        for pause in (0.0, *PAUSES):
            await asyncio.sleep(pause)
            if await self._is_heard(url, form):
                return True
        return False

    async def _is_heard(self, url: str, form: Mapping[str, str]) -> bool:
        signature = self._validator.compute_signature(url, form)
        headers = {"X-Twilio-Signature": signature, "User-Agent": "TwilioProxy/1.1"}
        async with self._slots:
            try:
                return await self._status(url, form, headers) < HTTPStatus.INTERNAL_SERVER_ERROR
            except (ClientError, TimeoutError):
                return False

    async def _status(self, url: str, form: Mapping[str, str], headers: dict[str, str]) -> int:
        if self._session is None:
            self._session = ClientSession(timeout=TIMEOUT)  # and by no proxy
        async with self._session.post(
            URL(url, encoded=True), data=form, headers=headers, allow_redirects=False
        ) as answer:
            return answer.status

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
