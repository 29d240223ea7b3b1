"""One client of the door, from its first word until it hangs up."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from wyoming.error import Error
from wyoming.event import Event
from wyoming.ping import Pong

from f5ctl.aio import Client
from f5ctl.doors.wyoming.framing import BrokenMessageError, Wire
from f5ctl.doors.wyoming.options import Options
from f5ctl.doors.wyoming.programme import info_of
from f5ctl.doors.wyoming.voice_out import VoiceOut
from f5ctl.doors.wyoming.words import Words
from f5ctl.errors import F5Error

_MOST_WAITING: Final = 16  # replies that a client may ask for before the first has been heard


class Session:
    """Reads what the client says while it is spoken to, so that hanging up cancels.

    Its connection to the daemon is its own: a client that takes no audio holds up nobody else's.
    """

    def __init__(self, wire: Wire, options: Options) -> None:
        self._wire = wire
        self._options = options
        self._daemon = Client(options.socket_path, start=options.start)
        self._out = VoiceOut(wire, self._daemon, options)
        self._replies: asyncio.Queue[Words] = asyncio.Queue(_MOST_WAITING)
        self._written: Words | None = None  # a reply whose text is still coming

    async def run(self) -> None:
        """Serve the client until it hangs up.

        Raises:
            BrokenMessageError: it was closed for the reason in the line.
        """
        tasks = [asyncio.create_task(self._hear()), asyncio.create_task(self._speak())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._daemon.close()

    async def _speak(self) -> None:
        while True:
            await self._out.speak(await self._replies.get())

    async def _hear(self) -> None:
        while (event := await self._wire.read()) is not None:
            try:
                await self._take(event)
            except F5Error as error:  # noqa: PERF203 - it is of one message
                await self._wire.write(Error(text=error.message, code=error.code).event())

    async def _take(self, event: Event) -> None:
        """Do what a message asks for; one that is not known asks for nothing."""
        if event.type == "describe":
            info = info_of(await self._daemon.status(), self._options.languages)
            await self._wire.write(info.event())
        elif event.type == "ping":
            await self._wire.write(Pong(text=str(event.data.get("text") or "")).event())
        elif event.type == "synthesize" and self._written is None:  # else it repeats what is being streamed
            words = Words(event.data, is_streamed=False)
            words.add(event.data.get("text"))
            words.end()
            self._queue(words)
        elif event.type == "synthesize-start":
            self._end_of_text()
            self._written = Words(event.data, is_streamed=True)
            self._queue(self._written)
        elif event.type == "synthesize-chunk" and self._written is not None:
            self._written.add(event.data.get("text"))
        elif event.type == "synthesize-stop":
            self._end_of_text()

    def _end_of_text(self) -> None:
        if self._written is not None:
            self._written.end()
        self._written = None

    def _queue(self, words: Words) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self._replies.put_nowait(words)
            return
        raise BrokenMessageError(f"the client asked for more than {_MOST_WAITING} replies ahead")
