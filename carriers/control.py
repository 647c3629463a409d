"""Where a carrier at work is told to behave otherwise: one port for all of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from carriers.books import Books
from carriers.doors import Door
from carriers.lives import Lives
from carriers.modes import REFUSE, Modes
from carriers.push import Push

ALL = "all"


@dataclass(kw_only=True)
class Carrier:
    """One that is at work, and what can be told of it."""

    door: Door
    modes: Modes
    kept: Books
    lives: Lives | None = None  # of texts
    push: Push | None = None

    def told(self) -> dict[str, Any]:
        said = self.modes.told() | {"taken": self.kept.taken, "refused": self.kept.refused}
        if self.lives is not None:
            caller = self.lives.caller
            said |= {
                "calls": caller.made,
                "calls_lost": caller.lost,
                "calls_waiting": caller.waiting,
            }
        if self.push is not None:
            said["replaced"] = self.push.replaced
        return said


class Control:
    """GET and POST /_control, POST /_inbound."""

    def __init__(self, carriers: Mapping[str, Carrier]) -> None:
        self._carriers = carriers

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/_control", self._tell)
        app.router.add_post("/_control", self._change)
        app.router.add_post("/_inbound", self._write)
        return app

    async def _tell(self, request: web.Request) -> web.Response:
        return web.json_response({name: each.told() for name, each in self._carriers.items()})

    async def _change(self, request: web.Request) -> web.Response:
        wanted = await _json(request)
        named = wanted.pop("carrier", ALL)
        names = list(self._carriers) if named == ALL else [named]
        try:
            for name in names:
                await self._change_one(name, wanted)
        except ValueError as error:
            return web.json_response({"error": str(error)}, status=400)
        return await self._tell(request)

    async def _change_one(self, name: str, wanted: Mapping[str, Any]) -> None:
        carrier = self._carriers.get(name)
        if carrier is None:
            raise ValueError(f"carrier is one of {', '.join([*self._carriers, ALL])}")
        carrier.modes.change(wanted, carrier=name)
        if carrier.modes.mode == REFUSE:
            carrier.door.shut()
        else:
            await carrier.door.open()

    async def _write(self, request: web.Request) -> web.Response:
        """Make a text from somebody's number to the practice's."""
        said, twilio = await _json(request), self._carriers.get("twilio")
        if twilio is None or twilio.lives is None:
            return web.json_response({"error": "twilio is not at work"}, status=400)
        if not said.get("from") or not isinstance(said.get("body"), str):
            return web.json_response({"error": "from and body are needed"}, status=400)
        twilio.lives.write(number=said["from"], body=said["body"])
        return web.json_response({}, status=202)


async def _json(request: web.Request) -> dict[str, Any]:
    try:
        said = await request.json()
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise web.HTTPBadRequest(text='{"error": "not a JSON object"}')
    return said
