"""f5d keeps an F5-TTS model warm. Importing this package is light: torch comes with the first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from f5ctl import __version__

__all__ = ["F5TTSInference", "F5TTSInferenceService", "__version__", "get_inference_service"]

if TYPE_CHECKING:  # for type checkers and editors
    from f5d.inference import F5TTSInference, F5TTSInferenceService, get_inference_service

if not TYPE_CHECKING:

    def __getattr__(name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from f5ctl.extras import lack

        if line := lack("engine", f"f5d.{name}"):
            raise ImportError(line)
        from importlib import import_module

        return getattr(import_module("f5d.inference"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
