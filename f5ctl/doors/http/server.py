"""The server: an address and the application on it, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import socket
import sys
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from f5ctl.doors.http.app import application
from f5ctl.doors.http.errors import Refusal
from f5ctl.doors.http.options import Options

HEAD_S: Final = 10.0  # for the head of a request
_GRACE_S: Final = 5  # for what is under way when the server is ended
_MOST_FILES: Final = 8192


def serve(sock: socket.socket, options: Options) -> None:
    """Serve on a listening socket until SIGTERM or SIGINT."""
    _raise_limit()
    config = uvicorn.Config(
        application(options),
        http=_Protocol,
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE_S,
    )
    address = sock.getsockname()
    try:
        _Server(config).run(sockets=[sock])
    finally:
        if isinstance(address, str) and address:
            with contextlib.suppress(OSError):
                os.unlink(address)


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin, and say where."""
        await super().startup(sockets)
        for sock in sockets or ():
            address = sock.getsockname()
            host = address[0] if isinstance(address, tuple) else address
            where = (
                f"http://{f'[{host}]' if ':' in host else host}:{address[1]}"
                if isinstance(address, tuple)
                else host
            )
            sys.stderr.write(f"f5ctl serve http: serves {where}\n")
            sys.stderr.flush()


class _Protocol(H11Protocol):
    """A connection whose head has to come in time: one that sends half of it holds nothing for ever."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """Begin to wait."""
        super().connection_made(transport)
        self._deadline = self.loop.call_later(HEAD_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().connection_lost(exc)

    def _give_up(self) -> None:
        if self.cycle or self.transport.is_closing():
            return
        refusal = Refusal(408, f"the head of the request did not come within {HEAD_S:g} s", code="too_slow")
        body = json.dumps(refusal.body).encode()
        head = (
            f"HTTP/1.1 408 Request Timeout\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n"
        )
        self.transport.write(head.encode() + b"connection: close\r\n\r\n" + body)
        self.transport.close()


def _raise_limit() -> None:
    """Let as many connections be open as this user may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
