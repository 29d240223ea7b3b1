"""Whatever bytes arrive, admission answers with a request or one typed error."""

from __future__ import annotations

import msgpack
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from f5d.broker.admission import Refusal, parse_request

SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.text() | st.binary()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)
FIELDS = st.sampled_from(
    [
        "v",
        "type",
        "id",
        "text",
        "voice",
        "model",
        "ref_audio",
        "ref_text",
        "seed",
        "speed",
        "job",
        "request",
        "force",
    ]
)
TYPES = st.sampled_from(["say", "status", "load", "unload", "cancel", "stop"])


def survives(frame: bytes) -> None:
    refusal = None
    try:
        parse_request(frame)
    except Refusal as caught:
        refusal = caught
    if refusal is not None:
        assert refusal.error.code
        assert "\n" not in refusal.error.message
        assert len(refusal.error.message) < 1_000


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
@example(b"\x91" * 2_000)
@example(b"\xdd\xff\xff\xff\xff")
@example(b"\xc7\xff\x00")
@example(b"\xd6\xff\x00\x00\x00\x00")
def test_any_bytes(frame: bytes) -> None:
    """Random bytes are a request or one refusal of one line, never another exception."""
    survives(frame)


@settings(max_examples=300, deadline=None)
@given(TYPES, st.dictionaries(FIELDS, VALUES, max_size=6), st.integers(0, 40))
@pytest.mark.slow
def test_any_fields(name: str, body: dict[str, object], cut: int) -> None:
    """Requests with any values in any fields, whole or cut, are a request or one refusal."""
    frame = msgpack.packb({"v": 1, "id": "x", "type": name, **body})
    survives(frame)
    survives(frame[:-cut])
