"""From a job's text and recording to what the model is given: tokens, lengths, a clean recording.

Pure and without torch, so that it can be done in a process with limits (f5d/engine/preparer.py) as well as in
one's own (`Synthesizer.plan`). A recording's mel is the model's business.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from f5ctl.errors import BadRequestError
from f5ctl.pauses import Boundary
from f5d.catalog.spec import HOP_SAMPLES, SAMPLE_RATE_HZ
from f5d.catalog.vocab import Vocabulary
from f5d.catalog.voices import Reference
from f5d.engine import text
from f5d.engine.audio import trim_reference
from f5d.engine.folding import Folding
from f5d.engine.joins import boundaries, pauses_s
from f5d.engine.plan import Ready, ReferenceFacts, SegmentPlan, Settings, Task, TextPlan, Untranscribed
from f5d.engine.reading import read_out
from f5d.engine.recording import Recording, read_recording
from f5d.engine.resampling import MAX_FILTER, filter_size, resampled, resampled_samples
from f5d.engine.silence import Wave
from f5d.engine.types import Parameters

MAX_SEGMENT_FRAMES: Final = 4_096  # 43.7 s with the reference, where upstream's CFM.sample cuts off
MAX_JOB_S: Final = 7_200.0

_MOST_LISTED: Final = 20
_CLONES_NOT: Final = (
    "model {} does not clone voices: a recording only shifts its pitch and brightness;"
    " `f5ctl models list` names the models that clone"
)


@dataclass(frozen=True, slots=True)
class CleanRecording:
    """A recording as the model takes it but for its level, at a rate that is cheap to resample."""

    wave: Wave  # [samples] float32
    rate_hz: int
    length_s: float
    warnings: tuple[str, ...] = ()

    @classmethod
    def of(cls, reference: Reference) -> CleanRecording:
        """Return the recording decoded, trimmed and, where its rate is an odd one, at the model's.

        Raises:
            BadRequestError: `bad_audio`.
        """
        recording = read_recording(reference.audio)
        warnings = _warnings(recording)
        if not reference.prepared:
            recording = trim_reference(recording, transcript_given=bool(reference.text))
        wave, rate_hz = recording.wave, recording.rate_hz
        if filter_size(rate_hz, SAMPLE_RATE_HZ) > MAX_FILTER:
            wave, rate_hz = resampled(wave, rate_hz, SAMPLE_RATE_HZ), SAMPLE_RATE_HZ
        return cls(wave, rate_hz, recording.duration_s, warnings)

    def gain(self, target_rms: float) -> float:
        """Return what the output is multiplied with, at most 1."""
        return min(1.0, float(np.sqrt(np.mean(np.square(self.wave)))) / target_rms)


class _Spelled(NamedTuple):
    """A piece of text as the model reads it."""

    token_ids: tuple[int, ...]  # with those of the text before it
    unknown: frozenset[str]  # tokens
    is_readable: bool  # at least a letter or digit of it


class Planner:
    """Plans texts for one model."""

    def __init__(self, settings: Settings) -> None:
        self._spec = settings.spec
        self._vocabulary = Vocabulary(settings.vocabulary)
        self._pronunciation = settings.pronunciation
        self._folding = Folding(self._vocabulary.__contains__)

    def prepare(self, task: Task) -> Ready | Untranscribed:
        """Return a task's plan, or its clean recording where somebody has yet to say what that says.

        Raises:
            BadRequestError: text or recording cannot be used.
        """
        facts, wave, rate_hz = task.facts, b"", 0
        if facts is None:
            recording = CleanRecording.of(task.reference)
            wave, rate_hz = recording.wave.tobytes(), recording.rate_hz
            ref_text = task.reference.text or task.transcript
            if not ref_text:
                return Untranscribed(wave, rate_hz)
            facts = self._facts(recording, ref_text, task)
        return Ready(self._plan(task, facts), wave, rate_hz)

    def _facts(self, recording: CleanRecording, ref_text: str, task: Task) -> ReferenceFacts:
        """Return what a recording that says `ref_text` means for lengths and levels."""
        read = self._folding.fold(self._read_out(ref_text, task.parameters.language), {})
        ended = text.end_reference_text(read, self._spec.reference_gap)
        samples = resampled_samples(len(recording.wave), recording.rate_hz, SAMPLE_RATE_HZ)
        whole = frames = samples // HOP_SAMPLES
        if self._spec.frames_per_byte is not None:
            frames = text.retimed_frames(
                ref_frames=whole, ref_text=ended, frames_per_byte=self._spec.frames_per_byte
            )
        return ReferenceFacts(
            recorded_frames=whole,
            frames=frames,
            length_s=recording.length_s if frames == whole else frames * HOP_SAMPLES / SAMPLE_RATE_HZ,
            text=ended,
            gain=recording.gain(task.parameters.target_rms),
            voice_hash=task.key[:16],
            warnings=recording.warnings,
        )

    def _plan(self, task: Task, reference: ReferenceFacts) -> TextPlan:
        """Cut the text into segments and fix each one's tokens and length."""
        parameters = task.parameters
        job_text = self._read_out(task.text, parameters.language)
        spec = self._spec
        max_bytes = text.max_segment_bytes(reference.text, reference.length_s, parameters.speed)
        if spec.max_segment_bytes is not None:
            max_bytes = min(max_bytes, spec.max_segment_bytes)
        pieces = text.split_segments(job_text, max_bytes, short_start=parameters.stream)
        if not pieces:
            raise BadRequestError("bad_text", "text has no letter or digit; there is nothing to speak")
        between = boundaries(job_text, pieces)
        accents: dict[str, str] = {}
        # Folded for the model alone, not for readers.
        folded = [self._folding.fold(piece, accents) for piece in pieces]
        frames = self._segment_frames(folded, between, reference, parameters)
        _check_length(frames, reference)
        spelled = self._spelled(reference.text, set(folded))
        unknown = set().union(*(one.unknown for one in spelled.values()))
        segments = [
            SegmentPlan(piece, spelled[read].token_ids, total_frames)
            for piece, read, total_frames in zip(pieces, folded, frames, strict=True)
        ]
        listed = " ".join(sorted(unknown)[:_MOST_LISTED])
        if not any(one.is_readable for one in spelled.values()):
            shown = listed or repr(job_text[:40])
            raise BadRequestError(
                "bad_text", f"model {spec.name} can read none of the text's characters: {shown}"
            )
        warnings = [f"model {spec.name} cannot read and skips: {listed}"] if unknown else []
        if accents:
            warnings.insert(0, f"model {spec.name} lacks {_listed(accents)}")
        if not (spec.clones or task.reference.prepared):
            warnings.append(_CLONES_NOT.format(spec.name))
        return TextPlan(reference, tuple(segments), parameters, between, (*reference.warnings, *warnings))

    def _spelled(self, before: str, pieces: Collection[str]) -> dict[str, _Spelled]:
        """Return each piece as the model reads it, after the text `before`."""
        encode = self._vocabulary.encode
        # A space parts words; then what stands before it is the same for all.
        shared = encode(text.tokenize(before)) if before.endswith(" ") else None
        spelled = {}
        for piece in pieces:
            tokens = text.tokenize(piece)
            unknown = frozenset(self._vocabulary.unknown(tokens))
            readable = any(token not in unknown and token.isalnum() for token in tokens)
            whole = encode(text.tokenize(before + piece)) if shared is None else [*shared, *encode(tokens)]
            spelled[piece] = _Spelled(tuple(whole), unknown, readable)
        return spelled

    def _segment_frames(
        self,
        pieces: Sequence[str],
        between: Sequence[Boundary],
        reference: ReferenceFacts,
        parameters: Parameters,
    ) -> list[int]:
        if parameters.fix_duration is not None:
            durations = text.share_duration(
                pieces,
                total_s=_without_pauses(parameters.fix_duration, between, reference, parameters),
                ref_s=reference.duration_s,
                cross_fade_s=parameters.cross_fade_duration or 0.0,
            )
            return [int(duration_s * SAMPLE_RATE_HZ / HOP_SAMPLES) for duration_s in durations]
        return [
            text.segment_frames(
                ref_frames=reference.frames,
                ref_text=reference.text,
                segment=piece,
                speed=parameters.speed,
                short_text_extra_s=self._spec.short_text_extra_s,
            )
            for piece in pieces
        ]

    def _read_out(self, written: str, language: str) -> str:
        return read_out(text.clean_text(written), language, self._pronunciation)


def _listed(accents: Mapping[str, str]) -> str:
    letters = sorted(accents)[:_MOST_LISTED]
    few = len(accents) == 1
    said = " ".join(accents[letter] for letter in letters)
    return f"{' '.join(letters)}; {'it is' if few else 'they are'} read as {said}"


def _without_pauses(
    total_s: float, between: Sequence[Boundary], reference: ReferenceFacts, parameters: Parameters
) -> float:
    """Return what a fixed duration leaves for recording and speech (BadRequestError where that is nothing)."""
    paused_s = sum(pauses_s(parameters, between))
    if total_s - paused_s <= reference.duration_s < total_s:
        line = (
            f"fix_duration is {total_s:g} s, which includes the reference of {reference.duration_s:.2f} s and"
            f" pauses of {paused_s:.2f} s; make it longer, or sentence_pause shorter"
        )
        raise BadRequestError("bad_parameter", line)
    return total_s - paused_s if paused_s and total_s > reference.duration_s else total_s


def _check_length(frames: Sequence[int], reference: ReferenceFacts) -> None:
    """Refuse lengths that no speech has: an odd transcript or fix_duration can ask for hours.

    Raises:
        BadRequestError: `bad_parameter`.
    """
    frame_s = HOP_SAMPLES / SAMPLE_RATE_HZ
    if max(frames) > MAX_SEGMENT_FRAMES:
        line = (
            f"a segment would be {max(frames) * frame_s:.0f} s long with its reference; the limit is"
            f" {MAX_SEGMENT_FRAMES * frame_s:.1f} s (does ref_text say all that the recording does?)"
        )
        raise BadRequestError("bad_parameter", line)
    total_s = sum(count - reference.frames for count in frames) * frame_s
    if total_s > MAX_JOB_S:
        line = (
            f"the text would take {total_s:.0f} s to speak; the limit is {MAX_JOB_S:.0f} s: cut it into several"
        )
        raise BadRequestError("bad_parameter", line)


def _warnings(recording: Recording) -> tuple[str, ...]:
    """Return what the user should know of a recording that can be used."""
    if not recording.is_clipped:
        return ()
    share = f"{100 * recording.clipped_share:.2f}%"
    return (f"the reference recording is clipped ({share} of its samples); record it again with less gain",)
