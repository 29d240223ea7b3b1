"""`f5d serve` with an engine whose device fails once, under the first job."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the broker needs none
    import torch

FAILS = "--engine"
AT_STEP = 3
MARK = "F5D_FAILED_ONCE"  # names the file that says so


def fail(device: torch.device) -> None:
    """Spoil the device for this process: an index far out of range, which it finds out by itself."""
    import torch

    if device.type == "cuda":
        torch.zeros(4, device=device)[torch.tensor([10**9], device=device)].sum().item()
    raise RuntimeError("CUDA error: injected")


def serve() -> None:
    """Run the daemon of f5d.toml with that engine."""
    from f5d import daemon
    from f5d.config import load_config
    from f5d.system import journal

    journal.configure("info")
    daemon.run(load_config(), [sys.executable, "-m", "gpu_sections.serve_failing", FAILS], load_config)


def engine(socket: str) -> None:
    """Be the engine, of which one step fails."""
    import torch

    from f5d.engine import process
    from f5d.model.dit_backend import DiTBackend
    from f5d.model.sampler import Row

    mark = Path(os.environ[MARK])
    step = DiTBackend.step
    count = 0

    def failing(self: DiTBackend, rows: Sequence[Row]) -> None:
        nonlocal count
        if any(row.spec.nfe_step > AT_STEP for row in rows):  # not those that a model is tried with
            count += 1
        if count == AT_STEP and not mark.exists():
            mark.touch()
            fail(torch.device(self.device))
        step(self, rows)

    DiTBackend.step = failing  # type: ignore[method-assign]
    sys.argv = [sys.argv[0], socket]
    process.main()


if __name__ == "__main__":
    if FAILS in sys.argv:
        engine(sys.argv[-1])
    else:
        serve()
