"""A front on a real socket, looked after by hand, and clients of it."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

from f5ctl.protocol import Reply
from f5ctl.zmtp import Message
from f5d.broker.front import Front
from f5d.broker.jobs import Client
from f5d.broker.outbox import Outbox
from f5d.broker.quotas import MAX_CONNECTIONS
from tests.zmtp import GREETING, RawPeer, ready


class Door:
    """Owns a front, its outbox and a folder with its socket; the time is what the test says."""

    def __init__(self, most_connections: int = MAX_CONNECTIONS) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="f5", dir="/tmp")
        self.path = str(Path(self._folder.name) / "s")
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(self.path)
        listener.listen()
        self.front = Front(most_connections)
        self.front.listen(listener.detach())
        self.outbox = Outbox(self.front)
        self.peers: list[RawPeer] = []

    def close(self) -> None:
        """Close everything."""
        self.front.close()
        for peer in self.peers:
            peer.close()
        self._folder.cleanup()

    def turn(self, now: float = 0.0, most: int = 64) -> list[tuple[Client, Message]]:
        """Return what one round brings."""
        found = list(self.front.messages(most, now))
        self.outbox.flush(now)
        return found

    def rounds(self, now: float = 0.0) -> list[tuple[Client, Message]]:
        """Return what comes until nothing does any more."""
        found = []
        while (more := [*self.turn(now), *self.turn(now), *self.turn(now)]) or self.front._turns:
            found += more
        return found

    def peer(self, *, greets: bool = True) -> RawPeer:
        """Return a new client, in the open state unless it does not greet."""
        peer = RawPeer(self.path, greets=False)
        self.peers.append(peer)
        if greets:
            peer.socket.sendall(GREETING + ready())
        self.rounds()
        return peer

    def client(self, peer: RawPeer) -> Client:
        """Return where replies to a peer go, after it has said something."""
        peer.socket.sendall(b"\0\1?")
        ((client, message),) = self.rounds()
        assert message == Message(b"?")
        return client

    def send(self, client: Client, reply: Reply, now: float = 0.0) -> None:
        """Send a reply."""
        self.outbox.send(client, reply, now)
