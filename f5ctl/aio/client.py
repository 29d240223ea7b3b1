"""A client for the tasks of one event loop."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from typing import Any, Final

from f5ctl.aio.link import ClosedError, Link, link_to
from f5ctl.aio.stream import Stream
from f5ctl.api import Audio, request_of
from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Settings
from f5ctl.client import answer, new_id
from f5ctl.errors import NoDaemonError
from f5ctl.protocol import TERMINAL_TYPES, Request, Say, Status
from f5ctl.socketpath import check_socket_path
from f5ctl.speech.output import file_tag

RESUME_S: Final = 300.0  # how long a daemon that went away is waited for


class Client:
    """A connection that is made when it is first needed, and again when it is lost.

    A request outlives its daemon: it is asked for again with the same seed, and what has been delivered is left
    out. Leaving the client (`async with`, `close`) cancels what is under way.

    Args:
        socket_path: the daemon's socket; by default the user's, else the system's.
        start: whether a daemon is started where none listens. `F5CTL_NO_START` in the environment forbids it.
        resume_s: how long a daemon that went away is waited for, in seconds; with 0 its loss is an error.

    Raises:
        ConfigError: the path cannot be a socket.
    """

    def __init__(
        self, socket_path: str | None = None, *, start: bool = True, resume_s: float = RESUME_S
    ) -> None:
        self._settings = Settings()
        self._settings.quiet = True
        self._settings.start = start and not os.environ.get("F5CTL_NO_START")
        if socket_path is not None:
            self._settings.socket = check_socket_path(os.path.abspath(socket_path))
            self._settings.socket_is_named = True
        self._path = self._settings.socket
        self._resume_s = resume_s
        self._links: list[Link] = []  # the last is the one that requests go to
        self._linking = asyncio.Lock()
        self._is_closed = False

    async def __aenter__(self) -> Client:  # noqa: PYI034 - typing.Self is of Python 3.11
        return self

    async def __aexit__(self, *_error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the daemon cancels what was under way on it."""
        self._is_closed = True
        for link in self._links:
            link.end(ClosedError())

    def stream(self, text: str, **parameters: Any) -> Stream:
        """Return the samples of `text` as they are made, the first ones soon; the parameters of `f5ctl.say`.

        Raises:
            BadRequestError: for what no daemon would take.
        """
        return self.ask(replace(request_of(text, parameters), stream=True))

    async def say(self, text: str, **parameters: Any) -> Audio:
        """Return `text` as speech, all at once; takes and raises what `f5ctl.say` does."""
        request = request_of(text, parameters)
        async with self.ask(request) as speech:
            pcm = b"".join([chunk async for chunk in speech])
        receipt = speech.receipt or {}
        return Audio(pcm, receipt, file_tag(receipt, request))

    def ask(self, request: Say) -> Stream:
        """Return what the daemon makes of a request; it is sent when its first word is waited for."""
        return Stream(self.link, request, self._resume_s)

    async def call(self, request: Request) -> dict[str, Any]:
        """Send any request but `say`, wait for its end and return the answer.

        Raises:
            F5Error: what the daemon answered, as the class that its code stands for.
        """
        inbox = (await self.link()).send(request)
        try:
            while not isinstance(reply := await inbox.get(), TERMINAL_TYPES):
                pass
        finally:
            inbox.drop()
        return answer(reply)

    async def status(self) -> dict[str, Any]:
        """Return the daemon's state, as docs/protocol.md describes it; raises as `call` does."""
        return await self.call(Status(new_id()))

    async def link(self) -> Link:
        """Return the connection, made anew where there is none or it is lost.

        Raises:
            NoDaemonError: nobody listens, and no daemon was or could be started.
            ClosedError: this client was closed.
            ConfigError: this user may not use the socket.
        """
        async with self._linking:
            if self._is_closed:
                raise ClosedError
            self._links = [link for link in self._links if link.error is None]
            if not self._links or self._links[-1].is_leaving:
                self._links.append(await self._connected())
            return self._links[-1]

    async def _connected(self) -> Link:
        try:
            return await link_to(self._path)
        except NoDaemonError:
            self._path = await asyncio.to_thread(self._path_of_a_daemon)
            return await link_to(self._path)

    def _path_of_a_daemon(self) -> str:
        with connect(self._settings, start=True) as client:
            return client.socket_path
