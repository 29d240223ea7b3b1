"""What one `f5ctl say` asks for, and the speaking of it. The options are in say.py."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Settings
from f5ctl.client import Client, new_id
from f5ctl.parameters import PRIORITIES
from f5ctl.printing import emit, emit_json, warn
from f5ctl.progress import StatusLine
from f5ctl.protocol import Say
from f5ctl.speech.inputs import is_markdown, read_any_text, read_recording
from f5ctl.speech.output import Format, Output, choose_output
from f5ctl.speech.say import speak
from f5ctl.speech.texts import may_hold_cues

if TYPE_CHECKING:
    from f5ctl.speech.book import Book
    from f5ctl.speech.many import Order
    from f5ctl.speech.marks import Marks
    from f5ctl.speech.pieces import Pieces
    from f5ctl.speech.script import Reading
    from f5ctl.speech.several import Outputs
    from f5ctl.speech.sinks import Sink

    Target = Output | Outputs


class Call(NamedTuple):
    """What the options of a `say` ask for."""

    words: tuple[str, ...]
    file: str | None
    config: str | None
    markdown: bool | None
    paragraph_pause: str | None
    subtitles: str | None
    output: tuple[str, ...]
    format_: Format | None
    output_raw: bool
    play: bool
    as_json: bool
    dry_run: bool
    quality: str | None
    priority: str | None
    no_receipt_text: bool
    ref_audio: str | None
    remove_silence: bool | None
    retry: bool
    no_tags: bool
    strict_tags: bool
    programme_start: str | None

    def marks(self, settings: Settings, line: StatusLine) -> Marks:
        """Return what knows which brackets of the text are tags."""
        from f5ctl.cli.base.tags import marks

        return marks(settings, line, no_tags=self.no_tags, strict_tags=self.strict_tags)

    def reading(self, marks: Callable[[], Marks]) -> Reading | None:
        """Return how to read a text of several requests; None when no option asks for that."""
        if not (self.config or self.subtitles or self.paragraph_pause):
            return None
        from f5ctl.speech.script import read_options

        return read_options(marks(), self.config, self.subtitles, self.paragraph_pause)

    def reading_of_cues(
        self, reading: Reading | None, text: str | Pieces | Book, marks: Callable[[], Marks]
    ) -> Reading | None:
        """Return how to read a text of subtitles; `reading` for any other."""
        if isinstance(text, str) and may_hold_cues(text, self.file):
            from f5ctl.speech.cue_detect import holds_cues

            if holds_cues(text, self.file):
                from f5ctl.speech.script import Reading, with_cues

                return with_cues(reading or Reading(marks()), self.programme_start)
        if self.programme_start is not None:
            raise click.UsageError("--programme-start is for subtitles; the text has no cues")
        return reading

    def target(self, reading: Reading | None) -> Target:
        """Return where the audio goes."""
        if len(self.output) + self.output_raw + self.play > 1:
            from f5ctl.speech.several import choose_several

            return choose_several(self.output, self.format_, raw=self.output_raw, play=self.play)
        output = self.output[0] if self.output else None
        if reading and output is None and not (self.output_raw or self.play):
            output = reading.output
        if self.dry_run and output is None and not self.output_raw:
            output = os.devnull
        return choose_output(output, self.format_, raw=self.output_raw, play=self.play)

    def text(
        self,
        reading: Reading | None,
        *,
        as_it_comes: bool,
        steady: bool,
        tell: Callable[[str], None],
    ) -> str | Pieces | Book:
        """Return the text, a book if it is long, or the beginning of one that is still being written."""
        own = reading.text if reading and not (self.words or self.file) else None
        return own or read_any_text(
            self.words,
            self.file,
            as_it_comes=as_it_comes,
            steady=steady,
            markdown=self.markdown,
            tell=tell,
        )

    def request(self, text: str, target: Target, fields: dict[str, Any]) -> Say:
        """Return the request, with the recording of its voice if that is one of the user's own."""
        request = Say(
            new_id(),
            text,
            ref_audio=read_recording(self.ref_audio) if self.ref_audio else None,
            priority=None if self.priority is None else PRIORITIES[self.priority],
            remove_silence=bool(self.remove_silence),
            receipt_text=False if self.no_receipt_text else None,
            encoding=target.encoding,
            stream=target.is_stream,
            **fields,
        )
        if request.voice is None:
            return request
        from f5ctl.voicebox import with_private_voice

        return with_private_voice(request)


class Performance(NamedTuple):
    """Speaks, or shows, what a call asks for; `request` has what is the same for all parts of a text."""

    settings: Settings
    call: Call
    request: Say
    target: Target
    line: StatusLine
    told: set[str]  # warnings that were printed

    def speak(self, text: str | Pieces) -> None:
        """Speak a text that is one request, or one that is still being written."""
        with self.target.open() as sink, self._connected() as client:
            if self.call.retry:
                from f5ctl.speech.lasting import Lasting
                from f5ctl.speech.retry import speak_lasting

                lasting = Lasting(client, self._again, self.line.show)
                self._report(speak_lasting(lasting, self.request, sink, self.line))
            elif isinstance(text, str):
                self._report(speak(client, self.request, sink, self.line))
            else:
                from f5ctl.speech.feed import Feed

                marks = self.call.marks(self.settings, self.line)
                Feed(client, self.request, text, marks, sink, line=self.line, report=self._report).speak()
        self._tell_names(sink)

    def speak_parts(self, reading: Reading, text: str | Book) -> None:
        """Speak a text of several requests, then write its subtitles."""
        from f5ctl.speech.journal import ChangedError
        from f5ctl.speech.many import shown_on, speak_many
        from f5ctl.speech.script import write_subtitles
        from f5ctl.speech.sinks import make_folder

        order = self._order(reading, text)
        if self.target.path is not None and self.target.path == reading.output:
            make_folder(self.target.path)
        with self.target.open() as sink:
            while True:
                try:
                    listener = shown_on(self.line, order, report=self._report, warn=self._warn)
                    client = self._connected()
                    spoken = speak_many(order, sink, client, self._again, self.line, listener=listener)
                    break
                except ChangedError as error:
                    self._warn(f"{error}; {sink.name} is made from its beginning")
                    order = order.again(sink.name)
        self._tell_names(sink)
        if reading.subtitles is not None:
            write_subtitles(reading.subtitles, spoken.cues, split=not reading.has_cues)

    def preview(self, reading: Reading, text: str | Book) -> None:
        """Print how the text would be spoken, with --json the daemon's answers line by line."""
        from f5ctl.speech.preview import ask, outline, table

        order = self._order(reading, text)
        with self._connected() as client:
            source = order.source(client, self.request.seed, self._warn)
            plans = ask(client, source, self.line, warn=self._warn)
            if self.call.as_json:
                for _part, found, _total in plans:
                    if found:
                        emit_json(found)
            else:
                for shown in outline(plans) if order.book else table(plans):
                    self.line.clear()
                    emit(shown)

    def _order(self, reading: Reading, text: str | Book) -> Order:
        from f5ctl.speech.many import Order

        reading = replace(reading, markdown=is_markdown(self.call.file, said=self.call.markdown))
        retry = self.call.retry
        encoding, remove_silence = self.target.encoding, self.call.remove_silence
        return Order(reading, self.request, text, encoding, remove_silence, lasts=retry, keeps=retry)

    def _connected(self) -> Client:
        return connect(self.settings, self.line, start=True, timeout_s=self.request.timeout_s)

    def _again(self) -> Client:
        return connect(self.settings, self.line, start=True)

    def _tell_names(self, sink: Sink) -> None:
        """Tell the names that were found for files in folders."""
        for name in sink.chosen:
            self.line.clear()
            emit(name, to_stderr=True)

    def _report(self, receipt: dict[str, Any]) -> None:
        """Tell what a receipt says."""
        self.line.clear()
        for warning in receipt.get("warnings") or []:
            self._warn(warning)
        if self.call.as_json:
            emit_json(receipt, to_stderr=self.target.is_stdout)

    def _warn(self, text: str) -> None:
        """Print a warning, once: many requests of one call would say the same."""
        if text not in self.told:
            self.told.add(text)
            self.line.clear()
            warn(text, quiet=self.settings.quiet)
