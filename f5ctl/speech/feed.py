"""Speaking a text while it is being written: `llm ... | f5ctl say`.

Standard input is cut into pieces (pieces.py), each piece, or each voice's part of it, is a `say` of its
own, and all their audio goes into one sink in the order of the text. A tag holds until the next one, in
whichever piece. At most `IN_FLIGHT` requests are unfinished at a time; audio that comes before its turn
waits in memory. One thread waits for everything at once, so a player that takes its time holds up
neither the reading nor the requests. Imported only when the text has not ended by the time f5ctl has
started.
"""

from __future__ import annotations

import contextlib
import select
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from f5ctl.client import Client, answer
from f5ctl.errors import BadRequestError, F5Error, OutputError
from f5ctl.progress import StatusLine
from f5ctl.protocol import SAMPLE_RATE_HZ, Say
from f5ctl.speech.conversation import Conversation, Part
from f5ctl.speech.inputs import STDIN, read_into
from f5ctl.speech.joining import Joints, put_silence
from f5ctl.speech.marks import Marks, Pause, Words
from f5ctl.speech.output import file_tag
from f5ctl.speech.parts import Silence, Speech
from f5ctl.speech.pieces import Pieces
from f5ctl.speech.sinks import ReaderGoneError, Sink
from f5ctl.speech.texts import nothing_to_speak
from f5ctl.speech.turns import turn

IN_FLIGHT: Final = 2


class Feed:
    """Owns the pieces and the requests; `template` is every request but for id, text, seed and a tag's voice.

    `report` gets the receipt of each request when its audio has been written.
    """

    def __init__(
        self,
        client: Client,
        template: Say,
        pieces: Pieces,
        marks: Marks,
        sink: Sink,
        *,
        line: StatusLine,
        report: Callable[[dict[str, Any]], None],
    ) -> None:
        self._talk = Conversation(client, line.report)
        self._template = template
        self._pieces = pieces
        self._marks = marks
        self._todo: deque[Words | Pause] = deque()  # parts of a piece that was taken
        self._pause_s = 0.0  # of marks, before what is asked for next
        self._begins_paragraph = False  # what is asked for next
        self._asked: dict[str, tuple[Speech, float]] = {}  # with the pause of marks before it
        self._begun: str | None = None  # the request whose audio is being written
        self._joints = Joints()
        self._sink = sink
        self._line = line
        self._report = report
        self._sent = 0
        self._fault: F5Error | None = None  # nothing more is read or asked for

    def speak(self) -> None:
        """Speak to the end of the text and finish the sink.

        The first fault ends it, after the audio that comes before it; no request is left behind.
        """
        try:
            with self._talk, self._sink.silenced_by_errors(but=(F5Error,)):
                while self._advance():
                    self._wait()
                if self._fault:
                    raise self._fault
                if not self._sent:
                    raise nothing_to_speak()
                self._line.show(self._sink.doing)
                if self._pause_s:
                    pause_s = self._joints.of_s(Silence(self._pause_s), last=True)
                    add = partial(self._sink.add, rate_hz=SAMPLE_RATE_HZ)
                    put_silence(round(pause_s * SAMPLE_RATE_HZ), add, self._sink.note)
                self._sink.finish()
        except F5Error as error:
            if self._sink.audio_bytes and not isinstance(error, OutputError):
                with contextlib.suppress(OutputError, ReaderGoneError):  # the first fault counts
                    self._sink.finish()
            raise

    def _advance(self) -> bool:
        """Do everything that needs no waiting; return whether there is more to come."""
        self._read()
        self._ask()
        first = self._talk.first
        if first and first.has_audio:
            self._pause_before(first)
        if first and first.has_audio and select.select([], [self._sink], [], 0)[1]:
            self._sink.add(first.take_piece(select.PIPE_BUF), first.rate_hz)  # a ready pipe surely takes it
        while (first := self._talk.first) and first.last and not first.has_audio:
            self._conclude(first)
        return bool(self._talk) or not (self._fault or (self._pieces.is_empty and not self._todo))

    @property
    def _reads(self) -> bool:
        return not (self._fault or self._pieces.ended or self._pieces.is_full)

    @property
    def _asks(self) -> bool:
        return not self._fault and self._talk.unfinished < IN_FLIGHT

    def _read(self) -> None:
        try:
            while self._reads and select.select([STDIN], [], [], 0)[0]:
                read_into(self._pieces)
        except BadRequestError as error:
            self._fault = error

    def _ask(self) -> None:
        due_at = self._pieces.due_at
        if not self._todo and self._asks and due_at is not None and due_at <= time.monotonic():
            try:
                self._todo.extend(self._marks.more_parts(self._pieces.take()))
                self._begins_paragraph = self._pieces.begins_paragraph
            except BadRequestError as error:
                self._fault = error
        while self._todo and self._asks:
            part = self._todo.popleft()
            if isinstance(part, Pause):
                self._pause_s += part.duration_s
            else:
                self._say(part)

    def _say(self, words: Words) -> None:
        speech = Speech(turn(self._template, words, self._sent), self._begins_paragraph)
        self._talk.ask(speech.request)
        self._asked[speech.request.id] = speech, self._pause_s
        self._sent += 1
        self._pause_s, self._begins_paragraph = 0.0, False

    def _pause_before(self, part: Part) -> None:
        """Put the pause that is due before the first audio of a part, once: a mark's, or the boundary's."""
        if part.request.id == self._begun:
            return
        self._begun = part.request.id
        speech, wanted_s = self._asked[self._begun]
        pause_s = self._joints.of_s(Silence(wanted_s)) if wanted_s else self._joints.before_s(speech)
        put_silence(round(pause_s * SAMPLE_RATE_HZ), part.put_before, self._sink.note)

    def _conclude(self, part: Part) -> None:
        receipt = part.receipt()
        self._talk.drop(part)
        self._sink.note(file_tag(receipt, part.request))
        speech, _pause_s = self._asked.pop(part.request.id)
        self._joints.spoke(speech, receipt.get("parameters"))
        self._report(receipt)

    def _wait(self) -> None:
        """Wait until anything can be done, and take what the daemon says."""
        sources = [(STDIN, select.POLLIN)] if self._reads else []
        first = self._talk.first
        if first and first.has_audio:
            sources.append((self._sink.fileno(), select.POLLOUT))
        if first is None and self._fault is None:
            self._line.show("waiting for text")
        try:
            part = self._talk.hear(self._pieces.due_at if self._asks else None, sources)
        except F5Error:  # the daemon is lost
            self._write_the_rest()
            raise
        if part and part.last:
            try:
                answer(part.last)
            except F5Error as error:
                self._fault = self._fault or error

    def _write_the_rest(self) -> None:
        """Write the audio that has come and whose turn it is; the daemon will say no more."""
        while first := self._talk.first:
            if first.has_audio:
                self._pause_before(first)
            for chunk in first.take():
                self._sink.add(chunk, first.rate_hz)
            if first.last is None:
                return
            self._conclude(first)
