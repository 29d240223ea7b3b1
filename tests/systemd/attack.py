"""Attacks on a daemon's socket, for a user inside the machine: `attack.py TRIAL SOCKET [COUNT]`.

Says "begun" once the trial is under way, keeps its connections open until its stdin ends, and says last what
the daemon has answered.
"""

from __future__ import annotations

import io
import math
import resource
import socket
import struct
import sys
import wave
from collections import Counter
from collections.abc import Callable
from typing import Final

from f5ctl.client import Client
from f5ctl.errors import F5Error
from f5ctl.protocol import TERMINAL_TYPES, Failed, Plan, Reply, Say, Status, Unload
from tests.zmtp import MORE, RawPeer, frame

Answer = Callable[[], str]

RECORDED_S: Final = 1.5


def end_of(peer: RawPeer) -> str:
    """Return the type of a request's terminal reply, with its message where it failed."""
    reply: Reply | None = None
    while not isinstance(reply, TERMINAL_TYPES):
        reply = peer.receive()
    return (
        f"failed: {reply.code}: {reply.message}" if isinstance(reply, Failed) else type(reply).__name__.lower()
    )


def refused(path: str, part: bytes, count: int) -> Answer:
    """Send `part` so many times, or until the connection is closed."""
    peer = RawPeer(path)
    try:
        for _ in range(count):
            peer.socket.sendall(part)
    except OSError:
        return lambda: end_of(peer)
    return lambda: "all of it was taken"


def frames_without_an_end(path: str, count: int) -> Answer:
    """Frames of 16 MiB, each of which promises another."""
    return refused(path, frame(bytes(2**24), MORE), count)


def empty_frames(path: str, count: int) -> Answer:
    """A message of many empty frames."""
    return refused(path, frame(b"", MORE) * 1000, count // 1000)


def connections(path: str, count: int) -> Answer:
    """Connections that say nothing."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    crowd = [socket.socket(socket.AF_UNIX) for _ in range(count)]
    for one in crowd:
        one.connect(path)
    try:
        with Client(path) as client:
            client.status()
    except F5Error as error:
        line = error.message
    else:
        line = "let in"
    return lambda: f"{len(crowd)} connections, one more: {line}"


def names(path: str, count: int) -> Answer:
    """Peers that take the names libzmq would give to the next ones."""
    peers = [RawPeer(path, name=b"\0" + struct.pack(">I", 0x6B8B4567 + number)) for number in range(count)]
    for peer in peers:
        peer.send(Status("s"))
    return lambda: str(dict(Counter(end_of(peer) for peer in peers)))


def spaces(path: str, count: int) -> Answer:
    """A text of spaces with a deadline of a second."""
    peer = RawPeer(path)
    peer.send(Plan("p", f"a{' ' * count}b", timeout_s=1.0))
    return lambda: end_of(peer)


def odd_rate(path: str, rate_hz: int) -> Answer:
    """A recording whose rate shares no factor with the model's."""
    peer = RawPeer(path)
    peer.send(Plan("p", "Hello there.", ref_audio=tone(rate_hz), ref_text="the woman found a door."))
    return lambda: end_of(peer)


def nobody_listens(path: str, count: int) -> Answer:
    """Recordings without text where nobody can transcribe them."""
    peer = RawPeer(path)
    peer.socket.settimeout(120)
    for number in range(count):
        peer.send(Say(f"{number}", "Hello there.", ref_audio=tone(24_000 + 2_000 * number)))
    return lambda: str(dict(Counter(end_of(peer) for _ in range(count))))


def unloads(path: str, count: int) -> Answer:
    """Many requests to unload."""
    peer = RawPeer(path)
    peer.socket.settimeout(120)
    peer.send(Say("long", "The wind was cold and the road was long. " * 4))
    for number in range(count):
        peer.send(Unload(f"u{number}"))
    return lambda: str(dict(Counter(end_of(peer).partition(" (")[0] for _ in range(count + 1))))


def tone(rate_hz: int) -> bytes:
    """Return a WAV file of a tone."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        for place in range(int(rate_hz * RECORDED_S)):
            file.writeframesraw(struct.pack("<h", int(9_000 * math.sin(place * 2 * math.pi * 220 / rate_hz))))
    return buffer.getvalue()


TRIALS: Final = {
    trial.__name__: trial
    for trial in (
        frames_without_an_end,
        empty_frames,
        connections,
        names,
        spaces,
        odd_rate,
        nobody_listens,
        unloads,
    )
}


def main() -> None:
    """Do the trial that the command line names."""
    trial, path, count = sys.argv[1:]
    answer = TRIALS[trial](path, int(count))
    say("begun")
    said = answer()
    sys.stdin.read()
    say(said)


def say(line: str) -> None:
    """Write a line to stdout, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
