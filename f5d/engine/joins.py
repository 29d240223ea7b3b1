"""Segments become one wave: joined where it is quiet, or cross-faded as upstream does.

Joined in quiet, a segment is cut to its speech and stands between silences of given lengths, its own as far as
it has any; it depends on no other segment, so nothing is held back. A cross-fade holds back what the next
segment touches, the removal of silence the last second. What is held back is the `carry`: a new joiner that
is given it goes on exactly where the old one stopped. Knows nothing of models; imports no torch.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import numpy as np

from f5ctl.pauses import END_S, START_S, TRIMMED_S, Boundary, boundary_after, pause_s
from f5ctl.protocol import SAMPLE_RATE_HZ
from f5ctl.sentences import PARAGRAPH_END
from f5d.engine.silence import STEP_S, Speech, Wave, find_speech, quiet_spans
from f5d.engine.types import Parameters

FADE_S: Final = 0.015  # inside silence
CLICK_FADE_S: Final = 0.003  # where speech begins or ends without any
USUAL_QUIET_S: Final = 0.07  # at either end of a segment before it is cut
MOST_LEFT_S: Final = 1.0  # of a pause, where silence is removed

_STEP: Final = int(STEP_S * SAMPLE_RATE_HZ)


def boundaries(text: str, segments: Sequence[str]) -> tuple[Boundary, ...]:
    """Return what ends with each segment but the last one; `segments` are `text` but for white space.

    Marks say it, and blank lines, for which each segment is looked up in the text.
    """
    bare = "".join(text.split())
    sizes = (len("".join(paragraph.split())) for paragraph in PARAGRAPH_END.split(text))
    ends = list(accumulate(sizes))  # of paragraphs, in `bare`
    found: list[Boundary] = []
    position, before = 0, -1  # `before` ends the segment before, -1 where that was not found
    for segment in segments:
        wanted = "".join(segment.split())
        place = bare.find(wanted, position)
        if found and 0 <= before <= place and ends[bisect_left(ends, before)] <= place:
            found[-1] = "paragraph"
        before = place + len(wanted) if place >= 0 else -1
        position = max(position, before)
        found.append(boundary_after(segment))
    return tuple(found[:-1])


@dataclass(frozen=True, slots=True)
class Edges:
    """What stands around a segment's speech, in samples; None leaves its end as it is, but for `after`.

    `after` is silence besides all that the segment has.
    """

    lead: int | None
    tail: int | None
    after: int = 0


def edges(parameters: Parameters, between: Sequence[Boundary]) -> tuple[Edges, ...]:
    """Return the edges of every segment of a job; `between` is what ends with each but the last."""
    count = len(between) + 1
    first, last = (TRIMMED_S, TRIMMED_S) if parameters.remove_silence else (START_S, END_S)
    if parameters.sentence_pause is None or parameters.fix_duration is not None:
        trimmed = _samples(TRIMMED_S) if parameters.remove_silence else None
        leads, tails = [trimmed, *[None] * (count - 1)], [*[None] * (count - 1), trimmed]
        after = [*pauses_s(parameters, between), 0.0]
        return tuple(map(Edges, leads, tails, map(_samples, after)))
    pauses = [_samples(seconds) for seconds in pauses_s(parameters, between)]
    shares = [min(_samples(START_S), pause // 2) for pause in pauses]
    return tuple(
        map(
            Edges,
            [_samples(first), *shares],
            [*(pause - share for pause, share in zip(pauses, shares, strict=True)), _samples(last)],
        )
    )


def pauses_s(parameters: Parameters, between: Sequence[Boundary]) -> tuple[float, ...]:
    """Return the pause after each segment but the last in seconds; cross-faded ones have none of their own."""
    if parameters.sentence_pause is None:
        return (0.0,) * len(between)
    most = MOST_LEFT_S if parameters.remove_silence else float("inf")
    return tuple(min(most, pause_s(boundary, parameters.sentence_pause)) for boundary in between)


def expected_samples(samples: int, around: Edges) -> int:
    """Return how long a segment of `samples` will be, if it is as quiet at its ends as most are."""
    usual = _samples(USUAL_QUIET_S)
    lead = 0 if around.lead is None else around.lead - min(usual, samples // 4)
    tail = 0 if around.tail is None else around.tail - min(usual, samples // 4)
    return samples + lead + tail + around.after


@dataclass(frozen=True, slots=True)
class Made:
    """A segment's wave, and where its speech lies if that was looked for."""

    wave: Wave
    speech: Speech | None = None


def cut(made: Made, around: Edges) -> Wave:
    """Return a segment's wave with its speech between the silences that `around` asks for.

    The segment's own silence is kept as far as it goes and fades out within; the rest is digital. Faint sounds
    are kept even where they reach beyond: they are a breath, or the h that a word begins with.
    """
    wave, speech = made.wave, made.speech or find_speech(made.wave, SAMPLE_RATE_HZ)
    start, end = 0, len(wave)
    if around.lead is not None:
        start = max(speech.quiet_from, min(speech.start - around.lead, speech.sound_from))
    if around.tail is not None:
        end = min(speech.quiet_to, max(speech.end + around.tail, speech.sound_to))
    kept = wave[start:end].copy()
    _fade(kept, speech.sound_from - start)
    _fade(kept[::-1], end - speech.sound_to)
    before = np.zeros(max(0, (around.lead or 0) - (speech.start - start)), np.float32)
    after = np.zeros(max(0, (around.tail or 0) - (end - speech.end)) + around.after, np.float32)
    return np.concatenate([before, kept, after])


def _fade(wave: Wave, quiet: int) -> None:
    """Fade a wave in, in place: in the `quiet` that it begins with, or in a moment where that is shorter."""
    size = min(len(wave), max(min(quiet, _samples(FADE_S)), _samples(CLICK_FADE_S)))
    wave[:size] *= np.linspace(0, 1, size, endpoint=False, dtype=np.float32)


def _samples(seconds: float) -> int:
    return round(seconds * SAMPLE_RATE_HZ)


class Joiner:
    """Joins the segments of one job in their order."""

    def __init__(self, parameters: Parameters, around: Sequence[Edges], carry: bytes = b"") -> None:
        self._around = around
        self._cuts = parameters.sentence_pause is not None or parameters.remove_silence
        tail, held = _unpacked(carry)
        self._fader = CrossFader(parameters.cross_fade_samples, tail)
        self._remover = SilenceRemover(held) if parameters.remove_silence else None

    @property
    def carry(self) -> bytes:
        """What is held back."""
        return _packed(self._fader.carry, self._remover.carry if self._remover else b"")

    def push(self, index: int, made: Made) -> tuple[Wave, int]:
        """Return the samples that are final once segment `index` follows, and where among them it begins.

        It can begin beyond them, in what is still held back.
        """
        last = index == len(self._around) - 1
        wave = cut(made, self._around[index]) if self._cuts else made.wave
        joined = self._fader.push(wave, last=last)
        return self._remover.push(joined, last=last) if self._remover else (joined, 0)


class CrossFader:
    """Joins consecutive waves with linear cross-fades, holding back what the next one may touch.

    `carry` is the tail held back; a new fader given that tail goes on exactly where this one stopped.
    """

    def __init__(self, fade_samples: int, carry: bytes = b"") -> None:
        self._fade_samples = fade_samples
        self._tail: Wave = np.frombuffer(carry, np.float32)

    @property
    def carry(self) -> bytes:
        """The tail held back, as float32 bytes."""
        return self._tail.tobytes()

    def push(self, wave: Wave, *, last: bool) -> Wave:
        """Return the samples that are final once `wave` follows; all of them if it is the `last`."""
        overlap = min(len(self._tail), len(wave))
        keep = len(self._tail) - overlap
        fade_in = np.linspace(0, 1, overlap, dtype=np.float32)
        mixed = self._tail[keep:] * (1 - fade_in) + wave[:overlap] * fade_in
        joined = np.concatenate([self._tail[:keep], mixed, wave[overlap:]])
        held = 0 if last else min(self._fade_samples, len(joined))
        self._tail = joined[len(joined) - held :]
        return joined[: len(joined) - held]


class SilenceRemover:
    """Shortens pauses over a second to one, also those that reach from one wave into the next.

    Piece by piece it finds what `silence.quiet_spans` finds in the whole. `carry` is what it holds back: from
    the last pause that may still grow, or the last second.
    """

    def __init__(self, carry: bytes = b"") -> None:
        self._held: Wave = np.frombuffer(carry, np.float32)

    @property
    def carry(self) -> bytes:
        """The samples held back, as float32 bytes."""
        return self._held.tobytes()

    def push(self, wave: Wave, *, last: bool) -> tuple[Wave, int]:
        """Return the samples that are final once `wave` follows, and where in them, or after, it begins."""
        here = len(self._held)
        known = np.concatenate([self._held, wave])
        most = _samples(MOST_LEFT_S)
        found = quiet_spans(known, SAMPLE_RATE_HZ)
        sure = len(known) if last else max(0, len(known) - most)
        ended = [span for span in found if last or span[1] <= sure]
        until = min([sure, *(start for start, _ in found[len(ended) :])])
        until = until if last else until // _STEP * _STEP
        kept, position, begins = [], 0, here
        for start, end in ended:
            cut_from, cut_to = start + most // 2, end - most // 2
            kept.append(known[position:cut_from])
            position = cut_to
            begins -= min(max(0, here - cut_from), cut_to - cut_from)
        self._held = known[max(until, position) :]
        return np.concatenate([*kept, known[position : max(until, position)]]), begins


def _packed(tail: bytes, held: bytes) -> bytes:
    return struct.pack("<I", len(tail)) + tail + held if tail or held else b""


def _unpacked(carry: bytes) -> tuple[bytes, bytes]:
    if not carry:
        return b"", b""
    (size,) = struct.unpack_from("<I", carry)
    return carry[4 : 4 + size], carry[4 + size :]
