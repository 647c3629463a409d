"""Web push to the stand-in: all of the real provider but the way there, which is loopback."""

import os
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from notifications.providers import webpush
from tests.rig.processes import HOST

PORT_VARIABLE = "FAULTS_PUSH_PORT"


class Loopback(HTTPAdapter):
    """Hands what was meant for a push service to the stand-in on this machine."""

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        request.headers["Host"] = urlsplit(request.url).netloc
        request.url = f"http://{HOST}:{os.environ[PORT_VARIABLE]}{request.path_url}"
        return super().send(request, **options)

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        return webpush.bodiless(super().build_response(req, resp))


def _session(host: str) -> requests.Session:
    session = webpush.Unbending()
    session.adapters.clear()
    session.mount(f"https://{host}", Loopback(max_retries=0))
    return session


class LocalPush(webpush.WebPush):
    """The real carrier of pushes, its sessions led to the stand-in."""

    def send(self, **parcel: Any) -> Any:
        webpush._session = _session  # the HTTP edge, in the processes of the rig alone
        return super().send(**parcel)
