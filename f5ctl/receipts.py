"""The receipt inside a produced file: what it says, and how it is written as one line of text.

A file carries the receipts of the requests that its audio was made by, in order: as a rule one, several
when a text was spoken piece by piece, one for all of them when the text was a book, longer than a request.
They stand as ASCII JSON in the comment of the container's metadata. The line depends on nothing but the
request and its audio (no times, no job), so the same request gives the same file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from f5ctl.bounds import shown
from f5ctl.errors import BadRequestError
from f5ctl.parameters import PARAMETERS
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ, Say

FORMAT: Final = 1
MARK: Final = "f5d_receipt"  # its value is the format's number
HASH_CHARS: Final = 16
MAX_TAG_BYTES: Final = 32_768  # libsndfile breaks Opus files whose comment is beyond 55 kB
MAX_COMMENT_BYTES: Final = 8 * 2**20  # of a WAV, which has no limit of its own
_INFO_BYTES: Final = 16  # INFO and ICMT around it
MAX_SILENCE_SAMPLES: Final = 24 * 3_600 * SAMPLE_RATE_HZ  # of a whole file, as between its subtitles
_MAYBE_TEXTS: Final = ("text", "ref_text", "voice", "call_voice")
_TEXTS: Final = (
    "version",
    "model",
    "model_hash",
    "device",
    "dtype",
    "voice_hash",
    "audio_hash",
    "text_hash",
)
_MOST: Final = 2**53  # what a number of JSON holds exactly
_MOST_PAUSE_S: Final = 600.0
_OF_REQUESTS: Final = ("id", "text", "model", "voice", "ref_audio", "ref_text", "label", "encoding")
_KEYS: Final = (
    "version",
    "model",
    "model_hash",
    "device",
    "dtype",
    "voice",
    "voice_hash",
    "ref_text",
    "parameters",
    "sample_rate_hz",
    "samples",
    "audio_hash",
    "text_hash",
)


def tag_of(receipt: Mapping[str, Any], text: str | None) -> str:
    """Return the line that a file carries for the request with this receipt; None leaves the texts out.

    A line beyond `MAX_TAG_BYTES` goes without the text: its hash stays.
    """
    facts = {MARK: FORMAT, **{key: receipt[key] for key in _KEYS if key in receipt}}
    if text is None:
        facts.pop("ref_text", None)
        return json.dumps(facts)
    line = json.dumps(facts | {"text": text})
    return line if len(line) <= MAX_TAG_BYTES else json.dumps(facts)


def silence_tags(samples: int) -> Iterator[str]:
    """Yield the lines for a pause between the audio of two requests: one, of a very long one several."""
    while samples > 0:
        yield json.dumps({MARK: FORMAT, "silence": min(samples, MAX_SILENCE_SAMPLES)})
        samples -= MAX_SILENCE_SAMPLES


def join_tags(tags: Iterable[str], max_bytes: int | None = None) -> str:
    """Return one line for all that a file was made of: its one receipt, or a JSON array.

    A line beyond `max_bytes` goes without the texts; "" when it is too long even then.
    """
    lines = list(tags)
    joined = lines[0] if len(lines) == 1 else f"[{', '.join(lines)}]"
    if max_bytes is not None and len(joined) > max_bytes:
        bare = [json.loads(line) for line in lines]
        joined = json.dumps([{key: one[key] for key in one if key not in ("text", "ref_text")} for one in bare])
    return joined if max_bytes is None or len(joined) <= max_bytes else ""


def join_comment(tags: Iterable[str]) -> str:
    """Return the line for a WAV file, as `join_tags` does."""
    return join_tags(tags, MAX_COMMENT_BYTES - _INFO_BYTES)


class SamplesHash:
    """The hash by which receipts name samples that come one after the other."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def update(self, data: bytes | memoryview) -> None:
        """Take the next samples."""
        self._digest.update(data)

    @property
    def short(self) -> str:
        """What `short_hash` is of all samples so far."""
        return self._digest.hexdigest()[:HASH_CHARS]


class BookReceipt:
    """Makes one receipt of those of a book's requests, bounded however many there are.

    It has the facts of the first one, whose seed is the book's, the hash of all samples, pauses included, and
    as `text_hash` the hash of the texts' hashes; `parts` counts the requests. `extra` is what else decided
    them. Of several voices the first one's facts are not all: what `call` says holds for the others.
    """

    def __init__(self, call: Say, **extra: Any) -> None:
        self._facts: dict[str, Any] = {}
        self._call = call
        self._has_voices = False
        self._extra = extra
        self._parts = 0
        self._texts = hashlib.sha256()

    def note(self, tag: str) -> None:
        """Take the next line of `tag_of` or `silence_tags`."""
        found = json.loads(tag)
        if "silence" in found:
            return
        self._facts = self._facts or {key: found[key] for key in (MARK, *_KEYS) if key in found}
        self._has_voices = self._has_voices or found.get("voice") != self._facts.get("voice")
        self._parts += 1
        self._texts.update(str(found.get("text_hash")).encode())

    def tag(self, audio: SamplesHash, samples: int) -> str:
        """Return the line for the whole; `audio` has seen all samples."""
        hashes = {"audio_hash": audio.short, "text_hash": self._texts.hexdigest()[:HASH_CHARS]}
        more = {**self._extra, **(self._given() if self._has_voices else {})}
        return json.dumps({**self._facts, "samples": samples, **hashes, "parts": self._parts, **more})

    def _given(self) -> dict[str, Any]:
        """Return the voice of the call ("": the daemon's choice, None: a recording) and its parameters."""
        call, filled = self._call, self._facts["parameters"]
        given = {name: getattr(call, name, None) for name in filled} | {"seed": filled.get("seed")}
        voice = call.voice or call.label or (None if call.ref_audio else "")
        return {"call_voice": voice, "call_parameters": given}


def hash_of_texts(texts: Iterable[str]) -> str:
    """Return the `text_hash` of a book that is spoken as these texts."""
    digest = hashlib.sha256()
    for text in texts:
        digest.update(short_hash(text.encode()).encode())
    return digest.hexdigest()[:HASH_CHARS]


def parse_tag(line: str, name: str) -> list[dict[str, Any]]:
    """Return what a file was made of by its comment: receipts, and `silence` between them, in order.

    `name` is the file's, for the error.

    Raises:
        BadRequestError: `bad_audio` when the comment is none of f5d's, or of a newer format.
    """
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        found = None
    receipts = found if isinstance(found, list) else [found]
    if not receipts or not all(isinstance(one, dict) and MARK in one for one in receipts):
        raise BadRequestError("bad_audio", f"{name} carries no receipt of f5d; its comment is someone else's")
    for one in receipts:
        if one[MARK] != FORMAT:
            line = f"{name} has a receipt of format {one[MARK]!r:.20}; this f5ctl reads format {FORMAT}"
            raise BadRequestError("bad_audio", f"{line} (a newer f5ctl can)")
        _check(one, name)
    if sum(one.get("silence", 0) for one in receipts) > MAX_SILENCE_SAMPLES:
        raise _damaged(name, "silence")
    return receipts


def spoken(parts: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the receipts among what a file was made of, without the pauses."""
    return [part for part in parts if "silence" not in part]


def describe(parts: Iterable[Mapping[str, Any]], blocks: Iterable[bytes]) -> bool:
    """Return whether the samples in `blocks` are, from the first to the last, what a file's parts describe."""
    stream, rest = iter(blocks), memoryview(b"")
    for part in parts:
        audio, silent = SamplesHash(), True
        left = SAMPLE_BYTES * part.get("silence", part.get("samples", 0))
        while left:
            rest = rest or memoryview(next(stream, b""))
            if not rest:
                return False
            taken, rest = rest[:left], rest[left:]
            left -= len(taken)
            audio.update(taken)
            silent = silent and "silence" in part and not any(taken)
        if not (silent if "silence" in part else audio.short == part["audio_hash"]):
            return False
    return not rest and next(stream, None) is None


def short_hash(data: bytes) -> str:
    """Return the hash by which receipts name samples and texts: 16 hex digits of the SHA-256."""
    return hashlib.sha256(data).hexdigest()[:HASH_CHARS]


def _check(receipt: Mapping[str, Any], name: str) -> None:
    """Refuse a receipt whose values are not what `tag_of` or `silence_tags` writes."""
    if wrong := next(_wrong_keys(receipt), None):
        raise _damaged(name, wrong)
    for key, value in [*receipt.get("parameters", {}).items(), *receipt.get("call_parameters", {}).items()]:
        fault = None if isinstance(value, int | float | str | None) else shown(value)
        if key in _OF_REQUESTS:
            fault = "no parameter of speech"
        elif value is not None and key in PARAMETERS:
            fault = fault or PARAMETERS[key].fault(value)
        if fault:
            line = f"the receipt in {name} is damaged: its parameter {key:.40} is {fault}"
            raise BadRequestError("bad_audio", line)


def _wrong_keys(receipt: Mapping[str, Any]) -> Iterator[str]:
    """Yield the keys whose values are of another type, or beyond what they can be."""
    if "silence" in receipt:
        yield from () if _is_whole(receipt["silence"], 0, MAX_SILENCE_SAMPLES) else ("silence",)
        return
    yield from (key for key in _TEXTS if not isinstance(receipt.get(key), str))
    yield from (key for key in _MAYBE_TEXTS if not isinstance(receipt.get(key), str | None))
    least = {"samples": 0, "sample_rate_hz": 1, **({"parts": 1} if "parts" in receipt else {})}
    yield from (key for key in least if not _is_whole(receipt.get(key), least[key], _MOST))
    pause_s = receipt.get("paragraph_pause_s", 0)
    if not isinstance(pause_s, int | float) or not 0 <= pause_s <= _MOST_PAUSE_S:
        yield "paragraph_pause_s"
    groups = ("parameters", *(["call_parameters"] if {"call_voice", "call_parameters"} & set(receipt) else []))
    yield from (key for key in groups if not isinstance(receipt.get(key), dict))


def _is_whole(value: Any, least: int, most: int) -> bool:
    return isinstance(value, int) and least <= value <= most


def _damaged(name: str, key: str) -> BadRequestError:
    return BadRequestError("bad_audio", f"the receipt in {name} is damaged: {key} is wrong or missing")
