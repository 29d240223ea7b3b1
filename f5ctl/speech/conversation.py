"""Requests under way on one connection: what was asked, what has come of it, and how it ended.

`Conversation` is under everything that speaks: one request (say.py), a text that is still being written
(feed.py), a script and whatever outlives its daemon (speaker.py), a batch (f5ctl/batch/runner.py). They decide
what is asked when, and where the audio goes; the rest is here.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from f5ctl.client import Client, answer
from f5ctl.errors import SynthesisError
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ, TERMINAL_TYPES, Audio, Reply, Say


class Part:
    """One request: its audio that has come and was not taken yet, and its terminal message."""

    def __init__(self, request: Say) -> None:
        self.request = request
        self.last: Reply | None = None
        self.rate_hz = SAMPLE_RATE_HZ
        self.came_bytes = 0
        self._chunks: deque[bytes] = deque()

    @property
    def has_audio(self) -> bool:
        """True when some of it can be taken."""
        return bool(self._chunks)

    def add(self, chunk: Audio) -> None:
        """Keep a chunk that has come."""
        self._chunks.append(chunk.data)
        self.rate_hz = chunk.sample_rate_hz
        self.came_bytes += len(chunk.data)

    def put_before(self, audio: bytes) -> None:
        """Let `audio`, such as a pause, be taken before all that was not taken yet."""
        self._chunks.appendleft(audio)

    def take(self) -> Iterator[bytes]:
        """Yield the audio that has come, chunk by chunk, once."""
        while self._chunks:
            yield self._chunks.popleft()

    def take_piece(self, most_bytes: int) -> bytes:
        """Return the next audio, at most so many bytes of it."""
        chunk = self._chunks.popleft()
        if len(chunk) > most_bytes:
            self._chunks.appendleft(chunk[most_bytes:])
        return chunk[:most_bytes]

    def receipt(self) -> dict[str, Any]:
        """Return the receipt of the request, which has ended.

        Raises:
            F5Error: what the daemon answered instead; `internal_error` when the audio is not as long as the
                receipt says.
        """
        receipt = answer(self.last)
        samples = receipt.get("samples")
        if self.request.encoding == "pcm" and isinstance(samples, int):
            came = self.came_bytes // SAMPLE_BYTES
            if samples * SAMPLE_BYTES != self.came_bytes:
                raise SynthesisError("internal_error", f"{came} samples came; the receipt says {samples}")
        return receipt


class Conversation:
    """Owns the parts that were asked for and not yet dropped, oldest first; an error cancels all of them.

    `tell` gets the daemon's word on where the oldest one stands. Leave it as a context manager.
    """

    def __init__(self, client: Client, tell: Callable[[Reply], None]) -> None:
        self._client = client
        self._tell = tell
        self._parts: dict[str, Part] = {}

    def __enter__(self) -> Conversation:  # noqa: PYI034 - typing.Self is of Python 3.11
        return self

    def __exit__(self, kind: type[BaseException] | None, *_error: object) -> None:
        if kind is not None:
            self.cancel()

    def __len__(self) -> int:
        return len(self._parts)

    @property
    def first(self) -> Part | None:
        """The part that was asked for first."""
        return next(iter(self._parts.values()), None)

    @property
    def unfinished(self) -> int:
        """How many parts have not ended."""
        return sum(part.last is None for part in self._parts.values())

    def ask(self, request: Say, *, first: bool = False) -> Part:
        """Send a request and return its part; a `first` one is waited for before all others."""
        part = Part(request)
        if first:
            self._parts = {request.id: part, **self._parts}
        else:
            self._parts[request.id] = part
        self._client.send(request)
        return part

    def hear(self, until: float | None = None, sources: Sequence[tuple[int, int]] = ()) -> Part | None:
        """Wait for the daemon's next word, and return the part that it is about.

        None at the time `until` (monotonic), when one of `sources` (see `Client.wait`) is ready, or when the
        word is about nothing that was asked for here.

        Raises:
            NoDaemonError: the daemon is gone, or has said nothing for too long.
            SynthesisError: a chunk of audio is missing.
        """
        reply = self._client.hear(until, sources)
        part = self._parts.get(reply.id) if reply is not None else None
        if reply is None or part is None:
            return None
        if isinstance(reply, Audio):
            part.add(reply)
        elif isinstance(reply, TERMINAL_TYPES):
            part.last = reply
        elif part is self.first:
            self._tell(reply)
        return part

    def drop(self, part: Part) -> None:
        """Forget a part; it has ended."""
        del self._parts[part.request.id]

    def cancel(self) -> None:
        """Cancel what has not ended."""
        self._client.cancel(*self._parts)


def other_audio() -> SynthesisError:
    """Return the error for a request that was tried again, of which the tries do not fit together."""
    line = "another try gave other audio: has the daemon other settings now? Begin anew"
    return SynthesisError("internal_error", line)
