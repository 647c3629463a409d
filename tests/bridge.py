"""A carrier for tests that take a push all the way: our own, but Mozilla's name leads to a push
service on this machine, whose address is in PUSH_PEER. Everything up to the connection is real.
"""

import os
import socket
from collections.abc import Mapping
from typing import Any
from unittest import mock

import requests
from requests.adapters import HTTPAdapter

from notifications.providers import webpush
from notifications.types import Envelope, SendResult
from tests.pushing import MOZILLA, PUBLIC, Names


class Bridge(HTTPAdapter):
    """Takes what is for Mozilla's service to the one on this machine."""

    def __init__(self, *, host: str, address: str) -> None:
        super().__init__()
        assert (host, address) == (MOZILLA, PUBLIC)

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        request.url = request.url.replace(f"https://{MOZILLA}", os.environ["PUSH_PEER"])
        return webpush.bodiless(super().send(request, **options))


class Bridged(webpush.WebPush):
    def send(self, *, envelope: Envelope, content: Mapping[str, str]) -> SendResult:
        names = Names(PUBLIC).getaddrinfo
        edge = mock.patch.object(webpush.socket, "getaddrinfo", leads_away(names))
        with edge, mock.patch.object(webpush, "Pinned", Bridge):
            return super().send(envelope=envelope, content=content)


def leads_away(names: Any) -> Any:
    """Answer for Mozilla's name only; this machine's own are looked up as ever."""
    really = socket.getaddrinfo

    def answer(host: Any, *args: Any, **options: Any) -> list[tuple]:
        return names(host, *args) if host == MOZILLA else really(host, *args, **options)

    return answer
