"""`f5ctl say`: text in, audio out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

import click

from f5ctl.cli.base.parameters import check_voice, parameters, priority, quality, steps, voice_options
from f5ctl.cli.base.settings import LongVerb, Settings, common_options, option
from f5ctl.cli.base.tags import check_tags, tag_options
from f5ctl.cli.say_call import Call, Performance
from f5ctl.commandline import FILE
from f5ctl.printing import warn
from f5ctl.progress import StatusLine
from f5ctl.speech.output import FORMATS
from f5ctl.speech.texts import is_long

if TYPE_CHECKING:
    from f5ctl.speech.book import Book
    from f5ctl.speech.marks import Marks
    from f5ctl.speech.pieces import Pieces
    from f5ctl.speech.script import Reading


_TOLD: Final = {
    "language": "Read numbers out in en, pt or none; default: the voice's.",
    "remove_silence": "Shorten long pauses.",
}


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
    type=FILE,
    section="Text",
    help="Read the text or subtitles from FILE (- is stdin).",
)
@option(
    "--markdown/--no-markdown",
    default=None,
    section="Text",
    rare=True,
    help="Read Markdown's marks, as in a .md FILE.",
)
@option(
    "-c", "--config", metavar="FILE", type=FILE, section="Text", help="Speak a story of f5-tts: a TOML file."
)
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
    type=FILE,
    multiple=True,
    section="Output",
    help="Write FILE, in its suffix's format (- is stdout), or a new one in FOLDER/; may be repeated.",
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
@option("--subtitles", metavar="FILE", type=FILE, section="Output", help="Write subtitles, .srt or .vtt.")
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
    if target.is_folder:
        from f5ctl.speech.naming import stem_of

        target = target.named(stem_of(text if isinstance(text, str) else text.beginning))
    reading = call.reading_of_cues(reading, text, marks)
    text = _bound(text, reading)
    if reading is None and isinstance(text, str) and ("[" in text or call.dry_run):
        reading, text = _reading_of_marks(text, call, marks())
    request = call.request(text if isinstance(text, str) else "", target, fields)
    reading = reading or _reading_of_book(text, marks)
    performance = Performance(settings, call, request, target, line, set())
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
