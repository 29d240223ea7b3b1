"""Gives torchaudio even where its compiled extension does not load.

torchaudio 2.11 is linked to CUDA 13.0: `import torchaudio` fails with a CPU-only torch (OSError) and
with newer builds (RuntimeError). Its pure-Python parts, the mel filter bank and the resampler, need
nothing of the extension, so a stand-in takes the extension's place, only when the plain import fails.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any, Final

from f5ctl.errors import SynthesisError

_EXTENSION: Final = "torchaudio._extension"


class _StandIn(ModuleType):
    """The three names that torchaudio's Python code takes from its extension module."""

    _IS_TORCHAUDIO_EXT_AVAILABLE = False
    _IS_ALIGN_AVAILABLE = False

    @staticmethod
    def fail_if_no_align(function: Any) -> Any:
        return function


def import_torchaudio() -> Any:
    """Return the torchaudio package, with the stand-in behind it if its own extension does not load.

    Raises SynthesisError (model_error) when torchaudio is not installed or fails for another reason.
    """
    try:
        return importlib.import_module("torchaudio")
    except (ImportError, OSError, RuntimeError):
        _forget_torchaudio()
    sys.modules[_EXTENSION] = _StandIn(_EXTENSION)
    try:
        return importlib.import_module("torchaudio")
    except (ImportError, OSError, RuntimeError) as error:
        _forget_torchaudio()
        raise SynthesisError("model_error", f"torchaudio cannot be imported: {error}") from error


def stand_in_active() -> bool:
    """True when torchaudio runs here without its compiled extension."""
    return isinstance(sys.modules.get(_EXTENSION), _StandIn)


def _forget_torchaudio() -> None:
    """Drop what a failed import left behind, so that the next import starts afresh."""
    for name in [name for name in sys.modules if name == "torchaudio" or name.startswith("torchaudio.")]:
        del sys.modules[name]
