"""The public socket: audio to clients, long requests, round trips, connections.

    python benchmarks/front.py

Starts a daemon with the tests' stand-in engine, so that nothing but the broker is measured; the clients are
sockets of pyzmq. Times are of the wall, the broker's are of its processor, kernel included.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import zmq
from _support import head, table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from f5ctl.protocol import (
    MAX_REF_AUDIO_BYTES,
    TERMINAL_TYPES,
    Cancel,
    Reply,
    Request,
    Status,
    encode,
    parse_reply,
)
from tests.integration.support import Daemon, say

MEBIBYTE = 2**20
UNKNOWN = Cancel("c", job="999999")


class Bench:
    """A daemon, a context for clients and the rows of the table."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.context = zmq.Context()
        self.context.set(zmq.MAX_SOCKETS, 2_000)
        self.rows: list[tuple[str, str, str]] = []

    def client(self) -> zmq.Socket[bytes]:
        """Return a client that has had its first answer."""
        socket: zmq.Socket[bytes] = self.context.socket(zmq.DEALER)
        socket.rcvhwm, socket.linger = 0, 0
        socket.connect(f"ipc://{self.daemon.socket_path}")
        ask(socket, Status("s"))
        return socket

    def row(self, what: str, times: int, once: Callable[[], object], *, moved_bytes: int = 0) -> None:
        """Do something so often and write down what it took."""
        cpu_s, took_s = broker_s(self.daemon.process.pid), []
        for _ in range(times):
            began_s = time.perf_counter()
            once()
            took_s.append(time.perf_counter() - began_s)
        cpu_s = (broker_s(self.daemon.process.pid) - cpu_s) / times
        middle_s = statistics.median(took_s)
        figure = f"{moved_bytes / MEBIBYTE / middle_s:.0f} MiB/s" if moved_bytes else f"{middle_s * 1e3:.2f} ms"
        self.rows.append((what, figure, f"{cpu_s * 1e3:.2f} ms"))


def broker_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def until(socket: zmq.Socket[bytes], *kinds: type[Reply]) -> None:
    while not isinstance(parse_reply(socket.recv()), kinds):
        pass


def ask(socket: zmq.Socket[bytes], request: Request) -> None:
    socket.send(encode(request))
    until(socket, *TERMINAL_TYPES)


def measure(bench: Bench) -> None:
    one, crowd = bench.client(), [bench.client() for _ in range(16)]
    ask(one, say("warm"))

    def stream(clients: list[zmq.Socket[bytes]], text: str) -> None:
        for client in clients:
            client.send(encode(say("a", text)))
        for client in clients:
            until(client, *TERMINAL_TYPES)

    def connect() -> None:
        socket = bench.client()
        socket.close()

    def pipelined() -> None:
        for _ in range(5_000):
            one.send(encode(UNKNOWN))
        for _ in range(5_000):
            one.recv()

    long = encode(say("b", ref_audio=bytes(MAX_REF_AUDIO_BYTES), ref_text="x"))

    def spoken() -> None:
        one.send(long)
        until(one, *TERMINAL_TYPES)

    bench.row("a request of 16 MiB, from sending to its audio", 60, spoken)
    size = 10 * 960_000
    text = "segments=10 samples=480000"
    bench.row("audio to a client, segments of 20 s", 5, lambda: stream([one], text), moved_bytes=size)
    bench.row("audio to 16 clients", 3, lambda: stream(crowd, text), moved_bytes=16 * size)
    small = "segments=1000 samples=2400"
    bench.row("audio in segments of 0.1 s", 3, lambda: stream([one], small), moved_bytes=1_000 * 4_800)
    bench.row("a round trip", 1_000, lambda: ask(one, UNKNOWN))
    bench.row("5,000 requests at once", 3, pipelined)
    bench.row("connect, ask for the status, close", 200, connect)
    idle = [bench.client() for _ in range(1_000)]
    bench.row(f"a round trip beside {len(idle)} idle clients", 1_000, lambda: ask(one, UNKNOWN))


def main() -> None:
    print(head(), flush=True)
    with Daemon() as daemon:
        bench = Bench(daemon)
        measure(bench)
        bench.context.destroy(linger=0)
    print(table(["what", "median", "the broker's processor, each"], bench.rows))


if __name__ == "__main__":
    main()
