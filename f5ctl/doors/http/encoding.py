"""Audio in the asked-for form, piece by piece as samples come; most forms are made in another process."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncGenerator, AsyncIterator
from typing import Final

from f5ctl.doors.http.errors import Refusal
from f5ctl.errors import SynthesisError
from f5ctl.extras import lack
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ
from f5ctl.speech.sinks import wav_header

HELPER: Final = "f5d.helpers.encode_stream"
_HELPED: Final = ("mp3", "opus", "flac")
_READ_BYTES: Final = 2**16
_FFMPEG: Final = {  # what ffmpeg is told to write
    "mp3": ("-f", "mp3", "-write_xing", "0", "-id3v2_version", "0"),
    "opus": ("-c:a", "libopus", "-page_duration", "20000", "-f", "ogg"),
    "aac": ("-c:a", "aac", "-f", "adts"),
    "flac": ("-f", "flac"),
    "wav": ("-f", "s16le"),  # its header is ours
    "pcm": ("-f", "s16le"),
}


class Encoders:
    """Owns one encoding process that is kept ready for the next request."""

    def __init__(self) -> None:
        self._spare: asyncio.Task[Process] | None = None

    def prepare(self) -> None:
        """Begin the spare process, if there is none."""
        if self._spare is None and lack("engine", "encoding") is None:
            self._spare = asyncio.create_task(_helper())

    async def close(self) -> None:
        """End the spare process."""
        if self._spare is not None:
            spare, self._spare = self._spare, None
            await _end(await spare)

    def check(self, form: str, rate_hz: int) -> None:
        """Raise Refusal for a form that nothing here can write."""
        if form in {"pcm", "wav"} and rate_hz == SAMPLE_RATE_HZ:
            return
        if form in _HELPED and rate_hz == SAMPLE_RATE_HZ and lack("engine", "encoding") is None:
            return
        if shutil.which("ffmpeg") is None:
            what = f"response_format {form}" if rate_hz == SAMPLE_RATE_HZ else f"sample_rate {rate_hz}"
            param = what.partition(" ")[0]
            raise Refusal(400, f"{what} needs ffmpeg, which is not installed here", param=param)

    async def encode(
        self, pcm: AsyncIterator[bytes], form: str, rate_hz: int, samples: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """Yield the audio in `form`; `samples` is how many come at 24 kHz, None if that is not known.

        Raises:
            F5Error: what `pcm` raises, or the encoder ended too early.
        """
        is_plain = rate_hz == SAMPLE_RATE_HZ
        if form == "wav" and (samples is None or is_plain):
            yield wav_header(rate_hz, None if samples is None else samples * SAMPLE_BYTES)
        if form in {"pcm", "wav"} and is_plain:
            async for piece in pcm:
                yield piece
            return
        process = await self._process(form, rate_hz)
        feeding = asyncio.create_task(_feed(process, pcm))
        try:
            if process.stdout is not None:
                while piece := await process.stdout.read(_READ_BYTES):
                    yield piece
            await feeding
            if await process.wait():
                raise SynthesisError("internal_error", f"the encoder ended with status {process.returncode}")
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)
            await _end(process)

    async def _process(self, form: str, rate_hz: int) -> Process:
        if form not in _HELPED or rate_hz != SAMPLE_RATE_HZ or lack("engine", "encoding"):
            return await _ffmpeg(form, rate_hz)
        self.prepare()
        while self._spare is not None:
            spare, self._spare = self._spare, None
            self.prepare()
            process = await spare
            if process.returncode is None and process.stdin is not None:
                process.stdin.write(f"{form}\n".encode())
                return process
        raise SynthesisError("internal_error", "no encoder could be started")


async def _helper() -> Process:
    command = (sys.executable, "-m", HELPER)
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, cwd="/")


async def _ffmpeg(form: str, rate_hz: int) -> Process:
    source = ("-f", "s16le", "-ar", str(SAMPLE_RATE_HZ), "-ac", "1", "-probesize", "32", "-i", "pipe:0")
    target = (*_FFMPEG[form], "-ar", str(rate_hz), "-flush_packets", "1", "pipe:1")
    command = ("ffmpeg", "-v", "quiet", "-nostdin", *source, *target)
    return await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL)


async def _feed(process: Process, pcm: AsyncIterator[bytes]) -> None:
    if process.stdin is None:
        return
    try:
        async for piece in pcm:
            process.stdin.write(piece)
            await process.stdin.drain()
        process.stdin.close()
    except (BrokenPipeError, ConnectionResetError):
        pass  # its status tells
    except BaseException:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        raise


async def _end(process: Process) -> None:
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    await process.wait()
