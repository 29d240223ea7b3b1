"""The optional HTTP listener: /metrics for Prometheus, /healthz for whoever watches the daemon.

One thread with a few connections, each for one short request. It shares nothing with the daemon's loop: it
asks through the daemon's own socket, as any client does, over one connection and at most once a second.
"""

from __future__ import annotations

import contextlib
import ipaddress
import logging
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

import zmq

from f5ctl.client import Client, answer, new_id
from f5ctl.errors import ConfigError, F5Error, NoDaemonError
from f5ctl.metrics import State, exposition
from f5ctl.protocol import Status
from f5d.system.http import Answer, Names, answer_to

ANSWER_S: Final = 3.0
FRESH_S: Final = 1.0  # for so long an answer is given again
REQUEST_S: Final = 5.0  # from the connection to the last byte of the answer
MOST_CONNECTIONS: Final = 32
MOST_HEAD_BYTES: Final = 8_192
PAUSE_S: Final = 0.1  # when this process may open no more files

log = logging.getLogger(__name__)


@contextmanager
def metrics_listener(address: str, socket_path: str) -> Iterator[None]:
    """Serve the metrics of the daemon behind `socket_path` at http://ADDRESS/metrics meanwhile.

    Raises:
        ConfigError: nobody can listen there.
    """
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        place = (str(found[4][0]), int(port))
        listening = socket.create_server(place, family=found[0], backlog=MOST_CONNECTIONS)
    except (OSError, UnicodeError) as error:  # a label of a name that is empty or too long cannot be encoded
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"metrics_address: cannot listen on {address}: {reason}") from None
    bound = ipaddress.ip_address(place[0].partition("%")[0])
    if not bound.is_loopback:
        log.warning("metrics_address %s: anyone who can reach it can read the metrics", address)
    stop, stopped = socket.socketpair()
    with listening, stop, stopped:
        desk = _Desk(socket_path, stopped)
        serving = _Serving(listening, stopped, Names(host, bound), desk)
        thread = threading.Thread(target=serving.run, name="metrics", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.send(b".")
            thread.join()


class _Desk:
    """Asks the daemon for its state; owns one connection to it."""

    def __init__(self, socket_path: str, stopped: socket.socket) -> None:
        self._socket_path = socket_path
        self._stopped = stopped
        self._client: Client | None = None
        self._asked_at = -FRESH_S
        self._state: State | None = None

    def state(self) -> State | None:
        """Return the result of a `status`, at most a second old; None when the daemon does not answer."""
        if time.monotonic() >= self._asked_at + FRESH_S:
            try:
                self._state = self._ask()
            except F5Error as error:
                log.debug("no metrics: %s", error.message)
                self._state = None
                self.close()
            self._asked_at = time.monotonic()
        return self._state

    def _ask(self) -> State:
        self._client = self._client or Client(self._socket_path)
        self._client.send(Status(new_id()))
        reply = self._client.wait(ANSWER_S, [(self._stopped.fileno(), zmq.POLLIN)])
        if reply is None:
            raise NoDaemonError(f"no answer within {ANSWER_S:g} s")
        return answer(reply)

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None


@dataclass(slots=True, eq=False)
class _Connection:
    """A request that comes, then its answer that goes."""

    socket: socket.socket
    until: float
    head: bytearray = field(default_factory=bytearray)
    left: memoryview | None = None


class _Serving:
    """The listener's thread; owns the connections."""

    def __init__(self, listening: socket.socket, stopped: socket.socket, names: Names, desk: _Desk) -> None:
        self._listening = listening
        self._stopped = stopped
        self._names = names
        self._desk = desk
        self._connections: dict[_Connection, None] = {}  # the oldest first
        self._selector = selectors.DefaultSelector()

    def run(self) -> None:
        """Serve until there is something to read from `stopped`."""
        self._listening.setblocking(False)
        with self._selector, contextlib.closing(self._desk):
            self._selector.register(self._listening, selectors.EVENT_READ)
            self._selector.register(self._stopped, selectors.EVENT_READ)
            while not self._round():
                pass
            for connection in list(self._connections):
                self._drop(connection)

    def _round(self) -> bool:
        """Do what can be done now; return True when it is over."""
        oldest = next(iter(self._connections), None)
        left_s = None if oldest is None else max(0.0, oldest.until - time.monotonic())
        for key, _events in self._selector.select(left_s):
            if key.fileobj is self._stopped:
                return True
            if key.fileobj is self._listening:
                self._accept()
            elif key.data in self._connections:
                self._go_on(key.data)
        for connection in list(self._connections):
            if connection.until <= time.monotonic():
                self._drop(connection)
        return False

    def _accept(self) -> None:
        try:
            accepted, _address = self._listening.accept()
        except BlockingIOError:
            return
        except OSError:  # no descriptor is left: nothing tells when there will be one
            time.sleep(PAUSE_S)
            return
        accepted.setblocking(False)
        if len(self._connections) >= MOST_CONNECTIONS:
            self._drop(next(iter(self._connections)))  # whoever is served is served at once
        connection = _Connection(accepted, time.monotonic() + REQUEST_S)
        self._connections[connection] = None
        self._selector.register(accepted, selectors.EVENT_READ, connection)

    def _go_on(self, connection: _Connection) -> None:
        try:
            if connection.left is None:
                self._read(connection)
            if connection.left is not None:
                connection.left = connection.left[connection.socket.send(connection.left) :]
                if not connection.left:
                    self._drop(connection)
        except BlockingIOError:
            pass
        except OSError:
            self._drop(connection)

    def _read(self, connection: _Connection) -> None:
        data = connection.socket.recv(MOST_HEAD_BYTES)
        if not data:
            raise ConnectionResetError
        connection.head += data
        if len(connection.head) > MOST_HEAD_BYTES:
            told = Answer(431, "the request is too long")
        elif b"\r\n\r\n" in connection.head:
            told = self._told(answer_to(bytes(connection.head), self._names))
        else:
            return
        connection.left = memoryview(told.wire)
        self._selector.modify(connection.socket, selectors.EVENT_WRITE, connection)

    def _told(self, asked: Answer) -> Answer:
        """Return the answer with the state in it, where it is about that."""
        if asked.about is None:
            return asked
        state = self._desk.state()
        if state is None:
            return asked.filled(503, "the daemon does not answer")
        if asked.about == "metrics":
            return asked.filled(200, exposition(state))
        return asked.filled(503, "draining") if state["draining"] else asked.filled(200, "ok")

    def _drop(self, connection: _Connection) -> None:
        del self._connections[connection]
        self._selector.unregister(connection.socket)
        connection.socket.close()
