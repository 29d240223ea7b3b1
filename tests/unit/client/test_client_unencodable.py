"""What UTF-8 cannot hold: half an emoji, a byte of an old file name. One line, and a documented status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from f5ctl.__main__ import run
from f5ctl.batch.manifest import Defaults, read_manifest
from f5ctl.bounds import Rule
from f5ctl.errors import BadRequestError
from f5ctl.protocol import Cancel, Load, Say, encode

LATIN = "jo\udce3o"  # as Python has the bytes of a command line that are not UTF-8


@pytest.mark.parametrize("option", ["-v", "-m", "--language"])
def test_an_option_of_other_bytes_is_a_usage_error(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A name in Latin-1 is told as one, before a daemon is asked or started."""
    assert run(["say", option, LATIN, "-o", "/dev/null", "Hello."]) == 2
    told = capsys.readouterr().err
    assert "holds half a character, or bytes that are not UTF-8" in told
    assert told.count("\n") == 1


def test_a_transcript_of_other_bytes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """--ref-text is checked like every other option."""
    assert run(["say", "--ref-audio", str(tmp_path), "--ref-text", LATIN, "Hello."]) == 2
    assert "'--ref-text': 'jo\\udce3o'; it holds half a character" in capsys.readouterr().err


@pytest.mark.parametrize(
    "args", [["say", "--socket", f"/tmp/{LATIN}", "x"], ["status", "--socket", f"/tmp/{LATIN}"]]
)
def test_a_socket_of_other_bytes(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A path that ZeroMQ cannot have is a fault of the configuration."""
    assert run(args) == 78
    assert "it holds bytes that are not UTF-8 (use another one)" in capsys.readouterr().err


def test_the_socket_of_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """F5D_SOCKET is checked as the flag is."""
    monkeypatch.setenv("F5D_SOCKET", f"/tmp/{LATIN}")
    assert run(["say", "Hello."]) == 78
    assert capsys.readouterr().err.startswith("f5ctl: error: socket path is ")


@pytest.mark.parametrize("verb", [["models", "show"], ["models", "pull"], ["info"]])
def test_names_for_a_helper(verb: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A model that has no such name is unknown."""
    assert run([*verb, LATIN]) == 65
    assert "unknown model 'jo" in capsys.readouterr().err


def test_a_checkpoint_of_an_old_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file whose name is Latin-1 is a file like any other."""
    path = tmp_path / f"{LATIN}.safetensors"
    header = json.dumps({"x": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    assert run(["info", "--checkpoint", str(path)]) == 65
    assert "unexpected" not in capsys.readouterr().err


@pytest.mark.parametrize("field", ["text", "voice", "model"])
def test_half_an_emoji_in_a_manifest(field: str, tmp_path: Path) -> None:
    """The line of the manifest is named."""
    manifest = tmp_path / "m.jsonl"
    manifest.write_text(json.dumps({"text": "Hello.", field: "Hello \ud83d there."}) + "\n")
    (bad,) = read_manifest(str(manifest), None, Defaults()).bad
    assert bad.told.startswith(f"line 1 of {manifest}: {field} holds half a character")


@pytest.mark.parametrize(
    "message", [Say("r1", f"Hello {LATIN}"), Load("r1", LATIN), Cancel("r1", job=LATIN)], ids=repr
)
def test_no_message_holds_what_is_no_character(message: Say | Load | Cancel) -> None:
    """Whatever was not checked before is refused where a message is packed."""
    with pytest.raises(BadRequestError, match="holds half a character, or bytes that are not UTF-8"):
        encode(message)


def test_a_rule_refuses_half_a_character() -> None:
    """Every text of the parameters and the configuration is checked by one rule."""
    assert Rule(kind=str).fault("\ud83d") == "'\\ud83d'; it holds half a character, or bytes that are not UTF-8"
    assert Rule(kind=str).fault("\U0001f642") is None
