"""A daemon made of a socket and a script, and `f5ctl`: as a user runs it, or here without its process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest
import zmq

from f5ctl import __main__ as f5ctl
from f5ctl.protocol import Accepted, Audio, Cancelled, Done, Failed, Progress, Reply, decode, encode

NOBODY = 2**22 + 5  # a pid above the kernel's limit
HALF_SECOND = b"\x01\x00" * 12_000


def receipt(samples: int, **more: Any) -> dict[str, Any]:
    return {"job": "j1", "model": "fake", "seed": 7, "samples": samples, "warnings": [], **more}


@dataclass
class FakeDaemon:
    """A ROUTER that answers as it is told; `seen` holds every request as it came.

    `chunks` audio chunks follow each other after `pause_s`; `silent_after` of them the fake goes on
    living without a word until it is cancelled, `dies_after` of them it closes its socket.
    With `speaks`, the audio is made of the text; the first `reverse` says are answered last first. `plans`
    answers a `plan`.
    """

    path: str
    chunks: list[bytes] = field(default_factory=lambda: [HALF_SECOND, HALF_SECOND])
    pause_s: float = 0.0
    speaks: Callable[[str], bytes] | None = None
    reverse: int = 0
    before: list[Callable[[str], Reply]] = field(default_factory=list)
    fails: tuple[str, str] | None = None
    refuses: Callable[[dict[str, Any]], Failed | None] | None = None  # one say at a time
    plans: Callable[[dict[str, Any]], Reply] | None = None
    status: dict[str, Any] = field(default_factory=lambda: {"version": "9.9", "pid": NOBODY})
    warnings: list[str] = field(default_factory=list)
    parameters: dict[str, Any] = field(default_factory=dict)  # of its receipts
    facts: dict[str, Any] = field(default_factory=dict)  # further ones of its receipts
    claimed_samples: int | None = None
    skip_seq: int | None = None
    silent_after: int | None = None
    dies_after: int | None = None
    garbage: list[bytes] | None = None
    seen: list[dict[str, Any]] = field(default_factory=list)

    def start(self) -> None:
        """Listen and answer."""
        self._held: list[tuple[bytes, dict[str, Any]]] = []
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.ROUTER)
        self._socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # a full peer is waited for, not skipped
        self._socket.bind(f"ipc://{self.path}")
        self._ending = threading.Event()
        self._stalled = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def stall(self) -> None:
        """Go on listening without answering anything."""
        self._stalled.set()
        time.sleep(0.1)  # the poll that is under way may still take a message

    def end(self) -> None:
        """Stop listening."""
        self._ending.set()
        self._thread.join()
        self._context.destroy(linger=0)
        Path(self.path).unlink(missing_ok=True)

    def wait_for(self, kind: str, timeout_s: float = 10.0) -> dict[str, Any]:
        """Return the first request of that type, waiting for it to come."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            for body in list(self.seen):
                if body["type"] == kind:
                    return body
            time.sleep(0.01)
        raise AssertionError(f"no {kind} came: {self.seen}")

    def _serve(self) -> None:
        while not self._ending.is_set():
            if self._stalled.is_set():
                self._ending.wait(0.02)
            else:
                self._take(0.02)

    def _take(self, timeout_s: float) -> dict[str, Any] | None:
        until = time.monotonic() + timeout_s
        while not self._socket.poll(min(20, int(timeout_s * 1000))):
            if time.monotonic() >= until or self._ending.is_set():
                return None
        peer, frame = self._socket.recv_multipart()
        body = decode(frame)
        self.seen.append(body)
        if self.garbage is not None:
            self._socket.send_multipart([peer, *self.garbage])
        elif body["type"] == "say":
            self._held.append((peer, body))
            while self._held and len(self._held) >= self.reverse:
                self._say(*self._held.pop())
        elif body["type"] == "cancel" and "request" in body:
            self._send(peer, Cancelled(body["request"], "the client asked"), Done(body["id"], {}))
        elif self.fails:
            self._send(peer, Failed(body["id"], *self.fails))
        elif body["type"] == "plan" and self.plans:
            self._send(peer, self.plans(body))
        else:
            self._send(peer, Done(body["id"], self.status if body["type"] == "status" else {}))
            if body["type"] == "stop":
                self._die()
        return body

    def _say(self, peer: bytes, body: dict[str, Any]) -> None:
        request, chunks = body["id"], self.chunks
        if self.speaks:
            chunks = [self.speaks(body["text"])]
        self.reverse = len(self._held)  # the rest of them, then no more
        refusal = self.refuses(body) if self.refuses else None
        if refusal:
            self._send(peer, refusal)
            return
        self._send(peer, Accepted(request, "j1", 0), *(make(request) for make in self.before))
        if self.fails:
            self._send(peer, Failed(request, *self.fails))
            return
        for seq, data in enumerate(chunks):
            if seq == self.dies_after:
                self._die()
                return
            if seq == self.silent_after:
                return
            self._send(peer, Audio(request, seq + (self.skip_seq is not None and seq >= self.skip_seq), data))
            taken = self._take(self.pause_s) if self.pause_s else None
            if taken and taken["type"] == "cancel":
                return
        samples = sum(map(len, chunks)) // 2 if self.claimed_samples is None else self.claimed_samples
        facts = {"warnings": self.warnings, "parameters": self.parameters, **self.facts}
        self._send(peer, Done(request, receipt(samples, **facts)))

    def _send(self, peer: bytes, *replies: Reply) -> None:
        for reply in replies:
            with contextlib.suppress(zmq.ZMQError):  # the client has gone
                self._socket.send_multipart([peer, encode(reply)])

    def _die(self) -> None:
        self._ending.set()
        self._socket.close(linger=1000)


@dataclass
class Cli:
    """Runs `f5ctl` against one socket, as a process group of its own."""

    socket: str
    env: dict[str, str]

    def start(self, *args: str, **popen: Any) -> subprocess.Popen[bytes]:
        """Start f5ctl and return its process."""
        popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | popen
        command = [sys.executable, "-m", "f5ctl", *args]
        popen |= {"env": {**self.env, **popen.get("env", {})}, "start_new_session": True}
        return cast(subprocess.Popen[bytes], subprocess.Popen(command, **popen))

    def run(self, *args: str, text: bytes | None = None, **popen: Any) -> subprocess.CompletedProcess[bytes]:
        """Run f5ctl to its end, with `text` on its stdin."""
        if text is not None:
            popen["stdin"] = subprocess.PIPE
        process = self.start(*args, **popen)
        try:
            out, err = process.communicate(text, timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        return subprocess.CompletedProcess(args, process.returncode, out, err)


@dataclass
class Here:
    """Runs `f5ctl` in this process, for what stdin, signals, terminals and imports do not touch: sooner."""

    captured: pytest.CaptureFixture[bytes]

    def run(self, *args: str) -> subprocess.CompletedProcess[bytes]:
        """Run f5ctl to its end."""
        self.captured.readouterr()
        status = f5ctl.run(args)
        return subprocess.CompletedProcess(args, status, *self.captured.readouterr())


@pytest.fixture
def socket_path() -> Iterator[str]:
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as folder:
        yield f"{folder}/s"


@pytest.fixture
def daemon(socket_path: str) -> Iterator[FakeDaemon]:
    fake = FakeDaemon(socket_path)
    fake.start()
    yield fake
    fake.end()


@pytest.fixture
def cli(socket_path: str, tmp_path: Path) -> Cli:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("F5D_", "F5CTL_"))}
    env |= {"F5D_SOCKET": socket_path, "XDG_STATE_HOME": str(tmp_path / "state"), "TERM": "xterm"}
    return Cli(socket_path, env)


@pytest.fixture
def here(cli: Cli, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]) -> Here:
    for name, value in cli.env.items():
        monkeypatch.setenv(name, value)
    return Here(capfdbinary)


@pytest.fixture
def loading() -> Callable[[str], Reply]:
    return lambda request: Progress(request, "j1", "loading", "fake", elapsed_s=12.0)


@pytest.fixture(autouse=True)
def _signals_stay() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        with contextlib.suppress(TypeError):
            signal.signal(number, handler)
