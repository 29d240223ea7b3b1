"""The sending side of the public socket: ordered, bounded, never blocking.

`Outbox` owns what could not be sent yet. It knows clients, not jobs: it names the clients that are
gone or do not read, and `Requests` ends their jobs.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import zmq

from f5ctl.protocol import Reply, encode
from f5d.broker.jobs import Client

STALL_S: Final = 30.0
HELD_BYTES_LIMIT: Final = 256 * 2**20  # more than the audio of the longest text
ALL_HELD_BYTES_LIMIT: Final = 2 * HELD_BYTES_LIMIT  # of all clients
FRAME_BYTES: Final = 256  # that a short message costs besides its own bytes
RETRY_S: Final = 0.02


@dataclass(slots=True)
class _Backlog:
    since: float  # when the client last took a message
    frames: deque[list[bytes]] = field(default_factory=deque)
    held_bytes: int = 0


class Outbox:
    """Sends replies through the ROUTER socket and keeps what a slow client cannot take yet."""

    def __init__(self, socket: zmq.Socket[bytes]) -> None:
        self._socket = socket
        self._backlogs: dict[bytes, _Backlog] = {}
        self._lost: dict[bytes, str] = {}

    def __len__(self) -> int:
        return len(self._backlogs)

    def send(self, client: Client, reply: Reply, now: float) -> None:
        """Send a reply after everything that the client has not yet taken."""
        frames = [client.identity, b"", encode(reply)] if client.delimited else [client.identity, encode(reply)]
        backlog = self._backlogs.get(client.identity)
        if backlog is None:
            if self._try(frames):
                return
            if client.identity in self._lost:
                return
            backlog = self._backlogs[client.identity] = _Backlog(since=now)
        backlog.frames.append(frames)
        backlog.held_bytes += len(frames[-1]) + FRAME_BYTES

    def flush(self, now: float) -> None:
        """Try again what waits; clients beyond the limits are lost."""
        for identity, backlog in list(self._backlogs.items()):
            while backlog.frames and self._try(backlog.frames[0]):
                backlog.held_bytes -= len(backlog.frames.popleft()[-1]) + FRAME_BYTES
                backlog.since = now
            if not backlog.frames or identity in self._lost:
                del self._backlogs[identity]
            elif now - backlog.since >= STALL_S:
                self._lose(identity, f"the client read nothing for {STALL_S:g} s")
            elif backlog.held_bytes > HELD_BYTES_LIMIT:
                self._lose(identity, f"{backlog.held_bytes} bytes wait for the client")
        self._bound_all()

    def _bound_all(self) -> None:
        while sum(backlog.held_bytes for backlog in self._backlogs.values()) > ALL_HELD_BYTES_LIMIT:
            identity = max(self._backlogs, key=lambda name: self._backlogs[name].held_bytes)
            self._lose(
                identity, f"{self._backlogs[identity].held_bytes} bytes wait for the client, the most of all"
            )

    def take_lost(self) -> dict[bytes, str]:
        """Return the connections lost since the last call, with the reason."""
        lost, self._lost = self._lost, {}
        return lost

    def next_due(self, now: float) -> float | None:
        """Return when `flush` should be called, None when nothing waits."""
        return now + RETRY_S if self._backlogs else None

    def _lose(self, identity: bytes, reason: str) -> None:
        self._lost[identity] = reason
        self._backlogs.pop(identity, None)

    def _try(self, frames: list[bytes]) -> bool:
        """Return True when the frames are on their way, False when they must wait or the client is gone."""
        try:
            self._socket.send_multipart(frames, zmq.DONTWAIT)
        except zmq.Again:
            return False
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._lost[frames[0]] = "the client is gone"
            return False
        return True
