"""Step 4, the vocoder: `python -m starter.vocoder` trains a tiny Vocos, or goes on where it stopped.

First on spectra alone (log-mel and linear, three resolutions), then against small discriminators of
spectrograms, with hinge and feature-matching losses, as Vocos does (vocos/loss.py, discriminators.py).
`--export FOLDER` writes config.yaml and pytorch_model.bin in Vocos' own format.
"""

from __future__ import annotations

import random
import time
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from f5d.catalog.spec import FFT_SAMPLES, HOP_SAMPLES, MEL_CHANNELS, SAMPLE_RATE_HZ
from f5d.model.mel import MelSpectrogram
from f5d.model.vocos import Vocos, VocosShape

from .paths import SPEECH, VOCODER_RUN
from .rows import DITHER, Framer, Library
from .train import load_libraries, wait_while

SHAPE: Final = VocosShape(dim=192, intermediate_dim=576, num_layers=5, padding="center")
FRAMES: Final = 64
BATCH: Final = 16
RESOLUTIONS: Final = (512, 1024, 2048)
MEL_SHARE: Final = 15.0
CHECKPOINT_S: Final = 120.0
CONFIG: Final = f"""feature_extractor:
  class_path: vocos.feature_extractors.MelSpectrogramFeatures
  init_args:
    sample_rate: {SAMPLE_RATE_HZ}
    n_fft: {FFT_SAMPLES}
    hop_length: {HOP_SAMPLES}
    n_mels: {MEL_CHANNELS}
    padding: center
backbone:
  class_path: vocos.models.VocosBackbone
  init_args:
    input_channels: {MEL_CHANNELS}
    dim: {SHAPE.dim}
    intermediate_dim: {SHAPE.intermediate_dim}
    num_layers: {SHAPE.num_layers}
head:
  class_path: vocos.heads.ISTFTHead
  init_args:
    dim: {SHAPE.dim}
    n_fft: {FFT_SAMPLES}
    hop_length: {HOP_SAMPLES}
    padding: center
"""


class Discriminator(nn.Module):
    """Judges the magnitude spectrogram of one resolution; returns every layer's features, scores last."""

    def __init__(self, fft_samples: int, channels: int = 16) -> None:
        super().__init__()
        self.fft_samples = fft_samples
        widths = (1, channels, channels, channels, channels)
        self.layers = nn.ModuleList(
            nn.utils.parametrizations.weight_norm(nn.Conv2d(taken, given, (9, 3), (3, 1), (4, 1)))
            for taken, given in pairwise(widths)
        )
        self.last = nn.utils.parametrizations.weight_norm(nn.Conv2d(channels, 1, 3, 1, 1))

    def forward(self, waves: Tensor) -> list[Tensor]:
        """Waves [n, samples] -> features [n, channels, bands, frames]."""
        features = [spectrum(waves, self.fft_samples).clamp(min=1e-5).log()[:, None]]
        for layer in self.layers:
            features.append(F.leaky_relu(layer(features[-1]), 0.1))
        return [*features[1:], self.last(features[-1])]


class VocoderTrainer:
    """Owns generator, discriminators and their optimizers."""

    def __init__(self, steps: int, rate: float) -> None:
        torch.manual_seed(0)
        self.steps, self.rate = steps, rate
        self.generator = Vocos(SHAPE)
        nn.init.normal_(self.generator.head.out.weight, std=0.01)
        for block in self.generator.backbone.convnext:
            nn.init.constant_(block.get_parameter("gamma"), 1 / SHAPE.num_layers)
        self.judges = nn.ModuleList(Discriminator(size) for size in RESOLUTIONS)
        self.makes = torch.optim.AdamW(self.generator.parameters(), lr=rate, betas=(0.8, 0.95))
        self.judging = torch.optim.AdamW(self.judges.parameters(), lr=rate / 2, betas=(0.8, 0.95))
        self.step = 0
        self._mel = MelSpectrogram()

    def start_from(self, folder: Path) -> None:
        """Begin with the generator of an exported vocoder; the discriminators begin anew."""
        exported = Vocos.load(folder / "config.yaml", folder / "pytorch_model.bin")
        self.generator.load_state_dict(exported.state_dict())

    def state(self) -> dict[str, Any]:
        """Everything that a later run needs to go on."""
        parts = ("generator", "judges", "makes", "judging")
        return {"step": self.step} | {name: getattr(self, name).state_dict() for name in parts}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from a state."""
        self.step = state["step"]
        for name in ("generator", "judges", "makes", "judging"):
            getattr(self, name).load_state_dict(state[name])

    def learn(self, real: Tensor, *, adversarial: bool) -> dict[str, float]:
        """Take one step on waves [n, samples]."""
        for optimizer in (self.makes, self.judging):
            for group in optimizer.param_groups:
                share = 1.0 if optimizer is self.makes else 0.5
                group["lr"] = self.rate * share * max(0.02, 1 - self.step / self.steps)
        mels = torch.stack([self._mel(wave) for wave in real]).clone()
        made = waves_of(self.generator, mels)
        losses = {"mel": mel_distance(made, real), "spectra": spectra_distance(made, real)}
        total = MEL_SHARE * losses["mel"] + losses["spectra"]
        if adversarial:
            losses["judges"] = self._judge(made.detach(), real)
            scores, likeness = self._judged(made, real)
            losses |= {"scores": scores, "likeness": likeness}
            total = total + scores + likeness
        self.makes.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        norm = nn.utils.clip_grad_norm_(self.generator.parameters(), 10.0)
        if torch.isfinite(norm):
            self.makes.step()
        self.step += 1
        return {name: loss.item() for name, loss in losses.items()}

    def _judge(self, made: Tensor, real: Tensor) -> Tensor:
        judged = [
            F.relu(1 - judge(real)[-1]).mean() + F.relu(1 + judge(made)[-1]).mean() for judge in self.judges
        ]
        loss = torch.stack(judged).mean()
        self.judging.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.judging.step()
        return loss

    def _judged(self, made: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
        scores, likeness = [], []
        for judge in self.judges:
            with torch.no_grad():
                wanted = judge(real)
            found = judge(made)
            scores.append(F.relu(1 - found[-1]).mean())
            pairs = zip(found[:-1], wanted[:-1], strict=True)
            likeness.append(torch.stack([(one - other).abs().mean() for one, other in pairs]).mean())
        return torch.stack(scores).mean(), torch.stack(likeness).mean()


def waves_of(generator: Vocos, mels: Tensor) -> Tensor:
    """[n, frames, 100] -> [n, (frames - 1) * 256], as Vocos.decode does, but with gradients."""
    values = generator.head.out(generator.backbone(mels.transpose(1, 2))).transpose(1, 2)
    log_magnitude, phase = values.chunk(2, dim=1)
    polar = torch.polar(log_magnitude.exp().clamp(max=100.0), phase)
    window = torch.hann_window(FFT_SAMPLES)
    return torch.istft(polar, FFT_SAMPLES, HOP_SAMPLES, window=window, center=True)


def spectrum(waves: Tensor, fft_samples: int) -> Tensor:
    """Magnitudes [n, bands, frames] of waves [n, samples]."""
    window = torch.hann_window(fft_samples)
    found = torch.stft(waves, fft_samples, fft_samples // 4, window=window, return_complex=True)
    return (found.real.square() + found.imag.square() + 1e-12).sqrt()


def spectra_distance(made: Tensor, real: Tensor) -> Tensor:
    """Return the mean distance of logarithms and of magnitudes over three resolutions."""
    found = []
    for size in RESOLUTIONS:
        one, other = spectrum(made, size), spectrum(real, size)
        shape = (one - other).norm() / other.norm()
        found.append(shape + (one.clamp(min=1e-4).log() - other.clamp(min=1e-4).log()).abs().mean())
    return torch.stack(found).mean()


def mel_distance(made: Tensor, real: Tensor) -> Tensor:
    """Return the mean distance of log mels."""
    filters = _mel_filters()
    pairs = [(spectrum(waves, FFT_SAMPLES).mT @ filters).clamp(min=1e-5).log() for waves in (made, real)]
    return (pairs[0] - pairs[1]).abs().mean()


@cache
def _mel_filters() -> Tensor:
    filters: Tensor = Framer().filters
    return filters


def pieces(library: Library, step: int) -> Tensor:
    """Return random pieces of speech [BATCH, samples] at random levels, the same ones for the same step."""
    rng = random.Random(f"vocoder {step}")
    torch.manual_seed(rng.getrandbits(40))
    size = (FRAMES - 1) * HOP_SAMPLES
    found: list[Tensor] = []
    while len(found) < BATCH:
        wave = library.waves[rng.randrange(len(library.waves))]
        if len(wave) > size:
            start = rng.randrange(len(wave) - size)
            piece = torch.from_numpy(wave[start : start + size].astype(np.float32) / 32768)
            found.append(10 ** (rng.gauss(0, 3.0) / 20) * piece)
    return torch.stack(found) + DITHER * torch.randn(BATCH, size)


def export(generator: Vocos, folder: Path) -> None:
    """Write config.yaml and pytorch_model.bin as vocos.Vocos.from_hparams and load_state_dict take them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(CONFIG)
    extra = {
        "feature_extractor.mel_spec.spectrogram.window": torch.hann_window(FFT_SAMPLES),
        "feature_extractor.mel_spec.mel_scale.fb": _mel_filters(),
        "head.istft.window": torch.hann_window(FFT_SAMPLES),
    }
    torch.save({**generator.state_dict(), **extra}, folder / "pytorch_model.bin")


@click.command()
@click.option("--steps", default=6_000, show_default=True)
@click.option("--spectral-steps", default=1_500, show_default=True, help="Steps before the discriminators.")
@click.option("--rate", default=1e-3, show_default=True, help="Learning rate; it falls to 2% over the steps.")
@click.option("--start", type=click.Path(path_type=Path), help="Begin with an exported vocoder's weights.")
@click.option("--threads", default=2, show_default=True)
@click.option("--pause-file", type=click.Path(path_type=Path), help="Wait while this file exists.")
@click.option("--export", "folder", type=click.Path(path_type=Path), help="Write the vocoder there at the end.")
def main(
    steps: int,
    spectral_steps: int,
    rate: float,
    start: Path | None,
    threads: int,
    pause_file: Path | None,
    folder: Path | None,
) -> None:
    """Train until `--steps` steps are done."""
    torch.set_num_threads(threads)
    VOCODER_RUN.mkdir(parents=True, exist_ok=True)
    checkpoint = VOCODER_RUN / "vocoder.pt"
    library, _ = load_libraries(SPEECH)
    trainer = VocoderTrainer(steps, rate)
    if start is not None:
        trainer.start_from(start)
    if checkpoint.exists():
        trainer.load(torch.load(checkpoint, weights_only=True))
    saved = time.monotonic()
    while trainer.step < steps:
        wait_while(pause_file)
        losses = trainer.learn(pieces(library, trainer.step), adversarial=trainer.step >= spectral_steps)
        if trainer.step % 50 == 0:
            click.echo(f"{trainer.step} " + " ".join(f"{name} {loss:.3f}" for name, loss in losses.items()))
        if time.monotonic() - saved > CHECKPOINT_S or trainer.step == steps:
            partial = checkpoint.with_suffix(".part")
            torch.save(trainer.state(), partial)
            partial.rename(checkpoint)
            saved = time.monotonic()
    if folder is not None:
        export(trainer.generator, folder)


if __name__ == "__main__":
    main()
