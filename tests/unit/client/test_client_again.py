"""`f5ctl say --retry`, and what a killed client leaves behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from f5ctl.protocol import Failed, encode, parse_reply

from .conftest import HALF_SECOND, Cli, FakeDaemon, Here


def test_a_request_outlives_its_daemon(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """With --retry the next daemon gets the same request, id and seed; no sample comes twice."""
    daemon.dies_after = 1
    path = tmp_path / "out" / "a.pcm"
    path.parent.mkdir()
    call = cli.start("say", "--retry", "--no-start", "-o", str(path), "Hello.")
    first = daemon.wait_for("say")
    daemon.end()
    time.sleep(0.7)
    heir = FakeDaemon(daemon.path)
    heir.start()
    _out, err = call.communicate(timeout=20)
    again = heir.wait_for("say")
    heir.end()
    assert (call.returncode, err) == (0, b"")
    assert {key: again[key] for key in ("id", "seed", "text")} == {
        key: first[key] for key in ("id", "seed", "text")
    }
    assert path.read_bytes() == HALF_SECOND * 2
    daemon.start()


def test_another_try_with_other_settings_is_an_error(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """When the next daemon speaks another length, what was heard belongs to neither: 70 and no file."""
    daemon.dies_after = 1
    path = tmp_path / "a.pcm"
    call = cli.start("say", "--retry", "--no-start", "-o", str(path), "Hello.")
    daemon.wait_for("say")
    daemon.end()
    heir = FakeDaemon(daemon.path)
    heir.speaks = lambda _text: HALF_SECOND[:1000]
    heir.start()
    _out, err = call.communicate(timeout=20)
    heir.end()
    assert call.returncode == 70
    assert b"another try gave other audio" in err
    assert not path.exists()
    daemon.start()


def test_a_file_of_the_daemon_s_is_that_of_one_try(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """With --retry nothing of a FLAC that was broken off stands in the file, since the next may differ."""
    daemon.dies_after = 1
    path = tmp_path / "a.flac"
    call = cli.start("say", "--retry", "--no-start", "--timeout", "60", "-o", str(path), "Hello.")
    first = daemon.wait_for("say")
    daemon.end()
    heir = FakeDaemon(daemon.path, chunks=[b"other bytes, ", b"to the end"])
    heir.start()
    _out, err = call.communicate(timeout=20)
    again = heir.wait_for("say")
    heir.end()
    assert (call.returncode, err) == (0, b"")
    assert path.read_bytes() == b"other bytes, to the end"
    assert first["timeout_s"] == 60
    assert 0 < again["timeout_s"] < 60
    daemon.start()


def test_no_daemon_is_waited_for_longer_than_the_timeout(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """With --retry and --timeout, a daemon that died and has no heir ends the call with 75 and no file."""
    daemon.dies_after = 1
    path = tmp_path / "a.pcm"
    call = cli.start("say", "--retry", "--no-start", "--timeout", "2", "-o", str(path), "Hello.")
    daemon.wait_for("say")
    daemon.end()
    _out, err = call.communicate(timeout=20)
    assert call.returncode == 75
    assert b"not finished within timeout_s 2" in err
    assert not path.exists()
    daemon.start()


def test_without_retry_a_dead_daemon_is_69_at_once(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """A daemon that dies under a request ends it with 69, one line and no file."""
    daemon.dies_after = 1
    done = cli.run("say", "-o", str(tmp_path / "a.wav"), "Hello.")
    assert done.returncode == 69
    assert done.stderr.count(b"\n") == 1
    assert not (tmp_path / "a.wav").exists()


def test_a_full_daemon_names_the_time(here: Here, daemon: FakeDaemon) -> None:
    """An overloaded daemon's hint is in the one line."""
    daemon.before = [lambda request: Failed(request, "overloaded", "the queue is full", True, 2.5)]
    done = here.run("say", "-o", "/dev/null", "Hello.")
    assert (done.returncode, done.stderr) == (
        75,
        b"f5ctl: error: the queue is full (try again in 2.5 s, or with --retry)\n",
    )


def test_another_version_is_one_line(here: Here, daemon: FakeDaemon) -> None:
    """A daemon that does not speak this protocol is named at once, not after half a minute."""
    daemon.garbage = [encode(Failed("", "unsupported_version", "this side speaks version 2"))]
    assert isinstance(parse_reply(daemon.garbage[0]), Failed)
    began = time.monotonic()
    done = here.run("say", "-o", "/dev/null", "Hello.")
    assert (done.returncode, done.stderr.count(b"\n")) == (69, 1)
    assert b"different versions" in done.stderr
    assert time.monotonic() - began < 10


@pytest.mark.skipif(not hasattr(os, "O_TMPFILE"), reason="needs Linux")
def test_a_killed_client_leaves_nothing_behind(cli: Cli, daemon: FakeDaemon, tmp_path: Path) -> None:
    """Kill -9 in the middle of a file leaves no part of it under any name."""
    folder = tmp_path / "out"
    folder.mkdir()
    daemon.silent_after = 1
    call = cli.start("say", "-o", str(folder / "a.wav"), "Hello.")
    daemon.wait_for("say")
    time.sleep(0.3)
    call.kill()
    call.communicate()
    assert list(folder.iterdir()) == []
