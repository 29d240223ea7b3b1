"""ZMTP, the protocol between ZeroMQ sockets, as far as the daemon's public socket and its clients speak it.

Pure: bytes in, messages out. Written after the specifications 23/ZMTP (3.0) and 37/ZMTP (3.1) of
rfc.zeromq.org, for the mechanism NULL and peers of the types DEALER, REQ and ROUTER. Either side sends
a greeting of 64 bytes and a READY command with the type of its socket; then follow messages of frames,
and commands between them, of which PING alone is answered. The name that a peer may give itself
(`Identity`) is ignored.

A `Parser` takes bytes in any pieces. It holds what it was fed and has not yet given out: one frame at most, if
the caller asks before it feeds again, and never one that nobody will need.
"""

from __future__ import annotations

import contextlib
import mmap
import struct
from dataclasses import dataclass
from typing import Final

MORE: Final = 1
LONG: Final = 2
COMMAND: Final = 4
SHORT_BYTES: Final = 255  # the longest frame whose size is one byte

GREETING_BYTES: Final = 64
VERSION_AT: Final = 10  # in the greeting, after the signature
MECHANISM: Final = b"NULL".ljust(20, b"\0")
GREETING: Final = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x01" + MECHANISM + bytes(32)
PEERS: Final = (b"DEALER", b"REQ", b"ROUTER")

MAX_FRAMES: Final = 16  # of one message; what has more is not even counted
MAX_COMMAND_BYTES: Final = 4_096

DELIMITER: Final = bytes((MORE, 0))


class ZmtpError(Exception):
    """The peer speaks no ZMTP, or more of it than it may."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of `frames` frames, an empty first one (`delimited`) not counted; one alone has a `body`."""

    body: bytes | memoryview
    frames: int = 1
    delimited: bool = False


def frames_of(body: bytes, *, delimited: bool = False) -> bytes:
    """Return the bytes of a message of one frame, after an empty one if it is `delimited`."""
    size = len(body)
    head = bytes((0, size)) if size <= SHORT_BYTES else struct.pack(">BQ", LONG, size)
    return b"".join((DELIMITER, head, body) if delimited else (head, body))


def command(name: bytes, data: bytes) -> bytes:
    """Return the bytes of a short command."""
    body = bytes((len(name),)) + name + data
    return bytes((COMMAND, len(body))) + body


def _property(name: bytes, value: bytes) -> bytes:
    return bytes((len(name),)) + name + struct.pack(">I", len(value)) + value


def opening(kind: bytes) -> bytes:
    """Return all that a socket of type `kind` says before its first message, whatever the peer is."""
    return GREETING + command(b"READY", _property(b"Socket-Type", kind) + _property(b"Identity", b""))


class Parser:
    """Reads what one peer sends, from its greeting on."""

    def __init__(self, most_bytes: int) -> None:
        self.peer_type = b""  # what kind of socket the peer's is, once it is ready
        self._most_bytes = most_bytes  # in all frames of a message together
        self._held = bytearray()
        self._whole: memoryview | None = None  # where `rest` lets a long frame be written
        self._filled = 0  # of it
        self._greeted = False
        self._flags: int | None = None  # of the frame under way; None between two
        self._missing = 0  # of its body, bytes that have not been taken from what is held
        self._wanted = True  # else its body is dropped as it comes
        self._frames = self._message_bytes = 0
        self._delimited = False

    @property
    def is_open(self) -> bool:
        """True once the peer has greeted and is ready: messages may go both ways."""
        return bool(self.peer_type)

    @property
    def has_part(self) -> bool:
        """True while a greeting, a frame or a message is here in part."""
        return bool(self._held or self._flags is not None or self._frames)

    @property
    def wanted_bytes(self) -> int:
        """The size of the frame under way, if it is kept; its peer may make us hold so much."""
        return self._missing if self._wanted else 0

    @property
    def held_bytes(self) -> int:
        """The memory for what is here in part."""
        return len(self._held) + len(self._whole or b"")

    def feed(self, data: bytes | memoryview) -> None:
        """Take the next bytes of the peer."""
        self._held += data

    def rest(self) -> memoryview:
        """Return where the rest of a wanted frame may be written instead of fed; `fill` tells how much was.

        It takes the memory for all of the frame at once, and saves copies of a long one.
        """
        if self._whole is None:
            self._whole = _memory(self._missing)
            self._filled = len(self._held)
            self._whole[: self._filled] = self._held
            self._held.clear()
        return self._whole[self._filled :]

    def fill(self, count: int) -> None:
        """Take note that so many bytes have been written into `rest`."""
        self._filled += count

    def next(self) -> Message | bytes | None:
        """Return a message, or the bytes of what the peer gets back, b"" for nothing; None: feed more first.

        Raises:
            ZmtpError: this peer's connection is to be closed.
        """
        if not self._greeted:
            return self._greet()
        while self._has_frame():
            flags, self._flags = self._flags or 0, None
            size, self._missing = self._missing, 0
            if flags & COMMAND:
                return self._obey(self._cut(size))
            if not flags & MORE:
                return self._message(size)
        return None

    def _message(self, size: int) -> Message:
        body: bytes | memoryview = b""
        if self._whole is not None:
            body, self._whole, self._filled = self._whole, None, 0
        elif self._wanted:
            body = self._cut(size)
        message = Message(body, self._frames - self._delimited, self._delimited)
        self._frames = self._message_bytes = 0
        self._delimited = False
        return message

    def _greet(self) -> bytes | None:
        start = bytes(self._held[: VERSION_AT + 1])
        if start[:1] not in (b"", b"\xff") or start[9:10] not in (b"", b"\x7f"):
            raise ZmtpError("the peer speaks no ZMTP, or its first version")
        if len(start) > VERSION_AT and start[VERSION_AT] < 3:
            raise ZmtpError(f"the peer speaks ZMTP {start[VERSION_AT]}; from 3 on it is understood")
        if len(self._held) < GREETING_BYTES:
            return None
        greeting = self._cut(GREETING_BYTES)
        if greeting[VERSION_AT + 2 :][: len(MECHANISM)] != MECHANISM:
            raise ZmtpError("the peer wants another security mechanism than NULL")
        self._greeted = True
        return b""

    def _has_frame(self) -> bool:
        """Return True when the frame under way is whole; reads its head, and drops what is not wanted of it."""
        if self._flags is None and not self._read_head():
            return False
        if not self._wanted:
            dropped = min(self._missing, len(self._held))
            del self._held[:dropped]
            self._missing -= dropped
            return not self._missing
        return max(len(self._held), self._filled) >= self._missing

    def _read_head(self) -> bool:
        held = self._held
        if not held:
            return False
        flags = held[0]
        if flags > MORE | LONG | COMMAND or flags & (COMMAND | MORE) == COMMAND | MORE:
            raise ZmtpError(f"a frame begins with {flags:#04x}, which no frame does")
        head_bytes = 9 if flags & LONG else 2
        if len(held) < head_bytes:
            return False
        size = int.from_bytes(held[1:head_bytes], "big")
        if flags & COMMAND:
            self._wanted = True
            if size > MAX_COMMAND_BYTES:
                raise ZmtpError(f"a command is {size} bytes; the limit is {MAX_COMMAND_BYTES}")
        else:
            self._wanted = self._admit(size, more=bool(flags & MORE))
        del held[:head_bytes]
        self._flags, self._missing = flags, size
        return True

    def _admit(self, size: int, *, more: bool) -> bool:
        """Count a frame of a message; return True for the one that a message is to have."""
        if not self.is_open:
            raise ZmtpError("a message came before READY")
        self._frames += 1
        self._message_bytes += size
        if self._frames > MAX_FRAMES:
            raise ZmtpError(f"a message is one frame, this one has more than {MAX_FRAMES}")
        if self._message_bytes > self._most_bytes:
            raise ZmtpError(f"a message is {self._message_bytes} bytes; the limit is {self._most_bytes}")
        if more and self._frames == 1 and not size:
            self._delimited = True
        return not more and self._frames - self._delimited == 1

    def _cut(self, size: int) -> bytes:
        """Take bytes from the front of what is held, with one copy."""
        with memoryview(self._held) as held:
            data = bytes(held[:size])
        del self._held[:size]
        return data

    def _obey(self, body: bytes) -> bytes:
        name, data = body[1 : 1 + body[0]] if body else b"", body[1 + body[0] :] if body else b""
        if not self.is_open:
            if name != b"READY":
                raise ZmtpError(f"{name[:20]!r} came instead of READY")
            self.peer_type = _properties(data).get(b"socket-type", b"")
            if self.peer_type not in PEERS:
                kind = self.peer_type[:20].decode("ascii", "replace")
                raise ZmtpError(f"the peer is a {kind!r} socket, no DEALER, REQ or ROUTER")
        elif name == b"PING":
            return command(b"PONG", data[2:18])  # after the peer's time to live: what it wants to see again
        return b""


def _memory(size: int) -> memoryview:
    """Return zeros in pages of 2 MiB where the kernel has them: to touch 16 MiB of small ones takes 12 ms."""
    memory = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with contextlib.suppress(OSError):  # a kernel without them
        memory.madvise(mmap.MADV_HUGEPAGE)
    return memoryview(memory)


def _properties(data: bytes) -> dict[bytes, bytes]:
    """Return the metadata of a READY; names have no case."""
    found = {}
    while data:
        name, rest = data[1 : 1 + data[0]], data[1 + data[0] :]
        size = int.from_bytes(rest[:4], "big")
        value = rest[4 : 4 + size]
        if not name or len(rest) < 4 or len(value) < size:
            raise ZmtpError("the metadata of READY cannot be read")
        found[name.lower()] = value
        data = rest[4 + size :]
    return found
