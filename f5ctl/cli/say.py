"""`f5ctl say`: text in, audio out."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, cast

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.parameters import check_voice, parameters, priority, quality, steps, voice_options
from f5ctl.cli.base.settings import LongVerb, Settings, common_options, option
from f5ctl.cli.base.tags import check_tags, tag_options
from f5ctl.client import Client, new_id
from f5ctl.parameters import PRIORITIES
from f5ctl.printing import emit, emit_json, warn
from f5ctl.progress import StatusLine
from f5ctl.protocol import Say
from f5ctl.speech.inputs import is_markdown, read_any_text, read_recording
from f5ctl.speech.output import FORMATS, Format, Output, choose_output
from f5ctl.speech.say import speak
from f5ctl.speech.texts import is_long, may_hold_cues

if TYPE_CHECKING:
    from f5ctl.speech.book import Book
    from f5ctl.speech.many import Order
    from f5ctl.speech.marks import Marks
    from f5ctl.speech.pieces import Pieces
    from f5ctl.speech.script import Reading


_TOLD: Final = {
    "seed": "Same seed, same audio.",
    "language": "Read numbers out in en, pt or none; default: the voice's.",
    "remove_silence": "Shorten long pauses.",
}


class Call(NamedTuple):
    """What the options of a `say` ask for."""

    words: tuple[str, ...]
    file: str | None
    config: str | None
    markdown: bool | None
    paragraph_pause: str | None
    subtitles: str | None
    output: str | None
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

    def target(self, reading: Reading | None) -> Output:
        """Return where the audio goes."""
        output = self.output
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

    def request(self, text: str, target: Output, fields: dict[str, Any]) -> Say:
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


@click.command(
    cls=LongVerb,
    options_metavar="[OPTIONS]",
    examples="f5ctl say -o hello.wav 'Hello there.'\ngit log -1 --format=%s | f5ctl say -v slt --play",
)
@click.argument("words", metavar="[TEXT]...", nargs=-1)
@option(
    "-f",
    "--file",
    metavar="FILE",
    section="Text",
    help="Read the text, or subtitles (.srt, .vtt, .sbv), from FILE (- is stdin).",
)
@option(
    "--markdown/--no-markdown",
    default=None,
    section="Text",
    rare=True,
    help="Read Markdown's marks, as in a .md FILE.",
)
@option("-c", "--config", metavar="FILE", section="Text", help="Speak a story of f5-tts: a TOML file.")
@option(
    "--paragraph-pause",
    metavar="TIME",
    section="Text",
    rare=True,
    help="Silence between paragraphs: 800ms, 1.5s.",
)
@tag_options("Text")
@option(
    "--programme-start",
    metavar="TIME",
    section="Text",
    rare=True,
    help="Where the audio begins in the times of subtitles: 10:00:00; 0 keeps them.",
)
@option(
    "-o",
    "--output",
    metavar="FILE",
    section="Output",
    help="Write FILE, in its suffix's format (- is stdout).",
)
@option(
    "--format",
    "format_",
    metavar="NAME",
    type=click.Choice(FORMATS),
    section="Output",
    rare=True,
    help=f"One of {' '.join(FORMATS)}, whatever the suffix.",
)
@option("--output-raw", is_flag=True, section="Output", help="Samples on stdout: s16le, 24 kHz, mono.")
@option("--dry-run", is_flag=True, section="Output", help="Show what would be said, when, and the wait.")
@option(
    "--no-receipt-text",
    is_flag=True,
    section="Output",
    rare=True,
    help="Keep the text out of the file's receipt.",
)
@option("--play", is_flag=True, section="Output", help="Play it ($F5CTL_PLAYER).")
@option("--json", "as_json", is_flag=True, section="Output", help="Print the receipt as a line of JSON.")
@option("--subtitles", metavar="FILE", section="Output", help="Write subtitles, .srt or .vtt.")
@voice_options("Speech")
@quality("Speech")
@parameters("say", usual="Speech", fine="Fine tuning", told=_TOLD)
@priority("Options")
@option("--retry", is_flag=True, help="Go on when the daemon dies or is full.")
@common_options
@click.pass_obj
def say(settings: Settings, /, **given: Any) -> None:
    """Speak TEXT, or the text on stdin; [town] in it changes the voice, [pause 800ms] is a pause.

    The audio goes to -o FILE, else to stdout as WAV, on a terminal to a player. Text that is
    still being written to a pipe is spoken sentence by sentence.
    """
    call = Call(**{name: given.pop(name) for name in Call._fields})
    check_tags(no_tags=call.no_tags, strict_tags=call.strict_tags)
    with StatusLine(quiet=settings.quiet) as line:
        _speak(settings, call, given, line)


def _speak(settings: Settings, call: Call, fields: dict[str, Any], line: StatusLine) -> None:
    """Do what the call asks for; `fields` are those of the protocol."""
    marks = partial(call.marks, settings, line)
    reading = call.reading(marks)
    target = call.target(reading)
    check_voice(fields["voice"], call.ref_audio, fields["ref_text"])
    fields["nfe_step"] = steps(call.quality, fields["nfe_step"])
    whole = reading or call.retry or call.dry_run or fields["fix_duration"] is not None
    tell = partial(warn, quiet=settings.quiet)
    steady = fields["seed"] is not None
    text = call.text(reading, as_it_comes=target.is_stream and not whole, steady=steady, tell=tell)
    reading = call.reading_of_cues(reading, text, marks)
    text = _bound(text, reading)
    if reading is None and isinstance(text, str) and ("[" in text or call.dry_run):
        reading, text = _reading_of_marks(text, call, marks())
    request = call.request(text if isinstance(text, str) else "", target, fields)
    reading = reading or _reading_of_book(text, marks)
    performance = _Performance(settings, call, request, target, line, set())
    if reading is None:
        performance.speak(cast("str | Pieces", text))
    elif call.dry_run:
        performance.preview(reading, cast("str | Book", text))
    else:
        performance.speak_parts(reading, cast("str | Book", text))


def _bound(text: str | Pieces | Book, reading: Reading | None) -> str | Pieces | Book:
    """Return a text that is longer than one request as a book; the times of subtitles are read all at once."""
    if not isinstance(text, str) or (reading and reading.has_cues) or not is_long(text):
        return text
    from f5ctl.speech.book import book_of

    return book_of(text)


def _reading_of_book(text: str | Pieces | Book, marks: Callable[[], Marks]) -> Reading | None:
    """Return how to read a book; None for any other text."""
    if isinstance(text, str):
        return None
    from f5ctl.speech.book import Book

    if not isinstance(text, Book):
        return None
    from f5ctl.speech.script import Reading

    return Reading(marks())


def _reading_of_marks(text: str, call: Call, marks: Marks) -> tuple[Reading | None, str]:
    """Return how to read a text with brackets, None for one that is one request; and what that one says."""
    from f5ctl.speech.script import Reading

    whole = None if call.dry_run else marks.whole(text)
    return (Reading(marks), text) if whole is None else (None, whole)


class _Performance(NamedTuple):
    """Speaks, or shows, what a call asks for; `request` has what is the same for all parts of a text."""

    settings: Settings
    call: Call
    request: Say
    target: Output
    line: StatusLine
    told: set[str]  # warnings that were printed

    def speak(self, text: str | Pieces) -> None:
        """Speak a text that is one request, or one that is still being written."""
        with self.target.open() as sink, self._connected() as client:
            if self.call.retry:
                from f5ctl.speech.lasting import Lasting
                from f5ctl.speech.retry import Retry

                self._report(Retry(Lasting(client, self._again), self.request).speak(sink, self.line))
            elif isinstance(text, str):
                self._report(speak(client, self.request, sink, self.line))
            else:
                from f5ctl.speech.feed import Feed

                marks = self.call.marks(self.settings, self.line)
                Feed(client, self.request, text, marks, sink, line=self.line, report=self._report).speak()

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
