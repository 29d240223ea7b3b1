"""One loaded model that turns text and a reference into checked waves, a row at a time.

Used by the engine process and by `f5d.inference` alike. Knows nothing of sockets or of other
jobs: the caller opens rows, steps any set of them together and finishes each.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from f5ctl.errors import BadRequestError, SynthesisError
from f5d.engine import audio, text
from f5d.engine.scheduler import Scheduler
from f5d.engine.spelling import spell_english
from f5d.engine.transcriber import Transcriber
from f5d.engine.types import Parameters, Reference
from f5d.model.config import HOP_SAMPLES, SAMPLE_RATE_HZ, ModelSpec
from f5d.model.load import LoadedModel
from f5d.model.mel import resample, retimed
from f5d.model.sampler import Row, RowSpec

MAX_PREPARED_REFERENCES: Final = 32
GPU_BUDGET_FRAMES: Final = 16_384
CPU_BUDGET_FRAMES: Final = 1_024


@dataclass(frozen=True, slots=True)
class PreparedReference:
    """A recording as the model is given it.

    `mel` is [frames, 100] float32. `gain` multiplies the output, so that a quiet speaker stays
    quiet although the model heard a levelled recording.
    """

    mel: torch.Tensor
    frames: int  # whole hops of audio; `mel` has one frame more, centred on the end
    text: str  # as it stands before the generated text
    gain: float
    voice_hash: str

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.frames * HOP_SAMPLES / SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class SegmentPlan:
    """A segment before synthesis: its words, tokens and length with the reference, in frames."""

    text: str
    token_ids: tuple[int, ...]
    total_frames: int


@dataclass(frozen=True, slots=True)
class Plan:
    """A job's text cut into segments for one reference; `warnings` are lines for the user."""

    reference: PreparedReference
    segments: tuple[SegmentPlan, ...]
    parameters: Parameters
    warnings: tuple[str, ...]


class Synthesizer:
    """Owns a loaded model and the cache of prepared references."""

    def __init__(self, model: LoadedModel, transcriber: Transcriber) -> None:
        self._model = model
        self._transcriber = transcriber
        self._references: OrderedDict[str, PreparedReference] = OrderedDict()

    @property
    def spec(self) -> ModelSpec:
        """The model's description."""
        return self._model.spec

    @property
    def dtype(self) -> str:
        """The type of the costly weights, as torch names it."""
        return self._model.dtype

    @property
    def budget_frames(self) -> int:
        """How many frames one ODE step should hold on this device."""
        return GPU_BUDGET_FRAMES if self._model.device.startswith("cuda") else CPU_BUDGET_FRAMES

    def plan(self, job_text: str, reference: Reference, parameters: Parameters) -> Plan:
        """Cut a text into segments and fix each one's tokens and length.

        Raises:
            BadRequestError: the text or the recording cannot be used.
        """
        job_text = self._spelled(text.clean_text(job_text))
        prepared = self._prepare(reference, parameters.target_rms)
        spec = self._model.spec
        max_bytes = text.max_segment_bytes(prepared.text, prepared.duration_s, parameters.speed)
        if spec.max_segment_bytes is not None:
            max_bytes = min(max_bytes, spec.max_segment_bytes)
        pieces = text.split_segments(job_text, max_bytes, short_start=parameters.stream)
        frames = self._segment_frames(pieces, prepared, parameters)
        vocabulary = self._model.vocabulary
        segments, unknown, known = [], set[str](), False
        for piece, total_frames in zip(pieces, frames, strict=True):
            tokens = text.tokenize(prepared.text + piece)
            spoken = text.tokenize(piece)
            missing = set(vocabulary.unknown(spoken))
            unknown |= missing
            known = known or any(token not in missing and token.isalnum() for token in spoken)
            segments.append(SegmentPlan(piece, tuple(vocabulary.encode(tokens)), total_frames))
        listed = " ".join(sorted(unknown)[:20])
        if not known:
            shown = listed or repr(job_text[:40])
            raise BadRequestError(
                "bad_text", f"model {spec.name} can read none of the text's characters: {shown}"
            )
        warnings = (f"model {spec.name} cannot read and skips: {listed}",) if unknown else ()
        return Plan(prepared, tuple(segments), parameters, warnings)

    def _segment_frames(
        self, pieces: Sequence[str], prepared: PreparedReference, parameters: Parameters
    ) -> list[int]:
        if parameters.fix_duration is not None:
            durations = text.share_duration(
                pieces,
                total_s=parameters.fix_duration,
                ref_s=prepared.duration_s,
                cross_fade_s=parameters.cross_fade_duration,
            )
            return [int(duration_s * SAMPLE_RATE_HZ / HOP_SAMPLES) for duration_s in durations]
        short_text_speed = self._model.spec.short_text_speed
        return [
            text.segment_frames(
                ref_frames=prepared.frames,
                ref_text=prepared.text,
                segment=piece,
                speed=parameters.speed,
                short_text_speed=parameters.speed if short_text_speed is None else short_text_speed,
            )
            for piece in pieces
        ]

    def open_row(self, plan: Plan, index: int) -> Row:
        """Return segment `index` as a row that has taken no step yet."""
        segment, parameters = plan.segments[index], plan.parameters
        return self._model.backend.open_row(
            RowSpec(
                reference_mel=plan.reference.mel,
                token_ids=segment.token_ids,
                total_frames=segment.total_frames,
                nfe_step=parameters.nfe_step,
                cfg_strength=parameters.cfg_strength,
                sway_sampling_coef=parameters.sway_sampling_coef,
                seed=parameters.seed + index,
            )
        )

    def step(self, rows: Sequence[Row]) -> None:
        """Advance every row by one ODE step, all in one forward pass."""
        self._model.backend.step(rows)

    def warm_up_next(self) -> bool:
        """Do a short piece of preparation while nobody waits; return whether more is left."""
        return self._model.backend.warm_up_next()

    def finish_row(self, plan: Plan, index: int, row: Row) -> audio.Wave:
        """Return the finished row as a checked wave at 24 kHz.

        Raises:
            SynthesisError: `synthesis_failed` when the wave is not finite, silent or of the wrong length.
        """
        reference = plan.reference
        boundary = reference.mel[reference.frames :]  # upstream hands the vocoder the frame they share
        mel = torch.cat([boundary, row.mel])
        where = f"segment {index + 1} of {len(plan.segments)}"
        if not torch.isfinite(mel).all():
            fault = f"{where} holds NaN or infinite values; try another --seed"
            raise SynthesisError("synthesis_failed", fault)
        wave: audio.Wave = self._model.vocoder.decode(mel).numpy() * np.float32(reference.gain)
        audio.check_speech(wave, expected_samples=(len(mel) - 1) * HOP_SAMPLES, where=where)
        if plan.parameters.remove_silence:
            wave = audio.shorten_pauses(wave, SAMPLE_RATE_HZ, keep_s=0.5)
        return wave

    def speak(self, plan: Plan) -> audio.Wave:
        """Return the whole plan as one wave; for callers that have the model to themselves."""
        waves: dict[int, audio.Wave] = {}
        rows: dict[int, Row] = {}
        scheduler = Scheduler(self.budget_frames)
        scheduler.add("", 0, [segment.total_frames for segment in plan.segments])
        while scheduler:
            picked = [index for _, index in scheduler.pick()]
            for index in picked:
                rows[index] = rows.get(index) or self.open_row(plan, index)
            self.step([rows[index] for index in picked])
            for index in picked:
                if rows[index].finished:
                    scheduler.finish(("", index))
                    waves[index] = self.finish_row(plan, index, rows.pop(index))
        fader = audio.CrossFader(plan.parameters.cross_fade_samples)
        last = len(waves) - 1
        return np.concatenate([fader.push(wave, last=index == last) for index, wave in sorted(waves.items())])

    def _prepare(self, reference: Reference, target_rms: float) -> PreparedReference:
        key = _reference_key(reference, target_rms)
        if key in self._references:
            self._references.move_to_end(key)
            return self._references[key]
        recording = audio.read_recording(reference.audio)
        if not reference.prepared:
            recording = audio.trim_reference(recording, transcript_given=bool(reference.text))
        ref_text = reference.text or self._transcriber.transcribe(recording.wave, recording.rate_hz)
        rms = float(np.sqrt(np.mean(np.square(recording.wave))))
        gain = min(1.0, rms / target_rms)
        wave = resample(torch.from_numpy(recording.wave / np.float32(gain)), recording.rate_hz, SAMPLE_RATE_HZ)
        spelled = self._spelled(text.clean_text(ref_text))
        ended = text.end_reference_text(spelled, self._model.spec.reference_gap)
        mel, frames = self._timed(self._model.mel(wave).cpu(), len(wave) // HOP_SAMPLES, ended)
        prepared = PreparedReference(
            mel=mel,
            frames=frames,
            text=ended,
            gain=gain,
            voice_hash=key[:16],
        )
        self._references[key] = prepared
        if len(self._references) > MAX_PREPARED_REFERENCES:
            self._references.popitem(last=False)
        return prepared

    def _spelled(self, written: str) -> str:
        return spell_english(written) if self._model.spec.spelling == "english" else written

    def _timed(self, mel: torch.Tensor, frames: int, ref_text: str) -> tuple[torch.Tensor, int]:
        """Return a reference's mel and whole frames, re-timed where the model asks for it."""
        rates = self._model.spec.frames_per_byte
        if rates is None:
            return mel, frames
        wanted = text.whole_rate_frames(ref_frames=frames, ref_text=ref_text, least=rates[0], most=rates[1])
        return (mel, frames) if wanted == frames else (retimed(mel, wanted + 1), wanted)


def _reference_key(reference: Reference, target_rms: float) -> str:
    digest = hashlib.sha256(reference.audio)
    digest.update(f"\0{reference.text}\0{reference.prepared}\0{target_rms}".encode())
    return digest.hexdigest()
