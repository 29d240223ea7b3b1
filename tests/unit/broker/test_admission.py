"""Requests from frames, whatever the frames hold."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import Any

import msgpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f5ctl.protocol import REQUEST_TYPES, Cancel, Load, Say, Status, Stop, Unload, encode
from f5d.broker.admission import Refusal, fill_parameters, parse_request
from f5d.catalog.models import catalog
from f5d.engine.types import Parameters

STARTER = catalog()["starter"]
PLAIN = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats() | st.sampled_from(["", "x", "1"])
)
VALUES = PLAIN | st.binary(max_size=4) | st.lists(PLAIN, max_size=2) | st.dictionaries(st.just("k"), PLAIN)
FIELDS = st.sampled_from(sorted({name for cls in REQUEST_TYPES.values() for name in cls.__dataclass_fields__}))


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_one_line(frame: bytes) -> None:
    """No sequence of bytes does more than earn a refusal."""
    with pytest.raises(Refusal) as caught:
        parse_request(frame)
    assert "\n" not in caught.value.message


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(REQUEST_TYPES)), st.dictionaries(FIELDS, VALUES, max_size=4))
def test_any_values_are_taken_or_refused(kind: str, body: dict[str, object]) -> None:
    """Values of any type in any field end in a request or in a refusal, never in a crash."""
    frame = msgpack.packb({"v": 1, "type": kind, "id": "x", "text": "hello", **body})
    with suppress(Refusal):
        assert isinstance(parse_request(frame), REQUEST_TYPES[kind])


@pytest.mark.parametrize("stamp", [msgpack.Timestamp(1), msgpack.ExtType(5, b"x")])
def test_extension_types_are_refused(stamp: object) -> None:
    """A msgpack extension type is a wrong type like any other."""
    with pytest.raises(Refusal) as caught:
        parse_request(msgpack.packb({"v": 1, "type": "say", "id": "x", "text": stamp}))
    assert caught.value.error.code == "bad_message"


@pytest.mark.parametrize(
    "request_",
    [
        Say("a", "hello", voice="rms", speed=1, seed=0, cfg_strength=0, timeout_s=1, encoding="mp3"),
        Status("a"),
        Load("a", "m"),
        Unload("a"),
        Cancel("a", job="1"),
        Cancel("a", request="b"),
        Stop("a", force=True),
    ],
)
def test_good_requests_come_through_unchanged(request_: Say) -> None:
    """What the client's codec writes is what the broker reads."""
    assert parse_request(encode(request_)) == request_


@pytest.mark.parametrize("kind", sorted(REQUEST_TYPES))
def test_nil_means_left_out(kind: str) -> None:
    """A client whose library writes every field is understood: numbers, texts, flags and choices alike."""
    needed = {"text": "hello"} if kind in ("say", "plan") else {"job": "1"} if kind == "cancel" else {}
    message = {"v": 1, "type": kind, "id": "x", **needed}
    every = dict.fromkeys(REQUEST_TYPES[kind].__dataclass_fields__) | message
    assert parse_request(msgpack.packb(every)) == parse_request(msgpack.packb(message))


@pytest.mark.parametrize(("kind", "name"), [("say", "text"), ("say", "id"), ("status", "txet"), ("say", "v")])
def test_nil_is_no_value_of_what_is_needed_or_unknown(kind: str, name: str) -> None:
    """What a request cannot do without cannot be nil, and a typing error is refused whatever its value."""
    message = (
        {"v": 1, "type": kind, "id": "x", "text": "hello"}
        if kind == "say"
        else {"v": 1, "type": kind, "id": "x"}
    )
    with pytest.raises(Refusal) as caught:
        parse_request(msgpack.packb(message | {name: None}))
    assert caught.value.error.code == ("unsupported_version" if name == "v" else "bad_message")


FILL: dict[str, Any] = {"language": "en", "seed": 9}


def test_own_values_beat_the_daemon_s_and_zero_is_a_value() -> None:
    """cfg_strength 0 and cross_fade_duration 0 mean 0, not the default."""
    say = Say("a", "hello", cfg_strength=0, cross_fade_duration=0, remove_silence=True)
    filled = fill_parameters(say, {"speed": 1.5, "cfg_strength": 3}, STARTER, **FILL)
    assert filled == Parameters(
        nfe_step=7,
        speed=1.5,
        cfg_strength=0,
        sentence_pause=None,
        cross_fade_duration=0,
        remove_silence=True,
        language="en",
        seed=9,
    )
    assert fill_parameters(Say("a", "hello", seed=0), {}, STARTER, **FILL).seed == 0


@pytest.mark.parametrize(
    ("model", "configured", "own", "wanted"),
    [
        (0.3, {}, {}, (0.3, None)),
        (0.5, {}, {}, (0.5, None)),
        (0.5, {"sentence_pause": 0.2}, {}, (0.2, None)),
        (0.5, {"cross_fade_duration": 0.15}, {}, (None, 0.15)),
        (0.5, {"cross_fade_duration": 0.15}, {"sentence_pause": 0.4}, (0.4, None)),
        (0.5, {"sentence_pause": 0.2}, {"cross_fade_duration": 0.0}, (None, 0.0)),
        (0.5, {}, {"cross_fade_duration": 0.1, "sentence_pause": 0.4}, (None, 0.1)),
    ],
)
def test_segments_are_joined_as_whoever_is_nearest_says(
    model: float,
    configured: dict[str, float],
    own: dict[str, Any],
    wanted: tuple[float | None, float | None],
) -> None:
    """Request before voice and daemon before model; a cross-fade and a pause undo each other."""
    spec = replace(STARTER, sentence_pause=model)
    filled = fill_parameters(Say("a", "hello", **own), configured, spec, **FILL)
    assert (filled.sentence_pause, filled.cross_fade_duration) == wanted


def test_loudness_is_on_unless_somebody_says_no() -> None:
    """Raw output has to be asked for; the volume counts either way."""
    assert fill_parameters(Say("a", "hello"), {}, STARTER, **FILL).loudness
    raw = fill_parameters(Say("a", "hello", loudness=False, volume=-6), {}, STARTER, **FILL)
    assert (raw.loudness, raw.volume) == (False, -6)


def test_the_model_decides_the_steps_unless_somebody_does() -> None:
    """The starter takes 7 steps; the configuration and then the request may say otherwise."""
    assert fill_parameters(Say("a", "hello"), {}, STARTER, **FILL).nfe_step == STARTER.nfe_step == 7
    assert fill_parameters(Say("a", "hello"), {"nfe_step": 8}, STARTER, **FILL).nfe_step == 8
    assert fill_parameters(Say("a", "hello", nfe_step=4), {"nfe_step": 8}, STARTER, **FILL).nfe_step == 4
