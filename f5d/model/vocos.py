"""Our Vocos: mel to wave, for inference. Source: vocos/models.py, heads.py, spectral_ops.py."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from f5ctl.errors import SynthesisError
from f5d.catalog.spec import FFT_SAMPLES, HOP_SAMPLES, MEL_CHANNELS
from f5d.model.weights import check_state, read_tensors

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_KERNEL_FRAMES = 7
_EPSILON = 1e-6
_MAX_MAGNITUDE = 100.0  # Vocos' own safeguard


@dataclass(frozen=True, slots=True)
class VocosShape:
    """What a Vocos config.yaml decides."""

    dim: int
    intermediate_dim: int
    num_layers: int
    padding: Literal["center", "same"]


class _Block(nn.Module):
    """A ConvNeXt block over frames with a learned scale."""

    def __init__(self, shape: VocosShape) -> None:
        super().__init__()
        self.dwconv = _convolution(shape.dim, shape.dim, groups=shape.dim)
        self.norm = nn.LayerNorm(shape.dim, eps=_EPSILON)
        self.pwconv1 = nn.Linear(shape.dim, shape.intermediate_dim)
        self.pwconv2 = nn.Linear(shape.intermediate_dim, shape.dim)
        self.gamma = nn.Parameter(torch.ones(shape.dim))

    def forward(self, features: Tensor) -> Tensor:
        """[n, dim, frames] -> [n, dim, frames]."""
        mixed = self.norm(self.dwconv(features).transpose(1, 2))
        refined: Tensor = self.gamma * self.pwconv2(F.gelu(self.pwconv1(mixed)))
        return features + refined.transpose(1, 2)


class _Backbone(nn.Module):
    def __init__(self, shape: VocosShape) -> None:
        super().__init__()
        self.embed = _convolution(MEL_CHANNELS, shape.dim, groups=1)
        self.norm = nn.LayerNorm(shape.dim, eps=_EPSILON)
        self.convnext = nn.ModuleList(_Block(shape) for _ in range(shape.num_layers))
        self.final_layer_norm = nn.LayerNorm(shape.dim, eps=_EPSILON)

    def forward(self, mel: Tensor) -> Tensor:
        """[n, 100, frames] -> [n, frames, dim]."""
        features = self.norm(self.embed(mel).transpose(1, 2)).transpose(1, 2)
        for block in self.convnext:
            features = block(features)
        out: Tensor = self.final_layer_norm(features.transpose(1, 2))
        return out


class _Head(nn.Module):
    def __init__(self, dim: int) -> None:
        super().__init__()
        self.out = nn.Linear(dim, FFT_SAMPLES + 2)


class Vocos(nn.Module):
    """A vocoder for F5-TTS mels, float32. Owned by the engine."""

    def __init__(self, shape: VocosShape) -> None:
        super().__init__()
        self.shape = shape
        self.backbone = _Backbone(shape)
        self.head = _Head(shape.dim)

    @classmethod
    def load(cls, config: Path, weights: Path, *, device: str = "cpu") -> Vocos:
        """Return the vocoder of a Vocos config.yaml and its weights (.bin or .safetensors).

        Raises SynthesisError (model_error) with one line when either is wrong.
        """
        with torch.device("meta"):
            vocos = cls(read_shape(config))
        state = {
            key: value
            for key, value in read_tensors(weights).items()
            if not key.startswith("feature_extractor.") and key != "head.istft.window"
        }
        expected = {key: tuple(value.shape) for key, value in vocos.state_dict().items()}
        check_state(weights, state, expected, "Vocos")
        copied = {key: value.to(device, torch.float32, copy=True) for key, value in state.items()}
        vocos.load_state_dict(copied, assign=True)
        return vocos.eval().requires_grad_(False)

    @torch.inference_mode()
    def decode(self, mel: Tensor) -> Tensor:
        """Return the wave [samples] float32, on the vocoder's device, of a mel [frames, 100].

        `center` models give (frames - 1) * 256 samples, `same` models frames * 256.
        Raises SynthesisError (synthesis_failed) for a mel with too few frames to overlap.
        """
        return self.decode_batch([mel])[0]

    @torch.inference_mode()
    def decode_batch(self, mels: Sequence[Tensor]) -> list[Tensor]:
        """Return the wave of each mel as `decode` gives it; mels of one length are computed together.

        Others are not: zeros after a shorter mel would sound in its last frames. Raises as `decode` does.
        """
        same: dict[int, list[int]] = {}
        for index, mel in enumerate(mels):
            self._check(mel)
            same.setdefault(len(mel), []).append(index)
        waves: dict[int, Tensor] = {}
        weight = self.head.out.weight
        for indices in same.values():
            together = self._decode(torch.stack([mels[index].to(weight) for index in indices]))
            waves.update(zip(indices, together, strict=True))
        return [waves[index] for index in range(len(mels))]

    def _decode(self, mels: Tensor) -> Tensor:
        """[mels, frames, 100] -> [mels, samples]."""
        spectrum = self.head.out(self.backbone(mels.transpose(1, 2))).transpose(1, 2)
        log_magnitude, phase = spectrum.chunk(2, dim=1)
        polar = torch.polar(log_magnitude.exp().clamp(max=_MAX_MAGNITUDE), phase)  # [mels, 513, frames]
        window = torch.hann_window(FFT_SAMPLES, device=mels.device)
        if self.shape.padding == "center":
            return torch.istft(polar, FFT_SAMPLES, HOP_SAMPLES, window=window, center=True)
        return _overlap_add(polar, window)

    def _check(self, mel: Tensor) -> None:
        least = 2 if self.shape.padding == "center" else 1
        if mel.ndim != 2 or mel.shape[0] < least:
            raise SynthesisError("synthesis_failed", f"a mel of shape {tuple(mel.shape)} cannot be vocoded")


def read_shape(config: Path) -> VocosShape:
    """Return what a Vocos config.yaml describes.

    Raises SynthesisError (model_error) unless it is a mel Vocos with F5-TTS's mel.
    """
    import yaml

    try:
        document = yaml.safe_load(config.read_text(encoding="utf-8"))
        features, backbone, head = (
            _section(document, name) for name in ("feature_extractor", "backbone", "head")
        )
        shape = VocosShape(
            dim=int(backbone["dim"]),
            intermediate_dim=int(backbone["intermediate_dim"]),
            num_layers=int(backbone["num_layers"]),
            padding="same" if head.get("padding", "same") == "same" else "center",
        )
        framing = (
            features["n_fft"],
            features["hop_length"],
            features["n_mels"],
            head["n_fft"],
            head["hop_length"],
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:160]
        raise SynthesisError("model_error", f"{config} is not a mel Vocos configuration: {reason}") from None
    if framing != (FFT_SAMPLES, HOP_SAMPLES, MEL_CHANNELS, FFT_SAMPLES, HOP_SAMPLES):
        raise SynthesisError("model_error", f"{config} is made for another mel than F5-TTS's: {framing}")
    return shape


def _section(document: Any, name: str) -> dict[str, Any]:
    arguments = document[name]["init_args"]
    if not isinstance(arguments, dict):
        raise TypeError(f"{name} has no init_args")
    return arguments


def _convolution(channels_in: int, channels_out: int, *, groups: int) -> nn.Conv1d:
    return nn.Conv1d(channels_in, channels_out, _KERNEL_FRAMES, padding=_KERNEL_FRAMES // 2, groups=groups)


def _overlap_add(spectrum: Tensor, window: Tensor) -> Tensor:
    """Invert [n, 513, frames] without centring: [n, frames * 256] (torch.istft refuses such edges)."""
    frames = torch.fft.irfft(spectrum, FFT_SAMPLES, dim=1) * window[None, :, None]
    weight = window.square()[None, :, None].expand(1, -1, frames.shape[2])  # the same for every mel
    samples = (frames.shape[2] - 1) * HOP_SAMPLES + FFT_SAMPLES
    edge = (FFT_SAMPLES - HOP_SAMPLES) // 2
    summed, weights = (
        F.fold(part, (1, samples), (1, FFT_SAMPLES), stride=(1, HOP_SAMPLES))[:, 0, 0, edge:-edge]
        for part in (frames, weight)
    )
    return summed / weights
