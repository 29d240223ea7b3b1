"""What the daemon counts, and Prometheus' view of it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request

import pytest
from prometheus_client.parser import text_string_to_metric_families

from f5ctl.metrics import exposition
from f5ctl.protocol import Cancel, Failed

from .support import Daemon, say

Samples = dict[tuple[str, ...], float]


def samples(text: str) -> Samples:
    """Return the values by name and labels."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_what_happened_is_counted() -> None:
    """Outcomes, audio, both histograms, the queue and the engine, as a status and as text."""
    with Daemon() as daemon:
        peer = daemon.peer()
        for number in range(3):
            peer.ok(say(f"good{number}", "samples=24000"))
        assert isinstance(peer.ask(say("bad", "fail=synthesis_failed")), Failed)
        assert isinstance(peer.ask(say("worse", "")), Failed)
        peer.send(say("long", "segments=100 delay=0.1"))
        peer.started("long")
        text = samples(exposition(peer.status()))
        assert text["f5d_queue_jobs", "running"] == 1
        peer.ok(Cancel("c", request="long"))
        state = peer.status()
        text = samples(exposition(state))
    for outcome, count in (("done", 3), ("failed", 1), ("refused", 1), ("cancelled", 1)):
        assert text["f5d_jobs_total", outcome] == count, outcome
    assert text["f5d_audio_seconds_total",] >= 3
    for name in ("f5d_first_audio_seconds", "f5d_real_time_factor"):
        assert text[f"{name}_count",] == text[f"{name}_bucket", "+Inf"] == 3
        assert text[f"{name}_sum",] > 0
    assert text["f5d_queue_limit",] == state["queue"]["limit"]
    assert text["f5d_engine_memory_bytes", "cpu", state["engines"][0]["model"]] > 0


def test_prometheus_reads_over_http_what_the_verb_prints() -> None:
    """With metrics_address the same families come over HTTP, from a daemon at work."""
    port = free_port()
    with Daemon(metrics_address=f"127.0.0.1:{port}") as daemon:
        peer = daemon.peer()
        peer.ok(say("one", "hello"))
        peer.send(say("long", "segments=100 delay=0.1"))
        peer.started("long")
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            served = samples(answer.read().decode())
        command = [sys.executable, "-m", "f5ctl", "metrics"]
        done = subprocess.run(
            command,
            env=os.environ | {"F5D_SOCKET": daemon.socket_path},
            capture_output=True,
            timeout=30,
            check=True,
        )
        printed = samples(done.stdout.decode())
        assert set(served) == set(printed)
        assert served["f5d_jobs_total", "done"] == printed["f5d_jobs_total", "done"] == 1
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10)


def test_a_port_that_is_taken_is_a_configuration_error() -> None:
    """The daemon does not start, with one line and status 78."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = refused(address)
    assert f"cannot listen on {address}: Address already in use" in line
    assert "it can be off or a port of this machine" in refused("0.0.0.0:9105")
    assert "cannot listen on" in refused("127.0.0.1:99999")


def refused(address: str) -> str:
    """Return the last line of a daemon that does not start with that metrics_address."""
    environment = os.environ | {"F5D_METRICS_ADDRESS": address, "F5D_SOCKET": f"/tmp/f5-{os.getpid()}-m/s"}
    done = subprocess.run(
        [sys.executable, "-m", "f5d", "serve"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 78, done
    return done.stderr.strip().rpartition("\n")[2]
