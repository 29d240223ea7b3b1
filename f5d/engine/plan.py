"""What a job's text and recording become before synthesis, as plain data; no torch, no text front end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TypeAlias

import msgspec

from f5ctl.pauses import Boundary
from f5d.catalog.spec import HOP_SAMPLES, SAMPLE_RATE_HZ, ModelSpec
from f5d.catalog.voices import Reference
from f5d.engine.joins import Edges, edges, expected_samples
from f5d.engine.silence import Wave
from f5d.engine.types import Parameters

Transcribe: TypeAlias = Callable[[Wave, int], str]  # samples, Hz -> what is said


class Settings(msgspec.Struct, frozen=True):
    """The model that is planned for, what is read for a word, and what one task may use.

    `cpu_s` are seconds of the processor; what is meant well takes one at most. `memory_bytes` counts addresses.
    """

    spec: ModelSpec
    vocabulary: dict[str, int]
    pronunciation: dict[str, str] = {}
    cpu_s: int = 20
    memory_bytes: int = 2**30


class ReferenceFacts(msgspec.Struct, frozen=True):
    """What of a reference decides lengths and levels: all but its mel.

    `gain` multiplies the output, so that a quiet speaker stays quiet although the model heard a levelled
    recording.
    """

    recorded_frames: int  # whole hops of the recording
    frames: int  # the same after re-timing; the mel has one frame more, centred on the end
    length_s: float  # to the sample
    text: str  # as it stands before the generated text
    gain: float
    voice_hash: str
    warnings: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length in seconds, in whole hops."""
        return self.frames * HOP_SAMPLES / SAMPLE_RATE_HZ


class SegmentPlan(msgspec.Struct, frozen=True):
    """A segment before synthesis: its words, tokens and length with the reference, in frames."""

    text: str
    token_ids: tuple[int, ...]
    total_frames: int


class TextPlan(msgspec.Struct, frozen=True):
    """A job's text cut into segments for one reference; `warnings` are lines for the user."""

    reference: ReferenceFacts
    segments: tuple[SegmentPlan, ...]
    parameters: Parameters
    between: tuple[Boundary, ...]  # what ends with each segment but the last
    warnings: tuple[str, ...]

    @property
    def edges(self) -> tuple[Edges, ...]:
        """What stands around each segment's speech."""
        return edges(self.parameters, self.between)

    @property
    def durations_s(self) -> tuple[float, ...]:
        """How long each segment will be heard, with the pause after it; the overlap of two is the second's.

        What is cut off a segment's ends is a guess, until it has been spoken.
        """
        count = len(self.segments)
        overlaps = [self.parameters.cross_fade_samples] * (count - 1) + [0]
        samples = [
            expected_samples((segment.total_frames - self.reference.frames - 1) * HOP_SAMPLES, around)
            for segment, around in zip(self.segments, self.edges, strict=True)
        ]
        return tuple(
            max(0, size - overlap) / SAMPLE_RATE_HZ for size, overlap in zip(samples, overlaps, strict=True)
        )


class Task(msgspec.Struct, frozen=True):
    """One text and its reference, whose `reference_key` is `key`.

    With `facts` the reference is known, and its recording is not looked at. `transcript` is what a recogniser
    has heard in it.
    """

    text: str
    reference: Reference
    parameters: Parameters
    key: str
    facts: ReferenceFacts | None = None
    transcript: str = ""


class Ready(msgspec.Struct, frozen=True, tag=True):
    """A plan, and the clean recording ([samples] float32 in native order) where that was not known."""

    plan: TextPlan
    wave: bytes = b""
    rate_hz: int = 0


class Untranscribed(msgspec.Struct, frozen=True, tag=True):
    """The clean recording of a reference whose text nobody has given."""

    wave: bytes
    rate_hz: int


def reference_key(reference: Reference, parameters: Parameters) -> str:
    """Return a hash (hex) of all that decides what is made of a reference."""
    digest = hashlib.sha256(reference.audio)
    said = f"{reference.text}\0{reference.prepared}\0{parameters.target_rms}\0{parameters.language}"
    digest.update(f"\0{said}".encode())
    return digest.hexdigest()
