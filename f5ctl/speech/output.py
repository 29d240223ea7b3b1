"""What `say` puts out: where the audio goes, in which format, and whether it is all there."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from f5ctl.protocol import Encoding, Say
from f5ctl.speech.sinks import STDOUT_NAMES, Sink, open_file, open_stdout

Format = Encoding  # of a file: a WAV file's header is written on this side
FORMATS: Final[tuple[Format, ...]] = ("wav", "flac", "ogg", "opus", "mp3", "pcm")
_BY_FFMPEG: Final = frozenset((".m4b", ".m4a", ".aac", ".mp4", ".mka", ".webm", ".wma", ".aiff"))
_SUFFIXES: Final[dict[str, Format]] = {f".{name}": name for name in FORMATS} | {".raw": "pcm"}


@dataclass(frozen=True, slots=True)
class Output:
    """Where the audio goes and in which format; `path` is None for the player."""

    path: str | None
    format: Format
    stem: str | None = None  # where `path` is a folder: what the file's name begins with

    @property
    def encoding(self) -> Encoding:
        """What the daemon sends: samples that stream, unless only a finished file will do."""
        return "pcm" if self.format in ("wav", "pcm") else self.format

    @property
    def is_stdout(self) -> bool:
        """True when the audio occupies standard output."""
        return self.path in STDOUT_NAMES

    @property
    def is_stream(self) -> bool:
        """True when the audio can be heard, or read, before it is complete."""
        if self.encoding != "pcm":
            return False
        return self.path is None or self.is_stdout or not _is_file(self.path)

    @property
    def is_folder(self) -> bool:
        """True for a folder, in which a file is to be named after its text."""
        return self.path is not None and (self.path.endswith("/") or os.path.isdir(self.path))

    def named(self, stem: str) -> Output:
        """Return the output with `stem` for the file's name, if it is a folder."""
        return replace(self, stem=stem) if self.is_folder else self

    def open(self) -> Sink:
        """Return the sink; raises OutputError when it cannot be had."""
        wav = self.format == "wav"
        if self.path is None:
            return _open_player()
        if self.stem is not None:
            from f5ctl.speech.naming import NamedSink

            return NamedSink(self.path, self.stem, self.format)
        return open_stdout(wav=wav) if self.is_stdout else open_file(self.path, wav=wav)


def choose_output(path: str | None, format_: Format | None, *, raw: bool, play: bool) -> Output:
    """Return where the audio goes.

    Raises:
        click.UsageError: the options contradict each other, or audio would go to a terminal.
    """
    if raw and format_ not in (None, "pcm"):
        raise click.UsageError("--output-raw is --format pcm")
    if play and format_ is not None:
        raise click.UsageError("--format is for files and pipes")
    to_terminal = os.isatty(1)
    if raw or path in STDOUT_NAMES:
        if to_terminal:
            raise click.UsageError("audio does not belong on a terminal; use -o FILE, a pipe or --play")
        return Output("-", "pcm" if raw else format_ or "wav")
    if path is not None:
        if (output := Output(path, format_ or "wav")).is_folder:
            return output
        return Output(path, format_ or format_of(path, hint=" (or use --format)"))
    if not play and not to_terminal:
        return Output("-", format_ or "wav")
    return Output(None, "wav")


def format_of(path: str, *, hint: str = "") -> Format:
    """Return the format that the suffix of `path` names, or raise click.UsageError that ends with `hint`."""
    suffix = os.path.splitext(path)[1].lower()
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if not suffix and not _is_file(path):
        return "wav"  # a pipe or a device has no suffix to tell
    line = f"the suffix of {path} names no format; known: {' '.join(_SUFFIXES)}{hint}"
    if suffix in _BY_FFMPEG:
        line += f"; for {suffix} make a .wav, then: ffmpeg -i NAME.wav NAME{suffix}"
    raise click.UsageError(line)


def _is_file(path: str) -> bool:
    """Return False for a pipe or a device; what does not exist will be a file."""
    return os.path.isfile(path) or os.path.isdir(path) or not os.path.exists(path)


def _open_player() -> Sink:
    from f5ctl.speech.player import PlayerSink, find_player

    found = find_player()
    if found is None:
        raise click.UsageError("no player found (paplay, pw-play, aplay, ffplay, play); use -o FILE or a pipe")
    command, wav = found
    return PlayerSink(command, wav=wav)


def file_tag(receipt: dict[str, Any], request: Say) -> str:
    """Return what a file with the audio of `request` says about itself."""
    from f5ctl.receipts import tag_of

    return tag_of(receipt, None if request.receipt_text is False else request.text)
