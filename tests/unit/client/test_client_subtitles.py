"""`f5ctl say` with files of subtitles, against a daemon made of a script."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli, FakeDaemon, Here

SECOND_SAMPLES = 24_000
SRT = "1\n00:00:01,000 --> 00:00:02,000\nOne.\n2\n00:00:02,500 --> 00:00:03,000\nTwo.\n"
VTT = "WEBVTT\n\nNOTE x\n\n00:01.000 --> 00:02.000 align:start\n<v Bob>One.\n\n00:02.500 --> 00:03.000\nTwo.\n"


def sound(text: str) -> bytes:
    """Return a fifth of a second for each letter."""
    return b"\1\0" * (SECOND_SAMPLES // 20 * len(text))


@pytest.fixture(autouse=True)
def _speaks(daemon: FakeDaemon) -> None:
    daemon.speaks, daemon.status = sound, {"voices": [{"name": "bob"}, {"name": "slt"}]}


def says(daemon: FakeDaemon) -> list[dict[str, Any]]:
    return [body for body in daemon.seen if body["type"] == "say"]


def begins_s(samples: bytes) -> list[float]:
    """Return when what is not silent begins."""
    loud = [index for index in range(0, len(samples), 2) if samples[index]]
    return [index / 2 / SECOND_SAMPLES for index in loud if index == 0 or not samples[index - 2]]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.srt", SRT),
        ("a.vtt", VTT),
        ("a.txt", SRT),
        ("a.txt", VTT),
        ("a", "0:00:01.0,0:00:02.0\nOne.\n\n" + SRT),
    ],
)
def test_cues_are_spoken_whatever_the_file_is_called(
    here: Here, daemon: FakeDaemon, tmp_path: Path, name: str, text: str
) -> None:
    """Subtitles are known by what is in them, and their numbers and times are never spoken."""
    (tmp_path / name).write_text(text, encoding="utf-8")
    done = here.run("say", "-f", str(tmp_path / name), "--output-raw")
    assert done.returncode == 0
    assert [body["text"] for body in says(daemon)][-2:] == ["One.", "Two."]
    assert begins_s(done.stdout)[-2:] == [1.0, 2.5]


def test_cues_on_stdin(cli: Cli, daemon: FakeDaemon) -> None:
    """A pipe of subtitles is spoken to its times, as an argument of them is."""
    done = cli.run("say", "--output-raw", text=SRT.encode())
    assert (done.returncode, begins_s(done.stdout), done.stderr) == (0, [1.0, 2.5], b"")
    assert cli.run("say", "--output-raw", SRT).stdout == done.stdout
    assert {body["text"] for body in says(daemon)} == {"One.", "Two."}


@pytest.mark.slow
def test_cues_that_are_still_being_written(cli: Cli, daemon: FakeDaemon) -> None:
    """Subtitles that come slowly are read to their end first: their last cue may be spoken first."""
    process = cli.start("say", "--output-raw", stdin=-1)
    assert process.stdin is not None
    for piece in (VTT[:30], VTT[30:90], VTT[90:]):
        time.sleep(0.5)
        process.stdin.write(piece.encode())
        process.stdin.flush()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, begins_s(out), err) == (0, [1.0, 2.5], b"")
    assert {body["text"] for body in says(daemon)} == {"One.", "Two."}


@pytest.mark.parametrize("header", ["start,end,text\n", "\n\nStart\tEnd\tText\n"])
@pytest.mark.slow
def test_tables_that_are_still_being_written(cli: Cli, daemon: FakeDaemon, header: str) -> None:
    """A table of cues is known by its header, and read to its end first."""
    mark = "\t" if "\t" in header else ","
    process = cli.start("say", "--output-raw", stdin=-1)
    assert process.stdin is not None
    for piece in (header, mark.join(["1.5", "3", "Some words. "]), "More.\n" + mark.join(["4", "5", "Two.\n"])):
        time.sleep(0.5)
        process.stdin.write(piece.encode())
        process.stdin.flush()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, begins_s(out), err) == (0, [1.5, 4.0], b"")
    assert {body["text"] for body in says(daemon)} == {"Some words. More.", "Two."}


@pytest.mark.slow
def test_other_formats_that_are_still_being_written(cli: Cli, daemon: FakeDaemon) -> None:
    """Subtitles that are refused are refused from a slow pipe too, before a word of them is spoken."""
    process = cli.start("say", "--output-raw", stdin=-1)
    assert process.stdin is not None
    for piece in (
        "[Script Info]\n; A long comment, with an end.\n",
        "Dialogue: 0,0:00:01.00,0:00:02.00,,,,,,,x\n",
    ):
        time.sleep(0.5)
        process.stdin.write(piece.encode())
        process.stdin.flush()
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out, says(daemon)) == (65, b"", [])
    assert err.decode().startswith("f5ctl: error: subtitles in Advanced SubStation are not read")


def test_who_speaks(here: Here, daemon: FakeDaemon, tmp_path: Path) -> None:
    """<v Bob> is said in bob's voice if there is one, else in the call's; a tag counts more."""
    (tmp_path / "a.vtt").write_text(
        "WEBVTT\n\n00:01.000 --> 00:02.000\n<v Bob>One.\n\n00:03.000 --> 00:04.000\n<v Ann>Two.\n\n"
        "00:05.000 --> 00:06.000\n<v Ann>[slt] Three.\n",
        encoding="utf-8",
    )
    assert here.run("say", "-f", str(tmp_path / "a.vtt"), "-v", "slt", "--output-raw").returncode == 0
    voices = {body["text"]: body.get("voice") for body in says(daemon)}
    assert voices == {"One.": "bob", "Two.": "slt", "Three.": "slt"}


@pytest.mark.parametrize(
    ("encoding", "told"),
    [
        ("utf-8-sig", None),
        ("utf-16", None),
        ("utf-16-le", "the file is not UTF-8; it is read as UTF-16-LE"),
        ("cp1252", "the file is not UTF-8; it is read as Windows-1252"),
    ],
)
def test_encodings(here: Here, daemon: FakeDaemon, tmp_path: Path, encoding: str, told: str | None) -> None:
    """Subtitles are read in the encodings that players read; a guess is told once."""
    (tmp_path / "a.srt").write_bytes(SRT.replace("One", "É você").encode(encoding))
    done = here.run("say", "-f", str(tmp_path / "a.srt"), "--output-raw")
    assert says(daemon)[0]["text"] == "É você."
    hint = "; if words come out wrong, convert it first: iconv -f NAME -t UTF-8"
    assert done.stderr.decode().splitlines() == ([f"f5ctl: warning: {told}{hint}"] if told else [])
    quiet = here.run("-q", "say", "-f", str(tmp_path / "a.srt"), "--output-raw")
    assert (quiet.returncode, quiet.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("name", "data", "told"),
    [
        ("a.srt", b"", "the text is empty"),
        ("a.srt", b"\xff\xfe", "the text is empty"),
        ("a.srt", b"Hello.", "there is no cue: no line has times such as 00:00:01,000 --> 00:00:02,500"),
        ("a.vtt", b"WEBVTT\n\nNOTE nothing\n", "there is no cue"),
        ("a.srt", bytes(range(256)), "the file is neither UTF-8 nor a western language in Windows-1252"),
        ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\n<i>...</i>\n", "the text has no letter or digit"),
        ("a.ass", b"[Script Info]\n", "subtitles in Advanced SubStation are not read; make .srt of them first"),
        ("a.txt", b"\xff\xfe\x00\xd8a\x00", "the text is not UTF-8 (byte 0)"),
        ("a.srt", b"1\n25:00:00,000 --> 25:20:00,000\nx\n2\n99:59:59,000 --> 99:59:59,500\ny", "h of silence"),
    ],
)
def test_what_cannot_be_spoken(here: Here, tmp_path: Path, name: str, data: bytes, told: str) -> None:
    """One line says why, with 65, before anything is spoken or written."""
    (tmp_path / name).write_bytes(data)
    done = here.run("say", "-f", str(tmp_path / name), "-o", str(tmp_path / "out.wav"))
    lines = [line for line in done.stderr.decode().splitlines() if "warning" not in line]
    assert (done.returncode, len(lines)) == (65, 1)
    assert told in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_programme_start(here: Here, tmp_path: Path) -> None:
    """Ten hours of time code are subtracted and told; --programme-start says where the audio begins instead."""
    (tmp_path / "a.srt").write_text(SRT.replace("00:00:0", "10:00:0"), encoding="utf-8")
    done = here.run("say", "-f", str(tmp_path / "a.srt"), "--output-raw")
    assert begins_s(done.stdout) == [1.0, 2.5]
    assert b"10:00:00 is taken for the programme's start and subtracted" in done.stderr
    named = here.run("say", "-f", str(tmp_path / "a.srt"), "--output-raw", "--programme-start", "10:00:00.5")
    assert (begins_s(named.stdout), named.stderr) == ([0.5, 2.0], b"")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--programme-start", "ten", SRT], "--programme-start is 'ten'; a time is 10:00:00, 10h or 0"),
        (["--programme-start", "0", "Hello."], "--programme-start is for subtitles; the text has no cues"),
    ],
)
def test_wrong_options(here: Here, daemon: FakeDaemon, args: list[str], message: str) -> None:
    """An option that means nothing is told before the daemon is asked."""
    done = here.run("say", *args)
    assert (done.returncode, says(daemon)) == (2, [])
    assert message in done.stderr.decode()


def test_odd_cues_do_not_silence_the_others(here: Here, tmp_path: Path) -> None:
    """What is wrong with some cues is told in a line each, and all others are spoken."""
    text = SRT + "\n3\n00:00:04,000 --> 00:00:04,000\nFour.\n\n4\n00:00:05:xx --> 1\nFive.\n\n5\n\n"
    (tmp_path / "a.srt").write_text("By Ann\n\n" + text, encoding="utf-8")
    done = here.run("say", "-f", str(tmp_path / "a.srt"), "--output-raw")
    assert begins_s(done.stdout) == [1.0, 2.5, 4.0]
    lost, short = done.stderr.decode().splitlines()
    assert lost.startswith("f5ctl: warning: 3 lines that belong to no cue with times, left out: 'By Ann',")
    assert lost.endswith("'00:00:05:xx --> 1', 'Five.'")
    assert short == "f5ctl: warning: the cue at 4 s has no length, and may last until the next one begins"


@pytest.mark.parametrize("suffix", ["srt", "vtt"])
def test_what_is_written_is_read_back(here: Here, tmp_path: Path, suffix: str) -> None:
    """The subtitles of a subtitles file are that file again, and can be spoken."""
    (tmp_path / "a.srt").write_text(SRT, encoding="utf-8")
    first, second = tmp_path / f"b.{suffix}", tmp_path / f"c.{suffix}"
    one = here.run("say", "-f", str(tmp_path / "a.srt"), "--output-raw", "--subtitles", str(first))
    two = here.run("say", "-f", str(first), "--output-raw", "--subtitles", str(second))
    assert one.stdout == two.stdout
    assert first.read_bytes() == second.read_bytes()
    assert re.findall(r"[A-Z][a-z]+\.", first.read_text(encoding="utf-8")) == ["One.", "Two."]
