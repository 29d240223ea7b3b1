"""A daemon whose engine, a process of its own on an emulated GPU, has a wrong kernel."""

from __future__ import annotations

import re
import sys
from array import array
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import f5d
from f5ctl.protocol import Done, Plan, Reply, Say
from tests.integration.support import Daemon

from .emulated_cuda import install_guard

ROOT = Path(__file__).parents[2]
VOICE = Path(str(f5d.__file__)).parent / "starter/voices/awb_0.wav"
LEAST_DB = (
    28.0  # of float16's wave from float32's: right kernels leave 32 to 49, of "short" wrong ones 22 at most
)
PATIENCE_S = 120.0
OFF = re.compile(r"not used on cuda:0, so speech is slower: (.*)")
NEAR = re.compile(r"dB between the plain step and others on cuda:0: (.*)")

SENTENCE = "He was at the height of his powers."
SAID: dict[str, dict[str, Any]] = {  # together, and what else is asked of each
    "short": {"text": SENTENCE, "voice": "rms"},
    "long": {"text": f"{SENTENCE} {SENTENCE} He does not support his natural children at all."},
    "recorded": {
        "text": SENTENCE,
        "ref_audio": VOICE.read_bytes(),
        "ref_text": VOICE.with_suffix(".txt").read_text(encoding="utf-8").strip(),
        "cfg_strength": 0.0,
        "nfe_step": 5,
    },
}


def served(command: list[str], **settings: Any) -> tuple[dict[str, Tensor], str]:
    """Return what a daemon with that engine says, samples as floats by request, and its log."""
    env = {"PYTHONPATH": str(ROOT)}
    with Daemon(engine_command=command, threads=1, env=env, **settings) as daemon:
        peer = daemon.peer()

        def end_of(request: str) -> Reply:
            while not peer.terminals(request):
                peer.receive(PATIENCE_S)
            return peer.terminals(request)[0]

        for request, asked in SAID.items():
            peer.send(Say(request, **{"nfe_step": 4, "seed": 3, **asked}))
        ends = {request: end_of(request) for request in SAID}
        peer.send(Plan("plan", SENTENCE))
        ends["plan"] = end_of("plan")
        assert all(isinstance(end, Done) for end in ends.values()), ends
        assert peer.status()["counters"]["engine_restarts"] == 0
        audio = {request: torch.tensor(array("h", peer.audio(request)).tolist()) / 2**15 for request in SAID}
        return audio, daemon.log_text()


@pytest.fixture(scope="module")
def right() -> dict[str, Tensor]:
    """What the same requests come to on the CPU in float32."""
    return served([sys.executable, "-m", "f5d.engine.process"], device="cpu", dtype="float32")[0]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kernels", "off"),
    [("TorchKernels", None), ("ForgetsTheBranch", "norm"), ("SeesNeighbours", "convolution")],
)
def test_a_daemon_with_a_wrong_kernel_speaks_right(
    kernels: str, off: str | None, right: dict[str, Tensor]
) -> None:
    """The engine leaves the kernel out with one warning, uses the others, and says what a CPU says.

    The starter norms its queries and keys, so no kernel rotates them.
    """
    if reason := install_guard():
        pytest.skip(reason)
    engine = [sys.executable, "-m", "tests.model.emulated_engine", kernels]
    waves, log = served(engine, device="cuda:0", dtype="float16")
    reasons = [re.sub(r"-?\d+ dB", "N dB", line) for line in OFF.findall(log)]
    assert reasons == ([f"{off} (N dB from the plain step)"] if off else [])
    used = {part.split(" ")[0] for part in NEAR.findall(log)[0].split(", ")}
    assert used == {"rotary", "norm", "convolution", "gelu", "together", "recording"} - {off}
    for request, wanted in right.items():
        assert len(waves[request]) == len(wanted)
        assert decibels(waves[request], wanted) >= LEAST_DB, request


def decibels(got: Tensor, wanted: Tensor) -> float:
    return 20 * float((wanted.norm() / (got - wanted).norm()).log10())
