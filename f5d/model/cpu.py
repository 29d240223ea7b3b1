"""What this machine's CPU can do in hardware."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Final

_CPUINFO: Final = Path("/proc/cpuinfo")
_BF16_FLAGS: Final = frozenset({"avx512_bf16", "amx_bf16"})


@cache
def cpu_flags() -> frozenset[str]:
    """Return the names of the CPU's features as Linux writes them; none elsewhere."""
    try:
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


def has_fast_bf16() -> bool:
    """Whether bfloat16 products are computed in hardware; else they are some 70 times slower than float32."""
    return not _BF16_FLAGS.isdisjoint(cpu_flags())
