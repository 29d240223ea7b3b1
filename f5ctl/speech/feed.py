"""Speaking a text while it is being written: `llm ... | f5ctl say`.

Standard input is cut into pieces (pieces.py), each piece is a `say` of its own, and all their audio
goes into one sink in the order of the text. At most `IN_FLIGHT` requests are unfinished at a time;
audio that comes before its turn waits in memory. One thread waits for everything at once, so a
player that takes its time holds up neither the reading nor the requests. Imported only when the
text has not ended by the time f5ctl has started.
"""

from __future__ import annotations

import contextlib
import select
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, Final

import zmq

from f5ctl.client import SILENCE_S, Client, answer, new_id
from f5ctl.errors import BadRequestError, F5Error, NoDaemonError, OutputError
from f5ctl.progress import StatusLine
from f5ctl.protocol import BOUNDS, TERMINAL_TYPES, Audio, Reply, Say
from f5ctl.speech.inputs import STDIN, read_into
from f5ctl.speech.output import check_complete, file_tag
from f5ctl.speech.pieces import Pieces
from f5ctl.speech.sinks import ReaderGoneError, Sink
from f5ctl.speech.texts import nothing_to_speak

IN_FLIGHT: Final = 2
SEED_STRIDE: Final = 1000  # request k has the seed S + 1000 k; its segments count on from there
SEEDS: Final = int(BOUNDS["seed"].high) + 1


@dataclass(slots=True)
class _Part:
    """One request: the audio that has come and is not yet written, and how it ended."""

    request: Say
    chunks: deque[Audio] = field(default_factory=deque)
    written_bytes: int = 0
    last: Reply | None = None


class Feed:
    """Owns the pieces and the requests; `template` is every request but for id, text and seed.

    `report` gets the receipt of each request when its audio has been written.
    """

    def __init__(
        self,
        client: Client,
        template: Say,
        pieces: Pieces,
        sink: Sink,
        *,
        line: StatusLine,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self._client = client
        self._template = template
        self._pieces = pieces
        self._sink = sink
        self._line = line
        self._report = report
        self._parts: deque[_Part] = deque()
        self._sent = 0
        self._heard_at = 0.0
        self._fault: F5Error | None = None  # nothing more is read or asked for

    def speak(self) -> None:
        """Speak to the end of the text and finish the sink.

        The first fault ends it, after the audio that comes before it; no request is left behind.
        """
        try:
            self._run()
            self._line.show("playing")
            self._sink.finish()
        except BaseException as error:
            spoken = (
                self._sink.audio_bytes and isinstance(error, F5Error) and not isinstance(error, OutputError)
            )
            if not spoken:
                self._sink.abort()  # silence first, then tell the daemon
            self._client.cancel(*(part.request.id for part in self._parts))
            if spoken:
                with contextlib.suppress(OutputError, ReaderGoneError):  # the first fault counts
                    self._sink.finish()
            raise

    def _run(self) -> None:
        while self._advance():
            self._wait()
        if self._fault:
            raise self._fault
        if not self._sent:
            raise nothing_to_speak()

    def _advance(self) -> bool:
        """Do everything that needs no waiting; return whether there is more to come."""
        self._read()
        self._ask()
        self._write()
        while self._parts and self._parts[0].last and not self._parts[0].chunks:
            self._conclude(self._parts[0])
        return bool(self._parts) or not (self._fault or self._pieces.is_empty)

    @property
    def _unfinished(self) -> int:
        return sum(part.last is None for part in self._parts)

    @property
    def _reads(self) -> bool:
        return not (self._fault or self._pieces.ended or self._pieces.is_full)

    @property
    def _asks(self) -> bool:
        return not self._fault and self._unfinished < IN_FLIGHT

    def _read(self) -> None:
        try:
            while self._reads and select.select([STDIN], [], [], 0)[0]:
                read_into(self._pieces)
        except BadRequestError as error:
            self._fault = error

    def _ask(self) -> None:
        due_at = self._pieces.due_at
        if due_at is None or due_at > time.monotonic() or not self._asks:
            return
        try:
            text = self._pieces.take()
        except BadRequestError as error:
            self._fault = error
            return
        if not any(char.isalnum() for char in text):
            return
        if not self._unfinished:
            self._heard_at = time.monotonic()
        seed = self._template.seed
        if seed is not None:
            seed = (seed + SEED_STRIDE * self._sent) % SEEDS
        self._sent += 1
        request = replace(self._template, id=new_id(), text=text, seed=seed)
        self._parts.append(_Part(request))
        self._client.send(request)

    def _write(self) -> None:
        """Write one piece of the first part's audio if the sink takes it without making us wait."""
        if self._parts and self._parts[0].chunks and select.select([], [self._sink], [], 0)[1]:
            self._put(self._parts[0])

    def _put(self, part: _Part) -> None:
        chunk = part.chunks.popleft()
        self._sink.add(chunk.data, chunk.sample_rate_hz)
        part.written_bytes += len(chunk.data)

    def _conclude(self, part: _Part) -> None:
        receipt = answer(part.last)
        check_complete(receipt, part.request, part.written_bytes)
        self._parts.popleft()
        self._sink.note(file_tag(receipt, part.request))
        self._report(receipt)

    def _wait(self) -> None:
        """Wait until anything can be done, and take what the daemon says."""
        sources = [(STDIN, zmq.POLLIN)] if self._reads else []
        if self._parts and self._parts[0].chunks:
            sources.append((self._sink.fileno(), zmq.POLLOUT))
        if not self._parts and self._fault is None:
            self._line.show("waiting for text")
        times = [self._heard_at + SILENCE_S] if self._unfinished else []
        if self._asks and self._pieces.due_at is not None:
            times.append(self._pieces.due_at)
        now = time.monotonic()
        try:
            reply = self._client.wait(max(0.0, min(times) - now) if times else None, sources)
            if reply is not None:
                self._take(reply)
            elif self._unfinished and time.monotonic() - self._heard_at >= SILENCE_S:
                raise NoDaemonError(f"the daemon has not answered for {SILENCE_S:.0f} s")
        except F5Error:
            self._write_the_rest()
            raise

    def _take(self, reply: Reply) -> None:
        self._heard_at = time.monotonic()
        part = next((part for part in self._parts if part.request.id == reply.id), None)
        if part is None:
            return
        if isinstance(reply, Audio):
            for start in range(0, len(reply.data), select.PIPE_BUF):  # as much as a ready pipe surely takes
                part.chunks.append(replace(reply, data=reply.data[start : start + select.PIPE_BUF]))
        elif isinstance(reply, TERMINAL_TYPES):
            part.last = reply
            try:
                answer(reply)
            except F5Error as error:
                self._fault = self._fault or error
        elif part is self._parts[0]:
            self._line.report(reply)

    def _write_the_rest(self) -> None:
        """Write the audio that has come and whose turn it is; the daemon will say no more."""
        while self._parts:
            while self._parts[0].chunks:
                self._put(self._parts[0])
            if self._parts[0].last is None:
                return
            self._conclude(self._parts[0])
