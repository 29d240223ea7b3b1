"""`llm ... | f5ctl say`: text that is spoken while it is still being written."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

import pytest

from f5ctl.speech.book import book_of
from f5ctl.speech.texts import not_utf8

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli, FakeDaemon

FIRST = "This is the first sentence."
SECOND = "And here comes the second one."
THIRD = "The third one ends the story."
HEADER_BYTES = 44


def sound(text: str) -> bytes:
    """Return audio from which the text can be read back."""
    return text.encode("utf-16-le")


@pytest.fixture(autouse=True)
def _speaks(daemon: FakeDaemon) -> None:
    daemon.speaks = sound


class Pipe:
    """f5ctl between a writer that takes its time and a reader."""

    def __init__(self, cli: Cli, *args: str, **env: str) -> None:
        self.process = cli.start("say", *args, stdin=subprocess.PIPE, env=env)
        self._writes, self._reads = (
            cast(IO[bytes], pipe) for pipe in (self.process.stdin, self.process.stdout)
        )

    def write(self, text: str | bytes) -> None:
        """Write some of the text, now."""
        os.write(self._writes.fileno(), text.encode() if isinstance(text, str) else text)

    def read(self, count: int) -> bytes:
        """Return the next `count` bytes of audio."""
        data = b""
        while len(data) < count and (new := os.read(self._reads.fileno(), count - len(data))):
            data += new
        return data

    def end(self) -> tuple[int, bytes, list[str]]:
        """End the text; return the exit status, the rest of the audio and the lines on stderr."""
        out, err = self.process.communicate(timeout=10)
        return self.process.returncode, out, err.decode().splitlines()

    def stop_reading(self) -> None:
        """Close the pipe that the audio goes to."""
        self._reads.close()


def texts(daemon: FakeDaemon) -> list[str]:
    return [body["text"] for body in daemon.seen if body["type"] == "say"]


def wait_for_says(daemon: FakeDaemon, count: int) -> None:
    deadline = time.monotonic() + 10
    while len(texts(daemon)) < count:
        assert time.monotonic() < deadline, daemon.seen
        time.sleep(0.01)


def test_a_sentence_is_spoken_while_the_next_is_being_written(cli: Cli, daemon: FakeDaemon) -> None:
    """The first sentence is heard before its writer has ended the text, in one WAV with the others."""
    pipe = Pipe(cli)
    pipe.write(FIRST + " And")
    assert pipe.read(HEADER_BYTES)[:4] == b"RIFF"
    assert pipe.read(len(sound(FIRST))) == sound(FIRST)
    pipe.write(SECOND.removeprefix("And") + "\n")
    assert pipe.read(len(sound(SECOND))) == sound(SECOND)
    pipe.write(THIRD)
    assert pipe.end() == (0, sound(THIRD), [])
    assert texts(daemon) == [FIRST, SECOND, THIRD]


def test_pauses_are_those_of_one_request(cli: Cli, daemon: FakeDaemon) -> None:
    """Between sentences 300 ms are heard, between paragraphs 600; 150 are there. The next is not waited for."""
    daemon.parameters = {"sentence_pause": 0.3}
    pipe = Pipe(cli, "--output-raw")
    pipe.write(FIRST + " And")
    assert pipe.read(len(sound(FIRST))) == sound(FIRST)
    pipe.write(SECOND.removeprefix("And") + "\n")
    wanted = bytes(2 * 3_600) + sound(SECOND)
    assert pipe.read(len(wanted)) == wanted
    pipe.write("\n" + THIRD)
    assert pipe.end() == (0, bytes(2 * 10_800) + sound(THIRD), [])


def test_tokens_make_no_requests_of_their_own(cli: Cli, daemon: FakeDaemon) -> None:
    """Text that comes word by word becomes requests of whole sentences."""
    pipe = Pipe(cli, "--output-raw")
    for number, sentence in enumerate((FIRST, SECOND, THIRD), 1):
        for word in sentence.split(" "):
            pipe.write(word + " ")
            time.sleep(0.03)
        wait_for_says(daemon, number)  # else a busy machine reads two sentences at once
    _status, out, _err = pipe.end()
    assert out == sound(FIRST) + sound(SECOND) + sound(THIRD)
    assert texts(daemon) == [FIRST, SECOND, THIRD]


@pytest.mark.parametrize("late_s", [0, 0.5])
def test_a_quick_text_is_one_request(cli: Cli, daemon: FakeDaemon, late_s: float) -> None:
    """What one printf writes is spoken as one text, also when it comes late."""
    pipe = Pipe(cli)
    time.sleep(late_s)
    pipe.write(f"{FIRST} {SECOND}\n\n{THIRD}\n")
    status, out, err = pipe.end()
    assert (status, err) == (0, [])
    assert texts(daemon) == [f"{FIRST} {SECOND}\n\n{THIRD}"]
    assert out[HEADER_BYTES:] == sound(f"{FIRST} {SECOND}\n\n{THIRD}")


def test_the_order_is_the_text_s(cli: Cli, daemon: FakeDaemon) -> None:
    """Audio that is made too early waits for its turn."""
    daemon.reverse = 2
    pipe = Pipe(cli, "--output-raw")
    pipe.write(FIRST + "\n")
    wait_for_says(daemon, 1)
    pipe.write(SECOND + "\n")
    wait_for_says(daemon, 2)
    pipe.write(THIRD)
    assert pipe.end() == (0, sound(FIRST) + sound(SECOND) + sound(THIRD), [])


def test_a_fast_writer_is_spoken_in_larger_pieces(cli: Cli, daemon: FakeDaemon) -> None:
    """While two requests are unfinished, whatever is written meanwhile becomes one."""
    daemon.reverse = 2
    pipe = Pipe(cli, "--output-raw")
    pipe.write(FIRST + "\n")
    wait_for_says(daemon, 1)
    for _ in range(3):
        pipe.write(SECOND + "\n")
        time.sleep(0.01)
    wait_for_says(daemon, 2)
    pipe.end()
    assert texts(daemon) == [FIRST, "\n".join([SECOND] * 3)]


def test_short_sentences_wait_for_company(cli: Cli, daemon: FakeDaemon) -> None:
    """A short sentence goes with the next, or alone once its writer pauses."""
    pipe = Pipe(cli, "--output-raw")
    pipe.write("Oh. No. ")
    time.sleep(0.05)
    pipe.write(FIRST + " ")
    merged = f"Oh. No. {FIRST}"
    assert pipe.read(len(sound(merged))) == sound(merged)
    pipe.write("Well. And")
    assert pipe.read(len(sound("Well."))) == sound("Well.")
    pipe.write(" so on")
    assert pipe.end() == (0, sound("And so on"), [])
    assert texts(daemon) == [merged, "Well.", "And so on"]


def test_characters_may_come_in_pieces(cli: Cli, daemon: FakeDaemon) -> None:
    """A character whose bytes come one by one is read right, and Chinese sentences need no spaces."""
    said = ["Grüße aus dem schönen Köln…", "这是第一句话，它足够长，可以单独朗读出来了吧。", "第二句"]
    pipe = Pipe(cli, "--output-raw")
    time.sleep(0.3)
    for byte in f"\ufeff{said[0]} {said[1]}{said[2][0]}".encode():
        pipe.write(bytes([byte]))
        time.sleep(0.01)
    wait_for_says(daemon, 2)
    pipe.write(said[2][1:])
    assert pipe.end() == (0, b"".join(map(sound, said)), [])
    assert texts(daemon) == said


def test_wrong_bytes_end_it_after_what_was_said(cli: Cli, daemon: FakeDaemon) -> None:
    """A byte that is not UTF-8 ends the command with 65 and its place, after the sentences before it."""
    pipe = Pipe(cli, "--output-raw")
    pipe.write(FIRST + " Next")
    wait_for_says(daemon, 1)
    pipe.write(b"\xffand more. ")
    message = f"f5ctl: error: {not_utf8(len(FIRST) + 5).message}"
    assert pipe.end() == (65, sound(FIRST), [message])


def test_a_torn_character_at_the_end(cli: Cli) -> None:
    """Text that ends in the middle of a character is refused with that character's place."""
    pipe = Pipe(cli)
    time.sleep(0.3)
    pipe.write(b"ab\xc3")
    assert pipe.end() == (65, b"", [f"f5ctl: error: {not_utf8(2).message}"])


def test_the_first_failure_ends_it(cli: Cli, daemon: FakeDaemon) -> None:
    """A request that fails ends the command with its status, after the audio before it."""
    pipe = Pipe(cli, "--output-raw")
    pipe.write(FIRST + "\n")
    assert pipe.read(len(sound(FIRST))) == sound(FIRST)
    daemon.fails = ("engine_error", "the engine is broken")
    pipe.write(SECOND + "\n")
    assert pipe.process.wait(10) == 70  # although the text goes on
    assert pipe.end() == (70, b"", ["f5ctl: error: the engine is broken"])


def test_the_daemon_dies(cli: Cli, daemon: FakeDaemon) -> None:
    """A daemon that goes away ends the command with 69, also while it waits for text."""
    pipe = Pipe(cli, "--output-raw")
    pipe.write(FIRST + "\n")
    assert pipe.read(len(sound(FIRST))) == sound(FIRST)
    daemon.end()
    assert pipe.process.wait(10) == 69
    pipe.end()
    daemon.start()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_all(cli: Cli, daemon: FakeDaemon, signum: signal.Signals) -> None:
    """Ctrl-C and SIGTERM cancel every live request, quietly."""
    daemon.speaks, daemon.silent_after = None, 1
    pipe = Pipe(cli)
    pipe.write(FIRST + "\n")
    wait_for_says(daemon, 1)
    pipe.write(SECOND + "\n")
    wait_for_says(daemon, 2)
    os.killpg(pipe.process.pid, signum)
    assert pipe.process.wait(5) == -signum
    assert pipe.end()[2] == []
    says = [body["id"] for body in daemon.seen if body["type"] == "say"]
    cancels = [body["request"] for body in daemon.seen if body["type"] == "cancel"]
    assert (len(says), sorted(cancels)) == (2, sorted(says))


def test_a_reader_that_has_enough(cli: Cli, daemon: FakeDaemon) -> None:
    """When the reader of the audio leaves, the requests are cancelled and f5ctl dies of SIGPIPE."""
    daemon.speaks, daemon.silent_after, daemon.chunks = None, 1, [b"\0" * 400_000] * 2
    pipe = Pipe(cli)
    pipe.write(f"{FIRST}\n")
    assert pipe.read(1) == b"R"
    pipe.write(SECOND + "\n")
    wait_for_says(daemon, 2)
    pipe.stop_reading()
    assert pipe.process.wait(5) == -signal.SIGPIPE
    assert [body["type"] for body in daemon.seen] == ["say", "say", "cancel", "cancel"]
    pipe.process.stdin.close() if pipe.process.stdin else None
    pipe.process.stderr.close() if pipe.process.stderr else None


def test_a_player_in_no_hurry_holds_nothing_up(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """While the player is busy with the first sentence, the next one is already asked for."""
    daemon.speaks = lambda text: sound(text) * 20_000
    player = f"sh -c 'while [ ! -e {tmp_path}/go ]; do sleep 0.05; done; cat > {tmp_path}/heard.wav'"
    pipe = Pipe(cli, "--play", F5CTL_PLAYER=player)
    for count, sentence in enumerate([FIRST, SECOND, THIRD], start=1):
        pipe.write(sentence + "\n")
        wait_for_says(daemon, count)
    (tmp_path / "go").touch()
    assert pipe.end() == (0, b"", [])
    heard = (tmp_path / "heard.wav").read_bytes()
    assert heard[HEADER_BYTES:] == b"".join(sound(text) * 20_000 for text in (FIRST, SECOND, THIRD))


def test_seeds_and_receipts(cli: Cli, daemon: FakeDaemon) -> None:
    """Request k has the seed S + 1000 k, wrapped at the limit, and --json prints a receipt for each."""
    pipe = Pipe(cli, "--output-raw", "--json", "--seed", str(2**63 - 1), "--speed", "1.5")
    for count, sentence in enumerate([FIRST, SECOND, THIRD], start=1):
        pipe.write(sentence + "\n")
        wait_for_says(daemon, count)
    status, _out, receipts = pipe.end()
    assert status == 0
    assert [body["seed"] for body in daemon.seen] == [2**63 - 1, 999, 1999]
    assert {body["speed"] for body in daemon.seen} == {1.5}
    assert [json.loads(line)["samples"] for line in receipts] == [len(t) for t in (FIRST, SECOND, THIRD)]


@pytest.mark.parametrize("args", [["-o", "a.wav"], ["-o", "-", "--format", "flac"], ["--fix-duration", "9"]])
def test_what_needs_the_whole_text_waits_for_it(
    cli: Cli, daemon: FakeDaemon, tmp_path: Path, args: list[str]
) -> None:
    """A file, a format that does not stream and --fix-duration read the text to its end first."""
    pipe = Pipe(cli, *(str(tmp_path / arg) if arg == "a.wav" else arg for arg in args))
    pipe.write(FIRST + "\n")
    time.sleep(0.7)
    assert daemon.seen == []
    pipe.write(SECOND)
    assert pipe.end()[0] == 0
    assert texts(daemon) == [f"{FIRST}\n{SECOND}"]


@pytest.mark.slow
def test_marks_alone_are_left_out(cli: Cli, daemon: FakeDaemon) -> None:
    """A line without a letter or digit is not spoken; a text of nothing else ends with 65."""
    pipe = Pipe(cli, "--output-raw")
    pipe.write(FIRST + "\n")
    wait_for_says(daemon, 1)  # it listens now
    pipe.write("* * * * * * * * * * * *.\n")
    time.sleep(0.8)
    pipe.write("Oh!\n")
    wait_for_says(daemon, 2)
    assert pipe.end()[0] == 0
    pipe = Pipe(cli)
    pipe.write("* * * * * * * * * * * *.\n")
    time.sleep(2)  # it starts, and hears nothing more for a while
    nothing = "f5ctl: error: the text has no letter or digit; there is nothing to speak"
    assert pipe.end() == (65, b"", [nothing])
    assert texts(daemon) == [FIRST, "Oh!"]


def test_no_text_asks_no_daemon(cli: Cli, daemon: FakeDaemon) -> None:
    """A writer that thinks for a while and then writes nothing ends with 65."""
    pipe = Pipe(cli)
    time.sleep(0.5)
    assert pipe.end() == (65, b"", ["f5ctl: error: the text is empty"])
    assert daemon.seen == []


def test_a_text_beyond_one_request(cli: Cli, daemon: FakeDaemon) -> None:
    """A pipe may carry more text than one request: it is cut as a file is, into the same pieces."""
    text = "\n".join([FIRST] * 6_000)
    daemon.speaks = lambda text: b"\0\0" * len(text)
    pipe = Pipe(cli, "--output-raw")
    out, _err = pipe.process.communicate(text.encode(), timeout=30)
    assert pipe.process.returncode == 0
    assert "\n".join(texts(daemon)) == text
    assert texts(daemon) == [piece.text for piece in book_of(text)]
    assert len(out) == 2 * sum(map(len, texts(daemon)))


def test_a_conversation_on_a_terminal(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """`f5ctl say -` speaks each line that a person types, and says when it waits for more."""
    keyboard, terminal = pty.openpty()
    with (tmp_path / "a.wav").open("wb") as out:
        process = cli.start("say", "-", stdin=terminal, stdout=out, stderr=terminal)
        os.write(keyboard, f"{FIRST}\n".encode())
        wait_for_says(daemon, 1)
        shown = b""
        while b"waiting for text" not in shown:
            shown += os.read(keyboard, 1000)
        os.write(keyboard, f"{SECOND}\n".encode())
        wait_for_says(daemon, 2)
        os.write(keyboard, b"\x04")  # Ctrl-D
        assert process.wait(10) == 0
    os.close(keyboard)
    os.close(terminal)
    with wave.open(str(tmp_path / "a.wav")) as made:
        assert made.getnframes() == len(FIRST) + len(SECOND)


def test_the_quick_path_imports_nothing_of_it(cli: Cli) -> None:
    """`echo ... | f5ctl say` costs what it did: nothing that listens to a slow writer is imported."""
    code = (
        "import sys; from f5ctl.__main__ import run; assert run(['say', '--output-raw']) == 0\n"
        "print([name for name in sys.modules if name in ('f5ctl.speech.feed', 'f5ctl.speech.pieces')],"
        " file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=cli.env, input=b"Hello.\n", capture_output=True, check=True
    )
    assert (done.stdout, done.stderr) == (sound("Hello."), b"[]\n")


VOICES = {"voices": [{"name": "rms"}, {"name": "slt"}]}


def silence(seconds: float) -> bytes:
    return bytes(2 * round(seconds * 24_000))


def test_a_stream_goes_on_after_a_bracket(cli: Cli, daemon: FakeDaemon) -> None:
    """Citations, sound cues and words in brackets end no stream; a piece of a cue alone is not spoken."""
    daemon.status = VOICES
    pipe = Pipe(cli, "--output-raw")
    first, cue = "It was shown before by others.[12] ", "[APPLAUSE IN THE DISTANCE.] "
    pipe.write(first)
    assert pipe.read(len(sound(first.strip()))) == sound(first.strip())
    pipe.write(cue)
    time.sleep(0.5)
    pipe.write("She threw [Frostbolt] and [Firebolt] then.")
    assert pipe.end() == (0, sound("She threw [Frostbolt] and [Firebolt] then."), [])


def test_a_tag_in_a_stream(cli: Cli, daemon: FakeDaemon) -> None:
    """A tag changes the voice from there on, a pause is silence, in whichever reads their letters come."""
    daemon.status = VOICES
    pipe = Pipe(cli, "--output-raw", "-v", "rms", "--seed", "5")
    pipe.write(FIRST + " [sl")
    assert pipe.read(len(sound(FIRST))) == sound(FIRST)
    pipe.write(f"t] {SECOND} [pause 1.")
    assert pipe.read(len(sound(SECOND))) == sound(SECOND)
    pipe.write(f"5s] {THIRD} [main] {FIRST} [pause 250ms]")
    assert pipe.end() == (0, silence(1.5) + sound(THIRD) + sound(FIRST) + silence(0.25), [])
    asked = [(body["voice"], body["text"], body["seed"]) for body in daemon.seen if body["type"] == "say"]
    assert asked == [("rms", FIRST, 5), ("slt", SECOND, 1005), ("slt", THIRD, 2005), ("rms", FIRST, 3005)]


def test_a_sentence_in_a_bracket_is_not_torn(cli: Cli, daemon: FakeDaemon) -> None:
    """A bracket with marks of its own goes into one piece; one that is never closed holds nothing back."""
    daemon.status = VOICES
    pipe = Pipe(cli, "--output-raw")
    pipe.write("It is told [see p. 3. and p. ")
    time.sleep(0.6)
    pipe.write("4] by many. [And so it goes. ")
    told = "It is told [see p. 3. and p. 4] by many."
    assert pipe.read(len(sound(told))) == sound(told)
    pipe.write("And on.\nThen it ends. ")
    rest = "[And so it goes. And on.\nThen it ends."
    assert pipe.read(len(sound(rest))) == sound(rest)
    assert pipe.end()[0] == 0


def test_a_mistyped_tag_in_a_stream(cli: Cli, daemon: FakeDaemon) -> None:
    """It gets one warning for the whole stream and ends nothing; strict, it ends what comes after it."""
    daemon.status = VOICES
    for args, status in (((), 0), (("--strict-tags",), 65)):
        pipe = Pipe(cli, "--output-raw", *args)
        pipe.write(FIRST + " ")
        assert pipe.read(len(sound(FIRST))) == sound(FIRST)
        pipe.write(f"[rmss] {SECOND} ")
        time.sleep(0.5)
        if status == 0:
            pipe.write(f"[rmss] {THIRD}")
        code, out, err = pipe.end()
        assert (code, out) == (status, b"" if status else sound(SECOND) + sound(THIRD))
        assert len(err) == 1
        assert ("known: main, rms, slt" if status else "did you mean [rms]?") in err[0]
