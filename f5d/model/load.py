"""From local files to a model that is ready to step: device, precision, backend, vocoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from f5ctl.errors import ConfigError
from f5d.catalog.vocab import Vocabulary
from f5d.model.cpu import has_fast_bf16
from f5d.model.dit import DiT, fuse_weights, upstream_shapes
from f5d.model.dit_backend import DiTBackend, recorded_steps
from f5d.model.mel import MelSpectrogram
from f5d.model.reference import ReferenceBackend
from f5d.model.sampler import Backend
from f5d.model.vocos import Vocos
from f5d.model.weights import check_state, check_vocabulary, content_hash, load_state
from f5d.model.workers import CopyWorkers

if TYPE_CHECKING:
    from f5d.catalog.hub import LocalModel
    from f5d.catalog.spec import ModelSpec

DTYPES: Final[dict[str, torch.dtype]] = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
_INT8: Final = "int8"
_KNOWN_DTYPES: Final = ", ".join(("auto", *DTYPES, _INT8))
_FP16_CUDA_MAJOR: Final = 7  # Volta, the first with fast half precision; upstream draws the same line


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Everything that turns tokens and a reference into audio. Owned by the engine."""

    spec: ModelSpec
    vocabulary: Vocabulary
    backend: Backend
    vocoder: Vocos
    mel: MelSpectrogram
    device: str
    dtype: str
    parameter_count: int
    model_hash: str


def load_model(local: LocalModel, *, device: str, dtype: str, threads: int | None = None) -> LoadedModel:
    """Return the model of `local` on `device` in `dtype` (either may be `auto`).

    `threads` sets torch's CPU threads for the calling thread and those it starts. Raises ConfigError for a
    device or type that this machine lacks, SynthesisError (model_error) for wrong files.
    """
    chosen_device = pick_device(device)
    chosen_dtype = pick_dtype(dtype, chosen_device)
    if threads is not None:
        torch.set_num_threads(threads)
    if chosen_dtype == "float32":
        torch.backends.cudnn.allow_tf32 = False  # on by default, and too coarse for parity with the CPU
    vocabulary = Vocabulary.load(local.vocab)
    state = load_state(local.checkpoint, ema=local.spec.ema)
    check_vocabulary(local.checkpoint, state, vocabulary, local.vocab)
    parameter_count = sum(value.numel() for value in state.values())
    backend = _backend(local, state, len(vocabulary), chosen_device, chosen_dtype)
    return LoadedModel(
        spec=local.spec,
        vocabulary=vocabulary,
        backend=backend,
        vocoder=Vocos.load(local.vocoder_config, local.vocoder_weights, device=chosen_device),
        mel=MelSpectrogram(chosen_device),
        device=backend.device,
        dtype=backend.dtype,
        parameter_count=parameter_count,
        model_hash=content_hash(local.checkpoint, ema=local.spec.ema),
    )


def pick_device(requested: str) -> str:
    """Return the device to compute on; `auto` prefers CUDA, then MPS, then the CPU.

    Raises ConfigError for a device that is unknown or absent.
    """
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if requested == "auto":
        return "cuda" if cuda else "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(requested)
    except RuntimeError:
        raise ConfigError(f"unknown device {requested!r}; known: auto, cpu, cuda, cuda:N, mps") from None
    if device.type == "cuda" and (device.index or 0) >= cuda:
        raise ConfigError(f"device {requested} is not there; this machine has {cuda} CUDA devices")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device mps is not there")
    if device.type not in {"cpu", "cuda", "mps"}:
        raise ConfigError(f"device {requested} is not supported; known: auto, cpu, cuda, cuda:N, mps")
    return requested


def pick_dtype(requested: str, device: str) -> str:
    """Return the type of the costly weights; `auto` is the fastest that speaks well on `device`.

    `int8` is asked for, never chosen: it is the fastest on a CPU, and less exact (docs/performance.md).
    Raises ConfigError for an unknown type, for float16 on a CPU (500 times slower than bfloat16) and for
    int8 elsewhere.
    """
    kind = torch.device(device).type
    if requested != "auto":
        if requested not in {*DTYPES, _INT8}:
            raise ConfigError(f"unknown dtype {requested!r}; known: {_KNOWN_DTYPES}")
        if requested == _INT8 and kind != "cpu":
            raise ConfigError(f"dtype int8 is for a CPU, not for {device}; use auto")
        if requested == "float16" and kind == "cpu":
            raise ConfigError("dtype float16 is unusably slow on a CPU; use auto, bfloat16 or float32")
        return requested
    if kind == "cuda":
        return "float16" if torch.cuda.get_device_capability(device)[0] >= _FP16_CUDA_MAJOR else "float32"
    return "bfloat16" if kind == "cpu" and has_fast_bf16() else "float32"


def _backend(
    local: LocalModel, state: dict[str, torch.Tensor], vocabulary_size: int, device: str, dtype: str
) -> Backend:
    architecture = local.spec.architecture
    if architecture.backbone != "DiT":
        own_dtype = "float32" if device == "cpu" else dtype
        return ReferenceBackend.build(
            local.checkpoint, state, architecture, vocabulary_size, device=device, dtype=own_dtype
        )
    with torch.device("meta"):  # no memory, no initial values: the checkpoint has them all
        dit = DiT(architecture, vocabulary_size)
    check_state(local.checkpoint, state, upstream_shapes(dit), architecture.backbone)
    dit.load_state_dict(fuse_weights(state, architecture), assign=True)
    dit.eval().requires_grad_(False)
    if dtype == _INT8:
        dit.to_compute_type(DTYPES[pick_dtype("auto", device)])
        dit.quantize()
    else:
        dit.to_compute_type(DTYPES[dtype])
    dit.to(device)
    workers = CopyWorkers(dit) if dit.device.type == "cpu" else None
    return DiTBackend(dit, dtype, recorded_steps(dit), workers)
