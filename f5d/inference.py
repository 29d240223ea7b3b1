"""F5-TTS inside your own Python process, on the code that the daemon's engine runs.

`F5TTSInference` is one loaded model; `F5TTSInferenceService` is a process-wide, thread-safe one that
loads when first needed. Errors are Python's own: FileNotFoundError, ValueError for a bad argument,
RuntimeError when synthesis fails.
"""

from __future__ import annotations

import os
import random
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from f5ctl.bounds import is_utf8, shown
from f5ctl.errors import BadRequestError, ConfigError, F5Error
from f5ctl.parameters import PARAMETERS, layered
from f5d.catalog.models import catalog, fetch, model_spec_from_table, resolve
from f5d.catalog.spec import HOP_SAMPLES, SAMPLE_RATE_HZ, ModelSpec
from f5d.catalog.voices import Reference
from f5d.config import load_config
from f5d.engine.synthesizer import Synthesizer
from f5d.engine.transcriber import Transcriber
from f5d.engine.types import Parameters
from f5d.model.load import load_model, pick_device, pick_dtype
from f5d.python_audio import ReferenceAudio, checked_path, reference_bytes, save_audio

DEFAULT_ASR_MODEL: Final = "openai/whisper-large-v3-turbo"
_MAY_BE_NONE: Final = frozenset({"fix_duration", "sentence_pause", "cross_fade_duration"})


class F5TTSInference:
    """A loaded F5-TTS model. Not thread-safe: one call at a time; see F5TTSInferenceService.

    Args:
        checkpoint_path: `.safetensors` or `.pt`, in upstream's format; or, without `vocab_file`, the name of a
            model as `f5ctl models` has it, such as `starter`.
        vocab_file: the model's vocab.txt, one token a line; None is upstream's.
        device: `cuda`, `cuda:N`, `mps`, `cpu` or `auto`.
        config: the keys of a `[models.NAME]` table besides checkpoint and vocab (`architecture`,
            `vocoder`, `reference_gap`, `language`, `ema`), or just the architecture: a name such as
            `F5TTS_v1_Base` (the default) or a path to upstream's YAML. `dtype` may stand there too.
        sample_rate: Hz; only 24000.
        hop_length: samples; only 256.
        target_rms: level that quiet references are raised to before the model hears them.

    Raises:
        FileNotFoundError: checkpoint or vocabulary is missing.
        ValueError: an argument is out of range.
        RuntimeError: the checkpoint cannot be loaded.
    """

    def __init__(
        self,
        checkpoint_path: str | os.PathLike[str],
        vocab_file: str | os.PathLike[str] | None = None,
        device: str = "cuda",
        config: str | Mapping[str, str | bool | float] | None = None,
        sample_rate: int = SAMPLE_RATE_HZ,
        hop_length: int = HOP_SAMPLES,
        target_rms: float = 0.1,
    ) -> None:
        if (sample_rate, hop_length) != (SAMPLE_RATE_HZ, HOP_SAMPLES):
            raise ValueError(
                f"sample_rate is {sample_rate} and hop_length {hop_length}; only 24000 and 256 work"
            )
        self._target_rms = _checked("target_rms", target_rms)
        if not isinstance(device, str):
            raise ValueError(f"device is {shown(device)}; it can be auto, cpu, cuda, cuda:N or mps")  # noqa: TRY004
        if not isinstance(config, str | Mapping | None):
            raise ValueError(f"config is {shown(config)}; it can be an architecture or a table")  # noqa: TRY004
        table: dict[str, Any] = {"architecture": config} if isinstance(config, str) else dict(config or {})
        dtype = str(table.pop("dtype", "auto"))
        with _python_errors():
            spec = _spec(checkpoint_path, vocab_file, table)
            pick_dtype(dtype, pick_device(device))  # before anything is fetched
            model = load_model(fetch(spec), device=device, dtype=dtype)
            transcriber = Transcriber(DEFAULT_ASR_MODEL, model.device, model.dtype)
            self._synthesizer: Synthesizer | None = Synthesizer(model, transcribe=transcriber.transcribe)

    def generate(
        self,
        text: str,
        ref_audio: ReferenceAudio,
        ref_text: str = "",
        nfe_step: int = 32,
        cfg_strength: float = 2.0,
        sway_sampling_coef: float = -1.0,
        speed: float = 1.0,
        fix_duration: float | None = None,
        remove_silence: bool = False,  # noqa: FBT001, FBT002 - upstream's signature
        seed: int | None = None,
        sentence_pause: float | None = None,
        cross_fade_duration: float | None = None,
        loudness: bool = True,  # noqa: FBT001, FBT002 - as remove_silence
        volume: float = 0.0,
    ) -> npt.NDArray[np.float32]:
        """Return `text` spoken in the voice of `ref_audio`: mono float32 samples at 24 kHz.

        Args:
            text: what to say, of any length.
            ref_audio: a recording of at most 12 s: a path, the bytes of an audio file, samples at 24 kHz, or
                (samples, rate). `ref_text` is what it says (transcribed when empty).
            nfe_step: ODE steps, 1-128. `cfg_strength`: guidance, 1-3, or 0 for none.
            sway_sampling_coef: -1-1. `speed`: 0.5-2. `fix_duration`: seconds, reference included.
            remove_silence: shorten pauses over a second, and trim the ends.
            seed: the same seed gives the same audio; None draws one.
            sentence_pause: seconds after a sentence; None is the model's. `cross_fade_duration`: seconds that
                segments overlap, as upstream joins them; None joins them in quiet.
            loudness: bring speech to -19 LUFS; False leaves the model's level. `volume`: dB above it.

        Raises:
            FileNotFoundError: `ref_audio` is missing.
            ValueError: text, recording or a parameter cannot be used.
            RuntimeError: synthesis failed, or the model was unloaded.
        """
        if self._synthesizer is None:
            raise RuntimeError("the model is unloaded")
        for name, given in (("text", text), ("ref_text", ref_text)):
            if not isinstance(given, str) or not is_utf8(given):
                raise ValueError(f"{name} is {shown(given)}; it must be a text")
        if not text.strip():
            raise ValueError("text is empty")
        if ref_text.strip():
            _checked("ref_text", ref_text)
        numbers: dict[str, Any] = {
            "nfe_step": nfe_step,
            "cfg_strength": cfg_strength,
            "sway_sampling_coef": sway_sampling_coef,
            "speed": speed,
            "fix_duration": fix_duration,
            "seed": random.getrandbits(32) if seed is None else seed,
            "target_rms": self._target_rms,
            "remove_silence": remove_silence,
            "loudness": loudness,
            "volume": volume,
            "sentence_pause": sentence_pause,
            "cross_fade_duration": cross_fade_duration,
        }
        numbers = {
            name: _checked(name, value)
            for name, value in numbers.items()
            if value is not None or name not in _MAY_BE_NONE
        }
        reference = Reference(reference_bytes(ref_audio), ref_text.strip() or None)
        with _python_errors():
            spec = self._synthesizer.spec
            settings = layered({"sentence_pause": spec.sentence_pause}, numbers)
            parameters = Parameters(language=spec.language, **{"sentence_pause": None, **settings})
            plan = self._synthesizer.plan(text, reference, parameters)
            return self._synthesizer.speak(plan)

    save_audio = staticmethod(save_audio)

    def unload(self) -> None:
        """Give the model's memory back; `generate` raises from now on."""
        self._synthesizer = None
        import gc

        import torch

        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


class F5TTSInferenceService:
    """One F5TTSInference for the whole process, loaded when first used; every method is thread-safe."""

    _instance: F5TTSInferenceService | None = None
    _instance_lock: Final = threading.Lock()

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._arguments: dict[str, Any] | None = None
        self._inference: F5TTSInference | None = None

    @classmethod
    def get_instance(cls) -> F5TTSInferenceService:
        """Return the process's one service."""
        with cls._instance_lock:
            if cls._instance is None:
                cls._instance = cls()
            return cls._instance

    def configure(
        self,
        checkpoint_path: str | os.PathLike[str],
        vocab_file: str | os.PathLike[str] | None = None,
        **options: Any,
    ) -> None:
        """Set F5TTSInference's arguments; a model loaded with other ones is unloaded."""
        paths = {"checkpoint_path": checkpoint_path, "vocab_file": vocab_file}
        named = {name: checked_path(name, path) for name, path in paths.items() if path is not None}
        arguments = {
            name: path if not Path(path).exists() else str(Path(path).absolute())
            for name, path in named.items()
        }
        arguments |= deepcopy(options)  # a table that is changed later is another one
        with self._lock:
            if arguments != self._arguments:
                self.unload_model()
            self._arguments = arguments

    def load_model(self) -> None:
        """Load the model unless it is loaded. Raises RuntimeError before `configure`."""
        with self._lock:
            self._loaded()

    def unload_model(self) -> None:
        """Give the model's memory back; the next `generate` loads it again."""
        with self._lock:
            if self._inference is not None:
                self._inference.unload()
                self._inference = None

    def generate(
        self, text: str, ref_audio: ReferenceAudio, ref_text: str = "", **parameters: Any
    ) -> npt.NDArray[np.float32]:
        """Return what F5TTSInference.generate returns, loading the model first if need be."""
        with self._lock:
            return self._loaded().generate(text, ref_audio, ref_text, **parameters)

    save_audio = staticmethod(save_audio)  # needs no model

    def is_loaded(self) -> bool:
        """Return whether the model is in memory; never waits."""
        return self._inference is not None

    def is_configured(self) -> bool:
        """Return whether `configure` has been called; never waits."""
        return self._arguments is not None

    def _loaded(self) -> F5TTSInference:
        if self._arguments is None:
            raise RuntimeError(
                "the service is not configured; call configure(checkpoint_path, vocab_file) first"
            )
        if self._inference is None:
            self._inference = F5TTSInference(**self._arguments)
        return self._inference


def get_inference_service() -> F5TTSInferenceService:
    """Return the process's one F5TTSInferenceService."""
    return F5TTSInferenceService.get_instance()


def _checked(name: str, value: Any) -> Any:
    """Return a parameter as plain Python, or raise ValueError with its name, the value and the limit."""
    value = value.item() if isinstance(value, np.generic) else value
    if fault := PARAMETERS[name].fault(value):
        raise ValueError(f"{name} is {fault}")
    return value


def _spec(
    checkpoint: str | os.PathLike[str], vocab: str | os.PathLike[str] | None, table: dict[str, Any]
) -> ModelSpec:
    """Return the model in a checkpoint's file, or the one of that name where no vocabulary is given."""
    path = checked_path("checkpoint_path", checkpoint)
    if vocab is not None:
        table["vocab"] = checked_path("vocab_file", vocab)
        if not Path(table["vocab"]).is_file():
            raise FileNotFoundError(f"{vocab} does not exist")
    if Path(path).is_file():
        return model_spec_from_table(Path(path).stem, table | {"checkpoint": path}, Path.cwd())
    if vocab is not None:
        raise FileNotFoundError(f"{path} does not exist")
    try:
        spec = resolve(path, catalog({one.name: one for one in load_config().models}))
    except BadRequestError as error:
        raise FileNotFoundError(f"{path} does not exist; {error.message}") from None
    if table:
        raise ValueError(f"config is {shown(table)}; of the model {spec.name} only dtype can be chosen")
    return spec


@contextmanager
def _python_errors() -> Iterator[None]:
    """Turn the project's errors into Python's own."""
    try:
        yield
    except (BadRequestError, ConfigError) as error:
        raise ValueError(error.message) from error
    except F5Error as error:
        raise RuntimeError(error.message) from error
