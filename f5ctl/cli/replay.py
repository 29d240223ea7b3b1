"""`f5ctl replay`: making the audio of a file again from its receipt, and comparing the two."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Settings, Verb, common_options, option
from f5ctl.cli.base.tags import marks
from f5ctl.client import new_id
from f5ctl.commandline import FILE
from f5ctl.errors import BadRequestError
from f5ctl.printing import emit, emit_json
from f5ctl.progress import StatusLine
from f5ctl.protocol import SAMPLE_RATE_HZ, Say
from f5ctl.receipts import short_hash, spoken
from f5ctl.speech.file_samples import holds, why_not_compared
from f5ctl.speech.file_tags import Tagged, read_tag, receipts_of
from f5ctl.speech.inputs import read_any_text, read_recording, read_text
from f5ctl.speech.joining import put_silence
from f5ctl.speech.output import Output, choose_output
from f5ctl.speech.say import speak
from f5ctl.speech.sinks import open_file
from f5ctl.voicebox import with_private_voice

if TYPE_CHECKING:
    from f5ctl.speech.book import Book
    from f5ctl.speech.script import Reading

EXIT_DIFFERENT: Final = 1
_BEFORE_LEVELS: Final = {"loudness": False}  # what a receipt that does not say was made with
_BLAME: Final = {  # what can have changed: the key of the receipt, and how a person calls it
    "model_hash": "the model",
    "voice_hash": "the voice's recording or transcript",
    "dtype": "the number format",
    "device": "the device",
    "version": "f5d",
}


@click.command(
    cls=Verb,
    examples="f5ctl replay hello.wav\nf5ctl replay -o again.wav hello.wav\n"
    "f5ctl replay --text 'Hello there.' private.opus",
)
@click.argument("file", metavar="FILE", type=FILE)
@option("-o", "--output", metavar="OUT", type=FILE, help="Write the new audio to OUT, in its suffix's format.")
@option("--text", metavar="TEXT", section="Left out of the receipt", help="The text, if it was kept out.")
@option(
    "-f",
    "--file",
    "text_file",
    metavar="PATH",
    type=FILE,
    section="Left out of the receipt",
    help="Likewise, from PATH.",
)
@option(
    "--ref-audio",
    metavar="PATH",
    type=FILE,
    section="Left out of the receipt",
    help="The recording, if the voice had no name.",
)
@option("--ref-text", metavar="TEXT", section="Left out of the receipt", help="What the recording says.")
@option("--json", "as_json", is_flag=True, help="Print the comparison as a line of JSON.")
@common_options
@click.pass_obj
def replay(
    settings: Settings,
    /,
    *,
    file: str,
    output: str | None,
    text: str | None,
    text_file: str | None,
    ref_audio: str | None,
    ref_text: str | None,
    as_json: bool,
) -> int:
    """Make the audio of FILE again from its receipt and compare the two.

    Exits with 0 when every sample of FILE is the same, with 1 when not; a line says what has changed since.
    Formats other than WAV and FLAC keep no samples: the audio is compared with that of the receipt.
    """
    tagged = read_tag(file)
    parts = receipts_of(file, tagged)
    receipts = spoken(parts)
    original = _Original(file, why_not_compared(tagged), tagged, parts)
    recording = read_recording(ref_audio) if ref_audio else None
    target = None if output is None else choose_output(output, None, raw=False, play=False)
    if "parts" in receipts[0]:
        request = _with_voice(_say(_call(receipts[0]), "", file), recording, ref_text, file)
        book = _book(settings, ((text,) if text is not None else (), text_file), receipts[0], request, file)
        with StatusLine(quiet=settings.quiet) as line:
            tag = _speak_book(settings, line, request, book=book, receipt=receipts[0], target=target)
        return original.verdict([(receipts[0], json.loads(tag))], as_json=as_json)
    given = None
    if text is not None or text_file is not None:
        given = read_text((text,) if text is not None else (), text_file)
    if given is not None and len(receipts) > 1:
        raise click.UsageError(f"{file} was made of {len(receipts)} texts; --text and --file give one")
    requests = [_request(one, str(given) if given is not None else None, file) for one in receipts]
    requests = [_with_voice(request, recording, ref_text, file) for request in requests]
    if target is not None and target.encoding != "pcm":
        if len(parts) > 1:
            raise click.UsageError(f"{file} was made of {len(requests)} texts; OUT can be .wav or .pcm")
        requests = [replace(requests[0], encoding=target.encoding)]
    made = []
    sink = open_file(os.devnull, wav=False) if target is None else target.open()
    with StatusLine(quiet=settings.quiet) as line, sink, connect(settings, line, start=True) as client:
        todo = iter(requests)
        for part in parts:
            if "silence" in part:
                put_silence(part["silence"], partial(sink.add, rate_hz=SAMPLE_RATE_HZ), sink.note)
            else:
                made.append(speak(client, next(todo), sink, line, last=False))
        line.show(sink.doing)
        sink.finish()
    return original.verdict(list(zip(receipts, made, strict=True)), as_json=as_json)


def _request(receipt: dict[str, Any], given: str | None, file: str) -> Say:
    """Return the request that made a part of a file; `given` is the text that the user has passed."""
    text = receipt.get("text")
    if given is not None:
        text = given
    if text is None:
        raise BadRequestError("bad_text", f"{file} was made without its text; pass it with --text or -f")
    if short_hash(text.encode()) != receipt["text_hash"]:
        line = f"the text is not the one that {file} was made of: its hash is {short_hash(text.encode())}"
        raise BadRequestError("bad_text", f"{line}, the file's {receipt['text_hash']}")
    return _say(receipt, text, file)


def _say(receipt: dict[str, Any], text: str, file: str) -> Say:
    known = {field.name for field in fields(Say)}
    unknown = [name for name in receipt["parameters"] if name not in known]
    if unknown:
        line = f"{file} was made with the parameter {unknown[0]}, which this f5ctl does not know"
        raise BadRequestError("bad_parameter", line)
    return Say(
        new_id(),
        text,
        model=receipt["model"],
        voice=receipt.get("voice"),
        ref_text=receipt.get("ref_text"),
        **{**_BEFORE_LEVELS, **receipt["parameters"]},
    )


def _call(receipt: dict[str, Any]) -> dict[str, Any]:
    """Return a book's receipt with the voice and parameters of its call, where the first request's are not."""
    if "call_voice" not in receipt:
        return receipt
    call = {"voice": receipt["call_voice"], "ref_text": None, "parameters": receipt["call_parameters"]}
    return {**receipt, **call}


def _book(
    settings: Settings,
    given: tuple[tuple[str, ...], str | None],
    receipt: dict[str, Any],
    request: Say,
    file: str,
) -> Book:
    """Return the book that the user has passed, if it is the one that the file was made of."""
    from f5ctl.speech.book import Book, book_of
    from f5ctl.speech.script import Chapters

    words, text_file = given
    if not words and text_file is None:
        line = f"{file} was made of a text of {receipt['parts']} requests and does not hold it; pass it with -f"
        raise BadRequestError("bad_text", line)
    text = read_any_text(words, text_file, markdown=bool(receipt.get("markdown")))
    book = text if isinstance(text, Book) else book_of(str(text))
    if (again := book.again()) is None:
        raise BadRequestError("bad_text", f"the text of {file} is read twice; pass it as a file with -f")
    found = Chapters(_reading(settings, receipt), again, request).text_hash()
    if found != receipt["text_hash"]:
        line = f"the text is not the one that {file} was made of: its hash is {found}"
        raise BadRequestError("bad_text", f"{line}, the file's {receipt['text_hash']}")
    return again.again() or again


def _reading(settings: Settings, receipt: dict[str, Any]) -> Reading:
    from f5ctl.speech.script import Reading

    return Reading(
        marks(settings, None, no_tags=bool(receipt.get("no_tags")), strict_tags=False),
        paragraph_pause_s=float(receipt.get("paragraph_pause_s", 0)),
        markdown=bool(receipt.get("markdown")),
    )


def _speak_book(
    settings: Settings,
    line: StatusLine,
    request: Say,
    *,
    book: Book,
    receipt: dict[str, Any],
    target: Output | None,
) -> str:
    """Speak a book again and return the line that a file would carry."""
    from f5ctl.speech.many import Order, shown_on, speak_many

    order = Order(_reading(settings, receipt), request, book, "pcm" if target is None else target.encoding)
    again = partial(connect, settings, line, start=True)
    with open_file(os.devnull, wav=False) if target is None else target.open() as sink:
        listener = shown_on(line, order, report=lambda _: None, warn=lambda _: None)
        spoken = speak_many(order, sink, again(), again, line, listener=listener)
    return str(spoken.book_tag)


def _with_voice(request: Say, recording: bytes | None, ref_text: str | None, file: str) -> Say:
    if recording is not None:
        label = request.voice
        return replace(
            request, voice=None, ref_audio=recording, ref_text=ref_text or request.ref_text, label=label
        )
    if request.voice is None:
        line = f"{file} was made from a recording without a name; pass it with --ref-audio"
        raise BadRequestError("bad_audio", line)
    return with_private_voice(replace(request, voice=request.voice or None, ref_text=None))


class _Original:
    """The file as it was before anything was made, which may take its place."""

    def __init__(self, file: str, unread: str | None, tagged: Tagged, parts: list[dict[str, Any]]) -> None:
        self._file = file
        self._unread = unread  # why its samples are not compared
        self._is_as_made = unread is not None or holds(file, tagged, parts)

    def verdict(self, pairs: list[tuple[dict[str, Any], dict[str, Any]]], *, as_json: bool) -> int:
        """Print what came of the comparison and return the exit status; a pair is a receipt and the new one."""
        same = self._is_as_made and all(before["audio_hash"] == now["audio_hash"] for before, now in pairs)
        changed = [] if self._is_as_made else ["the file's samples are not those that it was made with"]
        changed += [
            f"{name} was {before.get(key)}, is {now.get(key)}"
            for before, now in pairs
            for key, name in _BLAME.items()
            if before.get(key) != now.get(key)
        ]
        changed = list(dict.fromkeys(changed))
        if as_json:
            compared = "receipt" if self._unread else "samples"
            emit_json({"file": self._file, "identical": same, "compared": compared, "changed": changed})
        elif same:
            how = f"by the receipt alone: {self._unread}" if self._unread else "every sample"
            emit(f"{self._file}: identical, {how}")
        else:
            why = "; ".join(changed) or "nothing that the receipt names has changed"
            emit(f"{self._file}: different; {why}")
        return 0 if same else EXIT_DIFFERENT
