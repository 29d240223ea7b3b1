"""What each user may take of the public socket: connections, and long messages that are here in part.

Pure. Users are told apart by their number, as the kernel says it of each connection.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from f5d.broker.connection import Connection

MAX_CONNECTIONS: Final = 4_096
RESERVED_FILES: Final = 256  # for sixteen engines, connections that are refused, files, the log
A_USER_S_PART: Final = 2  # one of so many parts of all connections
NEWCOMERS: Final = 8  # one in so many connections is kept for users with few of them
FEW: Final = 8
LONG_AT_ONCE: Final = 8


def connections_for(files: int) -> int:
    """Return how many connections a process that may open so many files can have."""
    return min(MAX_CONNECTIONS, max(files - RESERVED_FILES, files // 2))


class Connections:
    """Counts the connections of each user; at most `most` of all."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._users: Counter[int] = Counter()

    def refusal(self, uid: int) -> str:
        """Return why this user gets no other connection now; "" when one is free."""
        mine, limit = self._users[uid], self._most // A_USER_S_PART
        if mine >= limit:
            return f"user {uid} has {mine} connections open; the limit is {limit}"
        total, limit = self._users.total(), self._most - self._most // NEWCOMERS * (mine >= FEW)
        return f"{total} connections are open; the limit is {limit}" if total >= limit else ""

    def enter(self, uid: int) -> None:
        """Count one more."""
        self._users[uid] += 1

    def leave(self, uid: int) -> None:
        """Count one less."""
        self._users[uid] -= 1
        if not self._users[uid]:
            del self._users[uid]


class LongMessages:
    """Who has a long message under way: of each user a few are read, the others wait in order."""

    def __init__(self) -> None:
        self._queues: dict[int, list[Connection]] = {}

    def may_go_on(self, connection: Connection) -> bool:
        """Return True when the connection's long message may be read; else it waits from now on."""
        queue = self._queues.setdefault(connection.peer.uid, [])
        if connection not in queue:
            queue.append(connection)
        return queue.index(connection) < LONG_AT_ONCE

    def leave(self, connection: Connection) -> Connection | None:
        """Take note that the connection has none under way; return the one that may go on instead."""
        uid = connection.peer.uid
        queue = self._queues.get(uid, [])
        if connection not in queue:
            return None
        queue.remove(connection)
        if not queue:
            del self._queues[uid]
        return queue[LONG_AT_ONCE - 1] if len(queue) >= LONG_AT_ONCE else None
