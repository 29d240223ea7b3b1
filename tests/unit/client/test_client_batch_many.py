"""`f5ctl batch` with lines of several requests, against a daemon made of a script."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from f5ctl.batch.line import Line
from f5ctl.batch.report import Tally
from f5ctl.protocol import Failed

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli, FakeDaemon, Here

SCRIPT = "One of them. [pause 100ms] Two. [pause 100ms] Three of them. [pause 100ms] Four."
PARTS = ["One of them.", "Two.", "Three of them.", "Four."]


@pytest.fixture(autouse=True)
def _speaks(daemon: FakeDaemon) -> None:
    daemon.speaks = lambda text: text.encode("utf-16-le")


@pytest.fixture
def batch(tmp_path: Path) -> tuple[str, ...]:
    (tmp_path / "lines.txt").write_text(f"{SCRIPT}\nA short line.\n", encoding="utf-8")
    return ("batch", str(tmp_path / "lines.txt"), "-d", str(tmp_path / "out"))


def says(daemon: FakeDaemon) -> list[str]:
    return [body["text"] for body in daemon.seen if body["type"] == "say"]


def refuse(daemon: FakeDaemon, text: str, code: str, times: int, **more: Any) -> None:
    """Let the daemon refuse a text so many times."""
    left = [code] * times
    daemon.refuses = lambda body: (
        Failed(body["id"], left.pop(), "no", **more) if left and body["text"] == text else None
    )


def test_audio_that_fails_its_checks_gets_another_seed(
    here: Here, daemon: FakeDaemon, batch: tuple[str, ...], tmp_path: Path
) -> None:
    """All parts are made again, since one seed stands for a line; a seed of the line's own is kept."""
    refuse(daemon, PARTS[2], "synthesis_failed", 1)
    assert here.run(*batch).returncode == 0
    seeds = [[body["seed"] for body in daemon.seen if body.get("text") == text] for text in PARTS]
    first = seeds[0][0]
    assert seeds == [[first + at, first + at + 1000] for at in (0, 1000, 2000, 3000)]
    done = here.run(*batch)
    found = {line["line"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert (found[1]["status"], found[1]["seed"]) == ("skipped", first + 1000)
    daemon.seen.clear()
    refuse(daemon, PARTS[2], "synthesis_failed", 2)
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": SCRIPT, "seed": 5}))
    assert here.run("batch", str(tmp_path / "a.jsonl"), *batch[2:], "--redo", "--retry", "1").returncode == 1
    assert [body["seed"] for body in daemon.seen if body.get("text") == PARTS[2]] == [2005, 2005]


@pytest.mark.parametrize(("retry", "status"), [(0, 1), (1, 0)])
def test_an_engine_that_dies_costs_what_was_under_way(
    here: Here, daemon: FakeDaemon, batch: tuple[str, ...], retry: int, status: int
) -> None:
    """Parts that are made are not made again; a part that was tells that the next failure is another one."""
    left = [PARTS[1], PARTS[3]] if retry else [PARTS[1]]

    def refuses(body: dict[str, Any]) -> Failed | None:
        if body["text"] not in left:
            return None
        left.remove(body["text"])
        return Failed(body["id"], "engine_error", "it died")

    daemon.refuses = refuses
    assert here.run(*batch, "--retry", str(retry)).returncode == status
    assert says(daemon).count(PARTS[0]) == 1


def test_a_full_queue_is_waited_for(here: Here, daemon: FakeDaemon, batch: tuple[str, ...]) -> None:
    """`overloaded` is no failure of the line, however often it comes."""
    refuse(daemon, PARTS[3], "overloaded", 4, retryable=True, retry_after_s=0.01)
    assert here.run(*batch, "--retry", "0").returncode == 0


def test_a_part_that_cannot_be_spoken_fails_its_line(
    here: Here, daemon: FakeDaemon, batch: tuple[str, ...], tmp_path: Path
) -> None:
    """The other lines are made first; the failed one is listed with its tags, and its list is a manifest."""
    refuse(daemon, PARTS[1], "bad_text", 1)
    done = here.run(*batch)
    assert (done.returncode, says(daemon)[0]) == (1, "A short line.")
    assert "1 made, 0 skipped, 1 failed" in done.stderr.decode()
    record = json.loads((tmp_path / "out" / "failed.jsonl").read_bytes())
    assert (record["text"], record["line"], record["code"]) == (SCRIPT, 1, "bad_text")
    assert not (tmp_path / "out" / "0001.wav").exists()
    done = here.run("batch", str(tmp_path / "out" / "failed.jsonl"), "-d", str(tmp_path / "out"))
    assert done.returncode == 0
    assert b"0 made, 2 skipped" in here.run(*batch).stderr


def test_the_first_failure_ends_it(here: Here, daemon: FakeDaemon, batch: tuple[str, ...]) -> None:
    """No line of several requests is begun after a short one has failed, unless with --keep-going."""
    refuse(daemon, "A short line.", "bad_text", 2)
    assert here.run(*batch).returncode == 1
    assert says(daemon) == ["A short line."]
    assert here.run(*batch, "--keep-going").returncode == 1
    assert says(daemon)[2:] == PARTS


def test_a_model_that_has_changed(
    here: Here, daemon: FakeDaemon, batch: tuple[str, ...], tmp_path: Path
) -> None:
    """A line of which another model has made the beginning is made anew, with a warning."""
    out = tmp_path / "out" / "0001.wav"
    assert here.run(*batch).returncode == 0
    whole = out.read_bytes()
    refuse(daemon, PARTS[2], "bad_text", 1)
    assert here.run(*batch, "--redo").returncode == 1
    daemon.facts = {"model_hash": "another"}
    daemon.seen.clear()
    done = here.run(*batch, "--redo")
    assert done.returncode == 0
    assert b"the model or the voice has changed since; it is made from its beginning" in done.stderr
    assert sorted(says(daemon).count(text) for text in PARTS) == [1, 1, 2, 2]
    assert len(out.read_bytes()) > len(whole)  # its receipts have one fact more


def test_a_full_disk_stops_it_without_half_a_file(
    cli: Cli, daemon: FakeDaemon, batch: tuple[str, ...], tmp_path: Path
) -> None:
    """What cannot be written ends the batch with 74; the next run goes on where it stopped."""
    daemon.speaks = lambda text: text.encode("utf-16-le") * (1_000 if text == PARTS[2] else 1)
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))  # noqa: E731
    done = cli.run(*batch, preexec_fn=limit)
    assert (done.returncode, (tmp_path / "out" / "0001.wav").exists()) == (74, False)
    assert done.stderr.decode().splitlines()[-1].endswith("0001.wav: File too large")
    daemon.seen.clear()
    assert cli.run(*batch).returncode == 0
    assert says(daemon) == PARTS[2:]


def test_warnings_are_told_once(here: Here, daemon: FakeDaemon, batch: tuple[str, ...]) -> None:
    """What the daemon says of every part is one line, with the place in the manifest."""
    daemon.warnings = ["careful"]
    told = here.run(*batch).stderr.decode().splitlines()
    assert [line for line in told if "lines.txt: careful" in line] == [
        f"f5ctl: warning: line {number} of {batch[1]}: careful" for number in (2, 1)
    ]


def test_the_time_left() -> None:
    """What an earlier run has made of a line costs no time; a try that begins anew undoes what it had made."""
    line = Line(1, 1, "", "x" * 1_000, "a.wav", "wav", 1, own_seed=True)
    tally = Tally([line], 0, now=0.0)
    tally.part(500, 50.0, made=False)
    assert tally.left_s(10.0) is None
    tally.part(600, 60.0, made=True)
    assert tally.left_s(10.0) == pytest.approx(40.0)
    assert tally.pace(10.0) == pytest.approx(1.0)
    tally.part(500, 50.0, made=False)
    tally.part(600, 60.0, made=True)
    tally.count(line, 100.0)
    assert (tally.made, tally.left_s(20.0)) == (1, 0.0)
