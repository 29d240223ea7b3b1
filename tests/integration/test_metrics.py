"""What the daemon counts, and Prometheus' view of it."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from f5ctl.metrics import exposition
from f5ctl.protocol import Cancel, Failed, Stop
from f5d.system.metrics_listener import metrics_listener

from .support import Daemon, say, wait_until

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


def ask(port: int, *lines: str) -> tuple[int, str]:
    """Return status and text of the answer to a request with these lines; 0 where there was none."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        data = b""
        while block := connection.recv(65_536):
            data += block
    head, _, text = data.decode().partition("\r\n\r\n")
    return int(head.split()[1]) if head else 0, text


GET = "GET /metrics HTTP/1.1"


def test_only_what_is_meant_for_the_listener_is_answered() -> None:
    """Two paths, two methods, and a Host that is an address or a name of its own: no web page of somebody's."""
    port = free_port()
    with Daemon(metrics_address=f"127.0.0.1:{port}"):
        for host in ("127.0.0.1", f"127.0.0.1:{port}", "localhost:1", "LOCALHOST", "[::1]:9105"):
            assert ask(port, GET, f"Host: {host}")[0] == 200, host
        for host in ("evil.example", f"evil.example:{port}", "127.0.0.1.evil.example", "192.168.1.7", ""):
            assert ask(port, GET, f"Host: {host}")[0] == 421, host
        assert ask(port, GET)[0] == 400
        assert ask(port, GET, "Host: localhost", "Host: evil.example")[0] == 400
        assert ask(port, "GET /metrics HTTP/1.0")[0] == 200
        assert ask(port, "GET /metrics?x=1 HTTP/1.1", "Host: localhost")[0] == 200
        assert ask(port, "GET /secret HTTP/1.1", "Host: localhost")[0] == 404
        assert ask(port, "POST /metrics HTTP/1.1", "Host: localhost")[0] == 405
        assert ask(port, "HEAD /metrics HTTP/1.1", "Host: localhost") == (200, "")
        assert ask(port, "nonsense")[0] == 400
        assert ask(port, GET, "X: " + "x" * 9_000)[0] == 431


def test_a_listener_is_bounded_and_whoever_asks_is_answered() -> None:
    """Hundreds of half requests cost a few descriptors and no thread; a whole one is answered at once."""
    port = free_port()
    with Daemon(metrics_address=f"127.0.0.1:{port}") as daemon:
        assert ask(port, GET, "Host: localhost")[0] == 200
        process = Path(f"/proc/{daemon.process.pid}")
        before = len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))
        half = [socket.create_connection(("127.0.0.1", port), timeout=20) for _ in range(300)]
        for connection in half:
            with contextlib.suppress(OSError):  # it had to make room
                connection.sendall(b"GET /metrics HTTP/1.1\r\nX: ")
        assert ask(port, GET, "Host: localhost")[0] == 200
        after = len(list((process / "fd").iterdir())), len(list((process / "task").iterdir()))
        assert after[0] - before[0] <= 40
        assert after[1] == before[1]
        assert half[-1].recv(1) == b"", "what does not become a request is closed"
        for connection in half:
            connection.close()


def test_the_daemon_s_health_is_told() -> None:
    """200 while its loop lives, 503 while it finishes its last jobs, and 503 while it hangs."""
    port = free_port()
    with Daemon(metrics_address=f"127.0.0.1:{port}", patience={"hang_s": 60.0}) as daemon:
        health = ("GET /healthz HTTP/1.1", "Host: localhost")
        assert ask(port, *health) == (200, "ok\n")
        peer = daemon.peer()
        peer.send(say("a", "segments=1000 delay=0.05"))
        peer.started("a")
        daemon.signal(signal.SIGTERM)
        wait_until(lambda: ask(port, *health) == (503, "draining\n"), "it is draining")
        peer.ok(Stop("s", force=True))
        assert daemon.exit_status(5) == 0


def test_a_loop_that_hangs_is_not_healthy(tmp_path: Path) -> None:
    """The listener's thread lives on and says that nobody answers."""
    port = free_port()
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as hanging:
        hanging.bind(path)
        hanging.listen()
        with metrics_listener(f"127.0.0.1:{port}", path):
            assert ask(port, "GET /healthz HTTP/1.0") == (503, "the daemon does not answer\n")
            assert ask(port, "GET /metrics HTTP/1.0")[0] == 503


def test_an_address_that_others_can_reach_is_warned_of() -> None:
    """One line at the start; there any address names the listener, and this machine's own name."""
    port = free_port()
    with Daemon(metrics_address=f"0.0.0.0:{port}") as daemon:
        assert daemon.log_text().count("anyone who can reach it can read the metrics") == 1
        assert ask(port, GET, f"Host: 10.0.0.7:{port}")[0] == 200
        assert ask(port, GET, f"Host: {socket.gethostname()}:{port}")[0] == 200
        assert ask(port, GET, "Host: evil.example")[0] == 421


def test_a_port_that_is_taken_is_a_configuration_error() -> None:
    """The daemon does not start, with one line and status 78."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        line = refused(address)
    assert f"cannot listen on {address}: Address already in use" in line
    assert "it can be off or an address with a port" in refused("9105")
    assert "with a port (at most 65535)" in refused("127.0.0.1:99999")
    for name in ("gpu1..lan", "a" * 64):
        assert f"metrics_address: cannot listen on {name}:9105: " in refused(f"{name}:9105")


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
