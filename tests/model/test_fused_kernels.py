"""Triton's kernels without a GPU: in its interpreter, and compiled for several kinds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

triton = pytest.importorskip("triton", reason="Triton has no package for this machine")

TOLERANCE = {"float32": 1e-6, "float16": 2e-4}  # float16: a few values round to the other side
SHARED_KIB = {
    75: 64,
    80: 163,
    90: 227,
    120: 99,
}  # of memory that a program may have, by capability; 89 has 99 too
TYPES = {"float16": "fp16", "bfloat16": "bf16"}
WIDTHS = [(1024, 16), (768, 12)]  # F5TTS_v1_Base and F5TTS_v1_Small, with their heads


@pytest.fixture(scope="module")
def interpreted() -> Mapping[str, float]:
    """Relative errors of the interpreted kernels, from a process of their own."""
    ran = subprocess.run(
        [sys.executable, "-m", "tests.model.interpreted_kernels"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    errors: dict[str, float] = json.loads(ran.stdout)
    return errors


@pytest.mark.slow
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("check", ["rotary", "norm", "convolution", "step"])
def test_a_kernel_is_its_plain_operations(check: str, dtype: str, interpreted: Mapping[str, float]) -> None:
    """What a kernel computes, and a step made of all, is what the plain layers compute."""
    assert interpreted[f"{check} {dtype}"] <= TOLERANCE[dtype]


def compiled(kernel: Any, capability: int, types: Mapping[str, str], constants: Mapping[str, Any]) -> Any:
    """Return what Triton makes of a kernel for a capability of CUDA, with pointers aligned as torch's are."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    names = kernel.arg_names
    aligned = {(index,): [["tt.divisibility", 16]] for index, name in enumerate(names) if name in types}
    source = ASTSource(
        fn=kernel,
        signature={name: types.get(name, "constexpr") for name in names},
        constexprs={(names.index(name),): value for name, value in constants.items()},
        attrs=aligned,
    )
    return triton.compile(
        source, target=GPUTarget("cuda", capability, 32), options={"num_warps": 4, "num_stages": 3}
    )


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty cache, so that everything is compiled."""
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))


@pytest.mark.slow
@pytest.mark.usefixtures("cache")
@pytest.mark.filterwarnings("ignore:TRITON_DEFAULT_FP_FUSION")  # of Triton 3.9: its default will change
@pytest.mark.parametrize(
    ("capability", "dtype"),
    [(75, "float16"), *((capability, dtype) for capability in (80, 90, 120) for dtype in TYPES)],
)
def test_kernels_compile_for_every_kind_of_gpu(capability: int, dtype: str) -> None:
    """From Turing to Blackwell there is machine code that fits the memory.

    Products are in tensor cores; on Turing, where Triton cannot, the convolution is not used.
    """
    from f5d.model import kernels

    half = f"*{TYPES[dtype]}"
    for dim, heads in WIDTHS[: 2 if dtype == "float16" else 1]:
        found = [
            compiled(
                kernels._rotate,
                capability,
                {"qkv": half, "cos": "*fp32", "sin": "*fp32"},
                {"HEADS": heads, "ROTATED": heads, "HALF": 32, "ROWS": 32},
            )
        ]
        for add, out in ((False, half), (True, half), (True, "*fp32")):
            types = dict.fromkeys(("hidden", "gates", "shifts", "scales"), "*fp32")
            types |= {"branch": half, "out": out, "stretches": "*i64", "gate_stride": "i32", "stride": "i32"}
            constants = {"DIM": dim, "WIDTH": 1024, "STRETCH": 16, "ADD": add, "EPSILON": 1e-6}
            found.append(compiled(kernels._norm, capability, types, constants))
        for add in (False, True) if capability >= 80 else ():
            types = dict.fromkeys(("packed", "weight", "bias"), half)
            types |= {"gapped": "*i64", "residual": "*fp32", "out": "*fp32" if add else half, "total": "i32"}
            constants = {"DIM": dim, "GROUP": dim // 16, "WIDTH": 64, "TAPS": 31, "FRAMES": 128, "ADD": add}
            found.append(compiled(kernels._convolve, capability, types, constants))
            assert "mma" in found[-1].asm["ptx"]
        for kernel in found:
            assert kernel.asm["cubin"]
            assert kernel.metadata.shared <= SHARED_KIB[capability] * 1024
