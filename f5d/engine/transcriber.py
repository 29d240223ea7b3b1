"""Transcribes a reference whose text nobody gave, with a Whisper pipeline loaded when first needed.

A model that is on this machine is loaded without a question to the hub.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from f5ctl.errors import BadRequestError
from f5ctl.extras import lack
from f5d.catalog.hub import HUB_SCHEME, find_file, knock

if TYPE_CHECKING:
    from f5d.engine.silence import Wave

_NAMES_IT_DTYPE: Final = (4, 56)  # transformers' version since which `torch_dtype` is `dtype`


class Transcriber:
    """Owns the speech recogniser of an engine; nothing is loaded before the first transcript.

    `engine_dtype` is what the engine's own model computes in on that device.
    """

    def __init__(self, model: str, device: str, engine_dtype: str = "float32") -> None:
        self._model = model
        self._device = device
        self._dtype = recogniser_dtype(device, engine_dtype)
        self._pipeline: Any = None

    @property
    def loaded(self) -> bool:
        """True when the recogniser is in memory."""
        return self._pipeline is not None

    def transcribe(self, wave: Wave, rate_hz: int) -> str:
        """Return what is said in `wave`.

        Raises:
            BadRequestError: `transcription_unavailable` when the recogniser cannot be loaded or
                hears nothing.
        """
        if self._pipeline is None:
            self._pipeline = self._load()
        result = self._pipeline({"raw": wave, "sampling_rate": rate_hz}, return_timestamps=False)
        transcript = str(result["text"]).strip()
        if not transcript:
            raise BadRequestError(
                "transcription_unavailable", f"{self._model} hears no words in the reference; pass --ref-text"
            )
        return transcript

    def _load(self) -> Any:
        if line := lack("asr", "the reference has no text and transcribing it"):
            raise BadRequestError("transcription_unavailable", f"{line}; or pass --ref-text")
        from f5d.model.torchaudio_compat import import_torchaudio

        import_torchaudio()  # transformers imports torchaudio, which may need the stand-in first
        import torch
        import transformers

        recent = tuple(map(int, transformers.__version__.split(".")[:2])) >= _NAMES_IT_DTYPE
        named = "dtype" if recent else "torch_dtype"
        transformers.logging.set_verbosity_error()
        transformers.logging.disable_progress_bar()
        try:
            return transformers.pipeline(
                "automatic-speech-recognition",
                model=self._place(),
                device=self._device,
                **{named: getattr(torch, self._dtype)},
            )
        except (OSError, ValueError, ImportError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[0][:160] if str(error).strip() else type(error).__name__
            raise BadRequestError(
                "transcription_unavailable",
                f"the reference has no text and {self._model} cannot be loaded to transcribe it ({reason});"
                " pass --ref-text",
            ) from None

    def _place(self) -> str:
        """Return the folder of the model where it is on this machine, else what the hub calls it.

        Raises OSError at once when there is no hub.
        """
        if Path(self._model).is_absolute() or self._model.count("/") != 1:
            return self._model
        config = find_file(f"{HUB_SCHEME}{self._model}/config.json")
        if config is None:
            knock()
        return str(config.parent) if config else self._model


def recogniser_dtype(device: str, engine_dtype: str) -> str:
    """Return the type for Whisper beside an engine that computes in `engine_dtype`.

    Where a GPU's engine takes float32, halves may give no numbers there, as on GTX 16 cards.
    """
    return "float16" if device.startswith("cuda") and engine_dtype != "float32" else "float32"
