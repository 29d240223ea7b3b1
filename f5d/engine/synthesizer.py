"""One loaded model that turns text and a reference into checked waves, a row at a time.

Used by the engine process and by `f5d.inference` alike. Knows nothing of sockets or of other
jobs: the caller opens rows, steps any set of them together and finishes each.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import torch

from f5ctl.errors import BadRequestError
from f5d.catalog.spec import HOP_SAMPLES, SAMPLE_RATE_HZ, ModelSpec
from f5d.catalog.voices import Reference
from f5d.engine.audio import check_speech
from f5d.engine.joins import Joiner, Made
from f5d.engine.loudness import amplified, levelled
from f5d.engine.plan import (
    Ready,
    ReferenceFacts,
    Settings,
    Task,
    TextPlan,
    Transcribe,
    Untranscribed,
    reference_key,
)
from f5d.engine.scheduler import Scheduler
from f5d.engine.silence import Wave, find_speech
from f5d.engine.types import Parameters
from f5d.model.layers import upload
from f5d.model.load import LoadedModel
from f5d.model.mel import resample, retimed
from f5d.model.sampler import Row, RowSpec

if TYPE_CHECKING:  # the engine process plans in another one, and needs no text front end
    from f5d.engine.planning import Planner

MAX_PREPARED_REFERENCES: Final = 32
GPU_BUDGET_FRAMES: Final = 8_192  # twice that with guidance, which fills the largest bucket and a large card
CPU_BUDGET_FRAMES: Final = 512  # a core; more rows at once would only make each of them later


@dataclass(frozen=True, slots=True)
class PreparedReference:
    """A recording as the model is given it; `mel` is [frames + 1, 100] float32, on the CPU."""

    facts: ReferenceFacts
    mel: torch.Tensor


class Plan(TextPlan, frozen=True):
    """A text cut into segments, and the mel that they follow."""

    mel: torch.Tensor


class Synthesizer:
    """Owns a loaded model and the cache of prepared references."""

    def __init__(
        self,
        model: LoadedModel,
        pronunciation: Mapping[str, str] | None = None,
        transcribe: Transcribe | None = None,
    ) -> None:
        self._model = model
        self._pronunciation = dict(pronunciation or {})
        self._transcribe = transcribe
        self._planner: Planner | None = None
        self._references: OrderedDict[str, PreparedReference] = OrderedDict()

    @property
    def spec(self) -> ModelSpec:
        """The model's description."""
        return self._model.spec

    @property
    def settings(self) -> Settings:
        """What a process that prepares texts has to know."""
        return Settings(self.spec, self._model.vocabulary.ids, self._pronunciation)

    @property
    def device(self) -> str:
        """Where the model computes, as torch writes it."""
        return self._model.device

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

    def plan(self, text: str, reference: Reference, parameters: Parameters) -> Plan:
        """Cut a text into segments and fix each one's tokens and length.

        Raises:
            BadRequestError: the text or the recording cannot be used.
        """
        from f5d.engine.planning import Planner

        planner = self._planner = self._planner or Planner(self.settings)
        key = reference_key(reference, parameters)
        task, known = self.task(text, reference, parameters, key)
        made = planner.prepare(task)
        if isinstance(made, Untranscribed):
            if self._transcribe is None:
                raise BadRequestError("transcription_unavailable", "the reference has no text; pass --ref-text")
            heard = self._transcribe(np.frombuffer(made.wave, np.float32), made.rate_hz)
            made = planner.prepare(msgspec.structs.replace(task, transcript=heard))
            assert isinstance(made, Ready)  # its transcript was all that was missing
        return self.adopt(key, made, known)

    def task(
        self, text: str, reference: Reference, parameters: Parameters, key: str
    ) -> tuple[Task, PreparedReference | None]:
        """Return what is to be prepared for a text, and its reference where that is among the last 32.

        `key` is the `reference_key` of the reference.
        """
        known = self._references.get(key)
        if known is None:
            return Task(text, reference, parameters, key), None
        self._references.move_to_end(key)
        bare = msgspec.structs.replace(reference, audio=b"")
        return Task(text, bare, parameters, key, known.facts), known

    def adopt(self, key: str, made: Ready, known: PreparedReference | None) -> Plan:
        """Return a prepared text with the mel of its reference, which is made and kept unless it was known."""
        reference = known or self._references.get(key) or self._keep(key, made)
        return Plan(
            **{name: getattr(made.plan, name) for name in TextPlan.__struct_fields__}, mel=reference.mel
        )

    def _keep(self, key: str, made: Ready) -> PreparedReference:
        facts = made.plan.reference
        levelled_wave = torch.from_numpy(np.frombuffer(made.wave, np.float32) / np.float32(facts.gain))
        mel = self._model.mel(resample(levelled_wave, made.rate_hz, SAMPLE_RATE_HZ)).cpu()
        if facts.frames != facts.recorded_frames:
            mel = retimed(mel, facts.frames + 1)
        self._references[key] = PreparedReference(facts, mel)
        if len(self._references) > MAX_PREPARED_REFERENCES:
            self._references.popitem(last=False)
        return self._references[key]

    def open_row(self, plan: Plan, index: int) -> Row:
        """Return segment `index` as a row that has taken no step yet."""
        segment, parameters = plan.segments[index], plan.parameters
        return self._model.backend.open_row(
            RowSpec(
                reference_mel=plan.mel,
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
        """Return the waves of finished rows at 24 kHz, unchecked; none after a step that ended none.

        Rows of one length are vocoded together, but not on a CPU: it gains nothing there, and sums
        rounded differently would make the bytes of a file depend on what else was spoken.
        """
        if not finished:
            return []
        mels = [  # with the frame that the reference shares with what follows, as upstream does
            torch.cat([upload(plan.mel[plan.reference.frames :], row.mel.device), row.mel])
            for plan, row in finished
        ]
        vocoder = self._model.vocoder
        if self._model.device == "cpu":
            return [vocoder.decode(mel).numpy() for mel in mels]
        waves = vocoder.decode_batch(mels)
        fetched = torch.cat(waves).cpu()  # the device is waited for once
        return [wave.numpy() for wave in torch.split(fetched, [len(wave) for wave in waves])]

    def finish_wave(self, plan: Plan, index: int, row: Row, wave: Wave) -> Made:
        """Return what `vocode` made of segment `index`, checked and as loud as it is to be.

        Raises:
            SynthesisError: `synthesis_failed` when the wave is not finite, silent or of the wrong length.
        """
        reference = plan.reference
        wave = wave * np.float32(reference.gain)
        expected_samples = (row.spec.frames - reference.frames - 1) * HOP_SAMPLES
        where = f"segment {index + 1} of {len(plan.segments)}"
        check_speech(wave, expected_samples=expected_samples, where=where)
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
