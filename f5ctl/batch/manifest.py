"""What a batch is to make: a manifest of JSONL, CSV or plain lines becomes `Line`s.

Everything that can be wrong with a manifest is found here, before the daemon is asked for anything.
Knows nothing of sockets or of what has been made already.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import click

from f5ctl.bounds import Rule
from f5ctl.errors import BadRequestError
from f5ctl.parameters import PARAMETERS, named
from f5ctl.speech.inputs import read_file, read_recording
from f5ctl.speech.marks import MAIN, Marks, Tags
from f5ctl.speech.output import Format, format_of
from f5ctl.voicebox import pack, private_store

STYLES: Final = ("jsonl", "csv", "lines")
MAX_MANIFEST_BYTES: Final = 256 * 2**20
FIELDS: Final = (*named("manifest"), "output")
NOTES: Final = frozenset({"line", "code", "error"})  # what the list of failed lines adds

_SUFFIXES: Final = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv"}
_PATHS: Final = {"ref_audio": Rule(), "output": Rule()}
_OWN_VOICE: Final = ("ref_audio", "ref_text")
_SEED_BYTES: Final = 4  # drawn seeds are as short as the daemon's


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """One output: what to say, with every default of the call filled in.

    `parameters` holds the protocol's fields but text, voice, recording and seed. `ref_audio` is a path,
    `ref_hash` the SHA-256 of what was in it, or in the
    file of the user's own voice. `own_seed` is True when the manifest or the call named it.
    """

    number: int  # of the record, from 1
    where: str  # for messages: "line 7 of a.csv"
    text: str
    output: str  # relative to the folder
    format: Format
    seed: int
    own_seed: bool
    voice: str | None = None
    ref_audio: str | None = None
    ref_hash: str | None = None
    ref_text: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The content's address: SHA-256 of everything that decides the bytes of the output."""
        return _digest(
            [self.text, self.voice, self.ref_hash, self.ref_text, self.parameters, self.seed, self.format]
        )

    def record(self) -> dict[str, Any]:
        """Return the line as a manifest would have it, with its output and seed written out."""
        record = {
            "text": self.text,
            "output": self.output,
            "voice": self.voice,
            "ref_audio": self.ref_audio and os.path.abspath(self.ref_audio),
            "ref_text": self.ref_text,
            **self.parameters,
            "seed": self.seed,
        }
        return {name: value for name, value in record.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a line gets that does not say it itself. `seed` is the root of every line's own seed.

    `marks` knows which brackets of a text are tags.
    """

    format: Format = "wav"
    fields: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    marks: Marks = field(default_factory=lambda: Marks(Tags()))


def read_manifest(path: str, style: str | None, defaults: Defaults) -> list[Line]:
    """Return the lines of the manifest at `path` (`-`: standard input).

    Raises:
        BadRequestError: it cannot be read, or a line of it is wrong; the message names the line.
    """
    name = "standard input" if path == "-" else path
    text = _read(path, name)
    style = style or _SUFFIXES.get(os.path.splitext(path)[1].lower()) or _guess(path, text)
    reader = _Reader(name, "" if path == "-" else os.path.dirname(path), defaults)
    lines = [
        reader.line(number, place, record)
        for number, (place, record) in enumerate(_records(style, text, name), 1)
    ]
    if not lines:
        raise BadRequestError("bad_text", f"{name} has no lines to speak")
    return lines


def _read(path: str, name: str) -> str:
    data = read_file(0 if path == "-" else path, MAX_MANIFEST_BYTES, "bad_text")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        place = data.count(b"\n", 0, error.start) + 1
        raise BadRequestError("bad_text", f"{name} is not UTF-8 (line {place})") from None


def _guess(path: str, text: str) -> str:
    return "jsonl" if path == "-" and text.lstrip().startswith("{") else "lines"


def _records(style: str, text: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line in the file, fields) of every record."""
    if style == "csv":
        yield from _csv_records(text, name)
        return
    for place, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        if style == "lines":
            yield place, {"text": line.strip()}
            continue
        try:
            record = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _wrong(name, place, f"is not JSON: {error}") from None
        if not isinstance(record, dict):
            raise _wrong(name, place, 'is not a JSON object such as {"text": "Hello."}')
        yield place, {key: value for key, value in record.items() if key not in NOTES and value is not None}


def _csv_records(text: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    place = 1
    try:
        for row in reader:
            began, place = place, reader.line_num + 1
            if not any(cell.strip() for cell in row):
                continue
            if header is None:
                header = [cell.strip() for cell in row]
                if "text" not in header or len(set(header)) < len(header):
                    raise _wrong(name, began, "is the header; it needs a column text, and no column twice")
                continue
            if len(row) > len(header):
                raise _wrong(name, began, f"has {len(row)} cells; the header has {len(header)}")
            yield began, {key: cell for key, cell in zip(header, row, strict=False) if cell.strip()}
    except csv.Error as error:
        raise _wrong(name, place, f"is not CSV: {error}") from None


class _Reader:
    """Makes `Line`s of records; owns the names that are taken and the recordings' hashes."""

    def __init__(self, name: str, folder: str, defaults: Defaults) -> None:
        self._name = name
        self._folder = folder
        self._defaults = defaults
        self._taken: dict[str, int] = {}
        self._hashes: dict[str, str] = {}

    def line(self, number: int, place: int, record: Mapping[str, Any]) -> Line:
        """Return record `number`, which stands in line `place`."""
        try:
            return self._line(number, place, record)
        except (click.UsageError, BadRequestError) as error:
            raise _wrong(self._name, place, error.message) from None

    def _line(self, number: int, place: int, record: Mapping[str, Any]) -> Line:
        own = {key: _checked(key, value) for key, value in record.items()}
        text = own.pop("text", "").strip()
        _check_text(text)
        if "[" in text:
            text = self._without_tag(text, place, own)
        fields = self._with_defaults(own)
        output = fields.pop("output", None) or f"{number:04d}.{self._defaults.format}"
        format_ = format_of(output)
        self._take_name(output, place)
        voice, ref_audio, ref_text = (fields.pop(name, None) for name in ("voice", *_OWN_VOICE))
        if ref_text and not ref_audio:
            raise click.UsageError("ref_text belongs to ref_audio")
        if voice and ref_audio:
            raise click.UsageError("voice and ref_audio exclude each other")
        if ref_audio and "ref_audio" in own:
            ref_audio = os.path.join(self._folder, ref_audio)  # the manifest's paths start where it lies
        ref_hash = self._hash(ref_audio) if ref_audio else _private_hash(voice)
        seed = fields.pop("seed", None)
        line = Line(
            number=number,
            where=f"line {place} of {self._name}",
            text=text,
            output=output,
            format=format_,
            seed=0,
            own_seed=seed is not None,
            voice=voice,
            ref_audio=ref_audio,
            ref_hash=ref_hash,
            ref_text=ref_text,
            parameters=dict(sorted(fields.items())),
        )
        return replace(line, seed=_derived_seed(line, self._defaults.seed) if seed is None else seed)

    def _without_tag(self, text: str, place: int, own: dict[str, Any]) -> str:
        """Return what is said; a tag at the beginning is put among the line's `own` fields."""
        marks = self._defaults.marks
        marks.where = f"line {place} of {self._name}"
        words = marks.one_voice(text)
        if words.voice != MAIN:
            for name in _OWN_VOICE:
                own.pop(name, None)
            own["voice"] = words.voice
        return words.text

    def _with_defaults(self, own: dict[str, Any]) -> dict[str, Any]:
        fields = dict(self._defaults.fields)
        if "voice" in own or "ref_audio" in own:  # a line's own voice takes the place of the call's
            for name in ("voice", *_OWN_VOICE):
                fields.pop(name, None)
        return {name: value for name, value in (fields | own).items() if value is not None}

    def _take_name(self, output: str, place: int) -> None:
        normal = os.path.normpath(output)
        if os.path.isabs(output) or normal.split(os.sep)[0] == ".." or output.endswith("/"):
            raise click.UsageError(f"output is {output!r}; it must be the name of a file inside the folder")
        if any(not char.isprintable() for char in output) or len(output.encode()) > 255:
            raise click.UsageError(f"output is {output!r:.80}; use at most 255 printable bytes")
        if any(part.startswith(".") for part in normal.split(os.sep)):
            raise click.UsageError(f"output is {output!r}; names with a leading dot are kept for receipts")
        if normal in self._taken:
            raise click.UsageError(f"output {output} is line {self._taken[normal]}'s already")
        self._taken[normal] = place

    def _hash(self, path: str) -> str:
        if path not in self._hashes:
            self._hashes[path] = hashlib.sha256(read_recording(path)).hexdigest()
        return self._hashes[path]


def _private_hash(voice: str | None) -> str | None:
    """Return the SHA-256 of a voice of the user's own, which may be replaced under its name."""
    store = private_store()
    if voice is None or not store.has(voice):
        return None
    return hashlib.sha256(pack(store.read(voice))).hexdigest()


def _checked(name: str, value: Any) -> Any:
    """Return the value of a field in its own type; the words of CSV are read."""
    if name not in FIELDS:
        raise click.UsageError(f"unknown field {name!r}; known: {', '.join(FIELDS)}")
    rule = _PATHS.get(name) or PARAMETERS[name]
    read = rule.read(str(value)) if isinstance(value, str) or rule.kind is bool else value
    if rule.fault(read):  # a number is told as a number; what is no truth value as it was written
        raise click.UsageError(f"{name} is {rule.fault(value if rule.kind is bool else read)}")
    if isinstance(read, str) and "\0" in read:
        raise click.UsageError(f"{name} holds a NUL byte")
    return rule.kind(read)  # a number without a fraction as well: it is part of the line's key


def _check_text(text: str) -> None:
    if not text:
        raise click.UsageError("the text is empty")
    if not any(char.isalnum() for char in text):
        raise click.UsageError("the text has no letter or digit; there is nothing to speak")


def _derived_seed(line: Line, root: int | None) -> int:
    """Return a seed that the line's words and voice decide, so that a rerun makes the same audio."""
    content = [root, line.text, line.voice, line.ref_hash, line.ref_text, line.parameters.get("model")]
    return int.from_bytes(bytes.fromhex(_digest(content))[:_SEED_BYTES], "big")


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _wrong(name: str, place: int, what: str) -> BadRequestError:
    """Return the error for a line; `what` goes on after "line 7 of a.csv"."""
    gap = " " if what.startswith(("is ", "has ")) else ": "
    return BadRequestError("bad_parameter", f"line {place} of {name}{gap}{what}")
