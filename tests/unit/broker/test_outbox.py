"""Replies to clients that are slow, stalled or gone."""

from __future__ import annotations

import zmq

from f5ctl.protocol import Audio, Cancelled, parse_reply
from f5d.broker.jobs import Client
from f5d.broker.outbox import HELD_BYTES_LIMIT, STALL_S, Outbox

SLOW = Client(b"slow")
PLAIN = Client(b"plain", delimited=True)


class ScriptedRouter:
    """The sending half of a ROUTER socket; `error` is what the next sends end in."""

    def __init__(self) -> None:
        self.error: zmq.ZMQError | None = None
        self.sent: list[list[bytes]] = []

    def send_multipart(self, frames: list[bytes], _flags: int) -> None:
        """Take the frames or refuse them."""
        if self.error is not None:
            raise self.error
        self.sent.append(frames)


def outbox() -> tuple[ScriptedRouter, Outbox]:
    router = ScriptedRouter()
    return router, Outbox(router)  # type: ignore[arg-type]


def chunk(seq: int, size: int = 2) -> Audio:
    return Audio("a", seq, bytes(size))


def test_what_cannot_be_sent_waits_in_order() -> None:
    """A full client gets the rest later, in order; nothing overtakes what waits."""
    router, box = outbox()
    box.send(SLOW, chunk(0), 0.0)
    router.error = zmq.Again()
    box.send(SLOW, chunk(1), 0.0)
    assert box.next_due(0.0) is not None
    router.error = None
    box.send(SLOW, chunk(2), 0.1)
    box.flush(0.2)
    sequence = [reply.seq for frames in router.sent if isinstance(reply := parse_reply(frames[-1]), Audio)]
    assert sequence == [0, 1, 2]
    assert (len(box), box.next_due(1.0), box.take_lost()) == (0, None, {})


def test_a_client_that_is_gone_is_reported_once() -> None:
    """An unroutable reply names the client, whose jobs are then cancelled."""
    router, box = outbox()
    router.error = zmq.ZMQError(zmq.EHOSTUNREACH)
    box.send(SLOW, chunk(0), 0.0)
    assert box.take_lost() == {b"slow": "the client is gone"}
    assert box.take_lost() == {}
    assert len(box) == 0


def test_a_client_that_reads_nothing_is_given_up() -> None:
    """After half a minute without reading the client is lost; its last word still waits for it."""
    router, box = outbox()
    router.error = zmq.Again()
    box.send(SLOW, chunk(0), 0.0)
    box.flush(STALL_S - 0.1)
    assert box.take_lost() == {}
    box.flush(STALL_S)
    assert box.take_lost() == {b"slow": "the client read nothing for 30 s"}
    box.send(SLOW, Cancelled("a", "gone"), STALL_S)
    router.error = None
    box.flush(STALL_S + 1)
    assert [parse_reply(frames[-1]) for frames in router.sent] == [Cancelled("a", "gone")]


def test_what_waits_is_bounded() -> None:
    """Beyond the bound the client is lost, however fast it was."""
    router, box = outbox()
    router.error = zmq.Again()
    for seq in range(HELD_BYTES_LIMIT // 2**24 + 1):
        box.send(SLOW, chunk(seq, 2**24), 0.0)
    box.flush(0.1)
    assert "bytes wait for the client" in box.take_lost()[b"slow"]
    assert len(box) == 0


def test_a_delimiter_is_sent_back() -> None:
    """Peers that sent an empty frame get one before each reply."""
    router, box = outbox()
    box.send(PLAIN, chunk(0), 0.0)
    assert router.sent[0][:2] == [b"plain", b""]
