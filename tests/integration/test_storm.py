"""Two thousand random requests while engines die, clients cancel and strangers speak ZMTP wrongly."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import threading
import time

from f5ctl.protocol import TERMINAL_TYPES, Cancel, Done, Encoding, Load, Plan, Request, Say, Status, Unload
from tests.zmtp import GREETING, MORE, RawPeer, frame, ready

from .support import Daemon, Peer

REQUESTS = 2_000
CLIENTS = 8
ENCODINGS: tuple[Encoding, ...] = ("pcm", "wav", "opus")


def request(draw: random.Random, name: str) -> Request:
    """Return a request of any kind; one in twenty cannot succeed."""
    text = f"segments={draw.randint(1, 4)} delay={draw.choice((0, 0, 0, 0.001, 0.01))}"
    kind = draw.random()
    if kind < 0.02:
        return Load(name)
    if kind < 0.022:
        return Unload(name)
    if kind < 0.10:
        return Status(name)
    if kind < 0.20:
        return Plan(name, text)
    text += draw.choice(("", "", "", "", " fail=bad_text"))
    timeout_s = draw.choice((None, None, None, 0.001, 0.05, 30.0))
    return Say(name, text, encoding=draw.choice(ENCODINGS), timeout_s=timeout_s, priority=draw.randint(-9, 9))


class Client:
    """One well-behaved connection, which sends its share of the requests and counts what ends them."""

    def __init__(self, peer: Peer, number: int) -> None:
        self.peer = peer
        self.draw = random.Random(number)
        self.names = [f"{number}-{turn}" for turn in range(REQUESTS // CLIENTS)]
        self.ends: dict[str, int] = dict.fromkeys(self.names, 0)
        self.late: list[str] = []  # said of a request after its end

    def run(self) -> None:
        """Send at random moments, cancel at random, until every request has ended."""
        todo = list(self.names)
        live: list[str] = []
        quiet_since = time.monotonic()
        while todo or live:
            while todo and len(live) < 12 and self.draw.random() < 0.6:
                self.peer.send(request(self.draw, todo[-1]))
                live.append(todo.pop())
            if live and self.draw.random() < 0.15:
                self.peer.send(Cancel(f"c{time.monotonic_ns()}", request=self.draw.choice(live)))
            while self.peer.socket.poll(20):
                quiet_since = time.monotonic()
                reply = self.peer.receive()
                self.peer.seen.clear()
                if reply.id not in self.ends:
                    continue  # the end of a cancel
                if self.ends[reply.id]:
                    self.late.append(reply.id)
                if isinstance(reply, TERMINAL_TYPES):
                    self.ends[reply.id] += 1
                    with contextlib.suppress(ValueError):
                        live.remove(reply.id)
            assert time.monotonic() - quiet_since < 60, f"nothing more is said of {live}"


def misbehave(path: str, over: threading.Event) -> None:
    """Speak ZMTP wrongly, in every way that comes to mind, until it is over."""
    draw = random.Random(99)
    names = (b"", b"\0kE\x8bg", bytes(range(255)))
    parts = (
        lambda: os.urandom(draw.randint(1, 300)),
        lambda: GREETING[: draw.randint(1, 64)],
        lambda: GREETING + ready(draw.choice((b"ROUTER", b"PUB", b"REQ", b"?")), draw.choice(names)),
        lambda: GREETING + ready(name=draw.choice(names)) + frame(b"x" * 100, MORE) * draw.randint(1, 40),
        lambda: GREETING + ready() + frame(os.urandom(50)) + frame(b"", MORE),
        lambda: GREETING + ready() + b"\x02" + (2**40).to_bytes(8, "big"),
        lambda: GREETING + ready() + frame(b"\x04PING\0\0", 4)[: draw.randint(1, 16)],
        lambda: GREETING + frame(b"\x05ERROR\x03abc", 4) + ready(),
    )
    open_ones: list[RawPeer] = []
    while not over.is_set():
        with contextlib.suppress(OSError):  # it was closed while we spoke
            stranger = RawPeer(path, greets=False)
            open_ones.append(stranger)
            stranger.socket.sendall(draw.choice(parts)())
        for stranger in open_ones[: -draw.randint(0, 20) or None]:
            stranger.close()
            open_ones.remove(stranger)
        over.wait(0.01)
    for stranger in open_ones:
        stranger.close()


def kill_engines(daemon: Daemon, over: threading.Event) -> None:
    """Kill the engine now and then."""
    draw = random.Random(7)
    while not over.wait(draw.uniform(0.2, 0.8)):
        for note in daemon.told("configure")[-1:]:
            with contextlib.suppress(ProcessLookupError):
                os.kill(note["pid"], signal.SIGKILL)


def test_every_request_ends_once() -> None:
    """Each of them gets exactly one terminal message and nothing after it, whatever happens beside it."""
    with Daemon(max_jobs=64) as daemon:
        over = threading.Event()
        clients = [Client(daemon.peer(), number) for number in range(CLIENTS)]
        trouble = [
            threading.Thread(target=misbehave, args=(daemon.socket_path, over)),
            threading.Thread(target=kill_engines, args=(daemon, over)),
        ]
        threads = [threading.Thread(target=client.run) for client in clients]
        for thread in (*trouble, *threads):
            thread.start()
        for thread in threads:
            thread.join()
        over.set()
        for thread in trouble:
            thread.join()
        wrong = {name: count for client in clients for name, count in client.ends.items() if count != 1}
        assert not wrong
        assert not [name for client in clients for name in client.late]
        peer = daemon.peer()
        assert isinstance(peer.ask(Say("last", "segments=2")), Done)
        status = peer.status()
        assert status["counters"]["engine_restarts"] >= 1
        assert not [job for job in status["jobs"] if job["state"] != "done"]
