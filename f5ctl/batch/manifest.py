"""What a batch is to make: a manifest becomes `Line`s, and every line that cannot be one becomes a `Bad`.

Everything that can be wrong with a manifest is found here, all of it at once, before the daemon is asked for
anything. Knows nothing of sockets or of what has been made already.
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, replace
from typing import Any, Final

import click

from f5ctl.batch.fields import FIELDS, RESULTS, check_whole, meant, value_of
from f5ctl.batch.line import Bad, Line, derived_seed, digest
from f5ctl.batch.outputs import Outputs, with_format
from f5ctl.batch.records import Record, records
from f5ctl.batch.shapes import Style, style_of
from f5ctl.batch.source import decoded
from f5ctl.brackets import has_words
from f5ctl.errors import BadRequestCode, BadRequestError
from f5ctl.parameters import PRIORITIES, QUALITIES
from f5ctl.speech.inputs import read_file, read_recording
from f5ctl.speech.marks import MAIN, Marks, Tags, Words
from f5ctl.speech.output import Format
from f5ctl.speech.texts import is_long, no_length, nothing_to_speak
from f5ctl.voicebox import pack, private_store

MAX_MANIFEST_BYTES: Final = 256 * 2**20
_FILE_NAME: Final = re.compile(r"\S+\.(wav|flac|ogg|opus|mp3)", re.IGNORECASE)

_OWN_VOICE: Final = ("ref_audio", "ref_text")


@dataclass(frozen=True, slots=True)
class Manifest:
    """What was read: the lines, the bad lines, the user's own columns, and what the user should know."""

    name: str
    defaults: Defaults
    lines: list[Line]
    bad: list[Bad]
    own: list[str]
    warnings: list[str]


@dataclass(frozen=True, slots=True)
class Defaults:
    """What a line gets that does not say it itself. `seed` is the root of every line's own seed.

    `folder` is where the outputs will lie; `marks` knows which brackets of a text are tags.
    """

    format: Format = "wav"
    fields: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    folder: str = ""
    marks: Marks = field(default_factory=lambda: Marks(Tags()))


def read_manifest(path: str, style: Style | None, defaults: Defaults) -> Manifest:
    """Return what stands in the manifest at `path` (`-`: standard input).

    Raises:
        BadRequestError: nothing in it can be read, or it is empty.
    """
    name = "standard input" if path == "-" else path
    data = read_file(0 if path == "-" else path, MAX_MANIFEST_BYTES, "bad_text")
    text, warning = decoded(data, name)
    warnings = [warning] if warning else []
    style = style or style_of(path, text, name)
    reader = _Reader(name, "" if path == "-" else os.path.dirname(path), defaults, warnings)
    for record in records(style, text, name, warnings.append):
        reader.add(record)
    if not (reader.lines or reader.bad):
        raise BadRequestError("bad_text", f"{name} has no lines to speak")
    return Manifest(name, defaults, reader.lines, reader.bad, reader.own, warnings)


class _Reader:
    """Makes `Line`s of records; owns the outputs' names, the recordings' hashes and the columns warned of."""

    def __init__(self, name: str, folder: str, defaults: Defaults, warnings: list[str]) -> None:
        self.lines: list[Line] = []
        self.bad: list[Bad] = []
        self.own: list[str] = []
        self._name = name
        self._folder = folder
        self._defaults = defaults
        self._warnings = warnings
        self._outputs = Outputs(defaults.folder)
        self._hashes: dict[str, str] = {}
        self._told_of_name = False
        self._seen: set[str] = set()  # own columns that were looked at

    def add(self, record: Record) -> None:
        """Take the next record, as a line or as a bad one."""
        number = len(self.lines) + len(self.bad) + 1
        own = {key: value for key, value in record.fields.items() if key not in FIELDS}
        for column in own:
            if column not in self._seen:
                self._look_at(column, record.fields)
        own = {key: value for key, value in own.items() if key not in RESULTS and not _is_nan(value)}
        code: BadRequestCode = "bad_parameter"
        try:
            self.lines.append(self._line(number, record, own))
        except BadRequestError as error:
            code, what = error.code, error.message  # type: ignore[assignment]
        except click.UsageError as error:
            what = error.message
        else:
            return
        self.bad.append(self._bad(number, record, own, code, what))

    def _bad(self, number: int, record: Record, own: dict[str, Any], code: BadRequestCode, what: str) -> Bad:
        fields: dict[str, Any] = {key: value for key, value in record.fields.items() if key not in RESULTS}
        if not record.fields:
            fields = {"raw": record.raw}
        if isinstance(path := fields.get("ref_audio"), str):
            fields["ref_audio"] = os.path.abspath(os.path.join(self._folder, path))
        output = fields.get("output")
        output = output if isinstance(output, str) else f"{number:04d}.{self._defaults.format}"
        return Bad(number, record.place, self._where(record), output, code, what, fields, own)

    def _line(self, number: int, record: Record, own: dict[str, Any]) -> Line:
        if record.fault:
            raise click.UsageError(record.fault)
        for name, value in own.items():
            check_whole(f"column {name!r:.40}", name)
            check_whole(f"column {name!r:.40}", value if isinstance(value, str) else _json(value))
        written = _written(record.fields)
        long = is_long(written["text"])
        parts = self._take_tags(written, record, long=long) if long or "[" in written["text"] else None
        fields = self._with_defaults(written)
        if long and "fix_duration" in fields:
            raise no_length()
        priority, form, seed = (fields.pop(name, None) for name in ("priority", "format", "seed"))
        output = fields.pop("output", f"{number:04d}.{form or self._defaults.format}")
        output, format_ = with_format(output, form, self._defaults.format)
        text = fields.pop("text")
        voice = self._voice(fields, is_own="ref_audio" in written)
        line = Line(
            number=number,
            place=record.place,
            where=self._where(record),
            text=text,
            output=output,
            format=format_,
            seed=seed or 0,
            own_seed=seed is not None,
            **voice,
            priority=None if priority is None else PRIORITIES[priority],
            parameters=dict(sorted(fields.items())),
            own=own,
            parts=parts,
        )
        self._outputs.take(output, record.place)
        if _FILE_NAME.fullmatch(text) and not self._told_of_name:
            self._told_of_name = True
            self._warnings.append(f"{line.where} says {text!r:.60}, which is a file's name")
        return line if line.own_seed else replace(line, seed=derived_seed(line, self._defaults.seed))

    def _take_tags(self, written: dict[str, Any], record: Record, *, long: bool) -> str | None:
        """Return the hash of the parts of a text of several requests.

        Of any other text leave what is said; a tag at its beginning takes the place of the line's voice.
        """
        marks = self._defaults.marks
        marks.where = self._where(record)
        words = None if long else marks.one_voice(written["text"])
        if words is None:
            parts = marks.parts(written["text"])
            voices = {part.voice: _private_hash(part.voice) for part in parts if isinstance(part, Words)}
            return digest([voices, *map(astuple, parts)])
        written["text"] = words.text
        if words.voice != MAIN:
            for name in _OWN_VOICE:
                written.pop(name, None)
            written["voice"] = words.voice
        return None

    def _voice(self, fields: dict[str, Any], *, is_own: bool) -> dict[str, Any]:
        """Take the fields of the voice out of `fields` and return them, with the recording's hash."""
        voice, ref_audio, ref_text = (fields.pop(name, None) for name in ("voice", *_OWN_VOICE))
        if ref_text and not ref_audio:
            raise click.UsageError("ref_text belongs to ref_audio")
        if voice and ref_audio:
            raise click.UsageError("voice and ref_audio exclude each other")
        if ref_audio and is_own:
            ref_audio = os.path.join(self._folder, ref_audio)  # the manifest's paths start where it lies
            if "\\" in ref_audio and not os.path.exists(ref_audio):
                ref_audio = ref_audio.replace("\\", "/")  # of Windows
        ref_hash = self._hash(ref_audio) if ref_audio else _private_hash(voice)
        return {"voice": voice, "ref_audio": ref_audio, "ref_hash": ref_hash, "ref_text": ref_text}

    def _with_defaults(self, written: dict[str, Any]) -> dict[str, Any]:
        fields = dict(self._defaults.fields)
        if "voice" in written or "ref_audio" in written:  # a line's own voice takes the place of the call's
            for name in ("voice", *_OWN_VOICE):
                fields.pop(name, None)
        return {name: value for name, value in (fields | written).items() if value is not None}

    def _look_at(self, column: str, fields: Mapping[str, Any]) -> None:
        """Warn of an own column that may be a slip, or has a name that the results need themselves."""
        self._seen.add(column)
        if column not in RESULTS:
            self.own.append(column)
        if column in RESULTS:
            self._warnings.append(f"column {column} is not carried into the results, which have their own")
        elif likely := meant(column, fields):
            self._warnings.append(f"column {column!r:.40} is only carried along; is it meant to be {likely}?")

    def _where(self, record: Record) -> str:
        also = f" ({record.also})" if record.also else ""
        return f"line {record.place} of {self._name}{also}"

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


def _written(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that a line has itself, each in its own type; a quality is a number of steps."""
    written = {key: value_of(key, value) for key, value in record.items() if key in FIELDS}
    if "text" not in written:
        there = ", ".join(f"{name!r:.40}" for name in list(record)[:5])
        raise BadRequestError("bad_text", f"has no text{there and f', only {there}'}")
    if not has_words(written["text"]):
        raise nothing_to_speak()
    if "quality" in written and "nfe_step" in written:
        raise click.UsageError("quality and nfe_step exclude each other")
    if "quality" in written:
        written["nfe_step"] = QUALITIES[written.pop("quality")]
    return written


def _is_nan(value: Any) -> bool:
    """Return True for what pandas writes where something is missing."""
    return isinstance(value, float) and math.isnan(value)


def _json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        raise click.UsageError("a column is nested too deeply") from None
