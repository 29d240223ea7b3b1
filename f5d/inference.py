"""F5-TTS inside your own Python process, on the code that the daemon's engine runs.

`F5TTSInference` is one loaded model; `F5TTSInferenceService` is a process-wide, thread-safe one that
loads when first needed. Errors are Python's own: FileNotFoundError, ValueError for a bad argument,
RuntimeError when synthesis fails.
"""

from __future__ import annotations

import os
import random
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from f5ctl.errors import BadRequestError, ConfigError, F5Error
from f5ctl.parameters import PARAMETERS, layered
from f5ctl.protocol import MAX_REF_AUDIO_BYTES
from f5d.catalog.models import fetch, model_spec_from_table
from f5d.catalog.spec import HOP_SAMPLES, SAMPLE_RATE_HZ
from f5d.catalog.voices import Reference
from f5d.engine.audio import FILE_ENCODINGS, encode_file, to_pcm
from f5d.engine.synthesizer import Synthesizer
from f5d.engine.transcriber import Transcriber
from f5d.engine.types import Parameters
from f5d.model.load import load_model, pick_device

DEFAULT_ASR_MODEL: Final = "openai/whisper-large-v3-turbo"


def save_audio(
    audio: npt.NDArray[np.float32], output_path: str | os.PathLike[str], sample_rate: int | None = None
) -> None:
    """Write mono samples at 24 kHz under `output_path`, atomically, in the format of its suffix.

    Raises:
        ValueError: the suffix names no known format, or `sample_rate` is not 24000.
        OSError: the file cannot be written.
    """
    if sample_rate not in (None, SAMPLE_RATE_HZ):
        raise ValueError(f"sample_rate is {sample_rate}; the audio has {SAMPLE_RATE_HZ}")
    path = Path(output_path)
    encoding = path.suffix.removeprefix(".").lower()
    pcm = to_pcm(np.asarray(audio, np.float32))
    if encoding in ("pcm", "raw"):
        data = pcm
    elif encoding in FILE_ENCODINGS:
        data = encode_file(pcm, encoding)
    else:
        known = ", ".join(FILE_ENCODINGS)
        raise ValueError(f"{path.name} has no known audio suffix: {known} or pcm")
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
            os.chmod(file.name, 0o666 & ~_umask())  # noqa: PTH101 - NamedTemporaryFile made it 0600
            os.replace(file.name, path)  # noqa: PTH105
        except BaseException:
            os.unlink(file.name)  # noqa: PTH108
            raise


def _umask() -> int:
    umask = os.umask(0o022)
    os.umask(umask)
    return umask


class F5TTSInference:
    """A loaded F5-TTS model. Not thread-safe: one call at a time; see F5TTSInferenceService.

    Args:
        checkpoint_path: `.safetensors` or `.pt`, in upstream's format.
        vocab_file: the model's vocab.txt, one token a line.
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
        vocab_file: str | os.PathLike[str],
        device: str = "cuda",
        config: str | Mapping[str, str | bool] | None = None,
        sample_rate: int = SAMPLE_RATE_HZ,
        hop_length: int = HOP_SAMPLES,
        target_rms: float = 0.1,
    ) -> None:
        if (sample_rate, hop_length) != (SAMPLE_RATE_HZ, HOP_SAMPLES):
            raise ValueError(
                f"sample_rate is {sample_rate} and hop_length {hop_length}; only 24000 and 256 work"
            )
        for path in (checkpoint_path, vocab_file):
            if not Path(path).is_file():
                raise FileNotFoundError(f"{path} does not exist")
        table = {"architecture": config} if isinstance(config, str) else dict(config or {})
        dtype = str(table.pop("dtype", "auto"))
        table |= {"checkpoint": os.fspath(checkpoint_path), "vocab": os.fspath(vocab_file)}
        with _python_errors():
            spec = model_spec_from_table(Path(checkpoint_path).stem, table, Path.cwd())
            chosen = pick_device(device)
            model = load_model(fetch(spec), device=chosen, dtype=dtype)
            self._synthesizer: Synthesizer | None = Synthesizer(model, Transcriber(DEFAULT_ASR_MODEL, chosen))
        self._target_rms = target_rms

    def generate(
        self,
        text: str,
        ref_audio: str | os.PathLike[str],
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
            ref_audio: an audio file of at most 12 s; `ref_text` is what it says (transcribed when empty).
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
        if not Path(ref_audio).is_file():
            raise FileNotFoundError(f"{ref_audio} does not exist")
        for name, given in (("text", text), ("ref_text", ref_text)):
            if not isinstance(given, str):
                raise ValueError(f"{name} is {given!r:.80}; it must be a text")  # noqa: TRY004 - as documented
        if not text.strip():
            raise ValueError("text is empty")
        size = Path(ref_audio).stat().st_size
        if size > MAX_REF_AUDIO_BYTES:
            raise ValueError(f"{ref_audio} is {size} bytes; the limit is {MAX_REF_AUDIO_BYTES}")
        numbers: dict[str, Any] = {
            "nfe_step": nfe_step,
            "cfg_strength": cfg_strength,
            "sway_sampling_coef": sway_sampling_coef,
            "speed": speed,
            "fix_duration": fix_duration,
            "seed": random.getrandbits(32) if seed is None else seed,
            "target_rms": self._target_rms,
            "loudness": loudness,
            "volume": volume,
        }
        joins = {"sentence_pause": sentence_pause, "cross_fade_duration": cross_fade_duration}
        numbers |= {name: value for name, value in joins.items() if value is not None}
        for name, value in numbers.items():
            numbers[name] = value.item() if isinstance(value, np.generic) else value
            if (fault := PARAMETERS[name].fault(numbers[name])) and not (
                name == "fix_duration" and value is None
            ):
                raise ValueError(f"{name} is {fault}")
        reference = Reference(Path(ref_audio).read_bytes(), ref_text.strip() or None)
        with _python_errors():
            spec = self._synthesizer.spec
            settings = layered({"sentence_pause": spec.sentence_pause}, numbers)
            parameters = Parameters(
                remove_silence=remove_silence, language=spec.language, **{"sentence_pause": None, **settings}
            )
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
        self, checkpoint_path: str | os.PathLike[str], vocab_file: str | os.PathLike[str], **options: Any
    ) -> None:
        """Set F5TTSInference's arguments; a model loaded with other ones is unloaded."""
        arguments = {"checkpoint_path": checkpoint_path, "vocab_file": vocab_file, **options}
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
        self, text: str, ref_audio: str | os.PathLike[str], ref_text: str = "", **parameters: Any
    ) -> npt.NDArray[np.float32]:
        """Return what F5TTSInference.generate returns, loading the model first if need be."""
        with self._lock:
            return self._loaded().generate(text, ref_audio, ref_text, **parameters)

    save_audio = staticmethod(save_audio)  # needs no model

    def is_loaded(self) -> bool:
        """Return whether the model is in memory."""
        with self._lock:
            return self._inference is not None

    def is_configured(self) -> bool:
        """Return whether `configure` has been called."""
        with self._lock:
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


@contextmanager
def _python_errors() -> Iterator[None]:
    """Turn the project's errors into Python's own."""
    try:
        yield
    except (BadRequestError, ConfigError) as error:
        raise ValueError(error.message) from error
    except F5Error as error:
        raise RuntimeError(error.message) from error
