"""Broken and hostile messages against the broker, while a well-behaved client times it.

    python benchmarks/fuzz.py --messages 200000

Starts a daemon with the tests' stand-in engine, so that nothing but the broker is measured. Random
bytes, cut and mutated requests, deep nesting, huge declared lengths, wrong types, missing and extra
frames, ids in use and other clients' ids; then 1,000 connections, then clients that never read.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgpack
import zmq
from _support import head, table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from f5ctl.bench import percentile
from f5ctl.protocol import Cancel, Status, encode, parse_reply
from tests.integration.support import Daemon, Peer, say

ROUND = 200  # messages, then the daemon must answer a status
RARE = 0.002


def rss_bytes(pid: int) -> int:
    fields = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * os.sysconf("SC_PAGE_SIZE")


def descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def request(draw: random.Random) -> dict[str, object]:
    values: list[object] = [None, True, -1, 2**63, 1e308, float("nan"), "", "x" * 300, b"\0", [], {}, "../../x"]
    body: dict[str, object] = {
        "v": 1,
        "type": "say",
        "id": f"i{draw.randrange(50)}",
        "text": "hi fail=bad_text",
    }
    for _ in range(draw.randrange(1, 4)):
        names = ("v", "type", "id", "text", "voice", "model", "seed", "speed", "encoding", "ref_audio", "txet")
        body[draw.choice(names)] = draw.choice(values)
    return body


def one(draw: random.Random) -> list[bytes]:
    """Return the frames of one bad message."""
    if draw.random() < RARE:
        return [draw.choice((b"\xdd\x00\xff\xff\xff" * 1000, b"\xc6\x00\xff\xff\xff", b"\x00" * 2**20))]
    good = bytes(msgpack.packb(request(draw)))
    kinds: tuple[Callable[[], list[bytes]], ...] = (
        lambda: [draw.randbytes(draw.randrange(200))],
        lambda: [good[: draw.randrange(len(good))]],
        lambda: [good],
        lambda: [bytes(byte ^ (draw.random() < 0.03) * draw.randrange(256) for byte in good)],
        lambda: [b"\x81\xa1v" * draw.randrange(2000)],
        lambda: [b"\x91" * draw.randrange(5000) + b"\xc0"],
        lambda: [b"\xdf\x7f\xff\xff\xff" + good, b""][: draw.randrange(1, 3)],
        lambda: [b"", good, good],
        lambda: [good, b"extra"],
        lambda: [encode(Cancel("c", job=str(draw.randrange(10**6))))],
        lambda: [encode(Cancel("c", request=f"i{draw.randrange(50)}"))],
        lambda: [good + good],
    )
    return draw.choice(kinds)()


def bombard(daemon: Daemon, messages: int, draw: random.Random) -> tuple[int, float, list[float]]:
    """Send bad messages; return how many were refused, the longest wait and the latencies of others."""
    attacker = Peer(daemon.socket_path, receive_hwm=0)
    other = Peer(daemon.socket_path)
    refused, longest_s, waits_s = 0, 0.0, list[float]()
    for _ in range(messages // ROUND):
        for _ in range(ROUND):
            attacker.socket.send_multipart(one(draw))
        began_s = time.perf_counter()
        other.seen.clear()
        other.status()
        waits_s.append(time.perf_counter() - began_s)
        attacker.socket.send(encode(Status("round")))
        while True:
            if not attacker.socket.poll(30_000):
                raise SystemExit("the daemon hangs")
            reply = parse_reply(attacker.socket.recv_multipart()[-1])
            if reply.id == "round":
                break
            refused += type(reply).__name__ == "Failed"
        longest_s = max(longest_s, time.perf_counter() - began_s)
    attacker.close()
    other.close()
    return refused, longest_s, waits_s


def latencies(daemon: Daemon, count: int) -> list[float]:
    peer = Peer(daemon.socket_path)
    took_s = []
    for number in range(count):
        began_s = time.perf_counter()
        peer.ok(say(f"n{number}", "segments=2 delay=0.01"))
        took_s.append(time.perf_counter() - began_s)
        peer.seen.clear()
    peer.close()
    return took_s


def beside_never_readers(daemon: Daemon, readers: int, count: int) -> tuple[list[float], int]:
    """Return the latencies beside clients that ask for hours of audio and take none, and the broker's peak."""
    context = zmq.Context()
    sockets = []
    for number in range(readers):
        socket = context.socket(zmq.DEALER)
        socket.rcvhwm, socket.linger = 1, 0
        socket.connect(f"ipc://{daemon.socket_path}")
        socket.send(encode(say(f"never{number}", "segments=100000 delay=0.001")))
        sockets.append(socket)
    time.sleep(1)
    took_s = latencies(daemon, count)
    held = rss_bytes(daemon.process.pid)
    context.destroy(linger=0)
    return took_s, held


def many_connections(daemon: Daemon, count: int) -> float:
    """Return how long a status takes with so many connections open that have all asked something."""
    context = zmq.Context(2)
    context.set(zmq.MAX_SOCKETS, count + 10)
    sockets = [context.socket(zmq.DEALER) for _ in range(count)]
    for number, socket in enumerate(sockets):
        socket.linger = 0
        socket.connect(f"ipc://{daemon.socket_path}")
        socket.send(encode(Status(f"s{number}")))
    for socket in sockets:
        if not socket.poll(30_000):
            raise SystemExit("a connection got no answer")
    peer = Peer(daemon.socket_path)
    began_s = time.perf_counter()
    peer.status()
    took_s = time.perf_counter() - began_s
    peer.close()
    context.destroy(linger=0)
    return took_s


def report(options: argparse.Namespace) -> int:
    print(head(), flush=True)
    draw = random.Random(options.seed)
    with Daemon() as daemon:
        pid = daemon.process.pid
        calm_s = latencies(daemon, 50)
        bombard(daemon, 2_000, draw)  # what Python keeps for ever is allocated
        time.sleep(1)
        rss, fds = rss_bytes(pid), descriptors(pid)
        refused, longest_s, waits_s = bombard(daemon, options.messages, draw)
        time.sleep(1)
        grown, more = rss_bytes(pid) - rss, descriptors(pid) - fds
        connected_s = many_connections(daemon, options.connections)
        calm_s += latencies(daemon, 50)
        beside_s, held = beside_never_readers(daemon, 1, 100)
        crashed = daemon.process.poll() is not None
        time.sleep(1)
        leaked = max(0, descriptors(pid) - fds)
    ratio = percentile(beside_s, 95) / percentile(calm_s, 95)
    rows: list[tuple[str, object]] = [
        ("messages", options.messages),
        ("refused with one typed error", refused),
        ("crashes", int(crashed)),
        ("longest wait for a round's answers", f"{longest_s:.2f} s"),
        ("status of another client meanwhile, p95", f"{percentile(waits_s, 95) * 1000:.0f} ms"),
        ("RSS growth of the broker", f"{grown / 2**20:.1f} MiB"),
        ("descriptors more, at once and in the end", f"{more}, {leaked}"),
        (f"status beside {options.connections} connections", f"{connected_s * 1000:.0f} ms"),
        ("broker beside a client that never reads", f"{held / 2**20:.0f} MiB"),
        (
            "p95 of others, normal and beside it",
            f"{percentile(calm_s, 95):.3f} and {percentile(beside_s, 95):.3f} s",
        ),
        ("ratio", f"{ratio:.2f}"),
    ]
    print(table(["what", "figure"], rows))
    return int(crashed or grown > 10e6 or leaked > 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--messages", type=int, default=200_000)
    parser.add_argument("--connections", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    raise SystemExit(report(parser.parse_args()))


if __name__ == "__main__":
    main()
