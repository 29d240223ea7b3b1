"""A daemon whose engine, a process of its own on an emulated GPU, has a wrong kernel."""

from __future__ import annotations

import re
import sys
from array import array
from pathlib import Path

import pytest
import torch

from f5ctl.protocol import Done
from tests.integration.support import Daemon, say

from .emulated_cuda import install_guard

TEXT = "He was at the height of his powers."
LEAST_DB = 35.0  # of float16's wave from float32's: right ones leave 49, wrong ones 22 at most
PATIENCE_S = 120.0
OFF = re.compile(r"not used on cuda:0, so speech is slower: (.*)")
NEAR = re.compile(r"dB between the plain step and others on cuda:0: (.*)")


def spoken(command: list[str], **settings: str) -> tuple[torch.Tensor, str]:
    """Return what a daemon with that engine says, samples as floats, and its log."""
    root = str(Path(__file__).parents[2])
    with Daemon(engine_command=command, threads=1, env={"PYTHONPATH": root}, **settings) as daemon:
        peer = daemon.peer()
        peer.send(say("a", TEXT, nfe_step=4, seed=3))
        while not peer.terminals("a"):
            peer.receive(PATIENCE_S)
        (end,) = peer.terminals("a")
        assert isinstance(end, Done), end
        return torch.tensor(array("h", peer.audio("a")).tolist()) / 2**15, daemon.log_text()


@pytest.fixture(scope="module")
def right() -> torch.Tensor:
    """What the same request comes to on the CPU in float32."""
    return spoken([sys.executable, "-m", "f5d.engine.process"], device="cpu", dtype="float32")[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernels", "off"),
    [
        ("TorchKernels", None),
        ("ForgetsTheBranch", "norm"),
        ("SeesNeighbours", "convolution"),
    ],
)
def test_a_daemon_with_a_wrong_kernel_speaks_right(kernels: str, off: str | None, right: torch.Tensor) -> None:
    """The engine leaves the kernel out with one warning, uses the others, and says what a CPU says.

    The starter norms its queries and keys, so no kernel rotates them.
    """
    if reason := install_guard():
        pytest.skip(reason)
    engine = [sys.executable, "-m", "tests.model.emulated_engine", kernels]
    wave, log = spoken(engine, device="cuda:0", dtype="float16")
    reasons = [re.sub(r"-?\d+ dB", "N dB", line) for line in OFF.findall(log)]
    assert reasons == ([f"{off} (N dB from the plain step)"] if off else [])
    used = {part.split(" ")[0] for part in NEAR.findall(log)[0].split(", ")}
    assert used == {"rotary", "norm", "convolution", "gelu", "together", "recording"} - {off}
    assert len(wave) == len(right)
    assert 20 * float((right.norm() / (wave - right).norm()).log10()) >= LEAST_DB
