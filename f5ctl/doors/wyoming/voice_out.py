"""A reply as the client hears it: sentences asked for ahead, and played in their order."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Final

from wyoming.audio import AudioChunk, AudioStart, AudioStop
from wyoming.error import Error
from wyoming.tts import SynthesizeStopped

from f5ctl.aio import Client, Stream
from f5ctl.doors.wyoming.framing import Wire
from f5ctl.doors.wyoming.options import Options
from f5ctl.doors.wyoming.words import Words
from f5ctl.errors import F5Error, TryAgainError
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ
from f5ctl.speech.texts import nothing_to_speak

AHEAD: Final = 4  # sentences that are asked for and not heard to their end
BUSY_S: Final = 60.0  # how long a daemon that has no place for one is asked again
_RETRY_S: Final = 0.5
_CHUNK_BYTES: Final = 2**14

_Asked = asyncio.Task[Stream]


class VoiceOut:
    """Speaks one reply after another to one client."""

    def __init__(self, wire: Wire, client: Client, options: Options) -> None:
        self._wire = wire
        self._client = client
        self._options = options

    async def speak(self, words: Words) -> None:
        """Speak a reply to its end; what goes wrong with it the client is told.

        Raises:
            BrokenMessageError: the client does not take it.
        """
        asked: asyncio.Queue[_Asked | F5Error | None] = asyncio.Queue()
        room = asyncio.Semaphore(1)  # nothing beside the first sentence, until it is heard
        asking = asyncio.create_task(self._ask(words, asked, room))
        started = _Started(self._wire)
        try:
            await self._play(asked, room, started)
            if started.is_true:
                await started.silence(self._options.tail_silence_s)
            elif not words.is_streamed:
                raise nothing_to_speak()
        except F5Error as error:
            await self._wire.write(Error(text=error.message, code=error.code).event())
        finally:
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
            while not asked.empty():
                await _forget(asked.get_nowait())
        await started.stop()
        if words.is_streamed:
            await self._wire.write(SynthesizeStopped().event())

    async def _play(
        self, asked: asyncio.Queue[_Asked | F5Error | None], room: asyncio.Semaphore, started: _Started
    ) -> None:
        while (one := await asked.get()) is not None:
            if isinstance(one, F5Error):
                raise one
            stream = await one
            if started.is_true:
                await started.silence(self._options.sentence_silence_s)
            async for pcm in stream:
                if not started.is_true:
                    for _ in range(AHEAD - 1):
                        room.release()
                await started.put(pcm)
            room.release()

    async def _ask(
        self, words: Words, asked: asyncio.Queue[_Asked | F5Error | None], room: asyncio.Semaphore
    ) -> None:
        try:
            async for sentence in words.sentences():
                await room.acquire()
                asked.put_nowait(asyncio.create_task(self._begun(sentence, words.voice)))
        except F5Error as error:
            asked.put_nowait(error)
        else:
            asked.put_nowait(None)

    async def _begun(self, sentence: str, voice: str | None) -> Stream:
        """Return a sentence's audio once the daemon has taken it."""
        until = time.monotonic() + BUSY_S
        while True:
            stream = self._client.stream(sentence, voice=voice)
            try:
                await stream.begin()
            except TryAgainError as error:
                if error.code != "overloaded" or time.monotonic() > until:
                    raise
                await asyncio.sleep(error.retry_after_s or _RETRY_S)
            else:
                return stream


class _Started:
    """The audio of one reply; it starts with its first sample."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self.is_true = False

    async def put(self, pcm: bytes) -> None:
        if not self.is_true:
            self.is_true = True
            await self._wire.write(AudioStart(SAMPLE_RATE_HZ, SAMPLE_BYTES, 1).event())
        for at in range(0, len(pcm), _CHUNK_BYTES):
            part = pcm[at : at + _CHUNK_BYTES]
            await self._wire.write(AudioChunk(SAMPLE_RATE_HZ, SAMPLE_BYTES, 1, part).event())

    async def silence(self, duration_s: float) -> None:
        await self.put(bytes(SAMPLE_BYTES * round(duration_s * SAMPLE_RATE_HZ)))

    async def stop(self) -> None:
        if self.is_true:
            await self._wire.write(AudioStop().event())


async def _forget(one: _Asked | F5Error | None) -> None:
    """Cancel a sentence that nobody will hear."""
    if isinstance(one, asyncio.Task):
        one.cancel()
        with contextlib.suppress(asyncio.CancelledError, F5Error):
            await (await one).aclose()
