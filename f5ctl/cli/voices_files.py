"""`f5ctl voices play`, `doctor`, `export` and `import`: voices to hear, to check and to hand on."""

from __future__ import annotations

import io
import os
import wave
from typing import Any, Final

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.findings import graded
from f5ctl.cli.base.settings import Settings, Verb, common_options, offer, option
from f5ctl.cli.voices import find_stored, known_voices, shared_option, store_of
from f5ctl.cli.voices_add import refuse_unusable
from f5ctl.client import new_id
from f5ctl.commandline import FILE
from f5ctl.errors import BadRequestError
from f5ctl.helper import VOICE_CHECK, ask_once
from f5ctl.printing import emit, emit_json, emit_table
from f5ctl.progress import StatusLine
from f5ctl.protocol import SAMPLE_RATE_HZ, Say
from f5ctl.speech.inputs import read_recording, read_start
from f5ctl.speech.output import Output
from f5ctl.speech.say import speak
from f5ctl.speech.sinks import STDOUT_NAMES, open_file
from f5ctl.voicebox import MAX_FILE_BYTES, SUFFIX, check_name, pack, private_store, unpack, with_private_voice

EXIT_UNUSABLE: Final = 65
_SIGNATURES: Final = (  # where, what, and the suffix of such a file
    (0, b"RIFF", ".wav"),
    (0, b"fLaC", ".flac"),
    (0, b"OggS", ".ogg"),
    (0, b"ID3", ".mp3"),
    (4, b"ftyp", ".m4a"),
    (0, b"\x1a\x45\xdf\xa3", ".webm"),
)


@click.command(cls=Verb, examples="f5ctl voices play anna")
@click.argument("name", shell_complete=offer("voices"))
@common_options
@click.pass_obj
def play(settings: Settings, name: str) -> None:
    """Play the preview of voice NAME; a voice without one speaks its transcript."""
    store = find_stored(name)
    preview = store.read(name).preview if store else None
    if preview is not None:
        pcm = _samples(preview, name)
        with Output(None, "wav").open() as sink:
            sink.add(pcm, SAMPLE_RATE_HZ)
            sink.finish()
        return
    text = next((one.get("text") for one in known_voices(settings) if one.get("name") == name), None)
    request = with_private_voice(Say(new_id(), text or "Hello.", voice=name, stream=True))
    with (
        StatusLine(quiet=settings.quiet) as line,
        Output(None, "wav").open() as sink,
        connect(settings, line, start=True) as client,
    ):
        speak(client, request, sink, line)


@click.command(
    cls=Verb,
    examples="f5ctl voices doctor anna\nf5ctl voices doctor take1.wav --text 'What it says.'\n"
    "f5ctl voices doctor",
)
@click.argument("names", metavar="[NAME|FILE]...", nargs=-1, shell_complete=offer("voices"))
@option("--text", metavar="TEXT", help="What the one FILE says.")
@option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
@common_options
def doctor(names: tuple[str, ...], *, text: str | None, as_json: bool) -> int:
    """Check recordings and say what to fix: stored voices, audio files, or all voices of your own.

    Exits with 65 when one of them cannot be used at all.
    """
    if text is not None and len(names) != 1:
        raise click.UsageError("--text belongs to one FILE")
    reports = {name: _findings(name, text) for name in names or private_store().names()}
    if as_json:
        emit_json(reports)
    for name, findings in reports.items() if not as_json else ():
        emit(f"{name}:")
        emit_table(
            ["  CHECK", "RESULT", "VALUE", "WHAT TO DO"],
            [
                [f"  {finding['check']}", finding["grade"], finding["value"], finding["fix"] or "-"]
                for finding in findings
            ],
            graded,
        )
    unusable = any(finding["grade"] == "error" for findings in reports.values() for finding in findings)
    return EXIT_UNUSABLE if unusable else 0


@click.command(cls=Verb, examples="f5ctl voices export anna\nf5ctl voices export anna --recording -o anna.wav")
@click.argument("name", shell_complete=offer("stored"))
@option("-o", "--output", metavar="FILE", type=FILE, help="Write FILE (- is stdout), not NAME.voice here.")
@option("--recording", is_flag=True, help="Write the recording alone, as it was given.")
@common_options
def export(name: str, *, output: str | None, recording: bool) -> None:
    """Write voice NAME into one file: recording, transcript, default parameters and preview."""
    store = find_stored(name)
    if store is None:
        check_name(name)
        line = f"there is no stored voice {name!r}; built-in and configured ones cannot be exported"
        raise BadRequestError("unknown_voice", line)
    voice = store.read(name)
    suffix = next((end for at, start, end in _SIGNATURES if voice.audio.startswith(start, at)), ".audio")
    path = output or name + (suffix if recording else SUFFIX)
    if path in STDOUT_NAMES and os.isatty(1):
        raise click.UsageError("a voice does not belong on a terminal; use -o FILE or a pipe")
    with open_file(path, wav=False) as sink:
        sink.add(voice.audio if recording else pack(voice), SAMPLE_RATE_HZ)
        sink.finish()


@click.command(
    "import", cls=Verb, examples="f5ctl voices import anna.voice\nf5ctl voices import anna.voice bea"
)
@click.argument("file", type=FILE)
@click.argument("name", required=False)
@option("--force", is_flag=True, help="Take the place of a voice of that name.")
@shared_option
@common_options
@click.pass_obj
def import_voice(settings: Settings, /, *, file: str, name: str | None, force: bool, shared: bool) -> None:
    """Store the voice in FILE, written by `export`, under NAME or the file's own name."""
    name = check_name(name or os.path.basename(file).removesuffix(SUFFIX))
    store = store_of(shared=shared)
    store.check_writable()
    voice = unpack(read_start(file, MAX_FILE_BYTES + 1, "bad_audio"), file)
    if voice.preview is not None:
        _samples(voice.preview, file)
    refuse_unusable(voice.audio, voice.text, file, quiet=settings.quiet)
    store.write(name, voice, force=force)


def _findings(name: str, text: str | None) -> list[dict[str, Any]]:
    store = find_stored(name)
    if store is None and not os.path.exists(name):
        line = f"{name!r:.80} is neither a stored voice nor a file"
        raise BadRequestError("unknown_voice", line)
    if store is not None and text is None:
        voice = store.read(name)
        audio, text = voice.audio, voice.text
    else:
        audio = read_recording(name)
    findings: list[dict[str, Any]] = ask_once(VOICE_CHECK, audio=audio, text=text)["findings"]
    return findings


def _samples(preview: bytes, name: str) -> bytes:
    """Return the samples of a preview: mono, 16 bits, 24 kHz (else BadRequestError)."""
    try:
        with wave.open(io.BytesIO(preview)) as made:
            shape: Any = (made.getnchannels(), made.getsampwidth(), made.getframerate())
            pcm = bytes(made.readframes(made.getnframes()))
    except (wave.Error, EOFError, RuntimeError, ValueError, ArithmeticError):  # by what is odd in its header
        shape = None
    if shape != (1, 2, SAMPLE_RATE_HZ):
        raise BadRequestError("bad_audio", f"the preview of {name} is not a mono WAV at {SAMPLE_RATE_HZ} Hz")
    return pcm
