"""From local files to a model that is ready to step: device, precision, backend, vocoder."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import torch

from f5ctl.errors import ConfigError, SynthesisError
from f5d.catalog.vocab import Vocabulary
from f5d.model.cpu import has_fast_bf16
from f5d.model.dit import DiT, fuse_weights, upstream_shapes
from f5d.model.dit_backend import DiTBackend, recorded_steps
from f5d.model.fp8 import Fp8Linear
from f5d.model.fp8 import fault as fp8_fault
from f5d.model.int8 import int8_linear
from f5d.model.mel import MelSpectrogram
from f5d.model.memory import is_out_of_memory, release_cached
from f5d.model.reference import ReferenceBackend
from f5d.model.sampler import Backend, RowSpec
from f5d.model.selfcheck import choose_paths
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
_FP8: Final = "fp8"
_KNOWN_DTYPES: Final = ("auto", *DTYPES, _INT8, _FP8)
_FP16_CUDA_MAJOR: Final = 7  # Volta, the first with fast half precision; upstream draws the same line
_PROBE_SAMPLES: Final = 8_192
_CANNOT: Final = 'device {} cannot compute: {}; use another, or device = "cpu"'

_log = logging.getLogger(__name__)


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


def load_model(
    local: LocalModel, *, device: str, dtype: str, threads: int | None = None, record: bool = False
) -> LoadedModel:
    """Return the model of `local` on `device` in `dtype` (either may be `auto`).

    On a GPU one short row decides: where it fails, `auto` goes on with the CPU or with float32 and says so in
    the log. `threads` sets torch's CPU threads for the calling thread and those it starts. With `record` steps
    on CUDA are recorded, which takes pauses and memory that only a process of its own has to give.

    Raises ConfigError for a device or type that this machine lacks or that does not compute, SynthesisError
    (model_error) for wrong files, and what says that memory does not suffice on the device that was asked for.
    """
    chosen_device = pick_device(device)
    chosen_dtype = pick_dtype(dtype, chosen_device)
    if threads is not None:
        torch.set_num_threads(threads)
    model: LoadedModel | None = None
    try:
        model = _load(local, chosen_device, chosen_dtype, record=record)
        finite = chosen_device == "cpu" or _speaks(model)
    except RuntimeError as error:
        if chosen_device == "cpu" or (device != "auto" and is_out_of_memory(error)):
            raise
        reason = _first_line(error)
        model = None  # or it would be here while another is loaded
    else:
        if finite:
            return model
        del model
        return _load_precisely(local, chosen_device, asked=dtype, tried=chosen_dtype, record=record)
    if device != "auto":
        raise ConfigError(_CANNOT.format(chosen_device, reason))
    _log.warning("%s cannot compute (%s); the CPU does", chosen_device, reason)
    with suppress(RuntimeError):  # the others' memory
        release_cached()
    return _load(local, "cpu", pick_dtype(dtype, "cpu"), record=False)


def _load_precisely(local: LocalModel, device: str, *, asked: str, tried: str, record: bool) -> LoadedModel:
    """Return the model in float32 on a device that makes no numbers of halves, as GTX 16 cards do not."""
    name = torch.cuda.get_device_name(device) if device.startswith("cuda") else device
    fault = f"dtype {tried} gives NaN or infinite values on {device} ({name})"
    if asked != "auto" and tried != "float32":
        raise ConfigError(f'{fault}; use dtype = "float32"')
    if tried != "float32":
        _log.warning("%s; float32 is used", fault)
        model = _load(local, device, "float32", record=record)
        if _speaks(model):
            return model
    raise SynthesisError("model_error", f"model {local.spec.name} gives NaN or infinite values on {device}")


def _load(local: LocalModel, device: str, dtype: str, *, record: bool) -> LoadedModel:
    if dtype == "float32":  # else the convolutions of vocoder and text may take it: some 60 dB, which is enough
        torch.backends.cudnn.allow_tf32 = False  # on by default, and too coarse for parity with the CPU
    vocabulary = Vocabulary.load(local.vocab)
    state = load_state(local.checkpoint, ema=local.spec.ema)
    check_vocabulary(local.checkpoint, state, vocabulary, local.vocab)
    parameter_count = sum(value.numel() for value in state.values())
    backend = _backend(local, state, len(vocabulary), device, dtype, record=record)
    return LoadedModel(
        spec=local.spec,
        vocabulary=vocabulary,
        backend=backend,
        vocoder=Vocos.load(local.vocoder_config, local.vocoder_weights, device=device),
        mel=MelSpectrogram(device),
        device=backend.device,
        dtype=backend.dtype,
        parameter_count=parameter_count,
        model_hash=content_hash(local.checkpoint, ema=local.spec.ema),
    )


def pick_device(requested: str) -> str:
    """Return the device to compute on; `auto` prefers CUDA, then MPS, then the CPU, of those that compute.

    Raises ConfigError for a device that is unknown or absent, or on which nothing can be computed.
    """
    cuda = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if requested == "auto":
        return _best_device(cuda)
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
    if device.type != "cpu" and (fault := device_fault(requested)):
        raise ConfigError(_CANNOT.format(requested, fault))
    return requested


@cache
def _best_device(cuda: int) -> str:
    """Return what `auto` means with so many CUDA devices; a log line tells of each that does not compute."""
    gpus = ["cuda", *(f"cuda:{index}" for index in range(1, cuda))] if cuda else []
    for device in [*gpus, *(["mps"] if torch.backends.mps.is_available() else [])]:
        fault = device_fault(device)
        if fault is None:
            return device
        _log.warning("%s cannot compute (%s) and is left out", device, fault)
    return "cpu"


def device_fault(device: str) -> str | None:
    """Return why nothing can be computed on a GPU, one line: no kernels in this torch, exclusive, full."""
    try:
        torch.zeros(1, device=device).add_(1).item()
    except (RuntimeError, AssertionError) as error:  # AssertionError: torch was built without it
        return _first_line(error)
    return None


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0] or type(error).__name__


def pick_dtype(requested: str, device: str) -> str:
    """Return the type of the costly weights; `auto` is the fastest that speaks well on `device`.

    `int8` and `fp8` are asked for, never chosen: they are the fastest on a CPU and on a GPU, and less exact
    (docs/performance.md). Raises ConfigError for an unknown type, for float16 on a CPU (500 times slower than
    bfloat16), for int8 elsewhere and for fp8 on what has no such products.
    """
    kind = torch.device(device).type
    if requested != "auto":
        if requested not in _KNOWN_DTYPES:
            raise ConfigError(f"unknown dtype {requested!r}; known: {', '.join(_KNOWN_DTYPES)}")
        if requested == _INT8 and kind != "cpu":
            raise ConfigError(f"dtype int8 is for a CPU, not for {device}; use auto")
        if requested == _FP8 and kind != "cuda":
            raise ConfigError(f"dtype fp8 is for an NVIDIA GPU, not for {device}; use auto")
        if requested == _FP8 and (fault := fp8_fault(torch.device(device))):
            raise ConfigError(f"dtype fp8 does not run on {device}: {fault}; use auto")
        if requested == "float16" and kind == "cpu":
            raise ConfigError("dtype float16 is unusably slow on a CPU; use auto, bfloat16 or float32")
        return requested
    if kind == "cuda":
        return "float16" if torch.cuda.get_device_capability(device)[0] >= _FP16_CUDA_MAJOR else "float32"
    return "bfloat16" if kind == "cpu" and has_fast_bf16() else "float32"


def _speaks(model: LoadedModel) -> bool:
    """Return whether a short row comes out as numbers, from the mel of a recording to the wave.

    What the first request would wait for is loaded by it as well. Raises what the device reports.
    """
    reference = model.mel(torch.linspace(-0.5, 0.5, _PROBE_SAMPLES).sin())
    spec = RowSpec(
        reference_mel=reference.cpu(),
        token_ids=(0,) * 4,
        total_frames=2 * len(reference),
        nfe_step=2,
        cfg_strength=2.0,
        sway_sampling_coef=None,
        seed=0,
    )
    row = model.backend.open_row(spec)
    while not row.finished:
        model.backend.step([row])
    wave = model.vocoder.decode(row.mel)
    return bool(row.mel.isfinite().all() and wave.isfinite().all())


def _backend(
    local: LocalModel,
    state: dict[str, torch.Tensor],
    vocabulary_size: int,
    device: str,
    dtype: str,
    *,
    record: bool,
) -> Backend:
    architecture = local.spec.architecture
    if architecture.backbone != "DiT":
        if dtype == _FP8:
            raise ConfigError(f"dtype fp8 is for DiT models, not for {architecture.backbone}; use auto")
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
        dit.quantize(int8_linear, between=torch.float32)  # fewer conversions: layers scale in it anyway
    else:
        dit.to_compute_type(torch.bfloat16 if dtype == _FP8 else DTYPES[dtype])
    dit.to_device(device)
    record = choose_paths(dit, record=record)
    if dtype == _FP8:  # after the check of what is between these layers, which their rounding would hide
        dit.quantize(Fp8Linear)
    workers = CopyWorkers(dit) if dit.device.type == "cpu" else None
    return DiTBackend(dit, dtype, recorded_steps(dit, record=record), workers)
