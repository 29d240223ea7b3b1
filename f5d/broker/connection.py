"""One client's connection: its socket, what it has sent in part, what waits to be sent to it.

A `Connection` moves bytes and never blocks. Which one is read when, and when one is closed, is decided by its
owner (front.py); how much may wait to be sent, by the outbox.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from itertools import islice
from typing import Final

from f5ctl.protocol import MAX_MESSAGE_BYTES
from f5ctl.zmtp import Message, Parser
from f5d.broker.peers import Peer

QUEUED_BYTES: Final = 256  # that a short message costs besides its own bytes
MESSAGES_A_WRITE: Final = 16
WRITES_A_ROUND: Final = 16  # then others have their turn, however fast this client reads


class Connection:
    """A non-blocking socket with a parser before it and a queue behind it."""

    def __init__(self, number: int, sock: socket.socket, peer: Peer) -> None:
        self.number = number
        self.socket = sock
        self.peer = peer
        self.parser = Parser(MAX_MESSAGE_BYTES)
        self.refusal = ""  # what it is told as soon as it is open, and then closed
        self.in_turn = False  # it has a turn to come
        self.paused = False  # its long message has to wait
        self.watched: int | None = None  # the events that epoll watches for now
        self.may_have_more = False  # in the parser or the kernel, as far as is known here
        self.hung_up = False  # nobody is at the other end; what was sent can still be read
        self.took_at = 0.0  # when the client last took something, or something began to wait for it
        self.held_bytes = 0  # what waits costs so much memory
        self._ended = False  # the client will send nothing more
        self._blocked = False  # nothing more is written before epoll says that the kernel takes it
        self._queue: deque[bytes] = deque()  # of whole messages
        self._sent = 0  # bytes of the first of them

    @property
    def events(self) -> int:
        """What epoll is to watch for; it always tells of a peer that has hung up."""
        reads = not self._ended and not self.paused
        return select.EPOLLIN * reads | select.EPOLLOUT * self._blocked

    def next(self, room: memoryview, now: float) -> Message | None:
        """Return the client's next message; reads once at most, and only when no message is here.

        `room` is where what comes is put, unless a frame that is longer than it is under way.
        """
        found = self.parser.next()
        self.may_have_more = found is not None
        if found is None and not self._ended:
            full = self._read(room)
            found = self.parser.next()
            self.may_have_more = full or found is not None
        if isinstance(found, Message):
            return found
        if found and not self._queue:  # a peer that does not read its PONGs needs no sign of life
            self.queue(found, now)
        return None

    def _read(self, room: memoryview) -> bool:
        """Feed the parser; return True when there was as much as there was room."""
        parser = self.parser
        is_long = parser.wanted_bytes > len(room)
        target = parser.rest() if is_long else room
        try:
            count = self.socket.recv_into(target)
        except BlockingIOError:
            return False
        except OSError:  # reset: closed with something unread
            count = 0
        self._ended = not count
        if is_long:
            parser.fill(count)
        else:
            parser.feed(room[:count])
        return count == len(target)

    def queue(self, message: bytes, now: float) -> None:
        """Add a message to what waits to be sent."""
        if self.hung_up:
            return
        if not self._queue:
            self.took_at = now
        self._queue.append(message)
        self.held_bytes += len(message) + QUEUED_BYTES

    def unblock(self) -> None:
        """Note that the kernel takes bytes again."""
        self._blocked = False

    def write(self, now: float) -> None:
        """Send what waits, as far as the kernel takes it."""
        writes = 0
        while self._queue and not self._blocked:
            first = memoryview(self._queue[0])[self._sent :]
            try:
                sent = self.socket.sendmsg([first, *islice(self._queue, 1, MESSAGES_A_WRITE)])
            except BlockingIOError:
                self._blocked = True
            except OSError:  # gone, or it has shut its reading side
                self.hung_up = True
                self.drop()
            else:
                self.took_at = now
                self._take_away(sent)
                writes += 1
                self._blocked = writes == WRITES_A_ROUND

    def _take_away(self, sent: int) -> None:
        self._sent += sent
        while self._queue and self._sent >= len(self._queue[0]):
            size = len(self._queue.popleft())
            self._sent -= size
            self.held_bytes -= size + QUEUED_BYTES

    def drop(self) -> None:
        """Forget what waits, except for the rest of a message that has begun; all of it if nobody is there."""
        rest = [self._queue[0]] if self._sent and not self.hung_up else []
        self._sent *= len(rest)
        self._queue = deque(rest)
        self.held_bytes = sum(len(message) + QUEUED_BYTES for message in rest)

    def close(self) -> None:
        """Close the socket; what was sent can still be read by the client."""
        self.hung_up = True
        self.drop()
        self.socket.close()
