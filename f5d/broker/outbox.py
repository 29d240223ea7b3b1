"""The sending side of the public socket: ordered, bounded, never blocking.

`Outbox` owns the limits of what waits for clients. It knows connections, not jobs: it names those that are
gone or do not read, and `Requests` ends their jobs.
"""

from __future__ import annotations

from typing import Final

from f5ctl.protocol import Reply, encode
from f5ctl.zmtp import frames_of
from f5d.broker.connection import Connection
from f5d.broker.front import Front
from f5d.broker.jobs import Client

STALL_S: Final = 30.0
HELD_BYTES_LIMIT: Final = 256 * 2**20  # more than the audio of the longest text
ALL_HELD_BYTES_LIMIT: Final = 2 * HELD_BYTES_LIMIT  # of all clients


class Outbox:
    """Sends replies to clients and keeps what a slow one cannot take yet."""

    def __init__(self, front: Front, all_held_bytes: int = ALL_HELD_BYTES_LIMIT) -> None:
        self._front = front
        self._all_held_bytes = all_held_bytes
        self._waiting: dict[int, Connection] = {}  # those that something waits for

    def __len__(self) -> int:
        return len(self._waiting)

    def send(self, client: Client, reply: Reply, now: float) -> None:
        """Send a reply with the next `flush`, after everything that the client has not yet taken."""
        if connection := self._front.get(client.connection):
            connection.queue(frames_of(encode(reply), delimited=client.delimited), now)
            self._waiting[connection.number] = connection

    def flush(self, now: float) -> None:
        """Write what waits, as far as clients take it; those beyond the limits are lost."""
        for number, connection in list(self._waiting.items()):
            self._front.write(connection, now)
            if not connection.held_bytes:
                del self._waiting[number]
            elif now - connection.took_at >= STALL_S:
                self._lose(connection, f"the client read nothing for {STALL_S:g} s", now)
            elif connection.held_bytes > HELD_BYTES_LIMIT:
                self._lose(connection, f"{connection.held_bytes} bytes wait for the client", now)
        excess = sum(connection.held_bytes for connection in self._waiting.values()) - self._all_held_bytes
        if excess > 0:
            self._bound_all(excess, now)

    def _bound_all(self, excess: int, now: float) -> None:
        by_size = sorted(self._waiting.values(), key=lambda connection: -connection.held_bytes)
        for connection in by_size:
            if excess > 0:
                excess -= connection.held_bytes
                line = f"{connection.held_bytes} bytes wait for the client, the most of all"
                self._lose(connection, line, now)

    def _lose(self, connection: Connection, reason: str, now: float) -> None:
        """Give up what waits; the connection stays, so that the client can still be told why."""
        self._front.lose(connection, reason)
        connection.took_at = now

    def next_due(self) -> float | None:
        """Return when `flush` has something to do by time alone, None when nothing waits."""
        return min((connection.took_at + STALL_S for connection in self._waiting.values()), default=None)
