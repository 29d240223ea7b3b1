"""The vox-tts package, an engine of its own in C++, as one more contestant of engine.py."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from f5d.catalog.hub import LocalModel
from f5d.catalog.spec import FRAMES_PER_SECOND
from f5d.model.sampler import RowSpec

KINDS = {"float32": ("--dtype", "f32"), "8 bits": ("--quant", "q8")}

_RATE_HZ = 24_000
_HOP = round(_RATE_HZ / FRAMES_PER_SECOND)
_REFERENCE_TEXT = "some words were said before us by the old fishers."
_WORDS = "and so we went to the sea "


def is_there() -> bool:
    """Whether the package can be imported."""
    return importlib.util.find_spec("vox") is not None


class OtherEngine:
    """The package's engine with the weights of `local`. Frames follow from the text; `speed` fits them."""

    def __init__(self, local: LocalModel, kind: str, spec: RowSpec, folder: Path, threads: int) -> None:
        path = folder / f"{kind.split(maxsplit=1)[0]}.tmod"
        subprocess.run(
            [
                *(
                    sys.executable,
                    "-m",
                    "vox.build_f5",
                    "--tokenizer",
                    "char",
                    "--model-cfg",
                    "v1",
                    "--no-hash",
                ),
                *("--ckpt", str(local.checkpoint), "--vocab", str(local.vocab)),
                *("--vocos", str(local.vocoder_weights.parent), *KINDS[kind], "-o", str(path)),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        self._engine: Any = importlib.import_module("vox").Engine(str(path), device="cpu", threads=threads)
        noise = torch.randn(spec.reference_frames * _HOP, generator=torch.Generator().manual_seed(0)) * 0.1
        self._voice = self._engine.clone_voice((noise.numpy(), _RATE_HZ), _REFERENCE_TEXT)
        wanted = spec.frames - spec.reference_frames
        letters = round(len(_REFERENCE_TEXT) * wanted / spec.reference_frames)
        self._text = (_WORDS * (1 + letters // len(_WORDS)))[: letters - 1] + "."
        self._spec = spec
        self._speed = self.sample(steps=1) / wanted

    def sample(self, steps: int | None = None) -> int:
        """Return the frames that were generated; unlike the other contestants it makes a wave of them too."""
        extra = {
            "nfe_step": steps or self._spec.nfe_step,
            "cfg_strength": self._spec.cfg_strength,
            "sway_sampling_coef": self._spec.sway_sampling_coef,
            "speed": 1.0 if steps else self._speed,
        }
        return len(self._engine.synthesize(self._text, self._voice, seed=1, extra=extra)) // _HOP
