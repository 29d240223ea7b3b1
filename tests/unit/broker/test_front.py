"""The public socket and what strangers may do to it, over real sockets; time is the test's."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

import pytest

from f5ctl.protocol import MAX_MESSAGE_BYTES, Cancelled, Failed
from f5ctl.zmtp import MAX_FRAMES, Message, command
from f5d.broker.front import GREETING_S, PART_S, REFUSED_AT_ONCE, ROOM_BYTES
from f5d.broker.jobs import Client
from f5d.broker.quotas import FEW, LONG_AT_ONCE, Connections, connections_for
from tests.unit.broker.doors import Door
from tests.zmtp import MORE, WELCOME_BYTES, RawPeer, frame

ME = os.getuid()


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.close()


def bodies(door: Door, now: float = 0.0) -> list[bytes | memoryview]:
    """Return the messages that come until nothing does any more."""
    return [message.body for _client, message in door.rounds(now)]


def test_messages_come_in_turns(door: Door) -> None:
    """Whoever has sent a hundred waits after each of them for whoever has sent one."""
    crowd, single = door.peer(), door.peer()
    crowd.socket.sendall(b"\0\1c" * 100)
    single.socket.sendall(b"\0\1s")
    first = [message.body for _client, message in door.turn(most=4)]
    assert set(map(bytes, first[:2])) == {b"c", b"s"}
    assert door.front.next_due(0.0) == 0.0, "there is more"
    assert first + bodies(door) == [*first[:2], *[b"c"] * 99]


def test_what_waits_is_not_read(door: Door) -> None:
    """A client that sends faster than its messages are acted on is held up by the kernel."""
    peer = door.peer()
    peer.socket.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < 2**20:
            sent += peer.socket.send(b"\0\1c" * 1000)
            door.turn(most=1)
    assert sent < 2**20


def test_a_client_that_sends_and_goes_is_heard(door: Door) -> None:
    """Everything that it sent is acted on, whatever becomes of the replies; then it is gone."""
    peer = door.peer()
    peer.socket.sendall(b"\0\1a\0\1b\0\1c")
    peer.close()
    heard: list[bytes | memoryview] = []
    for _ in range(9):
        for client, message in door.turn(most=1):
            heard.append(message.body)
            door.send(client, Cancelled("a", "x"))  # nobody can be told; that ends nothing
            assert door.front.take_lost() == {}
    assert heard == [b"a", b"b", b"c"]
    assert list(door.front.take_lost().values()) == ["the client is gone"]
    assert door.front.next_due(0.0) is None


def test_a_half_closed_client_is_answered(door: Door) -> None:
    """A client that has shut its sending side still hears; it is gone when it closes."""
    peer = door.peer()
    peer.socket.sendall(b"\0\1a")
    peer.socket.shutdown(socket.SHUT_WR)
    ((client, _message),) = door.rounds()
    assert door.turn() == []
    assert door.front.next_due(0.0) is None, "its silence costs nothing"
    door.send(client, Cancelled("a", "x"))
    door.turn()
    peer.read(WELCOME_BYTES)
    assert peer.receive() == Cancelled("a", "x")
    assert door.front.take_lost() == {}
    peer.close()
    door.rounds()
    assert door.front.take_lost() == {client.connection: "the client is gone"}


def test_a_client_that_hears_nothing_is_gone(door: Door) -> None:
    """A client that has shut its reading side is told nothing; its jobs are nobody's."""
    peer = door.peer()
    client = door.client(peer)
    peer.socket.shutdown(socket.SHUT_RD)
    door.send(client, Cancelled("a", "x"))
    door.rounds()
    assert door.front.take_lost() == {client.connection: "the client is gone"}
    assert peer.is_closed()


@pytest.mark.parametrize("sent", [b"", b"\xff", b"\xff" + bytes(8) + b"\x7f\x03"])
def test_a_connection_that_does_not_greet_is_closed(door: Door, sent: bytes) -> None:
    """It has ten seconds, however slowly it begins."""
    peer = door.peer(greets=False)
    peer.socket.sendall(sent)
    assert door.turn(GREETING_S - 0.1) == []
    assert door.front.next_due(1.0) == GREETING_S
    door.turn(GREETING_S)
    assert peer.is_closed()
    assert len(door.front.take_lost()) == 1
    assert door.front.next_due(GREETING_S) is None


def test_a_message_that_does_not_go_on_ends_its_connection(door: Door) -> None:
    """Half a minute without another byte of it; an idle connection may be so for ever."""
    idle, peer = door.peer(), door.peer()
    peer.socket.sendall(frame(b"hello")[:10])
    door.rounds()
    peer.socket.sendall(b"e")
    assert door.rounds(PART_S - 1) == []
    assert door.rounds(2 * PART_S - 2) == []
    assert door.front.take_lost() == {}
    door.rounds(2 * PART_S - 1)
    assert list(door.front.take_lost().values()) == ["nothing more came of a message that had begun"]
    assert peer.is_closed()
    idle.socket.sendall(b"\0\1a")
    assert bodies(door, 1e6) == [b"a"]


def test_a_long_message_comes_whole(door: Door) -> None:
    """As long as the limit says, in as many reads as it takes."""
    peer = door.peer()
    body = bytes(range(256)) * (MAX_MESSAGE_BYTES // 256)
    stream = memoryview(frame(body))
    peer.socket.setblocking(False)
    found: list[tuple[Client, Message]] = []
    while stream:
        assert not found
        stream = stream[peer.socket.send(stream) :]
        found = door.rounds()
    assert found[0][1] == Message(body)


def test_long_messages_of_a_user_come_a_few_at_a_time(door: Door) -> None:
    """Of many that are begun a few are read; one that waits holds a read's bytes, and goes on in its turn."""
    body = bytes(2 * ROOM_BYTES + 100)
    peers = [door.peer() for _ in range(LONG_AT_ONCE + 3)]
    for peer in peers:
        peer.socket.setblocking(True)
        peer.socket.sendall(frame(body)[: 2 * ROOM_BYTES])
        door.rounds()
    held = [connection.parser.held_bytes for connection in door.front._connections.values()]
    assert held == [len(body)] * LONG_AT_ONCE + [ROOM_BYTES - 9] * 3
    peers[-3].socket.sendall(frame(body)[2 * ROOM_BYTES :])
    assert door.rounds() == [], "it waits"
    peers[-2].close()
    for peer in peers[:2]:
        peer.socket.sendall(frame(body)[2 * ROOM_BYTES :])
    assert bodies(door) == [body] * 3, "two of the first, and then the one that waited"
    assert list(door.front.take_lost().values()) == ["the client is gone"], "it is not waited for"
    small = door.peer()
    small.socket.sendall(b"\0\1s")
    assert bodies(door) == [b"s"], "short messages need no place"


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        (frame(b"", MORE) * 100_000, f"a message is one frame, this one has more than {MAX_FRAMES}"),
        (frame(bytes(MAX_MESSAGE_BYTES))[:1] + b"\xff" * 8, "bytes; the limit is 17825792"),
        (b"\x80\0", "a frame begins with 0x80"),
    ],
)
def test_who_goes_too_far_is_told_so_and_closed(door: Door, sent: bytes, line: str) -> None:
    """One `failed` without an id, then the end of the stream."""
    peer = door.peer()
    peer.socket.setblocking(False)
    peer.socket.send(sent)
    assert door.rounds() == []
    peer.socket.setblocking(True)
    peer.read(WELCOME_BYTES)
    reply = peer.receive()
    assert isinstance(reply, Failed)
    assert (reply.id, reply.code) == ("", "bad_message")
    assert line in reply.message
    assert peer.is_closed()


def test_a_heartbeat_is_answered_to_those_who_read(door: Door) -> None:
    """A PING gets its PONG; a flood of them takes no memory from a peer that does not read."""
    peer = door.peer()
    peer.socket.sendall(command(b"PING", b"\0\0here?"))
    door.rounds()
    peer.read(WELCOME_BYTES)
    assert peer.read(12) == command(b"PONG", b"here?")
    for _ in range(60):
        peer.socket.sendall(command(b"PING", b"\0\0") * 1000)
        door.rounds()
    (connection,) = door.front._connections.values()
    assert connection.held_bytes < 1_000


def test_a_connection_too_many_is_told_so() -> None:
    """Beyond a user's part: one `failed` with `overloaded`, then the end; one that goes makes room."""
    door = Door(most_connections=6)
    peers = [door.peer() for _ in range(3)]
    late = door.peer()
    late.read(WELCOME_BYTES)
    reply = late.receive()
    line = f"user {ME} has 3 connections open; the limit is 3"
    assert reply == Failed("", "overloaded", line, retryable=True)
    assert late.is_closed()
    assert door.front.take_lost() == {}
    peers[0].close()
    door.rounds()
    door.client(door.peer())
    door.close()


def test_those_who_wait_to_be_refused_are_few() -> None:
    """Of connections too many that say nothing, the oldest is closed when there are more than 32."""
    door = Door(most_connections=2)
    door.peer()
    silent = [door.peer(greets=False) for _ in range(REFUSED_AT_ONCE + 2)]
    assert [silent[0].is_closed(), silent[1].is_closed()] == [True, True]
    silent[2].socket.setblocking(False)
    assert silent[2].read(WELCOME_BYTES)
    with pytest.raises(BlockingIOError):
        silent[2].read(1)
    honest = door.peer()
    honest.read(WELCOME_BYTES)
    assert isinstance(honest.receive(), Failed)
    door.close()


def test_places_are_kept_for_users_with_few_connections() -> None:
    """Two users fill all but an eighth; a third still gets some, and nobody more than there are."""
    counted = Connections(160)
    for uid in (1, 2):
        for _ in range(70):
            assert not counted.refusal(uid)
            counted.enter(uid)
    assert counted.refusal(1) == "140 connections are open; the limit is 140"
    for _ in range(FEW):
        assert not counted.refusal(3)
        counted.enter(3)
    assert counted.refusal(3) == "148 connections are open; the limit is 140"
    for uid in range(4, 16):
        counted.enter(uid)
    assert counted.refusal(99) == "160 connections are open; the limit is 160"
    counted.leave(1)
    assert not counted.refusal(99)


def test_descriptors_are_left_for_everything_else() -> None:
    """However few files a process may open, half of them are no connections, and 256 where that is possible."""
    assert [connections_for(files) for files in (64, 256, 1024, 20_000, 2**30)] == [32, 128, 768, 4096, 4096]


def test_a_socket_of_somebody_else_stays_open(door: Door) -> None:
    """Who connects to an inherited socket after the front has closed its end waits for the next one."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{door.path}2")
        listener.listen()
        door.front.stop_listening()
        door.front.listen(os.dup(listener.fileno()))
        door.front.stop_listening()
        with RawPeer(f"{door.path}2", greets=False) as late:
            assert door.rounds() == []
            assert door.front.next_due(0.0) is None
            late.socket.sendall(b"x")
            accepted, _address = listener.accept()
            with accepted:
                assert accepted.recv(1) == b"x"
