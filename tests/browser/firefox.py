"""A real Firefox, told what to do over Marionette, and the push service it talks to.

Marionette is Firefox' own remote control: JSON with its length in front, over a socket. The push
service speaks the protocol of Mozilla's (autopush): a WebSocket to the browser, and a plain POST
from whoever sends.
"""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import threading
from pathlib import Path
from typing import Any
from uuid import uuid4

from aiohttp import WSMessage, web

from tests.pushing import MOZILLA
from tests.rig.processes import HOST, free_port

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver's name for a reference


class PushService:
    """Mozilla's push service as far as one browser needs it."""

    def __init__(self) -> None:
        self.port, self.socket, self.acknowledged = free_port(), None, []
        self.registered: dict[str, str] = {}  # channel of the browser, by endpoint
        self.posts: list[dict[str, str]] = []
        self.loop = asyncio.new_event_loop()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        self.ready.wait(10)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.runner.cleanup(), self.loop).result(10)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()

    def _serve(self) -> None:
        application = web.Application()
        application.router.add_get("/", self._talk)
        application.router.add_post("/wpush/v2/{name}", self._take)
        self.loop.run_until_complete(self._open(application))
        self.ready.set()
        self.loop.run_forever()

    async def _open(self, application: web.Application) -> None:
        self.runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self.runner.setup()
        await web.TCPSite(self.runner, HOST, self.port).start()

    async def _talk(self, request: web.Request) -> web.WebSocketResponse:
        self.socket = web.WebSocketResponse(protocols=["push-notification"])
        await self.socket.prepare(request)
        async for message in self.socket:
            answer = self._answer(message)
            if answer:
                await self.socket.send_json(answer)
        return self.socket

    def _answer(self, message: WSMessage) -> dict[str, Any] | None:
        said = json.loads(message.data)
        kind = said.get("messageType")
        if kind == "hello":
            return {"messageType": kind, "uaid": uuid4().hex, "status": 200, "use_webpush": True}
        if kind == "register":
            return self._register(said["channelID"])
        if kind == "ack":
            self.acknowledged += said["updates"]
        if kind == "unregister":
            return {"messageType": kind, "channelID": said["channelID"], "status": 200}
        return None

    def _register(self, channel: str) -> dict[str, Any]:
        name = uuid4().hex
        self.registered[name] = channel
        endpoint = f"https://{MOZILLA}/wpush/v2/{name}"
        said = {"messageType": "register", "channelID": channel, "status": 200}
        return said | {"pushEndpoint": endpoint}

    async def _take(self, request: web.Request) -> web.Response:
        self.posts.append({name.lower(): each for name, each in request.headers.items()})
        body = base64.urlsafe_b64encode(await request.read()).decode().rstrip("=")
        channel = self.registered[request.match_info["name"]]
        said = {"messageType": "notification", "channelID": channel, "version": uuid4().hex}
        await self.socket.send_json(said | {"data": body, "headers": {"encoding": "aes128gcm"}})
        return web.Response(status=201)


def profile(folder: Path, *, push: PushService, port: int) -> None:
    """Write the settings of a Firefox that keeps to this machine and may notify."""
    settings = {
        "marionette.port": port,
        "dom.push.serverURL": f"ws://{HOST}:{push.port}/",
        "dom.push.testing.allowInsecureServerURL": True,
        "dom.push.testing.ignorePermission": True,
        "dom.push.connection.enabled": True,
        "permissions.default.desktop-notification": 1,
        "alerts.useSystemBackend": False,
        "network.proxy.type": 0,
        "intl.accept_languages": "en-US",
        "app.update.auto": False,
        "datareporting.policy.dataSubmissionEnabled": False,
        "browser.shell.checkDefaultBrowser": False,
    }
    lines = [f"user_pref({json.dumps(name)}, {json.dumps(to)});" for name, to in settings.items()]
    (folder / "user.js").write_text("\n".join(lines))


class Marionette:
    """The remote control. `do` names a WebDriver command and returns its value."""

    def __init__(self, port: int) -> None:
        self.line = socket.create_connection((HOST, port), timeout=60)
        self.stream = self.line.makefile("rb")
        self.count = 0
        self._heard()
        self.do("NewSession")

    def close(self) -> None:
        self.stream.close()
        self.line.close()

    def do(self, command: str, **given: Any) -> Any:
        self.count += 1
        said = json.dumps([0, self.count, f"WebDriver:{command}", given]).encode()
        self.line.sendall(b"%d:%s" % (len(said), said))
        _kind, _id, error, value = self._heard()
        if error:
            raise RuntimeError(f"{command}: {error['message']}")
        return value

    def _heard(self) -> Any:
        digits = b""
        while not digits.endswith(b":"):
            digits += self.stream.read(1)
        return json.loads(self.stream.read(int(digits[:-1])))

    def go(self, url: str) -> None:
        self.do("Navigate", url=url)

    def ask(self, script: str, *arguments: Any) -> Any:
        """Return what an asynchronous function's body returns in the page."""
        body = f"const [done] = [arguments[arguments.length - 1]]; (async () => {{ {script} }})()"
        whole = f"{body}.then(done, (e) => done(`failed: ${{e}}`));"
        return self.do("ExecuteAsyncScript", script=whole, args=list(arguments))["value"]

    def find(self, css: str) -> str:
        return self.do("FindElement", using="css selector", value=css)["value"][ELEMENT]

    def type(self, css: str, text: str) -> None:
        self.do("ElementSendKeys", id=self.find(css), text=text)

    def press(self, css: str) -> None:
        self.do("ElementClick", id=self.find(css))
