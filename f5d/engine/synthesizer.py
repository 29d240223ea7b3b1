"""One loaded model that turns text and a reference into checked waves, a row at a time.

Used by the engine process and by `f5d.inference` alike. Knows nothing of sockets or of other
jobs: the caller opens rows, steps any set of them together and finishes each.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch

from f5ctl.errors import BadRequestError
from f5ctl.pauses import Boundary
from f5d.catalog.spec import HOP_SAMPLES, SAMPLE_RATE_HZ, ModelSpec
from f5d.catalog.voices import Reference
from f5d.engine import audio, text
from f5d.engine.folding import Folding
from f5d.engine.joins import Edges, Joiner, Made, boundaries, edges, expected_samples, pauses_s
from f5d.engine.loudness import amplified, levelled
from f5d.engine.reading import read_out
from f5d.engine.recording import Recording, read_recording
from f5d.engine.scheduler import Scheduler
from f5d.engine.silence import Wave, find_speech
from f5d.engine.transcriber import Transcriber
from f5d.engine.types import Parameters
from f5d.model.load import LoadedModel
from f5d.model.mel import resample, retimed
from f5d.model.sampler import Row, RowSpec

MAX_PREPARED_REFERENCES: Final = 32
GPU_BUDGET_FRAMES: Final = 16_384
CPU_BUDGET_FRAMES: Final = 512  # a core; more rows at once would only make each of them later
MAX_SEGMENT_FRAMES: Final = 4_096  # 43.7 s with the reference, where upstream's CFM.sample cuts off
MAX_JOB_S: Final = 7_200.0

_MOST_LISTED: Final = 20
_CLONES_NOT: Final = (
    "model {} does not clone voices: a recording only shifts its pitch and brightness;"
    " `f5ctl models list` names the models that clone"
)


@dataclass(frozen=True, slots=True)
class PreparedReference:
    """A recording as the model is given it.

    `mel` is [frames, 100] float32. `gain` multiplies the output, so that a quiet speaker stays
    quiet although the model heard a levelled recording.
    """

    mel: torch.Tensor
    frames: int  # whole hops of audio; `mel` has one frame more, centred on the end
    length_s: float  # to the sample
    text: str  # as it stands before the generated text
    gain: float
    voice_hash: str
    warnings: tuple[str, ...] = ()

    @property
    def duration_s(self) -> float:
        """Length in seconds, in whole hops."""
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


class Synthesizer:
    """Owns a loaded model and the cache of prepared references."""

    def __init__(
        self, model: LoadedModel, transcriber: Transcriber, pronunciation: Mapping[str, str] | None = None
    ) -> None:
        self._model = model
        self._transcriber = transcriber
        self._pronunciation = pronunciation or {}
        self._references: OrderedDict[str, PreparedReference] = OrderedDict()
        self._folding = Folding(model.vocabulary.__contains__)

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
        if self._model.device.startswith("cuda"):
            return GPU_BUDGET_FRAMES
        return CPU_BUDGET_FRAMES * torch.get_num_threads()

    def plan(self, job_text: str, reference: Reference, parameters: Parameters) -> Plan:
        """Cut a text into segments and fix each one's tokens and length.

        Raises:
            BadRequestError: the text or the recording cannot be used.
        """
        job_text = self._read_out(job_text, parameters.language)
        prepared = self._prepare(reference, parameters.target_rms, parameters.language)
        spec = self._model.spec
        max_bytes = text.max_segment_bytes(prepared.text, prepared.length_s, parameters.speed)
        if spec.max_segment_bytes is not None:
            max_bytes = min(max_bytes, spec.max_segment_bytes)
        pieces = text.split_segments(job_text, max_bytes, short_start=parameters.stream)
        if not pieces:
            raise BadRequestError("bad_text", "text has no letter or digit; there is nothing to speak")
        between = boundaries(job_text, pieces)
        accents: dict[str, str] = {}
        folded = [
            self._folding.fold(piece, accents) for piece in pieces
        ]  # for the model alone, not for readers
        frames = self._segment_frames(folded, between, prepared, parameters)
        _check_length(frames, prepared)
        vocabulary = self._model.vocabulary
        segments, unknown, known = [], set[str](), False
        for piece, read, total_frames in zip(pieces, folded, frames, strict=True):
            tokens = text.tokenize(prepared.text + read)
            spoken = text.tokenize(read)
            missing = set(vocabulary.unknown(spoken))
            unknown |= missing
            known = known or any(token not in missing and token.isalnum() for token in spoken)
            segments.append(SegmentPlan(piece, tuple(vocabulary.encode(tokens)), total_frames))
        listed = " ".join(sorted(unknown)[:_MOST_LISTED])
        if not known:
            shown = listed or repr(job_text[:40])
            raise BadRequestError(
                "bad_text", f"model {spec.name} can read none of the text's characters: {shown}"
            )
        warnings = [f"model {spec.name} cannot read and skips: {listed}"] if unknown else []
        if accents:
            warnings.insert(0, f"model {spec.name} lacks {_listed(accents)}")
        if not (spec.clones or reference.prepared):
            warnings.append(_CLONES_NOT.format(spec.name))
        return Plan(prepared, tuple(segments), parameters, between, (*prepared.warnings, *warnings))

    def _segment_frames(
        self,
        pieces: Sequence[str],
        between: Sequence[Boundary],
        prepared: PreparedReference,
        parameters: Parameters,
    ) -> list[int]:
        if parameters.fix_duration is not None:
            durations = text.share_duration(
                pieces,
                total_s=_without_pauses(parameters.fix_duration, between, prepared, parameters),
                ref_s=prepared.duration_s,
                cross_fade_s=parameters.cross_fade_duration or 0.0,
            )
            return [int(duration_s * SAMPLE_RATE_HZ / HOP_SAMPLES) for duration_s in durations]
        return [
            text.segment_frames(
                ref_frames=prepared.frames,
                ref_text=prepared.text,
                segment=piece,
                speed=parameters.speed,
                short_text_extra_s=self._model.spec.short_text_extra_s,
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

    def vocode(self, finished: Sequence[tuple[Plan, Row]]) -> list[Wave]:
        """Return the waves of finished rows at 24 kHz, unchecked.

        Rows of one length are vocoded together, but not on a CPU: it gains nothing there, and sums
        rounded differently would make the bytes of a file depend on what else was spoken.
        """
        mels = [  # with the frame that the reference shares with what follows, as upstream does
            torch.cat([plan.reference.mel[plan.reference.frames :], row.mel]) for plan, row in finished
        ]
        vocoder = self._model.vocoder
        alone = self._model.device == "cpu"
        waves = [vocoder.decode(mel) for mel in mels] if alone else vocoder.decode_batch(mels)
        return [wave.cpu().numpy() for wave in waves]

    def finish_wave(self, plan: Plan, index: int, row: Row, wave: Wave) -> Made:
        """Return what `vocode` made of segment `index`, checked and as loud as it is to be.

        Raises:
            SynthesisError: `synthesis_failed` when the wave is not finite, silent or of the wrong length.
        """
        reference = plan.reference
        wave = wave * np.float32(reference.gain)
        expected_samples = (row.spec.frames - reference.frames - 1) * HOP_SAMPLES
        where = f"segment {index + 1} of {len(plan.segments)}"
        audio.check_speech(wave, expected_samples=expected_samples, where=where)
        volume_db = plan.parameters.volume
        if not plan.parameters.loudness:
            return Made(amplified(wave, volume_db) if volume_db else wave)
        speech = find_speech(wave, SAMPLE_RATE_HZ)
        return Made(levelled(wave, speech, volume_db), speech)

    def speak(self, plan: Plan) -> Wave:
        """Return the whole plan as one wave; for callers that have the model to themselves."""
        waves: dict[int, Made] = {}
        rows: dict[int, Row] = {}
        scheduler = Scheduler(self.budget_frames)
        scheduler.add("", 0, [segment.total_frames for segment in plan.segments])
        while scheduler:
            picked = [index for _, index in scheduler.pick()]
            for index in picked:
                rows[index] = rows.get(index) or self.open_row(plan, index)
            self.step([rows[index] for index in picked])
            finished = {index: rows.pop(index) for index in picked if rows[index].finished}
            raw = self.vocode([(plan, row) for row in finished.values()])
            for (index, row), wave in zip(finished.items(), raw, strict=True):
                scheduler.finish(("", index))
                waves[index] = self.finish_wave(plan, index, row, wave)
        joiner = Joiner(plan.parameters, plan.edges)
        return np.concatenate([joiner.push(index, wave)[0] for index, wave in sorted(waves.items())])

    def _read_out(self, written: str, language: str) -> str:
        return read_out(text.clean_text(written), language, self._pronunciation)

    def _prepare(self, reference: Reference, target_rms: float, language: str) -> PreparedReference:
        key = _reference_key(reference, target_rms, language)
        if key in self._references:
            self._references.move_to_end(key)
            return self._references[key]
        recording = read_recording(reference.audio)
        warnings = _warnings(recording)
        if not reference.prepared:
            recording = audio.trim_reference(recording, transcript_given=bool(reference.text))
        ref_text = reference.text or self._transcriber.transcribe(recording.wave, recording.rate_hz)
        rms = float(np.sqrt(np.mean(np.square(recording.wave))))
        gain = min(1.0, rms / target_rms)
        wave = resample(torch.from_numpy(recording.wave / np.float32(gain)), recording.rate_hz, SAMPLE_RATE_HZ)
        read = self._folding.fold(self._read_out(ref_text, language), {})
        ended = text.end_reference_text(read, self._model.spec.reference_gap)
        whole = len(wave) // HOP_SAMPLES
        mel, frames = self._timed(self._model.mel(wave).cpu(), whole, ended)
        prepared = PreparedReference(
            mel=mel,
            frames=frames,
            length_s=recording.duration_s if frames == whole else frames * HOP_SAMPLES / SAMPLE_RATE_HZ,
            text=ended,
            gain=gain,
            voice_hash=key[:16],
            warnings=warnings,
        )
        self._references[key] = prepared
        if len(self._references) > MAX_PREPARED_REFERENCES:
            self._references.popitem(last=False)
        return prepared

    def _timed(self, mel: torch.Tensor, frames: int, ref_text: str) -> tuple[torch.Tensor, int]:
        """Return a reference's mel and whole frames, re-timed where the model asks for it."""
        rate = self._model.spec.frames_per_byte
        if rate is None:
            return mel, frames
        wanted = text.retimed_frames(ref_frames=frames, ref_text=ref_text, frames_per_byte=rate)
        return (mel, frames) if wanted == frames else (retimed(mel, wanted + 1), wanted)


def _listed(accents: Mapping[str, str]) -> str:
    letters = sorted(accents)[:_MOST_LISTED]
    few = len(accents) == 1
    said = " ".join(accents[letter] for letter in letters)
    return f"{' '.join(letters)}; {'it is' if few else 'they are'} read as {said}"


def _without_pauses(
    total_s: float, between: Sequence[Boundary], prepared: PreparedReference, parameters: Parameters
) -> float:
    """Return what a fixed duration leaves for recording and speech (BadRequestError where that is nothing)."""
    paused_s = sum(pauses_s(parameters, between))
    if total_s - paused_s <= prepared.duration_s < total_s:
        line = (
            f"fix_duration is {total_s:g} s, which includes the reference of {prepared.duration_s:.2f} s and"
            f" pauses of {paused_s:.2f} s; make it longer, or sentence_pause shorter"
        )
        raise BadRequestError("bad_parameter", line)
    return total_s - paused_s if paused_s and total_s > prepared.duration_s else total_s


def _check_length(frames: Sequence[int], prepared: PreparedReference) -> None:
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
    total_s = sum(count - prepared.frames for count in frames) * frame_s
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


def _reference_key(reference: Reference, target_rms: float, language: str) -> str:
    digest = hashlib.sha256(reference.audio)
    digest.update(f"\0{reference.text}\0{reference.prepared}\0{target_rms}\0{language}".encode())
    return digest.hexdigest()
