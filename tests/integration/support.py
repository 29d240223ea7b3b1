"""A real daemon in a subprocess with the stand-in engine, and a bare peer that speaks the wire."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import zmq
from typing_extensions import Self

from f5ctl.protocol import (
    TERMINAL_TYPES,
    Audio,
    Done,
    Progress,
    Reply,
    Request,
    Say,
    Status,
    encode,
    parse_reply,
)

RUN_DAEMON = Path(__file__).with_name("run_daemon.py")
PATIENCE_S = 20.0


class Peer:
    """One connection. Waits are bounded; a reply that does not come is a failed assertion."""

    def __init__(self, path: str, kind: int = zmq.DEALER, receive_hwm: int = 1000) -> None:
        self.context = zmq.Context()
        self.socket: zmq.Socket[bytes] = self.context.socket(kind)
        self.socket.linger = 0
        self.socket.rcvhwm = receive_hwm
        self.socket.connect(f"ipc://{path}")
        self.seen: list[Reply] = []

    def send(self, message: Request) -> None:
        """Send a request."""
        self.socket.send(encode(message))

    def receive(self, timeout_s: float = PATIENCE_S) -> Reply:
        """Return the next reply."""
        assert self.socket.poll(int(timeout_s * 1000)), f"no reply; before that {self.seen[-3:]}"
        reply = parse_reply(self.socket.recv())
        self.seen.append(reply)
        return reply

    def until(self, wanted: Callable[[Reply], bool]) -> Reply:
        """Return the first reply that is wanted."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            reply = self.receive()
            if wanted(reply):
                return reply
        raise AssertionError(f"not seen: {self.seen[-5:]}")

    def end_of(self, request_id: str) -> Reply:
        """Return the terminal message of a request, seen already or still to come."""
        for reply in self.seen:
            if reply.id == request_id and isinstance(reply, TERMINAL_TYPES):
                return reply
        return self.until(lambda reply: reply.id == request_id and isinstance(reply, TERMINAL_TYPES))

    def ask(self, message: Request) -> Reply:
        """Send a request and return its terminal message."""
        self.send(message)
        return self.end_of(message.id)

    def ok(self, message: Request) -> dict[str, Any]:
        """Send a request and return the result of its `done`."""
        reply = self.ask(message)
        assert isinstance(reply, Done), reply
        return reply.result

    def status(self) -> dict[str, Any]:
        """Return the daemon's status."""
        return self.ok(Status(f"status-{time.monotonic_ns()}"))

    def started(self, request_id: str) -> str:
        """Return the job id once the request runs."""
        reply = self.until(
            lambda reply: isinstance(reply, Progress) and reply.id == request_id and reply.state == "running"
        )
        assert isinstance(reply, Progress)
        return reply.job

    def audio(self, request_id: str) -> bytes:
        """Return the audio of a request so far; its pieces must be in order."""
        pieces = [reply for reply in self.seen if isinstance(reply, Audio) and reply.id == request_id]
        assert [piece.seq for piece in pieces] == list(range(len(pieces)))
        return b"".join(piece.data for piece in pieces)

    def terminals(self, request_id: str) -> list[Reply]:
        """Return the terminal messages of a request."""
        return [reply for reply in self.seen if reply.id == request_id and isinstance(reply, TERMINAL_TYPES)]

    def close(self) -> None:
        """Close the connection."""
        self.socket.close(0)
        self.context.term()


class Daemon:
    """A running daemon; `folder` is also where the stand-in engine writes its log."""

    def __init__(self, **settings: Any) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="f5", dir="/tmp")
        self.folder = Path(self._folder.name)
        self.socket_path = settings.pop("socket", str(self.folder / "s"))
        self.env = os.environ | settings.pop("env", {})
        self.settings = {"socket": self.socket_path, "model": "starter", **settings}
        self.log = (self.folder / "daemon.log").open("w+")
        self.peers: list[Peer] = []

    def start(self) -> Self:
        """Run the daemon and wait until it answers."""
        self.process = self.spawn()
        peer = self.peer()
        peer.send(Status("up"))  # the connection waits for the socket
        wait_until(lambda: peer.socket.poll(20) or self.process.poll() is not None, "the daemon answers")
        if self.process.poll() is not None:
            raise AssertionError(self.log_text())
        return self

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start a daemon process on this socket."""
        command = [sys.executable, str(RUN_DAEMON), str(self.folder), json.dumps(self.settings)]
        return subprocess.Popen(command, stderr=self.log, start_new_session=True, env=self.env)

    def peer(self, **options: Any) -> Peer:
        """Return a new connection, closed with the daemon."""
        peer = Peer(self.socket_path, **options)
        self.peers.append(peer)
        return peer

    def told(self, what: str) -> list[dict[str, Any]]:
        """What engines have noted, in order."""
        path = self.folder / "log.jsonl"
        lines = path.read_text().splitlines() if path.exists() else []
        return [note for note in map(json.loads, lines) if note["what"] == what]

    def loading(self, **plan: Any) -> None:
        """Say how the next engines load."""
        (self.folder / "loading.json").write_text(json.dumps(plan))

    def signal(self, number: signal.Signals) -> None:
        """Send the daemon a signal."""
        self.process.send_signal(number)

    def exit_status(self, timeout_s: float = PATIENCE_S) -> int:
        """Wait for the daemon's end."""
        return self.process.wait(timeout_s)

    def log_text(self) -> str:
        """Return what the daemon has logged."""
        self.log.flush()
        return Path(self.log.name).read_text()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for peer in self.peers:
            peer.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if error is not None:
            sys.stderr.write(self.log_text())
        self.log.close()
        self._folder.cleanup()


def say(request_id: str, text: str = "hello", **options: Any) -> Say:
    return Say(id=request_id, text=text, **options)


def wait_until(condition: Callable[[], object], what: str) -> None:
    """Ask again and again, for conditions that only the operating system knows."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def said_in_another_session(daemon: Daemon) -> bytes:
    """Return what a client in a session of its own prints: how many samples a short request became."""
    code = (
        "import sys; from f5ctl.client import Client; from f5ctl.protocol import Say\n"
        "with Client(sys.argv[1]) as client: print(client.call(Say('n', 'hello'))['samples'])"
    )
    command = [sys.executable, "-c", code, daemon.socket_path]
    return subprocess.run(command, capture_output=True, start_new_session=True, check=True).stdout
