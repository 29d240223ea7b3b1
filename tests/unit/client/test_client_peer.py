"""Whom f5ctl talks to: the kernel says who listens, before a word is sent."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from f5ctl.errors import ConfigError
from f5ctl.socketpath import own_folder, refuse_strangers

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli

NOBODY = 65_534
ME = os.getuid()
as_root = pytest.mark.skipif(ME != 0, reason="only root can listen as somebody else")


@pytest.fixture
def named(tmp_path: Path) -> str:
    """A socket somewhere, in a folder of this user's."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "s"))
    return str(tmp_path / "s")


@contextmanager
def somebody_listens(path: str, uid: int) -> Iterator[None]:
    """Listen on `path` as another user, who takes connections and waits for what comes."""
    code = (
        "import os, socket, sys\n"
        "os.setuid(int(sys.argv[2]))\n"
        "listener = socket.socket(socket.AF_UNIX)\n"
        "listener.bind(sys.argv[1])\n"
        "listener.listen()\n"
        "print('ready', flush=True)\n"
        "taken = [listener.accept() for _ in iter(int, 1)]\n"
    )
    command = [sys.executable, "-c", code, path, str(uid)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd="/") as stranger:
        try:
            assert stranger.stdout is not None
            assert stranger.stdout.readline() == b"ready\n"
            yield
        finally:
            stranger.kill()


def test_oneself_and_root_may_listen_anywhere(named: str) -> None:
    """A daemon of one's own, and what systemd listens on for the machine."""
    refuse_strangers(named, ME)
    refuse_strangers(named, 0)


def test_anybody_else_is_a_stranger(named: str) -> None:
    """The socket's owner counts only where root owns the folder; the line says who it is."""
    with pytest.raises(ConfigError, match=f"^user {NOBODY} listens on {named}: nothing was sent"):
        refuse_strangers(named, NOBODY)


@as_root
def test_root_may_let_others_have_a_socket(named: str) -> None:
    """The system's daemon without systemd: its user's socket in a folder where only root writes."""
    os.chown(named, NOBODY, -1)
    refuse_strangers(named, NOBODY)
    with pytest.raises(ConfigError):
        refuse_strangers(named, NOBODY - 1)
    Path(named).parent.chmod(0o1777)
    with pytest.raises(ConfigError):
        refuse_strangers(named, NOBODY)


@as_root
def test_root_may_name_a_user_s_socket(named: str) -> None:
    """Named by root, a user's daemon in that user's own folder is meant."""
    os.chown(named, NOBODY, -1)
    os.chown(Path(named).parent, NOBODY, -1)
    refuse_strangers(named, NOBODY)


def test_one_s_own_folder_has_to_be_one_s_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever listens in it: a folder that others may write in is no place of this user's."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    folder = Path(own_folder())
    folder.mkdir(mode=0o700)
    refuse_strangers(f"{folder}/f5d.sock", ME)
    folder.chmod(0o777)
    with pytest.raises(ConfigError, match="is not this user's alone: nothing was sent"):
        refuse_strangers(f"{folder}/f5d.sock", ME)


@as_root
def test_nothing_is_said_to_a_stranger(cli: Cli, tmp_path: Path) -> None:
    """A socket that another user put there first gets no word and no recording: one line, 78."""
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as folder:
        Path(folder).chmod(0o777)
        path = f"{folder}/s"
        with somebody_listens(path, NOBODY):
            done = cli.run("--socket", path, "say", "-o", str(tmp_path / "o.wav"), "My secret words.")
    assert done.returncode == 78
    assert done.stderr.decode().startswith(f"f5ctl: error: user {NOBODY} listens on {path}: nothing was sent")
    assert not (tmp_path / "o.wav").exists()
