"""The f5-tts package's own sampler and ours, in turns in the same process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING, Any

import torch

from f5d.catalog.spec import FRAMES_PER_SECOND, MEL_CHANNELS
from gpu_sections.bare import lacking
from gpu_sections.batches import once
from gpu_sections.lab import fault, header, row

if TYPE_CHECKING:
    from gpu_sections.lab import Lab

BATCHES = (1, 4, 16)
TRAINER = "f5_tts.model.trainer"
NEVER_CALLED = {  # by sampling, and not on every machine
    TRAINER: "Trainer",
    "librosa": "",
    "librosa.filters": "mel",
    "scipy": "",
    "scipy.integrate": "solve_ivp",
}


def measure(lab: Lab) -> None:
    """Sample each batch by both."""
    theirs = sampler(lab)
    if isinstance(theirs, str):
        print(f"- not measured, f5-tts cannot be imported: {theirs}")
        return
    backend = lab.backend(lab.chosen(lab.weights()))
    header("rows", "f5-tts, ms", "f5d, ms", "f5-tts / f5d", "audio s/s of f5-tts", "of f5d")
    for batch in (1, 2) if lab.dry else BATCHES:
        specs = [lab.spec(seed) for seed in range(batch)]
        ours = partial(once, lab, backend, specs)
        ours()
        while backend.warm_up_next():
            pass
        times = [lab.median_ms(action, 3) for action in (partial(theirs, batch), ours)]
        audio_ms = 1e3 * batch * lab.speech_frames / FRAMES_PER_SECOND
        rates = [f"{audio_ms / time_ms:.0f}" for time_ms in times]
        row(batch, *(f"{time_ms:.1f}" for time_ms in times), f"{times[0] / times[1]:.2f}", *rates)


def sampler(lab: Lab) -> Callable[[int], object] | str:
    """Return the package's sampler for a batch, in the type in which it runs on CUDA, or why there is none."""
    try:
        absent = {TRAINER.split(".", 1)[0], *lacking("librosa", "scipy")}
        for name, attribute in NEVER_CALLED.items():
            if name.split(".", 1)[0] in absent:
                sys.modules[name] = ModuleType(name)
                setattr(sys.modules[name], attribute or "_", None)
        from f5d.model.torchaudio_compat import import_torchaudio

        import_torchaudio()
        from f5_tts.model import CFM, DiT
    except Exception as error:  # noqa: BLE001 - its own imports raise all kinds
        return fault(error)
    network = DiT(**lab.architecture.upstream_arguments(), text_num_embeds=lab.tokens, mel_dim=MEL_CHANNELS)
    cfm: Any = CFM(transformer=network, mel_spec_kwargs={"n_mel_channels": MEL_CHANNELS})
    cfm = cfm.eval().requires_grad_(False).to(lab.device, lab.half)
    spec = lab.spec(0)
    condition = spec.reference_mel.to(lab.device)[None]
    text = torch.tensor([spec.token_ids], device=lab.device)

    @torch.inference_mode()
    def run(batch: int) -> object:
        return cfm.sample(
            cond=condition.expand(batch, -1, -1),
            text=text.expand(batch, -1),
            duration=spec.frames,
            steps=spec.nfe_step,
            cfg_strength=spec.cfg_strength,
            sway_sampling_coef=spec.sway_sampling_coef,
            seed=0,
        )

    return run
