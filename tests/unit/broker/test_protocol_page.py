"""docs/protocol.md says what the code does."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from types import NoneType
from typing import get_args, get_type_hints

import msgpack
import msgspec
import pytest

from f5ctl import errors
from f5ctl.errors import error_from_wire
from f5ctl.parameters import PARAMETERS, Place
from f5ctl.protocol import (
    ENCODINGS,
    ID_PATTERN,
    MAX_MESSAGE_BYTES,
    MAX_NAME_BYTES,
    MAX_REF_AUDIO_BYTES,
    MAX_REF_TEXT_BYTES,
    MAX_TEXT_BYTES,
    REPLY_TYPES,
    REQUEST_TYPES,
    Accepted,
    Audio,
    Reply,
    Request,
    Say,
    decode,
    encode,
)
from f5d.broker.admission import Refusal, parse_request
from f5d.broker.dispatcher import AUDIO_PIECE_BYTES
from f5d.catalog.models import catalog
from f5d.catalog.spec import FRAMES_PER_SECOND
from f5d.engine.audio import MAX_REFERENCE_S, MIN_REFERENCE_S
from f5d.engine.recording import MAX_CHANNELS, MAX_RATE_HZ, MAX_RECORDING_S, MIN_RATE_HZ
from f5d.engine.text import MAX_RETIMING
from f5d.engine.types import Loaded, Parameters
from f5d.system.socketfile import ENGINE_SUFFIX_BYTES

PAGE = (Path(__file__).parents[3] / "docs" / "protocol.md").read_text(encoding="utf-8")
EXAMPLES: dict[str, Request | Reply] = {
    "say": Say(id="7f3a", text="Hello.", voice="rms", seed=5),
    "accepted": Accepted(id="7f3a", job="12", position=0, version="0.1.0"),
    "audio": Audio(id="7f3a", seq=0, data=b"\x01\x00\xff\xff"),
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_dumps_are_what_the_codec_writes(name: str) -> None:
    """Each annotated byte dump is the real frame, and each note is what the bytes before it say."""
    match = re.search(rf"^```{name}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
    assert match is not None
    rows = [re.fullmatch(r"((?:[0-9a-f]{2} ?)+)\s+(\S.*)", line) for line in match[1].splitlines()]
    assert all(rows)
    frame = bytes.fromhex("".join(row[1] for row in rows if row))
    assert frame == encode(EXAMPLES[name])
    body = decode(frame)
    notes = [row[2] for row in rows if row]
    assert notes[0] == f"map of {len(body)}"
    for (key, value), note in zip(body.items(), notes[1:], strict=True):
        shown = f"bin of {len(value)}" if isinstance(value, bytes) else msgspec.json.encode(value).decode()
        assert note == f'"{key}": {shown}'


def test_every_message_and_field_is_mentioned() -> None:
    """No message, field, encoding, parameter, code or state is missing from the page."""
    names = {*REQUEST_TYPES, *REPLY_TYPES, *ENCODINGS, "queued", "loading", "running"}
    for cls in (*REQUEST_TYPES.values(), *REPLY_TYPES.values()):
        names |= {field.name for field in fields(cls)}
    for struct in (Parameters, Loaded):
        names |= set(struct.__struct_fields__)
    for union in (errors.BadRequestCode, errors.SynthesisCode, errors.TryAgainCode):
        names |= set(union.__args__)  # type: ignore[attr-defined]
    assert [name for name in sorted(names) if f"`{name}`" not in PAGE] == []


def test_the_limits_are_the_code_s() -> None:
    """The numbers of the page are the constants of the code."""
    for number in (
        MAX_MESSAGE_BYTES, MAX_NAME_BYTES, MAX_REF_AUDIO_BYTES, MAX_REF_TEXT_BYTES, MAX_TEXT_BYTES,
        AUDIO_PIECE_BYTES,
    ):  # fmt: skip
        assert re.search(rf"\b{number} bytes", PAGE), number
    assert f"the daemon itself needs {ENGINE_SUFFIX_BYTES} of them" in PAGE
    assert f"`{ID_PATTERN.pattern}`" in PAGE


def test_the_limits_of_recordings_and_models_are_the_code_s() -> None:
    """What depends on the model and the recording is as the engine has it."""
    from f5d.engine.planning import MAX_JOB_S, MAX_SEGMENT_FRAMES  # which imports torch

    starter = catalog()["starter"]
    assert starter.frames_per_byte is not None
    per_s = FRAMES_PER_SECOND / starter.frames_per_byte
    longest_s = MAX_SEGMENT_FRAMES / FRAMES_PER_SECOND
    text = " ".join(PAGE.split())
    assert f"`starter` speaks at {per_s:.1f} bytes of text a second" in text
    assert f"{per_s / MAX_RETIMING:.1f} to {per_s * MAX_RETIMING:.1f} bytes for each second" in text
    assert f"holds {MIN_REFERENCE_S:g} to {MAX_REFERENCE_S:g} s of speech" in text
    assert f"(to {MAX_RECORDING_S:g} s and {MAX_CHANNELS} channels as a file" in text
    assert f"{MIN_RATE_HZ // 1000} to {MAX_RATE_HZ // 1000} kHz" in text
    assert f"A segment ends at {longest_s:.1f} s" in text
    assert f"the whole text takes at most {MAX_JOB_S / 3600:.0f} h" in text


def test_the_parameters_of_a_receipt_are_the_engine_s() -> None:
    """They stand in the page in the order in which they come."""
    row = re.search(r"^\| `parameters` \| map \| (.*?) as used;", PAGE, re.MULTILINE)
    assert row is not None
    assert tuple(re.findall(r"`(\w+)`", row[1])) == Parameters.__struct_fields__


def refusal(**body: object) -> str:
    with pytest.raises(Refusal) as caught:
        parse_request(msgpack.packb({"v": 1, "type": "say", "id": "x", "text": "hello", **body}))
    return caught.value.error.code


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_wrong_value_has_the_code_that_the_page_says(name: str) -> None:
    """A wrong type is a bad_message; what the table does not admit has the code of its field."""
    one = PARAMETERS[name]
    assert refusal(**{name: ["x"]}) == "bad_message"
    if one.kind is bool:
        return
    rows = dict(re.findall(r"^\| `(\w+)` \| ((?:`\w+`(?:, )?)+|all others) \|$", PAGE, re.MULTILINE))
    wanted = next((code for code, names in rows.items() if f"`{name}`" in names), "bad_parameter")
    wrong: object = one.kind() if one.bound is None else int(one.bound.high) + 1
    with_audio = {"ref_audio": b"x"} if name in ("ref_text", "label") else {}
    assert refusal(**{**with_audio, name: wrong}) == wanted == one.code


def test_the_fields_of_a_say_are_the_table_s() -> None:
    """Each field of `say` is one row of the table of parameters, in the same order and of the same type."""
    assert list(PARAMETERS) == [field.name for field in fields(Say) if field.name != "id"]
    hints = get_type_hints(Say)
    for name, parameter in PARAMETERS.items():
        kinds = set(get_args(hints[name])) or {hints[name]}
        kind = str if name == "encoding" else next(iter(kinds - {NoneType}))
        assert parameter.kind is kind, name
        assert parameter.places <= set(get_args(Place)), name


def test_defaults_are_the_engine_s() -> None:
    """What holds when nobody sets a parameter is what the engine's message has, and the page says it."""
    for name in Parameters.__struct_fields__:
        parameter, default = PARAMETERS[name], getattr(Parameters(), name)
        if parameter.default is not None:
            assert parameter.default == default
            assert parameter.told.startswith(f"{default:g}")


def test_exit_statuses_and_retryable_of_codes() -> None:
    """The table of codes says what f5ctl exits with and whether to try again."""
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| (\d+) \| (yes|no) \|", PAGE, re.MULTILINE)
    seen = {}
    for codes, status, retryable in rows:
        for code in re.findall(r"`(\w+)`", codes):
            seen[code] = (int(status), retryable == "yes")
    known = [
        code
        for union in (errors.BadRequestCode, errors.SynthesisCode, errors.TryAgainCode)
        for code in union.__args__  # type: ignore[attr-defined]
    ]
    assert sorted(seen) == sorted(known)
    for code in known:
        error = error_from_wire(code, "x")
        assert seen[code] == (error.exit_status, error.retryable), code
