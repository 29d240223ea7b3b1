"""Log lines, for people and for journald."""

from __future__ import annotations

import io
import logging
import os
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


def test_journald_gets_priorities(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under systemd every line begins with its priority."""
    path = tmp_path / "log"
    path.touch()
    found = path.stat()
    monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
    assert log_to(path) == "<6>f5d.test: one\n<6>two\n<3>f5d.test: three\n"


def test_people_get_time_and_level(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere, also with a JOURNAL_STREAM inherited from a service, lines have time and level."""
    monkeypatch.setenv("JOURNAL_STREAM", "1:1")
    assert " ERROR f5d.test: three" in log_to(tmp_path / "log")


def test_a_stream_without_a_file_is_no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream that is no file cannot be the journal's."""
    monkeypatch.setitem(os.environ, "JOURNAL_STREAM", "1:1")
    assert not journal.is_journal(io.StringIO())
