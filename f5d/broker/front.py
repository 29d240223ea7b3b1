"""The daemon's public socket: lets clients in, reads their messages in turn, closes what goes too far.

`Front` owns the listening socket and every `Connection`. It knows ZMTP (zmtp.py) and limits (quotas.py), and
nothing of what a message asks for. Clients may be strangers to us and to each other: replies go to a
connection and not to a name, each turn is one message or one read, and nothing is read of a client
before all that came from it earlier has been acted on.
"""

from __future__ import annotations

import logging
import select
import socket
from collections import deque
from collections.abc import Iterator
from typing import Final

from f5ctl.errors import BadRequestCode, TryAgainCode
from f5ctl.protocol import Failed, encode
from f5ctl.zmtp import Message, ZmtpError, frames_of, opening
from f5d.broker.connection import Connection
from f5d.broker.jobs import Client
from f5d.broker.peers import peer_of
from f5d.broker.quotas import MAX_CONNECTIONS, Connections, LongMessages

GREETING_S: Final = 10.0  # until a connection is open
PART_S: Final = 30.0  # without another byte of a message that has begun
ROOM_BYTES: Final = 2**16  # of a read; a longer message needs a place (quotas.py) to come in
ACCEPTS_A_ROUND: Final = 64
ACCEPT_AGAIN_S: Final = 1.0  # after a lack of descriptors
REFUSED_AT_ONCE: Final = 32  # connections too many, while they are told so

WELCOME: Final = opening(b"ROUTER")
_GONE: Final = select.EPOLLHUP | select.EPOLLERR

log = logging.getLogger(__name__)


class Front:
    """Clients' connections, from their acceptance to their end."""

    def __init__(self, most_connections: int = MAX_CONNECTIONS) -> None:
        self._epoll = select.epoll()
        self._listener: socket.socket | None = None
        self._accept_at: float | None = None
        self._last_number = 0
        self._connections: dict[int, Connection] = {}
        self._by_fd: dict[int, Connection] = {}
        self._refused: dict[int, Connection] = {}
        self._due: dict[int, float] = {}  # by number: closed then, if nothing comes
        self._turns: deque[Connection] = deque()
        self._counted = Connections(most_connections)
        self._long = LongMessages()
        self._lost: dict[int, str] = {}
        self._room = memoryview(bytearray(ROOM_BYTES))

    def fileno(self) -> int:
        """Return a descriptor that is readable when there is something to do."""
        return self._epoll.fileno()

    def listen(self, listening_fd: int) -> None:
        """Let in whoever connects, or has connected, to this socket alone; takes the descriptor."""
        self.stop_listening()
        self._listener = socket.socket(fileno=listening_fd)
        self._listener.setblocking(False)
        self._epoll.register(listening_fd, select.EPOLLIN)

    def stop_listening(self) -> None:
        """Let nobody in any more; who connects to an inherited socket waits for the next daemon."""
        if self._listener is not None:
            self._epoll.unregister(self._listener)  # closing does not: systemd has it open, too
            self._listener.close()
            self._listener = self._accept_at = None

    def close(self) -> None:
        """Close everything; clients still get what the kernel has taken for them."""
        self.stop_listening()
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()
        self._epoll.close()

    def get(self, number: int) -> Connection | None:
        """Return the connection of that number, None when it is closed."""
        return self._connections.get(number)

    def lose(self, connection: Connection, reason: str) -> None:
        """Give up what waits for a client that does not read; it can still be told why."""
        connection.drop()
        self._lost[connection.number] = reason

    def take_lost(self) -> dict[int, str]:
        """Return the connections lost since the last call, with the reason."""
        lost, self._lost = self._lost, {}
        return lost

    def write(self, connection: Connection, now: float) -> None:
        """Send what waits for a connection, as far as it can be taken now."""
        connection.write(now)
        if connection.number in self._connections:
            self._watch(connection)
            if connection.hung_up:
                self._give_turn(connection)

    def messages(self, most: int, now: float) -> Iterator[tuple[Client, Message]]:
        """Yield what clients have sent, each in turn, in `most` turns; close who has not kept his time."""
        self._look(now)
        for _ in range(most):
            if not self._turns:
                break
            connection = self._turns.popleft()
            connection.in_turn = False
            message = self._take_turn(connection, now)
            if message is not None:
                yield Client(connection.number, connection.peer, message.delimited), message
        for number in [number for number, due in self._due.items() if due <= now]:
            connection = self._connections[number]
            if not connection.in_turn:
                self._close(connection, "nothing more came of a message that had begun", now)

    def next_due(self, now: float) -> float | None:
        """Return when `messages` has something to do by time alone."""
        if self._turns or self._lost:
            return now
        times = [*self._due.values(), *([] if self._accept_at is None else [self._accept_at])]
        return min(times, default=None)

    # What epoll tells.

    def _look(self, now: float) -> None:
        may_accept = self._accept_at is not None and self._accept_at <= now
        for fd, events in self._epoll.poll(0):
            connection = self._by_fd.get(fd)
            if connection is None:
                may_accept = True
                continue
            connection.hung_up |= bool(events & _GONE)
            if events & select.EPOLLOUT:
                connection.unblock()
                self.write(connection, now)
            if events & (select.EPOLLIN | _GONE):
                self._give_turn(connection)
        if may_accept:  # last: it may close connections, and what epoll told of them would hit others
            self._accept(now)

    def _give_turn(self, connection: Connection) -> None:
        if not connection.in_turn:
            connection.in_turn = True
            self._turns.append(connection)

    def _watch(self, connection: Connection) -> None:
        if connection.watched is None:
            self._epoll.register(connection.socket, connection.events)
        elif connection.watched != connection.events:
            self._epoll.modify(connection.socket, connection.events)
        connection.watched = connection.events

    # Letting in.

    def _accept(self, now: float) -> None:
        if self._listener is None:
            return
        for _ in range(ACCEPTS_A_ROUND):
            try:
                sock, _address = self._listener.accept()
            except BlockingIOError:
                break
            except ConnectionAbortedError:  # gone again
                continue
            except OSError as error:  # of descriptors or memory there are none left, for now
                self._pause(error, now)
                return
            self._let_in(sock, now)
        if self._accept_at is not None:
            self._accept_at = None
            self._epoll.modify(self._listener, select.EPOLLIN)

    def _pause(self, error: OSError, now: float) -> None:
        if self._listener is not None and self._accept_at is None:
            log.warning("clients have to wait: %s", error.strerror)
            self._epoll.modify(self._listener, 0)
        self._accept_at = now + ACCEPT_AGAIN_S

    def _let_in(self, sock: socket.socket, now: float) -> None:
        sock.setblocking(False)
        self._last_number += 1
        connection = Connection(self._last_number, sock, peer_of(sock))
        connection.refusal = self._counted.refusal(connection.peer.uid)
        self._connections[connection.number] = self._by_fd[sock.fileno()] = connection
        self._due[connection.number] = now + GREETING_S
        if connection.refusal:
            self._refused[connection.number] = connection
            if len(self._refused) > REFUSED_AT_ONCE:
                self._close(next(iter(self._refused.values())), "", now)
        else:
            self._counted.enter(connection.peer.uid)
        connection.queue(WELCOME, now)
        self.write(connection, now)

    # Taking turns.

    def _take_turn(self, connection: Connection, now: float) -> Message | None:
        if connection.number not in self._connections:
            return None
        try:
            message = connection.next(self._room, now)
        except ZmtpError as error:
            self._part(connection, "bad_message", str(error), now)
            return None
        if connection.refusal and connection.parser.is_open:
            self._part(connection, "overloaded", connection.refusal, now)
            return None
        if connection.held_bytes:
            self.write(connection, now)  # what ZMTP itself has answered
        self._settle(connection, now)
        return message

    def _settle(self, connection: Connection, now: float) -> None:
        """See what follows from a turn: another one, a wait, the end."""
        if connection.hung_up and (connection.paused or not connection.may_have_more):
            self._close(connection, "the client is gone", now)
            return
        if connection.parser.is_open:
            self._mind(connection, now)
        self._watch(connection)
        if connection.may_have_more and not connection.paused:
            self._give_turn(connection)

    def _mind(self, connection: Connection, now: float) -> None:
        """Keep a message that is here in part within its time, and a long one within its place."""
        if connection.parser.wanted_bytes > ROOM_BYTES:
            connection.paused = not self._long.may_go_on(connection)
        else:
            self._let_go_on(self._long.leave(connection), now)
        if connection.parser.has_part and not connection.paused:
            self._due[connection.number] = now + PART_S
        else:
            self._due.pop(connection.number, None)

    def _let_go_on(self, connection: Connection | None, now: float) -> None:
        if connection is not None:
            connection.paused = False
            self._due[connection.number] = now + PART_S
            self._watch(connection)

    def _part(self, connection: Connection, code: BadRequestCode | TryAgainCode, line: str, now: float) -> None:
        """Tell a client why, if it can be told, and close its connection."""
        log.debug("a connection is closed (%s): %s", connection.peer, line)
        if connection.parser.is_open:
            reply = encode(Failed("", code, line, retryable=code == "overloaded"))
            delimited = connection.parser.peer_type == b"REQ"
            connection.queue(frames_of(reply, delimited=delimited), now)
            connection.write(now)
        self._close(connection, line, now)

    def _close(self, connection: Connection, reason: str, now: float) -> None:
        del self._connections[connection.number]
        del self._by_fd[connection.socket.fileno()]
        self._due.pop(connection.number, None)
        if self._refused.pop(connection.number, None) is None:
            self._counted.leave(connection.peer.uid)
            self._lost[connection.number] = reason
        connection.close()
        self._let_go_on(self._long.leave(connection), now)
