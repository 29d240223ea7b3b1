"""A text of many requests, spoken into one output: its parts, where they go, and what is told meanwhile.

Here the pieces come together: a script's parts or a book's chapters, the speaker, and the journal that
`say --retry` and `batch` keep beside a file. Imported for such texts only.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from f5ctl.client import Client
from f5ctl.errors import OutputError
from f5ctl.printing import duration
from f5ctl.progress import StatusLine, left
from f5ctl.protocol import Progress, Reply, Say
from f5ctl.receipts import BookReceipt
from f5ctl.speech.book import Book
from f5ctl.speech.journal import ChangedError, Journal
from f5ctl.speech.lasting import Lasting
from f5ctl.speech.parts import Listed, Listener, Source, Taker
from f5ctl.speech.script import Chapters, Reading, voices_of
from f5ctl.speech.sinks import Sink
from f5ctl.speech.speaker import Speaker
from f5ctl.speech.spool import Joined, Spool, temporary
from f5ctl.speech.srt import Cue
from f5ctl.speech.texts import no_length


class Output(Taker, Protocol):
    """What takes the audio of all parts and is completed with the last; `book_tag` is a book's receipt then."""

    book_tag: str | None

    def finish(self) -> None:
        """Complete the output."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """What was said when, if subtitles are to be written, a book's receipt, the first part's, the length."""

    cues: Sequence[Cue]
    book_tag: str | None
    first_tag: str
    samples: int


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be spoken: `request` has what is the same for all parts, `text` a book instead of its text.

    An order that `lasts` outlives its daemon. One that `keeps` leaves what is made of a file to the next try.
    """

    reading: Reading
    request: Say
    text: str | Book
    encoding: str
    remove_silence: bool | None = None
    lasts: bool = False
    keeps: bool = False

    @property
    def book(self) -> Book | None:
        """The text, where it is a book."""
        return self.text if isinstance(self.text, Book) else None

    def again(self, name: str) -> Order:
        """Return the order from the beginning of its text; OutputError about `name` when that is gone."""
        if self.book is None:
            return self
        if (book := self.book.again()) is None:
            raise OutputError(f"the text of {name} came from a pipe: give it again", while_writing=True)
        return replace(self, text=book)

    def source(self, client: Client, seed: int | None, warn: Callable[[str], None]) -> Source:
        """Return the parts; those of a text that is no book are all checked first (BadRequestError).

        `warn` gets what the story or the cues say that is not done as it is said.
        """
        request = replace(self.request, seed=seed)
        if self.book is None:
            parts = self.reading.parts(request, remove_silence=self.remove_silence, warn=warn)
            parts = self.reading.cast(client, parts)
            self.reading.check_voices(client, parts)
            return Listed(parts)
        if request.fix_duration is not None:
            raise no_length()
        self.reading.tell_story(warn)
        request = self.reading.template(replace(request, encoding="pcm"), remove_silence=self.remove_silence)
        served = voices_of(client)  # now: later the connection has other things to say
        return Chapters(
            self.reading, self.book, request, lambda parts: self.reading.refuse_unknown(parts, served)
        )


def speak_many(
    order: Order,
    sink: Sink,
    client: Client,
    reconnect: Callable[[], Client],
    line: StatusLine,
    *,
    listener: Listener,
) -> Spoken:
    """Speak the parts and finish the sink; return what came of it. The connection is closed then.

    Raises:
        F5Error: what the daemon answered, or that it is gone; unless the order `keeps` nothing is left behind.
        ChangedError: the run before was made by another model or voice; what it made is gone.
    """
    connection = Lasting(client, reconnect, line.show)
    with contextlib.ExitStack() as stack:
        stack.callback(connection.close)
        stack.enter_context(sink.silenced_by_errors(but=(ChangedError,)))
        journal, out, seed = _output(order, sink, line, stack)
        source = order.source(connection.client, seed, listener.warn)
        wants_cues = order.reading.subtitles is not None
        speaker = Speaker(
            connection, source, out, listener, lasts=order.lasts, journal=journal, tells_cues=wants_cues
        )
        speaker.speak()
        line.show(sink.doing)
        out.finish()
    return Spoken(speaker.cues, out.book_tag, speaker.first_tag, speaker.samples)


def shown_on(
    line: StatusLine, order: Order, *, report: Callable[[dict[str, Any]], None], warn: Callable[[str], None]
) -> Listener:
    """Return who is told, and shows on `line` how it goes."""
    if order.book is None:
        return Listener(report, warn, line.report)
    return Listener(report, warn, _unless_spoken(line), _Pace(order.book.size_bytes, line).show)


def _output(
    order: Order, sink: Sink, line: StatusLine, stack: contextlib.ExitStack
) -> tuple[Journal | None, Output, int | None]:
    """Return where the audio goes, also as the journal if it is one, and the seed of the first part."""
    call = order.reading.template(order.request, remove_silence=order.remove_silence)
    book = None if order.book is None else BookReceipt(call, **order.reading.facts)
    seed = order.request.seed
    if order.keeps and sink.target is not None:
        journal = Journal(sink, order.encoding, seed, book=book, tell=line.show)
        stack.enter_context(journal)
        return journal, journal, journal.seed
    if seed is None and (book or order.lasts):
        seed = int.from_bytes(os.urandom(4), "little")
    if order.encoding == "pcm":
        return None, Joined(sink, book), seed
    file = stack.enter_context(temporary(sink))
    return None, Spool(sink, order.encoding, file, book=book, tell=line.show), seed


class _Pace:
    """Shows how far a book is and how long the rest will take; `size_bytes` None: nobody knows."""

    def __init__(self, size_bytes: int | None, line: StatusLine) -> None:
        self._size_bytes = size_bytes
        self._line = line
        self._began: tuple[int, float] | None = None

    def show(self, said_bytes: int, audio_s: float, made: bool) -> None:  # noqa: FBT001 - a Listener's
        """Show the state after a part; the time left comes from those that were made in this run."""
        now = time.monotonic()
        said = f"{duration(audio_s)} of speech"
        if self._began is None or not made:
            self._began = (said_bytes, now)
        new_bytes, took_s = said_bytes - self._began[0], now - self._began[1]
        if self._size_bytes:
            said = f"{min(100, 100 * said_bytes // self._size_bytes)} %, {said}"
            if new_bytes:
                left_s = took_s / new_bytes * max(0, self._size_bytes - said_bytes)
                said += f", {left(left_s)}"
        self._line.show(f"speaking: {said}")


def _unless_spoken(line: StatusLine) -> Callable[[Reply], None]:
    """Return what shows the daemon's words, but for how far a piece of a book is."""

    def tell(reply: Reply) -> None:
        if not (isinstance(reply, Progress) and reply.state == "running"):
            line.report(reply)

    return tell
