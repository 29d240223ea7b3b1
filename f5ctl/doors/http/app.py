"""The routes."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, Router
from starlette.types import ASGIApp

from f5ctl import __version__
from f5ctl.aio import Client
from f5ctl.doors.http.encoding import Encoders
from f5ctl.doors.http.errors import Refusal
from f5ctl.doors.http.guard import Guard
from f5ctl.doors.http.options import Options
from f5ctl.doors.http.speaking import Speaker
from f5ctl.doors.http.voices import Voices
from f5ctl.errors import F5Error, NoDaemonError

_OTHERS_MODELS: Final = ("tts-1", "tts-1-hd", "gpt-4o-mini-tts")
_PAGE: Final = os.path.join(os.path.dirname(__file__), "page.html")
_PAGE_POLICY: Final = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self';"
    " media-src blob:; img-src data: blob:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


def application(options: Options) -> ASGIApp:
    """Return the whole application; it connects to the daemon when that is first needed."""
    client = Client(options.socket_path, start=options.start)
    looker = Client(options.socket_path, start=False, resume_s=0)
    encoders = Encoders()
    voices = Voices(client, options)
    state = _State(client, looker)

    @asynccontextmanager
    async def lifespan(_app: object) -> AsyncIterator[None]:
        encoders.prepare()
        yield
        client.close()
        looker.close()
        await encoders.close()

    routes = [
        Route("/v1/audio/speech", Speaker(client, encoders, options), methods=["POST"]),
        Route("/v1/models", state.models),
        Route("/v1/audio/models", state.audio_models),
        Route("/v1/models/{name:path}", state.model),
        Route("/health", state.health),
        Route("/metrics", state.metrics),
    ]
    for path in ("/v1/audio/voices", "/v1/voices"):
        routes += [
            Route(path, voices.listed),
            Route(path, voices.add, methods=["POST"]),
            Route(path + "/{name}", voices.remove, methods=["DELETE"]),
        ]
    if options.page:
        routes.append(Route("/", _page))
    return Guard(Router(routes, lifespan=lifespan), options)


async def _page(_request: Request) -> Response:
    return FileResponse(_PAGE, headers={"content-security-policy": _PAGE_POLICY, "cache-control": "no-cache"})


class _State:
    """The routes that tell of the daemon; those of `looker` start none."""

    def __init__(self, client: Client, looker: Client) -> None:
        self._client = client
        self._looker = looker

    async def health(self, _request: Request) -> Response:
        """Answer for the server itself, and say what it sees of the daemon."""
        try:
            status = await self._looker.status()
        except F5Error:
            return JSONResponse({"status": "ok", "version": __version__, "daemon": None})
        engines = [{"model": one["model"], "state": one["state"]} for one in status["engines"]]
        daemon = {"version": status["version"], "queue": status["queue"], "engines": engines}
        return JSONResponse({"status": "ok", "version": __version__, "daemon": daemon})

    async def metrics(self, _request: Request) -> Response:
        """Return the daemon's metrics as `f5ctl metrics` does."""
        from f5ctl.metrics import exposition

        try:
            text = exposition(await self._looker.status())
        except NoDaemonError:
            text = ""  # nothing has been asked for yet
        return PlainTextResponse(text, media_type="text/plain; version=0.0.4")

    async def models(self, _request: Request) -> Response:
        """Return the list of models that OpenAI's clients read."""
        return JSONResponse({"object": "list", "data": [_model(name) for name in await self._names()]})

    async def audio_models(self, _request: Request) -> Response:
        """Return the list that Open WebUI reads."""
        return JSONResponse({"models": [{"id": name, "name": name} for name in await self._names()]})

    async def model(self, request: Request) -> Response:
        """Return one of them."""
        name = request.path_params["name"]
        if name not in await self._names():
            raise Refusal(404, f"there is no model {name!r:.80}", param="model", code="model_not_found")
        return JSONResponse(_model(name))

    async def _names(self) -> list[str]:
        status = await self._client.status()
        own = [str(model["name"]) for model in status["models"] if model.get("installed")]
        return [*own, *(name for name in _OTHERS_MODELS if name not in own)]


def _model(name: str) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": 0, "owned_by": "f5d"}
