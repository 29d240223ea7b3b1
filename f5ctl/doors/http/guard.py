"""What stands before every route: who may call, how many at a time, and that an error has its shape."""

from __future__ import annotations

import hashlib
import hmac
import sys
from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from f5ctl.doors.http.errors import Refusal, refusal_of
from f5ctl.doors.http.options import Options
from f5ctl.doors.listening import is_loopback
from f5ctl.errors import F5Error

_OPEN_PATHS: Final = ("/", "/health")  # without a key
_EXPOSED: Final = "x-f5d-ignored, x-f5d-job, x-f5d-seed, x-f5d-speed, retry-after, retry-after-ms"


class Guard:
    """An application around another one."""

    def __init__(self, app: ASGIApp, options: Options) -> None:
        self._app = app
        self._options = options
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        has_begun = False
        headers = Headers(scope=scope)
        origin = headers.get("origin")

        async def noted(message: Message) -> None:
            nonlocal has_begun
            if message["type"] == "http.response.start":
                has_begun = True
                self._allow(origin, message)
            await send(message)

        self._requests += 1
        try:
            await self._admitted(scope, headers, receive, noted)
        except Exception as error:
            if not isinstance(error, Refusal):
                _tell(scope, f"{type(error).__name__}: {error}")
            if has_begun:
                raise  # the connection is closed, so that nobody takes a beginning for the whole
            refusal = error if isinstance(error, Refusal) else Refusal(500, "a fault of f5ctl serve http")
            await refusal.response()(scope, receive, noted)
        finally:
            self._requests -= 1

    async def _admitted(self, scope: Scope, headers: Headers, receive: Receive, send: Send) -> None:
        self._check_place(headers)
        if scope["method"] == "OPTIONS" and headers.get("origin") in self._options.origins:
            await _preflight(headers)(scope, receive, send)
            return
        if self._requests > self._options.most_requests and scope["path"] != "/health":
            line = f"{self._options.most_requests} requests are being served; try again later"
            again = {"retry-after": "1", "retry-after-ms": "1000"}
            raise Refusal(429, line, code="overloaded", headers=again)
        if scope["path"] not in _OPEN_PATHS:
            self._check_key(headers)
        scope["app"] = self  # so that the router raises
        try:
            await self._app(scope, receive, send)
        except HTTPException as error:
            line = f"{scope['method']} {scope['path']:.80}: {error.detail}"
            raise Refusal(error.status_code, line, headers=dict(error.headers or {})) from None
        except F5Error as error:
            raise refusal_of(error) from None

    def _check_place(self, headers: Headers) -> None:
        """Refuse a page of another place: one whose name was bent to this machine, or one that just sends."""
        host = headers.get("host", "")
        if self._options.loopback_only and not is_loopback(urlsplit(f"//{host}").hostname or ""):
            line = f"Host is {host!r:.80}; this server is reached as localhost or 127.0.0.1"
            raise Refusal(403, line, code="wrong_host")
        origin = headers.get("origin")
        if origin is None or origin in self._options.origins or urlsplit(origin).netloc == host:
            return
        raise Refusal(
            403, f"pages of {origin!r:.80} may not call; --allow-origin lets one", code="wrong_origin"
        )

    def _check_key(self, headers: Headers) -> None:
        if not self._options.key_digests:
            return
        scheme, _space, key = headers.get("authorization", "").partition(" ")
        given = hashlib.sha256(key.strip().encode("latin-1")).digest()
        matches = [hmac.compare_digest(given, known) for known in self._options.key_digests]
        if scheme.lower() != "bearer" or not any(matches):
            line = "no such key" if key else "a key is missing: Authorization: Bearer KEY"
            challenge = {"www-authenticate": "Bearer"}
            raise Refusal(401, line, code="invalid_api_key", headers=challenge)

    def _allow(self, origin: str | None, message: Message) -> None:
        if origin is not None and origin in self._options.origins:
            headers = MutableHeaders(scope=message)
            headers["access-control-allow-origin"] = origin
            headers["access-control-expose-headers"] = _EXPOSED
            headers.append("vary", "Origin")


def _tell(scope: Scope, line: str) -> None:
    sys.stderr.write(f"f5ctl serve http: {scope['method']} {scope['path']:.80}: {line}\n")
    sys.stderr.flush()


def _preflight(headers: Headers) -> Response:
    asked = headers.get("access-control-request-headers", "")
    allowed = {
        "access-control-allow-methods": "GET, POST, DELETE",
        "access-control-allow-headers": asked,
        "access-control-max-age": "600",
    }
    return Response(status_code=204, headers=allowed)
