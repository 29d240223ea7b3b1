"""What f5ctl prints beside its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from f5ctl.cli.base.model_facts import print_info
from f5ctl.printable import printable
from f5ctl.printing import emit_json, warn
from f5ctl.receipts import tag_of
from f5ctl.speech.sinks import wav_comment, wav_header

if TYPE_CHECKING:
    from tests.unit.client.conftest import FakeDaemon, Here

ODD = "\x1b]0;OWNED\x07\x9b31m\x1b[31mred\nforged \u202eline\u2066\x7f"


def test_a_warning_cannot_command_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """What a text of unknown origin would make a terminal do is shown as replaced."""
    warn("the voice \x1b[2J\nis odd")
    assert capfd.readouterr() == ("", "f5ctl: warning: the voice �[2J is odd\n")


def test_quiet_leaves_warnings_out(capfd: pytest.CaptureFixture[str]) -> None:
    """With --quiet nobody hears of them; a bar prints them above itself."""
    told: list[str] = []
    warn("odd", quiet=True, tell=told.append)
    warn("even", tell=told.append)
    assert told == ["f5ctl: warning: even"]
    assert capfd.readouterr() == ("", "")


def obeyed(printed: bytes) -> set[str]:
    """Return what a terminal would obey of an output."""
    return {char for char in printed.decode() if not char.isprintable()} - {"\n"}


def test_what_is_shown_stays_readable() -> None:
    """Letters of every script, accents and what joins them are shown as they are, each in its place."""
    for text in ("maçã", "שלום", "می\u200cخواهم", "👩\u200d🚀", "第一章"):
        assert printable(text) == text
    assert printable("a\tb\xa0c\u3000d") == "a b c d"
    assert len(printable(ODD)) == len(ODD)


def test_no_verb_prints_what_a_terminal_would_obey(here: Here, daemon: FakeDaemon, tmp_path: Path) -> None:
    """Names of another client's job, of voices and models, and a file's receipt come as one line each."""
    daemon.status = {
        "version": ODD,
        "pid": 1,
        "models": [{"name": ODD, "installed": True}],
        "voices": [{"name": ODD, "source": ODD, "text": ODD, "defaults": {"model": ODD}}],
        "engines": [{"model": ODD, "device": ODD, "dtype": ODD, "state": ODD}],
        "jobs": [{"job": "1", "state": ODD, "model": ODD, "voice": ODD}],
    }
    facts: dict[str, Any] = dict.fromkeys(("version", "model", "device", "dtype", "voice", "ref_text"), ODD)
    hashes = dict.fromkeys(("model_hash", "voice_hash", "audio_hash", "text_hash"), "a" * 16)
    numbers = {"parameters": {"new": ODD}, "sample_rate_hz": 24_000, "samples": 2}
    comment = wav_comment(tag_of({**facts, **hashes, **numbers}, ODD))
    file = tmp_path / "odd.wav"
    file.write_bytes(wav_header(24_000, 4, len(comment)) + bytes(4) + comment)
    for verb in (["status"], ["ps"], ["voices"], ["voices", "list"], ["version"], ["inspect", str(file)]):
        done = here.run(*verb)
        assert b"red forged" in done.stdout, verb
        assert obeyed(done.stdout) == set(), verb
    for verb in (["status", "--json"], ["voices", "--json"], ["inspect", "--json", str(file)]):
        done = here.run(*verb)
        assert obeyed(done.stdout) == set(), verb
        assert ODD in list(flat(json.loads(done.stdout))), verb


def flat(value: Any) -> Any:
    """Yield every text of an answer."""
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from flat(inner)
    else:
        yield value


def test_a_model_card_keeps_its_lines_and_loses_its_escapes(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """What lies beside a checkpoint is a stranger's text; no line of it looks like one of ours."""
    print_info({"name": ODD, "card": f"first\ncompatible     no\n{ODD}"}, as_json=False)
    printed = capfdbinary.readouterr().out
    assert obeyed(printed) == set()
    assert b"\n  first\n" in printed
    assert b"\ncompatible     no" not in printed


def test_json_is_exact(capfd: pytest.CaptureFixture[str]) -> None:
    """Nothing is lost, half characters included; letters are not escaped."""
    answer = {"text": f"maçã {ODD} \ud800 \U000e0001"}
    emit_json(answer)
    printed = capfd.readouterr().out
    assert json.loads(printed) == answer
    assert "maçã" in printed
    assert "\\u009b" in printed
    assert "\\udb40\\udc01" in printed
