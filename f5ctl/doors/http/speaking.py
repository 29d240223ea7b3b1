"""`POST /v1/audio/speech`: a request becomes a stream of audio, or of events; who hangs up cancels it."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from starlette.types import Message, Receive, Scope, Send

from f5ctl.aio import Client, Stream
from f5ctl.doors.http.bodies import read_body
from f5ctl.doors.http.encoding import Encoders
from f5ctl.doors.http.errors import refusal_of
from f5ctl.doors.http.fields import Wish, wish_of
from f5ctl.doors.http.options import Options
from f5ctl.errors import F5Error
from f5ctl.protocol import SAMPLE_BYTES
from f5ctl.speech.sinks import wav_header

MAX_BODY_BYTES: Final = 24 * 2**20  # a recording of 16 MiB in base64, and its text
KEEP_ALIVE_S: Final = 5.0
_FRAME_SAMPLES: Final = 256


class Speaker:
    """The application of that route."""

    def __init__(self, client: Client, encoders: Encoders, options: Options) -> None:
        self._client = client
        self._encoders = encoders
        self._options = options

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        body = await read_body(receive, MAX_BODY_BYTES, self._options.patience_s)
        answering = asyncio.create_task(self._answer(body, _Patient(send, self._options.patience_s)))
        leaving = asyncio.create_task(_departure(receive))
        try:
            await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
        finally:
            for task in (answering, leaving):
                task.cancel()
            await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _answer(self, body: bytes, send: _Patient) -> None:
        try:
            wish = wish_of(body, self._options)
            self._encoders.check(wish.format, wish.rate_hz)
            async with self._client.ask(wish.say) as stream:
                await stream.begin()
                if wish.events:
                    await self._events(stream, wish, send)
                else:
                    await self._audio(stream, wish, send)
        except F5Error as error:
            raise refusal_of(error) from error

    async def _audio(self, stream: Stream, wish: Wish, send: _Patient) -> None:
        first = await anext(stream, b"")  # until then an error has its own status
        pcm = _after(first, stream)
        # The last segment is made at once, so of a text that is one the whole is there with its beginning.
        if wish.whole or (stream.progress is not None and stream.progress.segments == 1):
            speech = b"".join([piece async for piece in pcm])
            encoded = self._encoders.encode(
                _once(speech), wish.format, wish.rate_hz, len(speech) // SAMPLE_BYTES
            )
            audio = b"".join([piece async for piece in encoded])
            if wish.format == "wav" and not audio.startswith(b"RIFF"):
                audio = wav_header(wish.rate_hz, len(audio)) + audio
            await send.start({**_headers(wish, stream), "content-length": str(len(audio))})
            await send.body(audio)
        else:
            await send.start(_headers(wish, stream))
            async with aclosing(self._encoders.encode(pcm, wish.format, wish.rate_hz)) as pieces:
                async for piece in pieces:
                    await send.body(piece)
        await send.end()

    async def _events(self, stream: Stream, wish: Wish, send: _Patient) -> None:
        await send.start(_headers(wish, stream))
        pieces = self._encoders.encode(stream, wish.format, wish.rate_hz)
        try:
            while True:
                coming = asyncio.ensure_future(anext(pieces, None))
                try:
                    while not (await asyncio.wait({coming}, timeout=KEEP_ALIVE_S))[0]:
                        await send.body(b": still at work\n\n")
                    piece = coming.result()
                finally:
                    coming.cancel()
                if piece is None:
                    break
                await send.event({"type": "speech.audio.delta", "audio": b64encode(piece).decode()})
        except F5Error as error:
            await send.event({"type": "speech.audio.error", **refusal_of(error).body})
        else:
            await send.event({"type": "speech.audio.done", "usage": _usage(stream)})
        finally:
            await pieces.aclose()
        await send.end()


class _Patient:
    """Sends an answer to a client; one that takes nothing for too long is left."""

    def __init__(self, send: Send, patience_s: float) -> None:
        self._send = send
        self._patience_s = patience_s

    async def start(self, headers: dict[str, str]) -> None:
        """Send the head."""
        raw = [(name.encode(), value.encode("latin-1", "replace")) for name, value in headers.items()]
        await self._put({"type": "http.response.start", "status": 200, "headers": raw})

    async def body(self, data: bytes) -> None:
        """Send a piece of the body."""
        await self._put({"type": "http.response.body", "body": data, "more_body": True})

    async def event(self, fields: dict[str, Any]) -> None:
        """Send a piece of the body, as an event."""
        await self.body(f"data: {json.dumps(fields)}\n\n".encode())

    async def end(self) -> None:
        """Send the end of the body."""
        await self._put({"type": "http.response.body", "body": b"", "more_body": False})

    async def _put(self, message: Message) -> None:
        await asyncio.wait_for(self._send(message), self._patience_s)


async def _departure(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _after(first: bytes, stream: Stream) -> AsyncIterator[bytes]:
    yield first
    async for piece in stream:
        yield piece


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


def _headers(wish: Wish, stream: Stream) -> dict[str, str]:
    """Return the head of an answer; proxies are told not to hold it back."""
    return {
        "content-type": wish.content_type,
        "cache-control": "no-cache",
        "x-accel-buffering": "no",
        "x-f5d-job": stream.accepted.job if stream.accepted else "",
        "x-f5d-seed": str(stream.request.seed),
        **wish.notes,
    }


def _usage(stream: Stream) -> dict[str, int]:
    """Return characters in, frames of the model's spectrogram out, and their sum."""
    given = len(stream.request.text)
    made = int((stream.receipt or {}).get("samples", 0)) // _FRAME_SAMPLES
    return {"input_tokens": given, "output_tokens": made, "total_tokens": given + made}
