"""Texts that are longer than one request, through the real daemon: every door, kills, what is left behind."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any, cast

import pytest

from f5ctl.client import Client
from f5ctl.pauses import END_S, START_S, pause_s
from f5ctl.progress import StatusLine
from f5ctl.protocol import Say
from f5ctl.speech.book import PIECE_BYTES, book_of
from f5ctl.speech.many import Order, shown_on, speak_many
from f5ctl.speech.marks import Marks, Tags
from f5ctl.speech.script import Reading
from f5ctl.speech.sinks import open_file
from f5ctl.speech.texts import not_utf8
from f5ctl.voicebox import Store, StoredVoice

from .support import Daemon, wait_until

SENTENCE = "Line {} of the book says where the farmer and his {} goats walked that day."


def book(sentences: int) -> str:
    """Return a text of paragraphs, 76 bytes a sentence or so."""
    lines = [SENTENCE.format(number, number * 7 % 100) for number in range(sentences)]
    return "\n\n".join(" ".join(lines[at : at + 9]) for at in range(0, len(lines), 9)) + "\n"


RECORDING = Path(__file__).parents[2] / "f5d/starter/voices/rms_0.wav"
BOOK = book(1_000)  # 76 kB, 20 requests


class Teller:
    """`f5ctl` against a daemon whose engine makes samples that text and seed decide, at once."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon
        self.env = os.environ | {"F5D_SOCKET": daemon.socket_path}

    def start(self, *args: str, **popen: Any) -> subprocess.Popen[bytes]:
        """Start `f5ctl say`."""
        popen = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | popen
        command = [sys.executable, "-m", "f5ctl", "say", "-q", "--no-start", *args]
        return cast(subprocess.Popen[bytes], subprocess.Popen(command, env=self.env, bufsize=0, **popen))

    def say(self, *args: str, text: str = "") -> bytes:
        """Run `f5ctl say` to its end and return its stdout."""
        with self.start(*args, stdin=subprocess.PIPE if text else subprocess.DEVNULL) as process:
            out, err = process.communicate(text.encode() if text else None, timeout=60)
        assert process.returncode == 0, err
        return out

    def texts(self) -> list[str]:
        """Return what the engine was asked to say."""
        return [note["text"] for note in self.daemon.told("synthesize")]


def wait_until_made(parts: Path, count: int) -> None:
    """Wait until so many parts are in the journal."""
    wait_until(lambda: parts.exists() and parts.read_bytes().count(b"\n") > count, "parts are made")


def wait_until_asked(teller: Teller, count: int) -> None:
    """Wait until so many more requests have reached the engine."""
    before = len(teller.texts())
    wait_until(lambda: len(teller.texts()) >= before + count, "the engine speaks")


@pytest.fixture
def teller() -> Iterator[Teller]:
    with Daemon() as daemon:
        (daemon.folder / "of_text").write_text("20")
        yield Teller(daemon)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "book.txt"
    path.write_text(BOOK, encoding="utf-8")
    return path


def test_every_door_gives_the_same_audio(teller: Teller, path: Path, tmp_path: Path) -> None:
    """A file, all of stdin, a pipe, a writer who pauses, and --retry: one text and seed, one audio."""
    seed = ("--seed", "5", "--format", "pcm")
    teller.say(*seed, "-f", str(path), "-o", str(tmp_path / "file.pcm"))
    audio = (tmp_path / "file.pcm").read_bytes()
    asked = teller.texts()
    assert "".join("".join(asked).split()) == "".join(BOOK.split())
    quiet = round(
        (pause_s("paragraph", 0.3) - START_S - END_S) * 24_000
    )  # each piece ends with a paragraph here
    assert len(audio) == 2 * (20 * sum(map(len, asked)) + quiet * (len(asked) - 1))
    teller.say(*seed, "--retry", "-f", str(path), "-o", str(tmp_path / "retry.pcm"))
    teller.say(*seed, "-o", str(tmp_path / "stdin.pcm"), text=BOOK)
    assert (tmp_path / "retry.pcm").read_bytes() == (tmp_path / "stdin.pcm").read_bytes() == audio
    assert teller.say(*seed, "-f", str(path), "-o", "-") == audio
    assert teller.say(*seed, text=BOOK) == audio
    with path.open("rb") as file, teller.start(*seed, stdin=file) as process:
        assert process.communicate(timeout=60)[0] == audio
    path.write_text(f"\ufeff\n \n{BOOK}", encoding="utf-8")
    assert teller.say(*seed, "-f", str(path), "-o", "-") == audio
    assert teller.say(*seed, "--markdown", "-f", str(path), "-o", "-") == audio


def test_a_writer_who_pauses_in_the_middle(teller: Teller, path: Path) -> None:
    """How the bytes of a long text come makes no difference, and its audio is heard meanwhile."""
    whole = teller.say("--seed", "5", "--output-raw", "-f", str(path))
    process = teller.start("--seed", "5", "--output-raw", stdin=subprocess.PIPE)
    data = BOOK.encode()
    assert process.stdin is not None
    assert process.stdout is not None
    os.write(process.stdin.fileno(), data[:66_000])
    heard = process.stdout.read(10_000)
    for at in range(66_000, len(data), 3_001):
        time.sleep(0.05)
        os.write(process.stdin.fileno(), data[at : at + 3_001])
    rest, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    assert heard + rest == whole


@pytest.mark.parametrize("suffix", ["wav", "flac", "opus"])
def test_a_killed_client_goes_on(teller: Teller, path: Path, tmp_path: Path, suffix: str) -> None:
    """With --retry the same command makes what is missing, and the file is that of an undisturbed run."""
    calm, killed = tmp_path / f"calm.{suffix}", tmp_path / f"killed.{suffix}"
    teller.say("--seed", "7", "-f", str(path), "-o", str(calm))
    parts = tmp_path / f".killed.{suffix}.f5ctl" / "parts"
    (teller.daemon.folder / "slow").write_text("0.1")
    for made in (4, 9):
        process = teller.start("--seed", "7", "--retry", "-f", str(path), "-o", str(killed))
        wait_until_made(parts, made)
        process.kill()
        process.communicate()
        assert not killed.exists()
    (teller.daemon.folder / "slow").unlink()
    before = len(teller.texts())
    kept = parts.read_bytes().count(b"\n") - 1
    teller.say("--seed", "7", "--retry", "-f", str(path), "-o", str(killed))
    missing = len(list(book_of(BOOK))) - kept
    assert missing <= len(teller.texts()) - before <= missing + 4  # four were in flight when it was killed
    assert without_serial(killed) == without_serial(calm)
    assert sorted(tmp_path.iterdir()) == sorted([path, calm, killed])


def without_serial(path: Path) -> bytes:
    """Return a file's bytes; of an Ogg file without its random serial number and the sums over that."""
    data = path.read_bytes()
    if data[:4] != b"OggS":
        return data
    pages = data.split(b"OggS" + b"\0")
    return b"OggS".join(page[:9] + page[21:] if page else b"" for page in pages)


SCRIPT = (
    "[pause 300ms] The first of them. Another. [slt] And a second one, [rms] here is a third. [pause 1s]"
    " [rms] The fourth. [slt] The fifth of them. [pause 2s]"
)


@pytest.mark.parametrize("made", [1, 2, 4, 5, 6])
def test_a_script_that_is_killed_after_any_part(teller: Teller, tmp_path: Path, made: int) -> None:
    """The pauses before and after what was made are those of an undisturbed run, the last one's, too."""
    calm, killed = tmp_path / "calm.wav", tmp_path / "killed.wav"
    teller.say("--seed", "7", "-o", str(calm), SCRIPT)
    place = tmp_path / ".killed.wav.f5ctl"
    place.mkdir()
    (teller.daemon.folder / "slow").write_text("0.2")
    process = teller.start("--seed", "7", "--retry", "-o", str(killed), SCRIPT)
    wait_until_made(place / "parts", made)
    process.kill()
    process.communicate()
    lines = (place / "parts").read_bytes().splitlines(keepends=True)
    (place / "parts").write_bytes(b"".join(lines[: 1 + made]))  # it may have made more by then
    teller.say("--seed", "7", "--retry", "-o", str(killed), SCRIPT)
    assert killed.read_bytes() == calm.read_bytes()


CUES = "1\n00:00:00,500 --> 00:00:02,000\nOne of them.\n\n2\n00:00:03,000 --> 00:00:09,000\nAnd two.\n"


@pytest.mark.parametrize("text", [SCRIPT, CUES])
def test_a_script_of_which_every_part_is_made(teller: Teller, tmp_path: Path, text: str) -> None:
    """What only has to be put together is not asked for again, and the silence at its end is at its end."""
    calm, broken = tmp_path / "calm.wav", tmp_path / "broken.wav"
    teller.say("--seed", "7", "-o", str(calm), text)
    (teller.daemon.folder / "slow").write_text("0.3")
    process = teller.start("--seed", "7", "--retry", "-o", str(broken), text)
    wait_until_made(tmp_path / ".broken.wav.f5ctl" / "parts", 1)
    broken.mkdir()  # no file can take its place
    _out, err = process.communicate(timeout=60)
    assert process.returncode == 74, err
    broken.rmdir()
    before = len(teller.texts())
    teller.say("--seed", "7", "--retry", "-o", str(broken), text)
    assert broken.read_bytes() == calm.read_bytes()
    assert len(teller.texts()) == before


def test_a_pause_that_is_the_last_no_more(teller: Teller, tmp_path: Path) -> None:
    """A text that goes on after its last pause costs that pause and what is new."""
    out, whole = tmp_path / "a.wav", tmp_path / "b.wav"
    text = "[slt] One of them. [pause 1s]"
    (teller.daemon.folder / "slow").write_text("0.3")
    process = teller.start("--seed", "7", "--retry", "-o", str(out), f"{text} [rms] Two. [slt] Three of them.")
    wait_until_made(tmp_path / ".a.wav.f5ctl" / "parts", 2)
    process.kill()
    process.communicate()
    for path in (out, whole):
        teller.say("--seed", "7", *(["--retry"] if path == out else []), "-o", str(path), text)
    assert out.read_bytes() == whole.read_bytes()


def test_subtitles_of_any_length(teller: Teller, tmp_path: Path) -> None:
    """Cues of more than one request's text are read whole: from a file in any encoding, from a slow pipe."""
    stamps = [f"00:{at // 600:02d}:{at // 10 % 60:02d},{at % 10}00" for at in range(0, 1_202, 3)]
    cues = [
        f"{number}\n{stamps[number]} --> {stamps[number + 1]}\nCué {number}, {'and on ' * 20}\n"
        for number in range(400)
    ]
    text = "\n".join(cues)
    assert len(text) > 66_000
    heard = []
    for name, encoding in (("a.srt", "utf-8"), ("b.srt", "cp1252"), ("c.txt", "utf-16")):
        path = tmp_path / name
        path.write_text(text, encoding=encoding)
        heard.append(teller.say("--seed", "5", "--output-raw", "-f", str(path)))
    assert len(set(heard)) == 1
    assert len(heard[0]) == 2 * 24_000 * 120
    assert teller.texts()[-1].startswith("Cué 399, and on")
    process = teller.start("--seed", "5", "--output-raw", stdin=subprocess.PIPE)
    assert process.stdin is not None
    for at in range(0, len(text), 20_000):
        os.write(process.stdin.fileno(), text[at : at + 20_000].encode())
        time.sleep(0.4)
    assert process.communicate(timeout=60) == (heard[0], b"")


def test_a_drawn_seed_is_kept(teller: Teller, path: Path, tmp_path: Path) -> None:
    """Without --seed the second run goes on with the seed that the first one drew."""
    out = tmp_path / "a.wav"
    (teller.daemon.folder / "slow").write_text("0.1")
    process = teller.start("--retry", "-f", str(path), "-o", str(out))
    parts = tmp_path / ".a.wav.f5ctl" / "parts"
    wait_until_made(parts, 4)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == -signal.SIGINT
    process.communicate()
    seed = json.loads(parts.read_bytes().split(b"\n")[0])["seed"]
    (teller.daemon.folder / "slow").unlink()
    teller.say("--retry", "-f", str(path), "-o", str(out))
    teller.say("--seed", str(seed), "-f", str(path), "-o", str(tmp_path / "b.wav"))
    assert out.read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_a_changed_text_costs_what_comes_after_the_change(teller: Teller, path: Path, tmp_path: Path) -> None:
    """What stands before the first difference is not made again, what comes after it is."""
    out = tmp_path / "a.pcm"
    (teller.daemon.folder / "slow").write_text("0.1")
    process = teller.start("--retry", "--seed", "1", "-f", str(path), "-o", str(out))
    parts = tmp_path / ".a.pcm.f5ctl" / "parts"
    wait_until_made(parts, 9)
    process.kill()
    process.communicate()
    (teller.daemon.folder / "slow").unlink()
    changed = BOOK.replace("Line 200 ", "Line CC ")
    path.write_text(changed, encoding="utf-8")
    pieces = [piece.text for piece in book_of(changed)]
    teller.say("--retry", "--seed", "1", "-f", str(path), "-o", str(out))
    first = next(number for number, text in enumerate(pieces) if "Line CC " in text)
    assert teller.texts()[-len(pieces[first:]) :] == pieces[first:]
    teller.say("--seed", "1", "-f", str(path), "-o", str(tmp_path / "b.pcm"))
    assert out.read_bytes() == (tmp_path / "b.pcm").read_bytes()


def test_a_daemon_that_dies_under_a_book(teller: Teller, path: Path, tmp_path: Path) -> None:
    """With --retry the book goes on with the next daemon; no sample is lost or comes twice."""
    out = tmp_path / "a.wav"
    (teller.daemon.folder / "slow").write_text("0.1")
    process = teller.start("--seed", "3", "--retry", "-f", str(path), "-o", str(out))
    parts = tmp_path / ".a.wav.f5ctl" / "parts"
    wait_until_made(parts, 4)
    teller.daemon.process.kill()
    teller.daemon.process.wait()
    (teller.daemon.folder / "slow").unlink()
    teller.daemon.process = teller.daemon.spawn()
    _out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, b"")
    teller.say("--seed", "3", "-f", str(path), "-o", str(tmp_path / "b.wav"))
    assert out.read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_without_retry_nothing_is_left(teller: Teller, path: Path, tmp_path: Path) -> None:
    """A book that is broken off leaves no file and no part of one; a daemon's death is 69."""
    (teller.daemon.folder / "slow").write_text("0.1")
    for suffix in ("wav", "opus"):
        process = teller.start("-f", str(path), "-o", str(tmp_path / f"a.{suffix}"))
        wait_until_asked(teller, 4)
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == -signal.SIGINT
        process.communicate()
    process = teller.start("-f", str(path), "-o", str(tmp_path / "a.wav"))
    wait_until_asked(teller, 4)
    teller.daemon.process.kill()
    _out, err = process.communicate(timeout=20)
    assert (process.returncode, err.count(b"\n")) == (69, 1)
    assert list(tmp_path.iterdir()) == [path]


def test_a_slip_leaves_nothing_and_takes_nothing(teller: Teller, tmp_path: Path) -> None:
    """With --retry what is refused before anything is spoken leaves no folder; what is kept stays there."""
    out, parts = ("--retry", "-o", str(tmp_path / "a.wav")), tmp_path / ".a.wav.f5ctl" / "parts"

    def slip() -> None:
        process = teller.start(*out, "-v", "nobody", "Hello. [slt] Hi.")
        _out, err = process.communicate(timeout=20)
        assert (process.returncode, b"unknown voice 'nobody'" in err) == (65, True)

    slip()
    assert list(tmp_path.iterdir()) == []
    (teller.daemon.folder / "slow").write_text("0.3")
    process = teller.start(*out, SCRIPT)
    wait_until_made(parts, 2)
    process.send_signal(signal.SIGINT)
    process.communicate()
    kept = parts.read_bytes()
    slip()
    assert parts.read_bytes() == kept


def test_two_at_one_file(teller: Teller, path: Path, tmp_path: Path) -> None:
    """The second f5ctl that makes the same file with --retry ends with 73 and one line."""
    (teller.daemon.folder / "slow").write_text("0.1")
    out = tmp_path / "a.wav"
    first = teller.start("--retry", "-f", str(path), "-o", str(out))
    wait_until((tmp_path / ".a.wav.f5ctl" / "parts").exists, "the first has begun")
    second = teller.start("--retry", "-f", str(path), "-o", str(out))
    _out, err = second.communicate(timeout=20)
    assert (second.returncode, b"another f5ctl is making" in err, err.count(b"\n")) == (73, True, 1)
    first.kill()
    first.communicate()


def test_the_receipt_of_a_book(teller: Teller, path: Path, tmp_path: Path) -> None:
    """One bounded receipt stands for all requests; inspect and replay know it."""
    for suffix in ("wav", "opus"):
        out = tmp_path / f"a.{suffix}"
        teller.say("--paragraph-pause", "100ms", "-f", str(path), "-o", str(out))
        run = [sys.executable, "-m", "f5ctl"]
        shown = subprocess.run(
            [*run, "inspect", "--json", str(out)], capture_output=True, check=True, env=teller.env
        )
        (receipt,) = json.loads(shown.stdout)
        assert receipt["parts"] > len(list(book_of(BOOK)))  # each paragraph is a request here
        assert len(json.dumps(receipt)) < 2_000
        assert receipt["paragraph_pause_s"] == 0.1
        if suffix == "wav":
            pcm = out.read_bytes()[44 : 44 + 2 * receipt["samples"]]
            assert receipt["audio_hash"] == hashlib.sha256(pcm).hexdigest()[:16]
            text = subprocess.run([*run, "inspect", str(out)], capture_output=True, check=True, env=teller.env)
            assert b"as it was made" in text.stdout
        again = subprocess.run(
            [*run, "replay", "-f", str(path), str(out)], capture_output=True, check=False, env=teller.env
        )
        how = b"identical, every sample" if suffix == "wav" else b"identical, by the receipt alone"
        assert (again.returncode, how in again.stdout) == (0, True), again.stderr
        if suffix == "wav":
            data = bytearray(out.read_bytes())
            data[50_000:60_000] = bytes(10_000)
            out.write_bytes(data)
            again = subprocess.run(
                [*run, "replay", "-f", str(path), str(out)], capture_output=True, check=False, env=teller.env
            )
            assert (again.returncode, b"different" in again.stdout) == (1, True)
        again = subprocess.run([*run, "replay", str(out)], capture_output=True, check=False, env=teller.env)
        assert (again.returncode, b"pass it with -f" in again.stderr) == (65, True)
    path.write_text(BOOK.replace("goats", "sheep"), encoding="utf-8")
    again = subprocess.run(
        [*run, "replay", "-f", str(path), str(out)], capture_output=True, check=False, env=teller.env
    )
    assert (again.returncode, b"the text is not the one" in again.stderr) == (65, True)


@pytest.mark.parametrize(
    ("name", "args", "begin"),
    [
        ("a.txt", ("--no-tags",), "[slt] says nothing, nor does [pause 2s]. "),
        ("a.txt", ("--markdown", "--paragraph-pause", "1s"), "# Head\n\n*One* and `two`.\n\n"),
        ("a.md", (), "# Head\n\n*One* and `two`.\n\n"),
        ("a.md", ("--no-markdown",), "# Head\n\n*One* and `two`.\n\n"),
        ("a.txt", ("-v", "awb"), "[slt] First she. [main] "),
        ("a.txt", ("--speed", "0.9"), "[own] First somebody else, whose tempo is their own. [main] "),
        ("a.txt", ("-v", "own"), "[slt] First she. [main] "),
        ("a.txt", (), "[slt] She alone. "),
    ],
)
def test_a_book_is_replayed_as_it_was_read(
    teller: Teller, tmp_path: Path, name: str, args: tuple[str, ...], begin: str
) -> None:
    """Its receipt says how marks were read, and whose voice is the call's where a tag comes first."""
    teller.env["XDG_DATA_HOME"] = str(tmp_path)
    own = StoredVoice(RECORDING.read_bytes(), "My words.", None, {"speed": 1.2})
    Store(f"{tmp_path}/f5d/voices", "private").write("own", own)
    (tmp_path / name).write_text(begin + BOOK, encoding="utf-8")
    teller.say(*args, "-f", str(tmp_path / name), "-o", str(tmp_path / "a.wav"))
    again = subprocess.run(
        [sys.executable, "-m", "f5ctl", "replay", "-f", str(tmp_path / name), str(tmp_path / "a.wav")],
        capture_output=True,
        check=False,
        env=teller.env,
    )
    assert (again.returncode, again.stderr) == (0, b"")


def test_a_book_of_a_recording_without_a_name(teller: Teller, tmp_path: Path) -> None:
    """Where a tag comes first replay asks for the recording all the same, and for what it says."""
    path, out = tmp_path / "a.txt", tmp_path / "a.wav"
    voice = ("--ref-audio", str(RECORDING), "--ref-text", "My words.")
    path.write_text("[slt] First she. [main] " + BOOK, encoding="utf-8")
    teller.say(*voice, "-f", str(path), "-o", str(out))
    for given, status in (((), 65), (voice, 0)):
        run = [sys.executable, "-m", "f5ctl", "replay", *given, "-f", str(path), str(out)]
        again = subprocess.run(run, capture_output=True, check=False, env=teller.env)
        assert (again.returncode, b"pass it with --ref-audio" in again.stderr) == (status, not given)


def test_voices_go_on_over_the_pieces(teller: Teller, tmp_path: Path) -> None:
    """A voice tag of a book holds until the next one, however many requests that are."""
    half = book(450)
    (tmp_path / "b.txt").write_text(f"{half}\n[slt] {half}\n[main] {half}", encoding="utf-8")
    out = tmp_path / "a.pcm"
    lines = teller.say("--json", "-v", "rms", "-f", str(tmp_path / "b.txt"), "-o", str(out)).splitlines()
    voices = [json.loads(line)["voice"] for line in lines]
    assert [voice for voice, last in zip(voices, [None, *voices], strict=False) if voice != last] == [
        "rms",
        "slt",
        "rms",
    ]
    assert voices.count("slt") > 5


def test_what_cannot_be_a_book(teller: Teller, path: Path, tmp_path: Path) -> None:
    """A wrong byte at its very end, and a length for one request, are told before anything is spoken."""
    path.write_bytes(BOOK.encode() + b"\xff")
    process = teller.start("-f", str(path), "-o", str(tmp_path / "a.wav"))
    _out, err = process.communicate(timeout=20)
    assert (process.returncode, err) == (65, f"f5ctl: error: {not_utf8(len(BOOK)).message}\n".encode())
    path.write_text(BOOK)
    process = teller.start("--fix-duration", "9", "-f", str(path), "-o", str(tmp_path / "a.wav"))
    _out, err = process.communicate(timeout=20)
    assert (process.returncode, b"fix_duration is for a text of one request" in err) == (65, True)
    path.write_text("* * *\n" * 20_000)
    process = teller.start("-f", str(path), "-o", str(tmp_path / "a.wav"))
    _out, err = process.communicate(timeout=20)
    assert (process.returncode, b"nothing to speak" in err) == (65, True)
    assert teller.texts() == []
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("subtitles", [None, "a.srt"])
def test_what_was_said_when_is_kept_for_subtitles_alone(teller: Teller, subtitles: str | None) -> None:
    """Without them a book of any length leaves nothing of its text in memory."""
    reading = Reading(Marks(Tags()), subtitles=subtitles)
    connect = partial(Client, teller.daemon.socket_path)
    with StatusLine(quiet=True) as line, open_file(os.devnull, wav=False) as sink:
        order = Order(reading, Say("a", ""), book_of(BOOK), "pcm")
        listener = shown_on(line, order, report=lambda _: None, warn=lambda _: None)
        spoken = speak_many(order, sink, connect(), connect, line, listener=listener)
    assert bool(spoken.cues) == (subtitles is not None)


def test_a_book_is_previewed(teller: Teller, path: Path) -> None:
    """--dry-run of a book shows how it begins and what it takes; --json has a line a part."""
    count = len(list(book_of(BOOK)))
    assert len(teller.say("--dry-run", "--json", "-f", str(path)).splitlines()) == count
    lines = teller.say("--dry-run", "-f", str(path)).decode().splitlines()
    assert len(lines) <= 24
    assert "to make" in lines[-1]


def test_the_length_of_a_preview_is_that_of_the_audio(teller: Teller) -> None:
    """A pause at the end counts the quiet before it alone; the cue that ends last need not be the last one."""
    lines = teller.say("--dry-run", "[slt] One of them. [pause 1060ms]").decode().splitlines()
    assert lines[-1].startswith("2.0 s in 1 segment;")  # a second of speech, and 100 ms of the pause are there
    cues = CUES.replace("00:00:02", "00:00:12")
    assert teller.say("--dry-run", cues).decode().splitlines()[-1].startswith("12.0 s in 2 segments;")


def test_white_space_around_a_text_cuts_nothing() -> None:
    """A text that fits into a piece is one, whatever blanks stand before and behind it."""
    text = f"{'One sentence of many. ' * 200}"[: PIECE_BYTES - 5] + "end."
    for data in (text, f"{text}\n", f"\ufeff\n \n\n{text}  \n"):
        assert [piece.text for piece in book_of(data)] == [text]


def test_pieces_are_whole_sentences() -> None:
    """No word is torn, no piece is larger than it may be, and nothing is lost."""
    pieces = list(book_of(BOOK))
    assert max(len(piece.text.encode()) for piece in pieces) <= PIECE_BYTES
    assert all(piece.text.endswith(".") for piece in pieces)
    assert "".join("".join(piece.text for piece in pieces).split()) == "".join(BOOK.split())


def test_pieces_of_a_text_without_spaces() -> None:
    """A mark stays with what it follows, and one space far back is no place to cut."""
    long = "天" * (PIECE_BYTES // 3) + "、" + "地" * 3_000
    pieces = [piece.text for piece in book_of(long)]
    assert "".join(pieces) == long
    assert all(piece[0] != "、" for piece in pieces)
    first, *_rest = (piece.text for piece in book_of("あ あ" + "い" * 6_000))
    assert len(first.encode()) > PIECE_BYTES // 2
