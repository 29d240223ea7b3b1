"""Tiny random models in upstream's checkpoint formats, and upstream's own modules as the oracle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor, nn

from f5d.catalog.hub import LocalModel
from f5d.catalog.spec import MEL_CHANNELS, Architecture, ModelSpec
from f5d.model.load import LoadedModel, load_model
from f5d.model.sampler import RowSpec

TOKENS = 40
VOCABULARY = [" ", *"abcdefghijklmnopqrstuvwxyz.,!?0123456"][:TOKENS]
TINY = {"dim": 64, "depth": 3, "heads": 2, "dim_head": 32, "ff_mult": 2}
TINY_DIT = {**TINY, "text_dim": 32, "conv_layers": 2}
THREADS = 1

CheckpointKind = Literal["ema.safetensors", "ema.pt", "plain.pt", "bare.safetensors"]


def fill(module: nn.Module, seed: int = 0) -> None:
    """Give every parameter a random value of useful size; upstream starts many of them at zero."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in module.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "grn" in name:
            value = 0.3 * noise
        elif parameter.ndim == 1:
            value = 0.1 * noise + (0.0 if name.endswith("bias") else 1.0)
        else:
            value = noise / parameter[0].numel() ** 0.5
        parameter.data.copy_(value)


def relative_error(got: Tensor, wanted: Tensor) -> float:
    return float((got - wanted).norm() / wanted.norm())


def row_spec(**changes: Any) -> RowSpec:
    """A segment with a random reference of 30 frames, 12 tokens of text and 70 frames in all."""
    generator = torch.Generator().manual_seed(1)
    defaults: dict[str, Any] = {
        "reference_mel": torch.randn(30, MEL_CHANNELS, generator=generator),
        "token_ids": tuple(range(3, 15)),
        "total_frames": 70,
        "nfe_step": 4,
        "cfg_strength": 2.0,
        "sway_sampling_coef": -1.0,
        "seed": 11,
    }
    return RowSpec(**{**defaults, **changes})


def run_alone(model: LoadedModel, spec: RowSpec) -> Tensor:
    row = model.backend.open_row(spec)
    while not row.finished:
        model.backend.step([row])
    return row.mel


@dataclass(frozen=True)
class Upstream:
    """The f5-tts and vocos packages' own classes."""

    cfm: Any
    backbones: dict[str, Any]
    vocos: Any

    def build(self, backbone: str, arguments: dict[str, Any], tokens: int = TOKENS) -> Any:
        """Return upstream's CFM around a backbone with random weights, float32."""
        transformer = self.backbones[backbone](**arguments, text_num_embeds=tokens, mel_dim=MEL_CHANNELS)
        fill(transformer)
        return self.cfm(transformer=transformer, mel_spec_kwargs={"n_mel_channels": MEL_CHANNELS}).eval()

    def sample(self, cfm: Any, spec: RowSpec) -> Tensor:
        """Return the generated part of upstream's mel for a row."""
        out, _ = cfm.sample(
            spec.reference_mel[None],
            torch.tensor([spec.token_ids]),
            spec.total_frames,
            steps=spec.nfe_step,
            cfg_strength=spec.cfg_strength,
            sway_sampling_coef=spec.sway_sampling_coef,
            seed=spec.seed,
        )
        mel: Tensor = out[0, spec.reference_mel.shape[0] :]
        return mel


def write_checkpoint(cfm: Any, folder: Path, kind: CheckpointKind) -> Path:
    """Save a CFM as upstream's trainer does (EMA and plain) or as converted files are."""
    path = folder / f"model_{kind}"
    weights = {key: value.clone() for key, value in cfm.state_dict().items()}
    ema = {f"ema_model.{key}": value for key, value in weights.items()}
    counters = {"initted": torch.tensor(True), "step": torch.tensor(9)}
    if kind == "ema.safetensors":
        save_file(ema, path)
    elif kind == "bare.safetensors":
        save_file({key.removeprefix("transformer."): value for key, value in weights.items()}, path)
    elif kind == "ema.pt":
        buffers = {"ema_model.mel_spec.mel_stft.spectrogram.window": torch.zeros(4)}
        stale = {key: torch.zeros_like(value) for key, value in weights.items()}
        whole = {"ema_model_state_dict": {**ema, **counters, **buffers}, "model_state_dict": stale, "update": 9}
        torch.save(whole, path)
    else:
        torch.save(
            {"model_state_dict": weights, "optimizer_state_dict": {"state": {}, "param_groups": []}}, path
        )
    return path


def write_vocabulary(folder: Path, tokens: int = TOKENS) -> Path:
    path = folder / "vocab.txt"
    names = [VOCABULARY[index] if index < len(VOCABULARY) else f"t{index}" for index in range(tokens)]
    path.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    return path


def vocos_config(padding: str = "center") -> dict[str, Any]:
    return {
        "feature_extractor": {
            "class_path": "vocos.feature_extractors.MelSpectrogramFeatures",
            "init_args": {
                "sample_rate": 24000,
                "n_fft": 1024,
                "hop_length": 256,
                "n_mels": 100,
                "padding": padding,
            },
        },
        "backbone": {
            "class_path": "vocos.models.VocosBackbone",
            "init_args": {"input_channels": 100, "dim": 32, "intermediate_dim": 64, "num_layers": 2},
        },
        "head": {
            "class_path": "vocos.heads.ISTFTHead",
            "init_args": {"dim": 32, "n_fft": 1024, "hop_length": 256, "padding": padding},
        },
    }


def write_vocoder(vocos_class: Any, folder: Path, padding: str = "center", *, safetensors: bool = False) -> Any:
    """Write a random tiny Vocos into `folder` and return the vocos package's own model of it."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(vocos_config(padding)), encoding="utf-8")
    model = vocos_class.from_hparams(str(folder / "config.yaml"))
    fill(model)
    model.head.out.weight.data.mul_(0.3)
    if safetensors:
        save_file(
            {key: value.clone() for key, value in model.state_dict().items()}, folder / "model.safetensors"
        )
    else:
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return model.eval()


@dataclass(frozen=True)
class Maker:
    """Writes checkpoints of random models into one folder and loads them with our code."""

    upstream: Upstream
    folder: Path

    def save(
        self,
        backbone: str,
        arguments: dict[str, Any],
        kind: CheckpointKind = "ema.safetensors",
        tokens: int = TOKENS,
    ) -> tuple[Any, LocalModel]:
        """Return upstream's model and the files that hold it."""
        cfm = self.upstream.build(backbone, arguments, tokens)
        vocab = write_vocabulary(self.folder, tokens)
        vocoder = self.folder / "vocoder"
        write_vocoder(self.upstream.vocos, vocoder)
        checkpoint = write_checkpoint(cfm, self.folder, kind)
        spec = ModelSpec(
            name="tiny",
            architecture=Architecture.from_mapping(arguments, backbone=backbone),
            checkpoint=str(checkpoint),
            vocab=str(vocab),
            vocoder=str(vocoder),
        )
        local = LocalModel(spec, checkpoint, vocab, vocoder / "config.yaml", vocoder / "pytorch_model.bin")
        return cfm, local

    def make(
        self,
        backbone: str,
        arguments: dict[str, Any],
        kind: CheckpointKind = "ema.safetensors",
        dtype: str = "float32",
    ) -> tuple[Any, LoadedModel]:
        """Return upstream's model and ours, loaded from its checkpoint."""
        cfm, local = self.save(backbone, arguments, kind)
        return cfm, load_model(local, device="cpu", dtype=dtype, threads=THREADS)
