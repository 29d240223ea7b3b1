"""A client without libzmq: what it sends, and when, is the test's business."""

from __future__ import annotations

import socket
import struct
from types import TracebackType

from typing_extensions import Self

from f5ctl.protocol import Reply, Request, encode, parse_reply

MORE = 1
GREETING = b"\xff" + bytes(8) + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + bytes(32)
WELCOME_BYTES = 64 + 43  # a greeting, and the READY of a ROUTER without a name


def frame(body: bytes, flags: int = 0) -> bytes:
    """Return a frame with a long size, which any frame may have."""
    return struct.pack(">BQ", flags | 2, len(body)) + body


def ready(kind: bytes = b"DEALER", name: bytes = b"") -> bytes:
    """Return the command with which a peer tells its type, and its name if it takes one."""
    body = b"\x05READY"
    for key, value in ((b"Socket-Type", kind), (b"Identity", name)):
        body += bytes([len(key)]) + key + struct.pack(">I", len(value)) + value
    return struct.pack(">BQ", 6, len(body)) + body


class RawPeer:
    """One connection to a daemon's socket, open unless `greets` is False."""

    def __init__(self, path: str, *, name: bytes = b"", greets: bool = True) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(20)
        self.socket.connect(path)
        self._held = b""
        if greets:
            self.socket.sendall(GREETING + ready(name=name))
            self.read(WELCOME_BYTES)

    def read(self, count: int) -> bytes:
        """Return so many bytes; less at the end of the stream."""
        while len(self._held) < count and (data := self._receive()):
            self._held += data
        data, self._held = self._held[:count], self._held[count:]
        return data

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(2**16)
        except ConnectionResetError:  # it was closed while something of ours was unread
            return b""

    def is_closed(self) -> bool:
        """Read to the end of the stream, which has to come."""
        while self.read(2**16):
            pass
        return True

    def send(self, *requests: Request) -> None:
        """Send requests, in one write."""
        self.socket.sendall(b"".join(frame(encode(request)) for request in requests))

    def receive(self) -> Reply:
        """Return the next reply."""
        head = self.read(2)
        size = head[1] if not head[0] & 2 else int.from_bytes(head[1:] + self.read(7), "big")
        return parse_reply(self.read(size))

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
