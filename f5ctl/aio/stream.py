"""One `say` in an event loop: its audio as it comes, whatever becomes of the daemon meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

from f5ctl.aio.link import ClosedError, Inbox, Link
from f5ctl.client import GRACE_S, answer, overdue
from f5ctl.errors import NoDaemonError, SynthesisError
from f5ctl.protocol import SAMPLE_BYTES, Accepted, Audio, Failed, Progress, Reply, Say
from f5ctl.speech.conversation import other_audio
from f5ctl.speech.lasting import MAX_LOSSES, WAIT_S, timely


class Stream(AsyncIterator[bytes]):
    """An iterator of audio: mono 16-bit samples at 24 kHz, or pieces of one file in another encoding.

    Leaving it before its end (`aclose`, an `async with` block, a task that is cancelled while it waits, the
    last reference) cancels the rest. `receipt` is there in the end; `accepted` and `progress` are what the
    daemon has said last of where the request stands.
    """

    def __init__(self, link: Callable[[], Awaitable[Link]], request: Say, resume_s: float) -> None:
        if request.seed is None:  # so that it is the same audio when it is asked for again
            request = replace(request, seed=int.from_bytes(os.urandom(4), "little"))
        self.request = request
        self.receipt: dict[str, Any] | None = None
        self.accepted: Accepted | None = None
        self.progress: Progress | None = None
        self._new_link = link
        self._resume_s = resume_s
        self._inbox: Inbox | None = None
        self._is_over = False
        self._asked_at = 0.0
        self._losses = 0
        self._lost_at: float | None = None  # since when there has been no new audio for want of a daemon
        self._given = _Counted()
        self._came = _Counted()  # in the present try

    async def __aenter__(self) -> Stream:  # noqa: PYI034 - typing.Self is of Python 3.11
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        self._drop()

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> bytes:
        while not self._is_over:
            if audio := await self._step():
                return audio
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """Cancel what has not been made; one that has ended stays as it is."""
        self._is_over = True
        self._drop()

    async def begin(self) -> Accepted:
        """Send the request, if it was not sent yet, and return the daemon's word that it will be done.

        Raises:
            F5Error: the daemon's refusal, as the class that its code stands for.
        """
        while self.accepted is None:
            if self._is_over:
                raise ClosedError
            await self._step()
        return self.accepted

    async def _step(self) -> bytes:
        """Wait for the daemon's next word and take note of it; return the audio in it that is new.

        Raises:
            F5Error: it is no good one.
        """
        try:
            if self._inbox is None:
                self._inbox = await self._send()
            left_s = self._left_s() if self._inbox.is_empty else None  # what came in time may be taken later
            return self._noted(await asyncio.wait_for(self._inbox.get(), left_s))
        except asyncio.TimeoutError:
            await self.aclose()
            raise overdue(self.request.timeout_s or 0) from None
        except NoDaemonError as error:
            had_one = self._inbox is not None or self._losses > 0
            self._drop()
            if not had_one or not await self._has_another():
                self._is_over = True
                raise error from None
            return b""
        except BaseException:
            await self.aclose()
            raise

    async def _send(self) -> Inbox:
        self._asked_at = self._asked_at or time.monotonic()
        request = timely(self.request, self._asked_at)
        self._came = _Counted()
        return (await self._new_link()).send(request)

    def _left_s(self) -> float | None:
        """Return how long the daemon may take to end the request; None without a limit."""
        if self.request.timeout_s is None:
            return None
        return max(0.0, self._asked_at + self.request.timeout_s + GRACE_S - time.monotonic())

    def _noted(self, reply: Reply) -> bytes:
        if isinstance(reply, Audio):
            return self._new_of(reply.data)
        if isinstance(reply, Accepted):
            self.accepted = reply
        elif isinstance(reply, Progress):
            self.progress = reply
        elif isinstance(reply, Failed) and reply.code == "shutting_down" and self._inbox is not None:
            self._inbox.link.is_leaving = True
            raise NoDaemonError(reply.message)
        else:
            self._finish(answer(reply))
        return b""

    def _new_of(self, audio: bytes) -> bytes:
        """Return what of a chunk was not given before the daemon was lost; that has to be the same."""
        known = min(len(audio), self._given.size - self._came.size)
        self._came.add(audio[:known])
        if known and self._came.size == self._given.size and self._came.digest != self._given.digest:
            raise other_audio()
        new = audio[known:]
        if new:
            self._lost_at = None
        self._came.add(new)
        self._given.add(new)
        return new

    def _finish(self, receipt: dict[str, Any]) -> None:
        if self._came.size < self._given.size:
            raise other_audio()
        samples = receipt.get("samples")
        came = self._came.size // SAMPLE_BYTES
        if self.request.encoding == "pcm" and isinstance(samples, int) and samples != came:
            line = f"{came} samples came; the receipt says {samples}"
            raise SynthesisError("internal_error", line)
        self.receipt = receipt
        self._is_over = True
        self._drop()

    async def _has_another(self) -> bool:
        """Return True when a daemon listens again, False when that is hopeless."""
        self._losses += 1
        self._lost_at = self._lost_at or time.monotonic()
        while self._losses <= MAX_LOSSES and time.monotonic() < self._lost_at + self._resume_s:
            await asyncio.sleep(WAIT_S)
            try:
                await self._new_link()
            except ClosedError:
                return False
            except NoDaemonError:
                continue
            return True
        return False

    def _drop(self) -> None:
        inbox, self._inbox = self._inbox, None
        if inbox is not None:
            inbox.drop()


class _Counted:
    """How much audio there was, and a hash of it."""

    def __init__(self) -> None:
        self.size = 0
        self._hash = hashlib.sha256()

    def add(self, audio: bytes) -> None:
        self.size += len(audio)
        self._hash.update(audio)

    @property
    def digest(self) -> bytes:
        return self._hash.digest()
