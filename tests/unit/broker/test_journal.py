"""Log lines, for people and for journald."""

from __future__ import annotations

import io
import logging
import os
import re
from pathlib import Path

import pytest

from f5d.system import journal


def log_to(path: Path) -> str:
    with path.open("w+") as stream:
        journal.configure("info", stream)
        logger = logging.getLogger("f5d.test")
        logger.info("one\ntwo")
        logger.error("three")
        logger.debug("never")
        stream.seek(0)
        return stream.read()


def test_names_cannot_forge_lines(tmp_path: Path) -> None:
    """A label with line ends and escape sequences stays one line that a terminal shows."""
    with (tmp_path / "log").open("w+") as stream:
        journal.configure("info", stream)
        logging.getLogger("f5d.test").info("job 1 done: voice=%s end", "\x1b[31mred\n2026 INFO forged\x9b")
        stream.seek(0)
        assert stream.read().endswith(": job 1 done: voice=�[31mred 2026 INFO forged� end\n")


def test_journald_gets_priorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under systemd every line begins with its priority."""
    path = tmp_path / "log"
    path.touch()
    found = path.stat()
    monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
    assert log_to(path) == "<6>f5d.test: one two\n<3>f5d.test: three\n"


def test_people_get_time_and_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere, also with a JOURNAL_STREAM inherited from a service, lines have time and level."""
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    assert " ERROR f5d.test: three" in log_to(tmp_path / "log")


def test_lines_have_a_date(tmp_path: Path) -> None:
    """A log that is months old tells when."""
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d INFO f5d.test: one", log_to(tmp_path / "log"))


def test_a_log_of_the_daemon_s_own_stays_small(tmp_path: Path) -> None:
    """Beyond the limit it begins anew, with what it had in one old file; the engines' lines stay in it."""
    path = tmp_path / "f5d.log"
    with path.open("a") as daemon, path.open("a") as engine:
        for number in range(5):
            engine.write(f"{number}" * 100)
            engine.flush()
            journal.keep_small(daemon.fileno(), 250)
        engine.write("end")
    assert path.read_text() == "3" * 100 + "4" * 100 + "end"
    assert (tmp_path / "f5d.log.1").read_text() == "0" * 100 + "1" * 100 + "2" * 100


def test_a_file_of_somebody_s_is_not_cut(tmp_path: Path) -> None:
    """`f5d serve 2>file` writes without appending: the file is the person's."""
    with (tmp_path / "log").open("w") as stream:
        stream.write("x" * 1000)
        stream.flush()
        journal.keep_small(stream.fileno(), 10)
    assert len((tmp_path / "log").read_text()) == 1000


def test_a_daemon_that_f5ctl_started_keeps_its_log_small(tmp_path: Path) -> None:
    """While it runs, not when the next one starts."""
    path = tmp_path / "f5d.log"
    path.write_bytes(b"x" * (journal.MAX_LOG_BYTES + 1))
    with path.open("a") as stream:
        journal.configure("info", stream, own_file=True)
        logging.getLogger("f5d.test").info("one")
        logging.getLogger("f5d.test").info("two")
    assert path.read_text().endswith("INFO f5d.test: two\n")
    assert path.stat().st_size < 100
    assert (tmp_path / "f5d.log.1").stat().st_size > journal.MAX_LOG_BYTES


def test_a_flood_of_one_line_hides_no_other() -> None:
    """Lines of a kind beyond the limit are left out and counted; others are written."""
    now = [0.0]
    repeats = journal.RepeatFilter(2, 10.0, lambda: now[0])

    def written(line: str, *values: object) -> str | None:
        record = logging.LogRecord("f5d.test", logging.INFO, "", 0, line, values, None)
        return record.getMessage() if repeats.filter(record) else None

    assert [written("job %d", number) for number in range(4)] == ["job 0", "job 1", None, None]
    assert written("other") == "other"
    now[0] = 10.0
    assert written("job %d", 4) == "job 4 (before this 2 lines that repeated others were left out)"
    assert written("job %d", 5) == "job 5"


def test_a_stream_without_a_file_is_no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that is no file cannot be the journal's."""
    monkeypatch.setitem(os.environ, "JOURNAL_STREAM", "1:1")
    assert not journal.is_journal(io.StringIO())
