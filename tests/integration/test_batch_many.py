"""Batches with lines of several requests, through the real daemon: what `say` makes of each text, and kills."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from f5ctl.speech.book import PIECE_BYTES

from .support import PATIENCE_S, Daemon, wait_until

SCRIPT = (
    "[pause 300ms] The first of them. [slt] And a second one, [rms] here is a third. [pause 1s] [main] The end."
)
SENTENCES = [
    f"Line {number} says where the farmer and his {number * 7 % 100} goats went." for number in range(1_300)
]
BOOK = "\n\n".join(" ".join(SENTENCES[at : at + 9]) for at in range(0, len(SENTENCES), 9))  # 71 kB
LINES: list[dict[str, Any]] = [
    {"text": "[slt]: A short line in [her] voice.", "output": "slt.wav", "seed": 3},
    {"text": SCRIPT, "output": "script.wav", "voice": "slt", "speed": 1.5, "seed": 4},
    {"text": SCRIPT, "output": "voices/script.flac", "seed": 5},
    {"text": SCRIPT, "output": "me", "format": "pcm", "ref_audio": "me.flac", "ref_text": "I am.", "seed": 6},
    {"text": BOOK, "output": "book.wav", "remove_silence": True, "seed": 7},
    {"text": f"{BOOK} [slt] {SCRIPT}", "output": "book.flac", "voice": "rms", "seed": 8},
]


class Batch:
    """`f5ctl` against a daemon whose engine makes samples that text and seed decide, at once."""

    def __init__(self, daemon: Daemon, folder: Path) -> None:
        self.daemon = daemon
        self.folder = folder
        self.manifest = folder / "lines.jsonl"
        self.slow = daemon.folder / "slow"
        (daemon.folder / "of_text").write_text("20")
        (folder / "me.flac").write_bytes(b"fLaC")  # the stand-in does not read it
        self.write(LINES)

    def write(self, lines: list[dict[str, Any]]) -> None:
        """Write the manifest."""
        self.manifest.write_text("".join(f"{json.dumps(line)}\n" for line in lines))

    def start(self, *args: str) -> subprocess.Popen[bytes]:
        """Start `f5ctl`."""
        command = [sys.executable, "-m", "f5ctl", "--no-start", "--socket", self.daemon.socket_path, *args]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=self.folder)

    def speak(self, out: str, *args: str) -> subprocess.Popen[bytes]:
        """Start `f5ctl batch` into a folder."""
        return self.start("batch", str(self.manifest), "-d", str(self.folder / out), *args)

    def asked(self) -> list[str]:
        """Return what the engine was asked to say."""
        return [note["text"] for note in self.daemon.told("synthesize")]

    def tree(self, out: str) -> dict[str, bytes]:
        """Return the files of a folder."""
        root = self.folder / out
        return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


@pytest.fixture
def batch(tmp_path: Path) -> Iterator[Batch]:
    with Daemon() as daemon:
        yield Batch(daemon, tmp_path)


def ended(process: subprocess.Popen[bytes]) -> tuple[int, list[dict[str, Any]], str]:
    """Return the status, the results and the messages of a process once it has ended."""
    out, err = process.communicate(timeout=3 * PATIENCE_S)
    return process.returncode, [json.loads(line) for line in out.splitlines()], err.decode()


def test_a_line_is_what_say_makes_of_it(batch: Batch) -> None:
    """The same text, seed and options give the same file, byte for byte, whichever command makes it."""
    status, results, err = ended(batch.speak("out"))
    assert (status, {result["status"] for result in results}) == (0, {"done"}), err
    asked = batch.asked()
    assert max(len(text.encode()) for text in asked) <= PIECE_BYTES
    for line in LINES:
        text = batch.folder / "text.txt"
        text.write_text(line["text"], encoding="utf-8")
        options = [
            f"--{name.replace('_', '-')}" + ("" if value is True else f"={value}")
            for name, value in line.items()
            if name not in ("text", "output")
        ]
        output = line["output"] if "." in line["output"] else f"{line['output']}.pcm"
        said = batch.folder / f"said.{output.rpartition('.')[2]}"
        assert ended(batch.start("say", "-q", "-f", str(text), "-o", str(said), *options))[::2] == (0, "")
        assert (batch.folder / "out" / output).read_bytes() == said.read_bytes(), output
        (result,) = (result for result in results if result["output"] == output)
        assert result["seed"] == line["seed"]
    lengths = {result["output"]: result["duration_s"] for result in results}
    assert lengths["me.pcm"] == round((batch.folder / "out" / "me.pcm").stat().st_size / 48_000, 3)
    assert batch.asked()[len(asked) :] == asked
    kept = batch.tree("out")
    assert not [name for name in kept if ".f5ctl" in name]
    status, results, _err = ended(batch.speak("out"))
    assert (status, {result["status"] for result in results}) == (0, {"skipped"})
    assert batch.tree("out") == kept


@pytest.mark.parametrize("line", LINES[-2:], ids=["wav", "flac"])
def test_whatever_dies_in_the_middle(batch: Batch, line: dict[str, Any]) -> None:
    """Kill -9 of client and daemon, an engine's crash and Ctrl-C: the same files, and little is made twice."""
    batch.write([line, {"text": SCRIPT, "seed": 1}])
    assert ended(batch.speak("calm"))[0] == 0
    calm, count = batch.tree("calm"), len(batch.asked())
    parts = batch.folder / "out" / f".{line['output']}.f5ctl" / "parts"

    def wait_until_made(number: int) -> None:
        wait_until(lambda: parts.exists() and parts.read_bytes().count(b"\n") > number, "parts are made")

    batch.slow.write_text("0.05")
    for number, signum in ((2, signal.SIGKILL), (5, signal.SIGINT)):
        process = batch.speak("out")
        wait_until_made(number)
        process.send_signal(signum)
        assert ended(process)[0] == -signum
        assert not [name for name in batch.tree("out") if name.endswith(line["output"])]
    process = batch.speak("out", "--retry", "0")
    wait_until_made(8)
    os.kill(batch.daemon.peer().status()["engines"][0]["pid"], signal.SIGSEGV)
    wait_until_made(11)
    batch.daemon.process.kill()
    batch.daemon.process.wait()
    batch.slow.unlink()
    batch.daemon.process = batch.daemon.spawn()
    status, _results, err = ended(process)
    assert status == 0, err
    assert batch.tree("out") == calm
    assert len(batch.asked()) - count <= count + 4 * 4  # four requests were in flight at each death


def test_a_dry_run_counts_them(batch: Batch) -> None:
    """--dry-run plans their requests one by one, adds their pauses up, speaks nothing and writes nothing."""
    status, (found,), err = ended(batch.speak("out", "--dry-run"))
    assert (status, found["to_make"], found["wrong"]) == (0, len(LINES), 0), err
    assert found["bytes_by_format"].keys() == {"wav", "flac", "pcm"}
    assert (batch.asked(), (batch.folder / "out").exists()) == ([], False)
    batch.write([{"text": SCRIPT}])
    _status, (found,), _err = ended(batch.speak("out", "--dry-run"))
    told, _ = batch.start("say", "--dry-run", SCRIPT).communicate(timeout=PATIENCE_S)
    assert float(told.decode().splitlines()[-1].split()[0]) == pytest.approx(found["speech_s"], abs=0.06)
    batch.write([LINES[0], {"text": "[rms] One. [slt] Two.", "model": "none", "output": "a.wav"}])
    status, (found,), err = ended(batch.speak("out", "--dry-run"))
    assert (status, found["to_make"], found["wrong"]) == (65, 1, 1)
    assert f"line 2 of {batch.manifest}: unknown model" in err


def test_a_line_that_kills_its_engine(batch: Batch) -> None:
    """Such a line fails after as many tries as --retry says; what was made of it is kept, others are made."""
    batch.write([{"text": "One of them. [pause 1s] Bad die=0 [pause 1s] Three."}, LINES[1]])
    status, results, _err = ended(batch.speak("out", "--keep-going", "--retry", "0"))
    assert (status, sorted(result["status"] for result in results)) == (1, ["done", "failed"])
    assert batch.asked().count("One of them.") == 1
    (record,) = map(json.loads, (batch.folder / "out" / "failed.jsonl").read_text().splitlines())
    assert (record["line"], record["code"]) == (1, "engine_error")
