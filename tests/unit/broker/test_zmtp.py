"""The parser of what a ZeroMQ peer sends, fed in any pieces."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5ctl.zmtp import MAX_COMMAND_BYTES, MAX_FRAMES, Message, Parser, ZmtpError, command, frames_of
from tests.zmtp import GREETING, MORE, frame, ready

LIMIT = 10_000
PING = command(b"PING", b"\x00\x0a" + b"are you there")
OPEN = GREETING + ready()


def read(data: bytes, *cuts: int) -> list[Message | bytes]:
    """Return what a parser finds in a stream that comes in pieces."""
    parser = Parser(LIMIT)
    found: list[Message | bytes] = []
    for start, end in itertools.pairwise([0, *sorted(cuts), len(data)]):
        parser.feed(data[start:end])
        while (one := parser.next()) is not None:
            if one != b"":
                found.append(one)
    return found


def refused(data: bytes) -> str:
    """Return why a stream is refused, whether it comes at once or byte by byte."""
    with pytest.raises(ZmtpError) as caught:
        read(data)
    with pytest.raises(ZmtpError) as again:
        read(data[: 2 * LIMIT], *range(1, 2 * LIMIT))
    assert str(again.value) == str(caught.value)
    return str(caught.value)


def read_or_refused(data: bytes) -> None:
    """Read a stream that may be refused in one printable line."""
    line = ""
    try:
        read(data)
    except ZmtpError as error:
        line = str(error)
    assert line.isprintable()


STREAM = b"".join(
    (
        OPEN,
        frames_of(b"short"),
        frames_of(b"long" * 500),
        PING,
        frames_of(b"of a REQ", delimited=True),
        frame(b"", MORE) + frame(b"a", MORE) + frame(b"b"),
        frame(b"a", MORE) + frame(b"c" * 300),
        frames_of(b""),
        frames_of(b"x", delimited=True),
    )
)
FOUND: list[Message | bytes] = [
    Message(b"short"),
    Message(b"long" * 500),
    command(b"PONG", b"are you there"),
    Message(b"of a REQ", delimited=True),
    Message(b"", 2, delimited=True),
    Message(b"", 2),
    Message(b""),
    Message(b"x", delimited=True),
]


def test_a_stream_is_read() -> None:
    """Messages, a REQ's delimiter, a heartbeat; of what is no message of one frame, how many frames it has."""
    assert read(STREAM) == FOUND


def test_byte_by_byte() -> None:
    """It does not matter where the kernel cuts."""
    assert read(STREAM, *range(1, len(STREAM))) == FOUND


@given(st.lists(st.integers(1, len(STREAM) - 1), max_size=40, unique=True))
def test_in_any_pieces(cuts: list[int]) -> None:
    """Nor how often."""
    assert read(STREAM, *cuts) == FOUND


@given(st.sampled_from([b"", GREETING, OPEN]), st.binary(max_size=400))
def test_any_bytes_are_read_or_refused(before: bytes, data: bytes) -> None:
    """Nothing but a ZmtpError comes of any bytes, before or after the handshake."""
    read_or_refused(before + data)


def test_streams_with_a_broken_byte() -> None:
    """Nor of a good stream with one wrong byte."""
    for place in range(len(STREAM)):
        broken = bytearray(STREAM)
        broken[place] ^= 1 << random.Random(place).randrange(8)
        read_or_refused(bytes(broken))


@pytest.mark.parametrize(
    ("greeting", "line"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "no ZMTP"),
        (b"\x01\x00", "no ZMTP"),  # 1.0, without a name
        (b"\xff" + bytes(9), "no ZMTP"),
        (GREETING[:10] + b"\x01\x05", "speaks ZMTP 1; from 3 on"),  # 2.0 calls itself so
        (GREETING[:12] + b"CURVE".ljust(20, b"\0") + bytes(32), "another security mechanism"),
        (GREETING + b"\x04\x26\x05ERROR", "'ERROR' came instead of READY"),
        (GREETING + frames_of(b"hello"), "before READY"),
        (GREETING + ready(b"SUB"), "'SUB' socket"),
        (GREETING + command(b"READY", b""), "'' socket"),
        (GREETING + command(b"READY", b"\x0bSocket-Type\x00\x00"), "metadata of READY cannot be read"),
        (GREETING + command(b"READY", b"\x01a\xff\xff\xff\xffx"), "metadata of READY cannot be read"),
        (GREETING + b"\x06" + (2**62).to_bytes(8, "big"), f"bytes; the limit is {MAX_COMMAND_BYTES}"),
        (OPEN + b"\x05\x00", "begins with 0x05"),
        (OPEN + b"\x80\x00", "begins with 0x80"),
    ],
)
def test_who_is_not_let_in(greeting: bytes, line: str) -> None:
    """Other protocols, older versions, other mechanisms and sockets are refused as soon as they show."""
    data = greeting + bytes(0x26) if b"ERROR" in greeting else greeting
    assert line in refused(data)


def test_a_name_is_of_no_importance() -> None:
    """A peer may give itself one, as long as it likes; nobody looks at it."""
    assert read(GREETING + ready(name=b"\0kP\x8bEg" * 40) + frames_of(b"x")) == [Message(b"x")]


def test_names_of_properties_have_no_case() -> None:
    """The specification says so."""
    assert read(GREETING + ready().replace(b"Socket-Type", b"SOCKET-TYPE") + frames_of(b"x")) == [Message(b"x")]


def test_commands_that_nobody_knows_are_passed_over() -> None:
    """SUBSCRIBE, PONG and what a later version may bring."""
    assert read(OPEN + command(b"SUBSCRIBE", b"all") + b"\x04\x00" + frames_of(b"x")) == [Message(b"x")]


@pytest.mark.parametrize("size", [LIMIT, LIMIT - 1])
def test_the_longest_message(size: int) -> None:
    """A message may have as many bytes as the limit says."""
    assert read(OPEN + frames_of(bytes(size))) == [Message(bytes(size))]


@pytest.mark.parametrize(
    "frames",
    [
        frames_of(bytes(LIMIT + 1))[:20],  # what it declares is enough
        frame(bytes(LIMIT), MORE) + frame(b"x"),
        frame(b"", MORE) + frame(bytes(LIMIT), MORE) + frame(b"x"),
    ],
)
def test_a_message_beyond_the_limit(frames: bytes) -> None:
    """All frames of a message count together."""
    assert f"a message is {LIMIT + 1} bytes; the limit is {LIMIT}" in refused(OPEN + frames)


def test_frames_are_counted_to_a_number() -> None:
    """A message of sixteen frames is one of sixteen; at the next frame it is given up."""
    assert read(OPEN + frame(b"", MORE) * (MAX_FRAMES - 1) + frame(b"")) == [
        Message(b"", MAX_FRAMES - 1, delimited=True)
    ]
    assert f"this one has more than {MAX_FRAMES}" in refused(OPEN + frame(b"", MORE) * 10**4)


def test_frames_that_nobody_needs_are_not_held() -> None:
    """Of a message that will be refused no byte is kept, and of a short one no more than has come."""
    parser = Parser(2**30)
    parser.feed(OPEN)
    while parser.next() is not None:
        pass
    parser.feed(frame(bytes(2**20), MORE)[:-1])
    assert parser.next() is None
    assert (parser.held_bytes, parser.wanted_bytes, parser.has_part) == (0, 0, True)
    parser.feed(b"\0" + frame(b"end") + frame(bytes(2**20))[:1000])
    assert parser.next() == Message(b"", 2)
    assert parser.next() is None
    assert (parser.held_bytes, parser.wanted_bytes) == (1000 - 9, 2**20)


@given(st.lists(st.integers(1, 3_000), min_size=1, max_size=5))
def test_a_long_frame_may_be_written_where_it_will_be(sizes: list[int]) -> None:
    """What is put into the room for the rest of a frame counts as if it had been fed."""
    body = bytes(range(256)) * 12
    parser = Parser(LIMIT)
    parser.feed(OPEN + frame(body)[: 9 + 100])
    while parser.next() is not None:
        pass
    rest = body[100:]
    for size in [*sizes, len(body)]:
        if not rest:
            break
        assert parser.next() is None
        part, rest = rest[:size], rest[size:]
        parser.rest()[: len(part)] = part
        parser.fill(len(part))
    assert parser.next() == Message(body)
    parser.feed(frames_of(b"next"))
    assert parser.next() == Message(b"next")
