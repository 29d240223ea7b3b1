"""The daemon with the real engine and the bundled model."""

from __future__ import annotations

import os
import re
import resource
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from f5ctl.protocol import Audio, Done, Failed, Load, Progress, Reply

from .support import Daemon, Peer, say, wait_until

TEXT = "he is at the height of his powers, and he does not support his natural children at all. " * 2
SENTENCE = "he is at the height of his powers."  # one segment
START_S = 3.0  # of f5ctl, on a machine that does other things too
TOLERANCE = 64  # of 32767; a different batch shape may round differently
ENGINE = [sys.executable, "-m", "f5d.engine.process"]


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    """One daemon for all; on one thread a step of its engine may hold more frames than any test has."""
    with Daemon(engine_command=ENGINE, dtype="float32", threads=1, max_batch_frames=2048) as running:
        yield running


@pytest.mark.slow
def test_killing_the_real_engine_does_not_change_the_audio(peer: Peer) -> None:
    """The same text and seed give the same samples, with and without kill -9 in the middle."""
    peer.send(say("calm", TEXT, nfe_step=2, seed=3))
    assert isinstance(patient_end(peer, "calm"), Done)
    (engine,) = peer.status()["engines"]
    peer.send(say("storm", TEXT, nfe_step=2, seed=3))
    while not (isinstance(reply := peer.receive(60.0), Progress) and reply.segments_done == 1):
        pass
    os.kill(engine["pid"], signal.SIGKILL)
    assert isinstance(patient_end(peer, "storm"), Done)
    calm, storm = samples(peer.audio("calm")), samples(peer.audio("storm"))
    assert peer.status()["counters"]["engine_restarts"] == 1
    assert len(calm) == len(storm)
    assert max(abs(a - b) for a, b in zip(calm, storm, strict=True)) <= TOLERANCE
    assert max(calm) > 1000


@pytest.mark.slow
def test_a_newcomer_joins_between_two_steps(peer: Peer) -> None:
    """A one-step job ends while the 32 steps of the one segment before it have not."""
    rows = sum(engine["step_rows"] for engine in peer.status()["engines"])
    peer.send(say("warm", "hello", nfe_step=1))
    assert isinstance(patient_end(peer, "warm"), Done)
    wait_until(lambda: peer.status()["engines"][0]["step_rows"] > rows, "the first step is counted")
    (before,) = peer.status()["engines"]
    peer.send(say("long", SENTENCE, nfe_step=32, cfg_strength=0.0))
    peer.started("long")
    peer.send(say("short", "hello", nfe_step=1))
    assert isinstance(patient_end(peer, "short"), Done)
    assert not any(isinstance(reply, Audio) and reply.id == "long" for reply in peer.seen)
    assert isinstance(patient_end(peer, "long"), Done)

    def counted(what: str) -> int:
        (engine,) = peer.status()["engines"]
        return int(engine[what] - before[what])

    wait_until(lambda: counted("step_rows") >= 33, "the last steps are counted")
    assert counted("steps") <= counted("step_rows") == 32 + 1
    assert counted("step_frames") > 33 * 200
    assert before["budget_frames"] == 2048


@pytest.mark.slow
def test_a_deadline_is_honoured_between_steps(peer: Peer, daemon: Daemon, tmp_path: Path) -> None:
    """--timeout within a segment: 75 in time, no file, the engine free a step later, nobody else hurt."""
    peer.send(say("warm", SENTENCE, nfe_step=2, cfg_strength=0.0, seed=3))
    assert isinstance(patient_end(peer, "warm"), Done)
    restarts = peer.status()["counters"]["engine_restarts"]
    peer.send(say("calm", SENTENCE, nfe_step=8, cfg_strength=0.0, seed=3))
    calm = patient_end(peer, "calm")
    assert isinstance(calm, Done)
    step_s = calm.result["synthesis_s"] / 8
    timeout_s = 16 * step_s  # of 128 steps of one segment

    began = time.monotonic()
    command = [sys.executable, "-m", "f5ctl", "--socket", daemon.socket_path, "say", "--nfe-step", "128"]
    command += ["--cfg-strength", "0", "--timeout", f"{timeout_s:.3f}", "-o", str(tmp_path / "a.wav"), SENTENCE]
    late = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    ended = time.monotonic()
    wait_until(lambda: peer.status()["engines"][0]["state"] == "ready", "the engine is free")
    free_s = time.monotonic() - ended
    assert late.returncode == 75
    assert re.fullmatch(r"f5ctl: error: job \d+ was not finished within timeout_s .*\n", late.stderr)
    assert list(tmp_path.iterdir()) == []
    assert timeout_s <= ended - began <= timeout_s + START_S
    assert free_s <= 8 * step_s + 0.5, "112 more steps were to come"

    peer.send(say("late", SENTENCE, nfe_step=128, cfg_strength=0.0, timeout_s=12 * step_s))
    peer.started("late")
    peer.send(say("storm", SENTENCE, nfe_step=8, cfg_strength=0.0, seed=3))
    storm = patient_end(peer, "storm")
    assert isinstance(storm, Done)
    failed = patient_end(peer, "late")
    assert isinstance(failed, Failed)
    assert failed.code == "deadline_exceeded"
    alone, beside = samples(peer.audio("calm")), samples(peer.audio("storm"))
    assert len(alone) == len(beside)
    assert max(abs(a - b) for a, b in zip(alone, beside, strict=True)) <= TOLERANCE
    assert peer.status()["counters"]["engine_restarts"] == restarts


@pytest.mark.slow
def test_core_dumps_are_off_unless_asked_for(peer: Peer) -> None:
    """An engine that crashes leaves no file with its users' voices, unless core_dumps is on."""

    def limit(peer: Peer) -> int:
        peer.send(Load("l"))
        assert isinstance(patient_end(peer, "l"), Done)
        return resource.prlimit(peer.status()["engines"][0]["pid"], resource.RLIMIT_CORE)[0]

    assert limit(peer) == 0
    with Daemon(engine_command=ENGINE, core_dumps="on") as asked:
        assert limit(asked.peer()) == resource.getrlimit(resource.RLIMIT_CORE)[0]


def patient_end(peer: Peer, request_id: str) -> Reply:
    """Return the terminal message; a busy machine may take minutes, with a sign of life now and then."""
    while not peer.terminals(request_id):
        peer.receive(timeout_s=60.0)
    return peer.terminals(request_id)[0]


def samples(pcm: bytes) -> tuple[int, ...]:
    return struct.unpack(f"<{len(pcm) // 2}h", pcm)
