"""benchmarks/gpu.py, as far as it goes on a machine without a GPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
WITHOUT_UPSTREAM = """
import sys
for name in ("f5_tts", "vocos", "zmq", "soundfile", "yaml", "torchaudio"):
    sys.modules[name] = None
import gpu
print(gpu.BASE)
"""


def test_the_benchmark_needs_torch_alone() -> None:
    """On a bare machine with torch it starts, and measures the model that f5-tts calls F5TTS_v1_Base."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_UPSTREAM],
        check=True,
        capture_output=True,
        text=True,
        timeout=120,
        cwd=BENCHMARKS,
    )
    from f5d.catalog.models import catalog

    assert done.stdout.strip() == str(catalog()["F5TTS_v1_Base"].architecture)
