"""Replies to clients that are slow, stalled or gone, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from f5ctl.protocol import Audio, Cancelled
from f5d.broker.outbox import HELD_BYTES_LIMIT, STALL_S, Outbox
from tests.unit.broker.doors import Door
from tests.zmtp import WELCOME_BYTES, frame

CHUNK_BYTES = 48_000
MORE_THAN_THE_KERNEL_TAKES = 40  # chunks


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


def chunk(seq: int, size: int = CHUNK_BYTES) -> Audio:
    return Audio("a", seq, bytes(size))


def test_what_cannot_be_sent_waits_in_order(door: Door) -> None:
    """A full client gets the rest later, in order; nothing overtakes what waits."""
    peer = door.peer()
    client = door.client(peer)
    for seq in range(MORE_THAN_THE_KERNEL_TAKES):
        door.send(client, chunk(seq))
    door.turn()
    assert (len(door.outbox), door.outbox.next_due()) == (1, STALL_S)
    door.send(client, Cancelled("a", "end"), 1.0)
    peer.read(WELCOME_BYTES)
    seen = []
    while not isinstance(reply := peer.receive(), Cancelled):
        seen.append(reply)
        door.turn(2.0)
    assert seen == [chunk(seq) for seq in range(MORE_THAN_THE_KERNEL_TAKES)]
    assert (len(door.outbox), door.outbox.next_due(), door.front.take_lost()) == (0, None, {})


def test_a_client_that_reads_a_little_is_waited_for(door: Door) -> None:
    """Half a minute counts from what it took last, not from when something began to wait."""
    peer = door.peer()
    client = door.client(peer)
    for seq in range(MORE_THAN_THE_KERNEL_TAKES):
        door.send(client, chunk(seq))
    door.turn()
    peer.read(WELCOME_BYTES + 4 * CHUNK_BYTES)  # until then the kernel takes no more
    door.rounds(STALL_S - 1)
    door.rounds(2 * STALL_S - 2)
    assert door.front.take_lost() == {}
    door.turn(2 * STALL_S - 1)
    assert door.front.take_lost() == {client.connection: "the client read nothing for 30 s"}


def test_a_client_that_is_gone_is_reported_once(door: Door) -> None:
    """Its end is noticed at once, nothing has to be sent to it."""
    peer = door.peer()
    client = door.client(peer)
    peer.close()
    assert door.rounds() == []
    assert door.front.take_lost() == {client.connection: "the client is gone"}
    assert door.front.take_lost() == {}
    door.send(client, chunk(0))
    assert len(door.outbox) == 0


def test_a_client_that_reads_nothing_is_given_up(door: Door) -> None:
    """After half a minute what waits is dropped; its last word still waits for it, after a whole message."""
    peer = door.peer()
    client = door.client(peer)
    for seq in range(MORE_THAN_THE_KERNEL_TAKES):
        door.send(client, chunk(seq))
    door.turn()
    assert door.outbox.next_due() == STALL_S
    door.turn(STALL_S - 0.1)
    assert door.front.take_lost() == {}
    door.turn(STALL_S)
    assert door.front.take_lost() == {client.connection: "the client read nothing for 30 s"}
    door.send(client, Cancelled("a", "gone"), STALL_S)
    peer.read(WELCOME_BYTES)
    seen = []
    while not isinstance(reply := peer.receive(), Cancelled):
        seen.append(reply)
        door.turn(STALL_S + 1)
    assert 1 < len(seen) < MORE_THAN_THE_KERNEL_TAKES
    assert seen == [chunk(seq) for seq in range(len(seen))]


def test_what_waits_is_bounded(door: Door) -> None:
    """Beyond the bound the client is lost, however fast it was."""
    client = door.client(door.peer())
    for seq in range(HELD_BYTES_LIMIT // 2**24 + 1):
        door.send(client, chunk(seq, 2**24))
    door.turn()
    assert "bytes wait for the client" in door.front.take_lost()[client.connection]
    door.turn()
    assert door.front.take_lost() == {}


def test_what_waits_for_all_is_bounded(door: Door) -> None:
    """The one that most waits for is lost, and no other."""
    door.outbox = Outbox(door.front, 3 * 2**20)
    clients = [door.client(door.peer()) for _ in range(3)]
    for number, client in enumerate(clients):
        for seq in range(MORE_THAN_THE_KERNEL_TAKES - 20 * (number != 1)):
            door.send(client, chunk(seq))
    door.turn()
    assert list(door.front.take_lost()) == [clients[1].connection]


def test_a_delimiter_is_sent_back(door: Door) -> None:
    """Messages that came after an empty frame get one before each reply."""
    peer = door.peer()
    peer.socket.sendall(frame(b"", 1) + frame(b"?"))
    ((client, _message),) = door.rounds()
    door.send(client, Cancelled("a", "x"))
    door.turn()
    peer.read(WELCOME_BYTES)
    assert peer.read(2) == b"\x01\x00"
    assert peer.receive() == Cancelled("a", "x")
