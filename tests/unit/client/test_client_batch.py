"""`f5ctl batch`, in its own process, against a daemon made of a script."""

from __future__ import annotations

import json
import os
import pty
import resource
import signal
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from f5ctl.protocol import Done, Failed, Reply

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli, FakeDaemon, Here

TEXTS = [f"This is line number {number}." for number in range(1, 7)]


def sound(text: str) -> bytes:
    """Return audio from which the text can be read back."""
    return text.encode("utf-16-le")


@pytest.fixture(autouse=True)
def _speaks(daemon: FakeDaemon) -> None:
    daemon.speaks = sound


@pytest.fixture
def manifest(tmp_path: Path) -> str:
    (tmp_path / "lines.txt").write_text("\n".join(TEXTS), encoding="utf-8")
    return str(tmp_path / "lines.txt")


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def samples(path: Path) -> bytes:
    with wave.open(str(path)) as made:
        return bytes(made.readframes(made.getnframes()))


def answers(stdout: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stdout.splitlines()]


def says(daemon: FakeDaemon) -> list[str]:
    return [body["text"] for body in daemon.seen if body["type"] == "say"]


def test_every_line_becomes_a_file(cli: Cli, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """A file and a receipt for each line, a line of JSON for each on stdout, one line of summary on stderr."""
    done = cli.run("batch", manifest, "-d", str(out), "--speed", "1.5")
    assert done.returncode == 0
    for number, text in enumerate(TEXTS, 1):
        with wave.open(str(out / f"{number:04d}.wav")) as made:
            assert made.readframes(made.getnframes()) == sound(text)
    assert sorted(tree(out)) == sorted(
        [f"{n:04d}.wav" for n in range(1, 7)] + [f".receipts/{n:04d}.wav.json" for n in range(1, 7)]
    )
    lines = answers(done.stdout)
    assert sorted(line["line"] for line in lines) == [1, 2, 3, 4, 5, 6]
    assert {line["status"] for line in lines} == {"done"}
    assert done.stderr.decode().startswith("f5ctl: 6 made, 0 skipped, 0 failed;")
    assert {(body["speed"], body["priority"]) for body in daemon.seen} == {(1.5, -1)}


def test_a_rerun_asks_for_what_is_missing(here: Here, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """What is complete and unchanged is skipped; a changed, cut or missing file is made again, the same."""
    here.run("batch", manifest, "-d", str(out))
    before = tree(out)
    daemon.seen.clear()
    done = here.run("batch", manifest, "-d", str(out))
    assert (done.returncode, daemon.seen) == (0, [])
    assert {line["status"] for line in answers(done.stdout)} == {"skipped"}
    (out / "0001.wav").unlink()
    (out / "0002.wav").write_bytes(before["0002.wav"][:-1])
    (out / "0003.wav").write_bytes(before["0003.wav"][:-1] + b"x")
    (out / ".receipts" / "0004.wav.json").write_bytes(b"{")
    (out / ".receipts" / "0005.wav.json").unlink()
    assert here.run("batch", manifest, "-d", str(out)).returncode == 0
    assert sorted(says(daemon)) == TEXTS[:5]
    assert tree(out) == before


def test_a_rerun_needs_no_daemon_when_all_is_there(
    here: Here, daemon: FakeDaemon, manifest: str, out: Path
) -> None:
    """A complete batch is found complete without anybody listening."""
    here.run("batch", manifest, "-d", str(out))
    daemon.end()
    done = here.run("batch", manifest, "-d", str(out), "--no-start")
    assert (done.returncode, done.stderr) == (0, b"f5ctl: 0 made, 6 skipped, 0 failed\n")
    daemon.start()


def test_a_changed_line_is_made_again(here: Here, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """A line with other words, or other parameters, is no longer complete; --redo makes everything again."""
    here.run("batch", manifest, "-d", str(out))
    daemon.seen.clear()
    Path(manifest).write_text("\n".join([*TEXTS[:5], "Other words."]), encoding="utf-8")
    here.run("batch", manifest, "-d", str(out))
    assert says(daemon) == ["Other words."]
    daemon.seen.clear()
    here.run("batch", manifest, "-d", str(out), "--nfe-step", "3")
    assert len(says(daemon)) == 6
    daemon.seen.clear()
    here.run("batch", manifest, "-d", str(out), "--nfe-step", "3", "--redo")
    assert len(says(daemon)) == 6


def test_a_manifest_on_stdin(cli: Cli, daemon: FakeDaemon, out: Path) -> None:
    """- reads stdin: JSON where it begins with a brace, else plain lines."""
    assert cli.run("batch", "-", "-d", str(out), text=b'{"text": "Hi.", "output": "hi.wav"}\n').returncode == 0
    assert cli.run("batch", "-", "-d", str(out), "--format", "pcm", text=b"Ho.\n").returncode == 0
    assert cli.run("batch", "-", "-d", str(out), "--as", "csv", text=b"text,voice\nHa.,slt\n").returncode == 0
    assert {"hi.wav", "0001.pcm", "0001.wav"} <= tree(out).keys()
    assert tree(out)["0001.pcm"] == sound("Ho.")
    assert daemon.seen[-1]["voice"] == "slt"


def test_jobs_are_in_flight_together(here: Here, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """--jobs says how many requests the engine may batch; the daemon here answers only once it has four."""
    daemon.reverse = 4
    assert here.run("batch", manifest, "-d", str(out), "--jobs", "4").returncode == 0
    assert samples(out / "0001.wav") == sound(TEXTS[0])


def test_the_first_failure_ends_it(here: Here, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """A line that fails ends the batch with 1 and is in failed.jsonl; the next run starts with it."""
    daemon.refuses = lambda body: Failed(body["id"], "bad_text", "no") if body["text"] == TEXTS[2] else None
    done = here.run("batch", manifest, "-d", str(out), "--jobs", "1")
    assert done.returncode == 1
    assert says(daemon) == TEXTS[:3]
    (record,) = answers((out / "failed.jsonl").read_bytes())
    assert (record["text"], record["line"], record["code"], record["error"]) == (TEXTS[2], 3, "bad_text", "no")
    assert f"line 3 of {manifest} failed: no" in done.stderr.decode()
    assert "2 made, 0 skipped, 1 failed, 3 left;" in done.stderr.decode()
    daemon.refuses = None
    assert here.run("batch", str(out / "failed.jsonl"), "-d", str(out)).returncode == 0
    assert here.run("batch", manifest, "-d", str(out)).returncode == 0
    assert not (out / "failed.jsonl").exists()
    assert sorted(says(daemon)) == sorted([*TEXTS, TEXTS[2]])


def test_keep_going_does_the_others(here: Here, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """With --keep-going every line is tried, and the status still says that some failed."""
    daemon.refuses = lambda body: Failed(body["id"], "bad_text", "no") if body["text"] in TEXTS[1:3] else None
    done = here.run("batch", manifest, "-d", str(out), "--keep-going")
    assert done.returncode == 1
    assert [line["line"] for line in answers((out / "failed.jsonl").read_bytes())] == [2, 3]
    assert len(list(out.glob("*.wav"))) == 4
    failed = [line for line in answers(done.stdout) if line["status"] == "failed"]
    assert [(line["line"], line["code"]) for line in failed] == [(2, "bad_text"), (3, "bad_text")]


def test_an_interrupted_batch_keeps_the_list_of_failures(
    cli: Cli, daemon: FakeDaemon, manifest: str, out: Path
) -> None:
    """A run over the failed lines that is itself interrupted does not lose them."""
    daemon.refuses = lambda body: Failed(body["id"], "bad_text", "no")
    assert cli.run("batch", manifest, "-d", str(out), "--keep-going").returncode == 1
    failed = (out / "failed.jsonl").read_bytes()
    daemon.refuses, daemon.speaks, daemon.silent_after = None, None, 1
    daemon.seen.clear()
    process = cli.start("batch", str(out / "failed.jsonl"), "-d", str(out))
    daemon.wait_for("say")
    os.killpg(process.pid, signal.SIGINT)
    process.communicate(timeout=10)
    assert (out / "failed.jsonl").read_bytes() == failed


@pytest.mark.parametrize("retry", [1, 2])
def test_what_may_pass_is_tried_again(
    here: Here, daemon: FakeDaemon, manifest: str, out: Path, retry: int
) -> None:
    """--retry N tries a line N times more after a failure that may pass."""
    left = [Failed("", "engine_error", "it died")] * 2

    def refuse(body: dict[str, Any]) -> Failed | None:
        return (
            Failed(body["id"], "engine_error", "it died")
            if body["text"] == TEXTS[0] and left and left.pop()
            else None
        )

    daemon.refuses = refuse
    done = here.run("batch", manifest, "-d", str(out), "--retry", str(retry))
    assert done.returncode == (0 if retry == 2 else 1)


def test_audio_that_fails_its_checks_gets_another_seed(
    here: Here, daemon: FakeDaemon, manifest: str, out: Path
) -> None:
    """The same seed would fail again; the next one is as much the line's own."""
    failed: list[int] = []

    def refuse(body: dict[str, Any]) -> Failed | None:
        if failed:
            return None
        failed.append(body["seed"])
        return Failed(body["id"], "synthesis_failed", "silent")

    daemon.refuses = refuse
    assert here.run("batch", manifest, "-d", str(out), "--jobs", "1").returncode == 0
    seeds = [body["seed"] for body in daemon.seen if body["text"] == TEXTS[0]]
    assert seeds == [failed[0], failed[0] + 1000]


def test_a_full_queue_is_waited_for(here: Here, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """`overloaded` is no failure of a line: the batch comes back when the daemon says, with fewer at a time."""
    refused: list[str] = []

    def refuse(body: dict[str, Any]) -> Failed | None:
        if len(refused) >= 5:
            return None
        refused.append(body["text"])
        return Failed(body["id"], "overloaded", "full", retryable=True, retry_after_s=0.01)

    daemon.refuses = refuse
    assert here.run("batch", manifest, "-d", str(out), "--retry", "0").returncode == 0
    assert len(list(out.glob("*.wav"))) == 6


def test_a_lost_daemon_is_found_again(cli: Cli, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """When the daemon dies the batch waits for the next one and asks again for what was in flight."""
    daemon.speaks, daemon.silent_after = None, 1
    process = cli.start("batch", manifest, "-d", str(out), "--no-start")
    daemon.wait_for("say")
    daemon.end()
    daemon.speaks, daemon.silent_after = sound, None
    time.sleep(0.3)
    daemon.start()
    _out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    assert b"f5ctl: waiting for the daemon" in err
    assert samples(out / "0006.wav") == sound(TEXTS[5])


def test_a_missing_chunk_is_a_lost_connection(here: Here, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """Audio with a hole is never written; on a new connection the line is asked for again."""
    daemon.skip_seq = 0

    def mend(_body: dict[str, Any]) -> None:
        if len(daemon.seen) > 8:
            daemon.skip_seq = None

    daemon.refuses = mend
    assert here.run("batch", manifest, "-d", str(out)).returncode == 0
    assert samples(out / "0001.wav") == sound(TEXTS[0])


def test_no_daemon_at_all(here: Here, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """Without a daemon, and without leave to start one, the batch ends with 69 at once."""
    daemon.end()
    done = here.run("batch", manifest, "-d", str(out), "--no-start")
    assert done.returncode == 69
    assert b"no daemon listens" in done.stderr
    daemon.start()


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_cancels_and_leaves_whole_files(
    cli: Cli, daemon: FakeDaemon, manifest: str, out: Path, signum: signal.Signals
) -> None:
    """Ctrl-C cancels what is in flight, dies of the signal, and leaves nothing half-made."""
    daemon.speaks, daemon.silent_after = None, 1
    process = cli.start("batch", manifest, "-d", str(out), "--jobs", "2")
    daemon.wait_for("say")
    time.sleep(0.2)
    os.killpg(process.pid, signum)
    _out, err = process.communicate(timeout=10)
    assert process.returncode == -signum
    assert b"0 made, 0 skipped, 0 failed, 6 left" in err
    assert len([body for body in daemon.seen if body["type"] == "cancel"]) == 2
    assert tree(out) == {}


def test_a_full_disk_stops_it_without_half_a_file(
    cli: Cli, daemon: FakeDaemon, manifest: str, out: Path
) -> None:
    """What cannot be written ends the batch with 74; what is there is whole, and the next run goes on."""
    daemon.speaks = lambda text: sound(text) * (1 if text != TEXTS[3] else 1000)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # noqa: E731
    done = cli.run("batch", manifest, "-d", str(out), "--jobs", "1", preexec_fn=limit)
    assert done.returncode == 74
    assert done.stderr.decode().splitlines()[-1].endswith("0004.wav: File too large")
    assert sorted(name for name in tree(out) if not name.startswith(".")) == [
        "0001.wav",
        "0002.wav",
        "0003.wav",
    ]
    assert cli.run("batch", manifest, "-d", str(out)).returncode == 0
    assert len(samples(out / "0004.wav")) == 1000 * len(sound(TEXTS[3]))


def test_what_a_killed_batch_left_is_cleared_away(cli: Cli, manifest: str, out: Path) -> None:
    """Files that a killed f5ctl was writing go; those of one that lives stay."""
    out.mkdir()
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (out / f".f5ctl-{dead.pid}-abcdef.part").touch()
    (out / f".f5ctl-{os.getpid()}-abcdef.part").touch()
    assert cli.run("batch", manifest, "-d", str(out)).returncode == 0
    assert [path.name for path in out.glob(".f5ctl-*")] == [f".f5ctl-{os.getpid()}-abcdef.part"]


def test_two_batches_do_not_share_a_folder(cli: Cli, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """The second one ends with 73 and says why; the first goes on."""
    daemon.speaks, daemon.silent_after = None, 1
    with cli.start("batch", manifest, "-d", str(out)) as process:
        daemon.wait_for("say")
        done = cli.run("batch", manifest, "-d", str(out))
        assert done.returncode == 73
        assert b"another f5ctl batch works in" in done.stderr
        process.kill()


def test_a_wrong_manifest_asks_for_nothing(here: Here, daemon: FakeDaemon, tmp_path: Path, out: Path) -> None:
    """A mistake in the last line is told before the first is spoken; not even the folder is made."""
    (tmp_path / "a.jsonl").write_text('{"text": "Hi."}\n{"text": "Ho.", "speed": 9}\n', encoding="utf-8")
    done = here.run("batch", str(tmp_path / "a.jsonl"), "-d", str(out))
    assert done.returncode == 65
    assert done.stderr.decode().endswith("a.jsonl: speed is 9; the limit is 0.5 to 2\n")
    assert (daemon.seen, out.exists()) == ([], False)


def test_every_bad_line_is_told(here: Here, daemon: FakeDaemon, tmp_path: Path, out: Path) -> None:
    """All mistakes are told at once, twenty of them one by one, before anything is asked for or made."""
    path = tmp_path / "a.csv"
    path.write_text("text;speed\nHi.;1\n" + "Ho.;9\n" * 3)
    done = here.run("batch", str(path), "-d", str(out))
    told = done.stderr.decode().splitlines()
    assert (done.returncode, done.stdout, daemon.seen, out.exists()) == (65, b"", [], False)
    fault = "speed is 9; the limit is 0.5 to 2"
    assert told[:-1] == [f"f5ctl: line {number} of {path}: {fault}" for number in (3, 4, 5)]
    wrong = f"3 of 4 lines of {path} are wrong; nothing was spoken; --keep-going speaks the others"
    assert told[-1] == f"f5ctl: error: {wrong}"
    path.write_text("text;speed\n" + "Ho.;9\n" * 25)
    told = here.run("batch", str(path), "-d", str(out)).stderr.decode().splitlines()
    assert len(told) == 21
    assert "25 of 25 lines" in told[-1]
    assert "(the first 20 are above)" in told[-1]


def test_keep_going_speaks_the_good_lines(here: Here, daemon: FakeDaemon, tmp_path: Path, out: Path) -> None:
    """With --keep-going a bad line is a failed one: told, listed, to be mended there, and the status is 1."""
    path = tmp_path / "a.jsonl"
    half = '{"id": 3, "text": "Half \\ud83d."}'
    path.write_text(f'{{"id": 1, "text": "One."}}\n{{"id": 2, "text": "Two.", "speed": 9}}\n{half}\n{{"text\n')
    done = here.run("batch", str(path), "-d", str(out), "--keep-going")
    assert (done.returncode, says(daemon)) == (1, ["One."])
    results = {line["line"]: line for line in answers(done.stdout)}
    assert [results[number]["status"] for number in (1, 2, 3, 4)] == ["done", "failed", "failed", "failed"]
    assert (results[1]["id"], results[2]["id"]) == (1, 2)
    assert results[2]["error"] == "speed is 9; the limit is 0.5 to 2"
    assert "1 made, 0 skipped, 3 failed;" in done.stderr.decode()
    assert "unexpected" not in done.stderr.decode()
    listed = (out / "failed.jsonl").read_text()
    records = answers(listed.encode())
    assert [record["line"] for record in records] == [2, 3, 4]
    assert records[1]["text"] == "Half \ud83d."
    assert records[2]["raw"] == '{"text'
    mended = listed.replace('"speed": 9', '"speed": 1.5').replace("\\ud83d", "😀").replace('"raw"', '"text"')
    (out / "failed.jsonl").write_text(mended)
    assert here.run("batch", str(out / "failed.jsonl"), "-d", str(out)).returncode == 0
    assert {"0001.wav", "0002.wav", "0003.wav", "0004.wav"} <= tree(out).keys()


def test_own_columns_are_in_the_results(here: Here, daemon: FakeDaemon, tmp_path: Path, out: Path) -> None:
    """What a script knows its lines by comes back with them, made, skipped or failed; a slip gets a warning."""
    path = tmp_path / "a.csv"
    path.write_text("id,text,voise\nx1,Hi.,slt\nx2,Ho.,rms\n")
    daemon.refuses = lambda body: Failed(body["id"], "bad_text", "no") if body["text"] == "Ho." else None
    done = here.run("batch", str(path), "-d", str(out), "--keep-going")
    assert {(line["id"], line["voise"], line["status"]) for line in answers(done.stdout)} == {
        ("x1", "slt", "done"),
        ("x2", "rms", "failed"),
    }
    assert b"warning: column 'voise' is only carried along; is it meant to be voice?" in done.stderr
    (record,) = answers((out / "failed.jsonl").read_bytes())
    assert (record["id"], record["text"]) == ("x2", "Ho.")
    again = here.run("-q", "batch", str(path), "-d", str(out), "--keep-going")
    assert {(line["id"], line["status"]) for line in answers(again.stdout)} == {
        ("x1", "skipped"),
        ("x2", "failed"),
    }


def test_a_line_has_its_own_turn(here: Here, daemon: FakeDaemon, tmp_path: Path, out: Path) -> None:
    """The priority of a line takes the place of the call's, so do its quality and its language."""
    path = tmp_path / "a.csv"
    path.write_text("text;priority;quality;language\nHi.;High;fast;pt\nHo.;;;\n")
    call = ("--priority", "normal", "--quality", "draft", "--language", "en")
    assert here.run("batch", str(path), "-d", str(out), *call).returncode == 0
    wishes = {body["text"]: (body["priority"], body["nfe_step"], body["language"]) for body in daemon.seen}
    assert wishes == {"Hi.": (1, 16, "pt"), "Ho.": (0, 7, "en")}


KNOWN = {
    "voices": [{"name": "rms", "source": "built-in", "text": None, "defaults": {}}],
    "models": [{"name": "starter", "installed": True}],
}


def test_names_that_the_daemon_does_not_have_are_found_before_a_line_is_spoken(
    here: Here, daemon: FakeDaemon, tmp_path: Path, out: Path
) -> None:
    """A wrong voice on the last line costs nothing; all are told, and the other lines can be made."""
    daemon.status |= KNOWN
    path = tmp_path / "a.csv"
    path.write_text("text,voice,model\nOne.,,\nTwo.,rms,AUTO\nThree.,rsm,\nFour.,,startr\n")
    done = here.run("batch", str(path), "-d", str(out))
    assert (done.returncode, says(daemon), out.exists()) == (65, [], False)
    assert done.stderr.decode().splitlines() == [
        f"f5ctl: line 4 of {path}: unknown voice 'rsm'; known voices: rms (did you mean rms?)",
        f"f5ctl: line 5 of {path}: unknown model 'startr'; known models: auto, starter (did you mean starter?)",
        f"f5ctl: error: 2 of 4 lines of {path} are wrong; nothing was spoken; --keep-going speaks the others",
    ]
    done = here.run("batch", str(path), "-d", str(out), "--keep-going")
    assert done.returncode == 1
    assert says(daemon) == ["One.", "Two."]
    failed = [json.loads(line) for line in (out / "failed.jsonl").read_text().splitlines()]
    assert [(line["text"], line.get("voice"), line.get("model")) for line in failed] == [
        ("Three.", "rsm", None),
        ("Four.", None, "startr"),
    ]


def test_what_is_made_already_needs_no_daemon(
    here: Here, daemon: FakeDaemon, tmp_path: Path, out: Path
) -> None:
    """Its voice may even have gone since."""
    path = tmp_path / "a.csv"
    path.write_text("text,voice\nOne.,old\n")
    assert here.run("batch", str(path), "-d", str(out)).returncode == 0
    daemon.status |= KNOWN
    path.write_text("text,voice\nOne.,old\nTwo.,rms\n")
    assert here.run("batch", str(path), "-d", str(out)).returncode == 0
    daemon.end()
    assert here.run("batch", str(path), "-d", str(out), "--no-start").returncode == 0


def planned(body: dict[str, Any]) -> Reply:
    if body["text"].startswith("Wrong"):
        return Failed(body["id"], "unknown_voice", "there is no such voice")
    plan = {"duration_s": 1800.0, "synthesis_s": 600.0, "wait_s": 2.0, "device": "cpu", "warnings": ["careful"]}
    return Done(body["id"], plan)


def test_a_dry_run_says_how_much_it_would_be(here: Here, daemon: FakeDaemon, tmp_path: Path, out: Path) -> None:
    """--dry-run tells counts, hours, bytes, time and problems; it speaks nothing and writes nothing."""
    daemon.plans = planned
    path = tmp_path / "a.csv"
    path.write_text("id,text,output\nx,One.,\n,Two.,b.opus\n,Wrong.,\n,Four.,\n")
    done = here.run("batch", str(path), "-d", str(out), "--dry-run")
    assert (done.returncode, says(daemon), out.exists()) == (1, [], False)
    (found,) = answers(done.stdout)
    assert (found["lines"], found["to_make"], found["skipped"], found["wrong"]) == (4, 3, 0, 1)
    assert (found["speech_s"], found["synthesis_s"], found["wait_s"]) == (5400.0, 1800.0, 2.0)
    assert found["bytes_by_format"]["wav"] == pytest.approx(2 * 1800 * 48_000, rel=0.001)
    assert found["bytes_by_format"]["opus"] < found["bytes_by_format"]["wav"] / 10
    assert found["bytes"] == sum(found["bytes_by_format"].values())
    told = done.stderr.decode()
    assert f"f5ctl: line 4 of {path}: there is no such voice" in told
    assert "f5ctl: warning: careful (3 lines)" in told
    assert "f5ctl: 4 lines: 3 to make, 0 made already, 1 wrong" in told
    assert "f5ctl: columns that are only carried along: id" in told
    assert "f5ctl: 1 h 30 min of speech, about 181 MB (wav, opus)" in told
    assert "f5ctl: about 30 min to make on cpu, line after line, after 2 s of work for others" in told


def test_a_dry_run_knows_what_is_made(here: Here, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """What is complete counts as made, and needs no daemon; with --redo all of it is to be made."""
    daemon.plans = planned
    here.run("batch", manifest, "-d", str(out))
    before = tree(out)
    done = here.run("batch", manifest, "-d", str(out), "--dry-run")
    assert done.returncode == 0
    assert answers(done.stdout)[0]["skipped"] == 6
    done = here.run("batch", manifest, "-d", str(out), "--dry-run", "--redo")
    assert (done.returncode, answers(done.stdout)[0]["to_make"]) == (0, 6)
    assert tree(out) == before


def test_a_dry_run_tells_of_bad_lines(here: Here, daemon: FakeDaemon, tmp_path: Path, out: Path) -> None:
    """Bad lines are told beside the estimate of the others; the status is that of the batch itself."""
    daemon.plans = planned
    path = tmp_path / "a.csv"
    path.write_text("text;speed\nHi.;1\nHo.;9\n?;1\n")
    done = here.run("batch", str(path), "-d", str(out), "--dry-run")
    assert (done.returncode, answers(done.stdout)[0]["wrong"]) == (65, 2)
    assert b"speed is 9; the limit is 0.5 to 2" in done.stderr
    assert b"the text has no letter or digit" in done.stderr
    done = here.run("batch", str(path), "-d", str(out), "--dry-run", "--keep-going")
    assert (done.returncode, answers(done.stdout)[0]["to_make"]) == (1, 1)
    assert b"speed is 9; the limit is 0.5 to 2" in done.stderr
    daemon.end()
    done = here.run("batch", str(path), "-d", str(out), "--dry-run", "--no-start")
    assert done.returncode == 69
    assert b"speed is 9; the limit is 0.5 to 2" in done.stderr  # told without a daemon too
    daemon.start()


def test_a_recording_goes_with_its_line(here: Here, daemon: FakeDaemon, tmp_path: Path, out: Path) -> None:
    """A line's own recording is sent with it, and counts in its key."""
    (tmp_path / "me.wav").write_bytes(b"RIFF one")
    (tmp_path / "a.jsonl").write_text('{"text": "Hi.", "ref_audio": "me.wav", "ref_text": "I am."}')
    for recording in (b"RIFF one", b"RIFF one", b"RIFF two"):
        (tmp_path / "me.wav").write_bytes(recording)
        assert here.run("batch", str(tmp_path / "a.jsonl"), "-d", str(out)).returncode == 0
    assert [body["ref_audio"] for body in daemon.seen] == [b"RIFF one", b"RIFF two"]


@pytest.mark.parametrize("flags", [(), ("--keep-going",)])
def test_a_recording_that_changes_meanwhile_fails_its_line(
    here: Here, daemon: FakeDaemon, tmp_path: Path, out: Path, flags: tuple[str, ...]
) -> None:
    """The last line's recording is exchanged while the first is spoken: that line fails, the batch ends."""
    recording = tmp_path / "me.wav"
    recording.write_bytes(b"RIFF one")
    line = '{"text": "Ho.", "ref_audio": "me.wav", "ref_text": "I am."}'
    (tmp_path / "a.jsonl").write_text('{"text": "Hi."}\n' + line, encoding="utf-8")

    def speaks(text: str) -> bytes:
        recording.write_bytes(b"RIFF two")
        return sound(text)

    daemon.speaks = speaks
    done = here.run("batch", str(tmp_path / "a.jsonl"), "-d", str(out), "--jobs", "1", *flags)
    assert done.returncode == 1
    assert "has changed since the batch began" in done.stderr.decode()
    assert says(daemon) == ["Hi."]


def test_a_person_watches_a_bar(cli: Cli, daemon: FakeDaemon, manifest: str, out: Path) -> None:
    """On a terminal there is a bar and no JSON; a failure is printed above it."""
    daemon.refuses = lambda body: (
        Failed(body["id"], "bad_text", "no [b]way[/b]") if body["text"] == TEXTS[5] else None
    )
    keyboard, terminal = pty.openpty()
    process = cli.start(
        "batch", manifest, "-d", str(out), stdout=terminal, stderr=terminal, env={"COLUMNS": "200"}
    )
    os.close(terminal)
    shown = b""
    try:
        while new := os.read(keyboard, 65_536):
            shown += new
    except OSError:  # the last one has closed it
        pass
    assert process.wait(10) == 1
    os.close(keyboard)
    text = shown.decode()
    assert "failed: no [b]way[/b]" in text
    assert "5 made, 0 skipped, 1 failed" in text
    assert "6 of 6, 1 failed" in text
    assert '"status"' not in text


def test_rich_is_for_terminals(cli: Cli, manifest: str, out: Path) -> None:
    """A batch in a pipeline imports no rich, and none imports numpy."""
    code = (
        "import sys; from f5ctl.__main__ import run\n"
        f"assert run(['batch', {manifest!r}, '-d', {str(out)!r}]) == 0\n"
        "heavy = {'rich', 'numpy', 'torch', 'asyncio'} & set(sys.modules); print(heavy or '-', file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], env=cli.env, capture_output=True, check=True)
    assert done.stderr.splitlines()[-1] == b"-"
