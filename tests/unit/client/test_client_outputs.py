"""`say` into several files at once, into a folder, and into a file that is played meanwhile."""

from __future__ import annotations

import subprocess
import sys
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import soundfile as sf

from f5ctl.protocol import Failed
from f5ctl.speech.file_tags import read_tag
from f5ctl.speech.naming import stem_of

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli, FakeDaemon, Here


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that f5ctl is called in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def samples(daemon: FakeDaemon) -> bytes:
    return b"".join(daemon.chunks)


def test_several_files_of_one_synthesis(here: Here, daemon: FakeDaemon, folder: Path) -> None:
    """Each -o is written in its suffix's format, with the same samples and the same receipt."""
    done = here.run("say", "hi", "-o", "a.wav", "-o", "a.flac", "-o", "a.pcm")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert len(daemon.seen) == 1
    assert (folder / "a.pcm").read_bytes() == samples(daemon)
    for name in ("a.wav", "a.flac"):
        assert sf.read(folder / name, dtype="int16")[0].tobytes() == samples(daemon)
    assert read_tag("a.wav").comment == read_tag("a.flac").comment != ""
    assert sorted(path.name for path in folder.iterdir()) == ["a.flac", "a.pcm", "a.wav"]


def test_a_file_and_a_pipe(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """`say --output-raw -o FILE | ...` keeps what goes through the pipe; the receipt goes to stderr."""
    done = cli.run("say", "hi", "--output-raw", "--json", "-o", str(tmp_path / "a.wav"))
    assert done.returncode == 0
    assert done.stdout == samples(daemon)
    assert (tmp_path / "a.wav").read_bytes()[44:].startswith(samples(daemon))
    assert b'"job"' in done.stderr


def test_a_failure_leaves_none_of_them(here: Here, daemon: FakeDaemon, folder: Path) -> None:
    """All files are there or none is; the daemon is not asked when one cannot be made."""
    daemon.claimed_samples = 5
    assert here.run("say", "hi", "-o", "a.wav", "-o", "a.opus").returncode == 70
    daemon.seen.clear()
    done = here.run("say", "hi", "-o", "a.wav", "-o", "no/where.wav")
    assert (done.returncode, daemon.seen) == (73, [])
    line = f"f5ctl: error: cannot create no/where.wav: there is no folder {folder / 'no'}; make it first\n"
    assert done.stderr.decode() == line
    assert not [path for path in folder.iterdir() if path.name.startswith((".f5ctl", "a."))]


def test_what_is_played_is_kept(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """--play with -o plays the audio and writes it."""
    heard = tmp_path / "heard"
    done = cli.run("say", "hi", "--play", "-o", str(tmp_path / "a.wav"), env={"F5CTL_PLAYER": f"tee {heard}"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert heard.read_bytes()[44:] == samples(daemon)
    with wave.open(str(tmp_path / "a.wav")) as made:
        assert made.readframes(made.getnframes()) == samples(daemon)


def test_a_text_that_is_still_written_is_played_and_kept(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """With --play, a file does not make a stream wait: its first words are heard while the last are written."""
    heard = tmp_path / "heard"
    daemon.speaks = lambda text: text.encode() * 2
    env = {**cli.env, "F5CTL_PLAYER": f"tee {heard}"}
    command = [sys.executable, "-m", "f5ctl", "say", "--play", "-o", f"{tmp_path}/out/"]
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.write(b"The first sentence has some words in it. ")
        process.stdin.flush()
        assert "first" in daemon.wait_for("say")["text"]
        _out, told = process.communicate(b"This is the last.", timeout=30)
    assert process.returncode == 0
    (made,) = (tmp_path / "out").iterdir()
    assert made.name == "the-first-sentence-has-some-words.wav"
    assert told.decode() == f"{made}\n"
    assert heard.read_bytes()[44:] in made.read_bytes()
    assert b"This is the last." in made.read_bytes()


def test_a_player_that_dies_costs_no_file(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """The file is complete all the same; the player's last words and status 74 come at the end."""
    daemon.chunks = [b"\0" * 200_000] * 4
    player = {"F5CTL_PLAYER": "sh -c 'echo no sound card >&2; exit 3'"}
    done = cli.run("say", "hi", "--play", "-o", str(tmp_path / "a.wav"), env=player)
    assert (done.returncode, done.stderr) == (74, b"f5ctl: error: the player sh stopped: no sound card\n")
    with wave.open(str(tmp_path / "a.wav")) as made:
        assert made.getnframes() == 400_000


@pytest.mark.usefixtures("daemon")
def test_a_folder_gets_a_name_from_the_text(here: Here, folder: Path) -> None:
    """-o FOLDER/ makes the folder and a new file in it each time, and tells its name."""
    told = [here.run("say", "Hello there, Anna!", "-o", "out/").stderr.decode() for _ in range(3)]
    assert told == [f"out/hello-there-anna{end}.wav\n" for end in ("", "-2", "-3")]
    there = here.run("say", "Hello there, Anna!", "-o", "out", "--format", "opus")
    assert there.stderr == b"out/hello-there-anna.opus\n"
    assert len(list((folder / "out").iterdir())) == 4


def test_nobody_s_file_is_overwritten(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """Several calls at once with the same words make as many files; one that fails leaves none."""
    started = [cli.start("say", "hi", "-o", f"{tmp_path}/out/") for _ in range(4)]
    names = {process.communicate(timeout=60)[1].decode().strip() for process in started}
    assert names == {f"{tmp_path}/out/hi{end}.wav" for end in ("", "-2", "-3", "-4")}
    sizes = {Path(name).stat().st_size for name in names}
    assert min(sizes) == max(sizes) > len(samples(daemon))
    daemon.fails = ("engine_error", "no")
    assert cli.run("say", "hi", "-o", f"{tmp_path}/out/").returncode == 70
    assert len(list((tmp_path / "out").iterdir())) == 4


@pytest.mark.parametrize(
    ("text", "stem"),
    [
        ("It's 10:30, isn't it?", "its-1030-isnt-it"),
        ("One two three four five six seven.", "one-two-three-four-five-six"),
        ("Incomprehensibilities notwithstanding, congratulations.", "incomprehensibilities-notwithstanding"),
        ("你好，世界。", "你好世界"),
        ("语" * 60, "语" * 40),
        ("Über den Wolken", "über-den-wolken"),
        ("नमस्ते दुनिया", "नमस्ते-दुनिया"),
        ("[town] Who is there?", "who-is-there"),
        ("1\n00:00:01,000 --> 00:00:02,000\n<v Bob>Hello.\n", "hello"),
        ("../../etc/passwd", "etcpasswd"),
        ("...", "speech"),
    ],
)
def test_a_name_is_made_of_the_first_words(text: str, stem: str) -> None:
    """Letters and digits of any script, few enough for any file system, and nothing that is not said."""
    assert stem_of(text) == stem


def test_a_broken_call_with_several_outputs_is_gone_on_from(
    here: Here, daemon: FakeDaemon, folder: Path
) -> None:
    """With --retry, what is made of a text of several requests is kept beside the first file."""
    daemon.speaks = lambda text: text.encode() * 2
    daemon.status["voices"] = [{"name": "rms"}, {"name": "slt"}]
    daemon.refuses = lambda body: Failed(body["id"], "engine_error", "no") if "Two" in body["text"] else None
    asked = ("say", "--retry", "-o", "a.wav", "-o", "b.pcm", "[rms] One. [slt] Two.")
    assert here.run(*asked).returncode == 70
    assert (folder / ".a.wav.f5ctl").is_dir()
    daemon.refuses = None
    daemon.seen.clear()
    assert here.run(*asked).returncode == 0
    assert [body["text"] for body in daemon.seen if body["type"] == "say"] == ["Two."]
    made = (folder / "b.pcm").read_bytes()
    assert b"One." in made
    assert b"Two." in made
    assert (folder / "a.wav").read_bytes()[44:].startswith(made)
    assert list(folder.glob(".*f5ctl*")) == []
