"""The device, the rates that others are shares of, and what is installed."""

from __future__ import annotations

import platform
import shutil
import subprocess
import time
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch

from gpu_sections.bare import lacking
from gpu_sections.lab import MATRIX, attempt

if TYPE_CHECKING:
    from gpu_sections.lab import Lab

COPIED_BYTES = 2**30
PACKAGES = ("triton", "msgspec", "msgpack", "zmq", "safetensors", "soundfile", "torchaudio", "yaml", "f5_tts")


def measure(lab: Lab) -> None:
    """Print what this machine is, then its rates."""
    print(f"- Python {platform.python_version()}, {platform.platform()}")
    cudnn = torch.backends.cudnn.version()  # type: ignore[no-untyped-call]
    print(f"- torch {torch.__version__}, CUDA {torch.version.cuda}, cuDNN {cudnn}")
    print(f"- not installed: {', '.join(lacking(*PACKAGES)) or 'nothing'}")
    print(f"- C compiler, which Triton needs: {shutil.which('cc') or shutil.which('gcc') or 'none'}")
    attempt("Triton", lambda: import_module("triton").__version__)
    print(f"- from the start of the process to here: {time.perf_counter() - lab.began_s:.1f} s")
    if not lab.dry:
        attempt("nvidia-smi", nvidia_smi)
        properties: Any = torch.cuda.get_device_properties(0)
        print(f"- {properties.name}: capability {properties.major}.{properties.minor},", end=" ")
        print(f"{properties.multi_processor_count} multiprocessors, {properties.total_memory / 2**30:.0f} GiB")
        attempt("torch is built for", lambda: ", ".join(torch.cuda.get_arch_list()))
        attempt("memory in use before anything is loaded, MiB", lambda: f"{lab.used_mib():.0f}")
    size, matrix = (2**20, 64) if lab.dry else (COPIED_BYTES, MATRIX)
    block = torch.empty(size, dtype=torch.uint8, device=lab.device)
    attempt("copying, GB/s", lambda: f"{2 * size / lab.device_us(block.clone, 4) / 1e3:.0f}")
    for dtype in (torch.float16, torch.bfloat16, torch.float32):
        attempt(f"matrix product {dtype}, TFLOP/s", partial(product_rate, lab, dtype))
    attempt("matrix product in 8 bits, scales by row, TFLOP/s", partial(fp8_rate, lab, matrix))


def nvidia_smi() -> str:
    """Return what the driver says of its devices."""
    asked = "name,driver_version,memory.total,memory.used,clocks.max.sm,power.limit"
    command = ["nvidia-smi", f"--query-gpu={asked}", "--format=csv,noheader"]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout.strip()


def product_rate(lab: Lab, dtype: torch.dtype) -> str:
    """Return the rate of a large product."""
    return f"{lab.matrix_rate(dtype) / 1e12:.0f}"


def fp8_rate(lab: Lab, matrix: int) -> str:
    """Return the rate of a large product of 8-bit floats, or why there is none."""
    from f5d.model.fp8 import FP8, fault

    if reason := fault(lab.device):
        return reason
    left, right = (torch.randn(matrix, matrix, device=lab.device).to(FP8) for _ in range(2))
    scales = torch.ones(matrix, 1, device=lab.device)

    def product() -> torch.Tensor:
        return torch._scaled_mm(left, right.T, scales, scales.T.contiguous(), out_dtype=torch.bfloat16)  # noqa: SLF001

    return f"{2 * matrix**3 / lab.device_us(product, 4) / 1e6:.0f}"
