"""What the web server runs: pages and API over HTTP, the live line over WebSocket."""

import os
from typing import Any
from urllib.parse import urlsplit

from channels.routing import ProtocolTypeRouter, URLRouter
from channels.security.websocket import OriginValidator, WebsocketDenier
from channels.sessions import CookieMiddleware
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.checks import run_checks
from django.urls import re_path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dentamind.settings")
pages = get_asgi_application()

# Commands, the worker's too, run the checks by themselves; a web server would just start.
if faults := [fault for fault in run_checks(tags=["security"]) if fault.is_serious()]:
    raise SystemExit("\n".join(f"{fault.msg} {fault.hint}" for fault in faults))

from notifications.consumers import websocket_urlpatterns  # noqa: E402 - needs the apps loaded


class TrustedOrigins(OriginValidator):
    """Lets a socket in only from our own pages: scheme, host and port must all be as set.

    Sockets know no CSRF token: a foreign page's socket would carry the patient's cookie.
    """

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        guarded = super().__call__ if is_readable(scope) else WebsocketDenier.as_asgi()
        await guarded(scope, receive, send)


def is_readable(scope: Any) -> bool:
    """Whether there is exactly one Origin, and it can be taken apart."""
    origins = [value for name, value in scope["headers"] if name == b"origin"]
    try:
        return len(origins) == 1 and urlsplit(origins[0].decode()).port != 0
    except ValueError:
        return False


live = URLRouter([*websocket_urlpatterns, re_path("", WebsocketDenier.as_asgi())])
application = ProtocolTypeRouter(
    {
        "http": pages,
        "websocket": TrustedOrigins(CookieMiddleware(live), settings.TRUSTED_ORIGINS),
    }
)
