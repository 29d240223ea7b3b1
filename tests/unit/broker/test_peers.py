"""Who is at the other end of a connection."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from f5d.broker.peers import Peer, peer_of

CONNECT = "import socket; s = socket.socket(1); s.connect('s'); "
TAKE_TERMINAL = "import fcntl, os, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "


def peer_behind(folder: Path, code: str, stdin: int = subprocess.PIPE) -> tuple[Peer, int]:
    """Return who connects from a process in a session of its own, and its pid."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen()
        command = [sys.executable, "-c", code]
        with subprocess.Popen(command, cwd=folder, start_new_session=True, stdin=stdin) as child:
            connection, _address = listener.accept()
            with connection:
                if code == CONNECT:
                    child.wait()
                peer = peer_of(connection)
                child.kill()
            return peer, child.pid


def test_a_peer_is_its_user_session_and_group(tmp_path: Path) -> None:
    """The kernel says who has connected, and in which session and process group that was."""
    peer, pid = peer_behind(tmp_path, CONNECT + "input()")
    assert peer == Peer(os.getuid(), pid, (os.getuid(), pid, 0, pid))
    assert str(peer) == f"uid={os.getuid()} pid={pid}"
    one, other = socket.socketpair()
    with one, other:
        user, session, _foreground, group = peer_of(one).share
        assert (user, session, group) == (os.getuid(), os.getsid(0), os.getpgrp())


def test_who_waits_at_a_terminal_is_told_from_what_runs_behind(tmp_path: Path) -> None:
    """A shell's jobs with `&` share one turn, and the command that it waits for has another."""
    controlling, terminal = os.openpty()
    waits = "input()"
    behind = "os.setpgid(0, 0) if os.fork() == 0 else os.wait(); "
    peer, pid = peer_behind(tmp_path, TAKE_TERMINAL + CONNECT + waits, terminal)
    assert peer.share == (os.getuid(), pid, 1, pid)
    (tmp_path / "s").unlink()
    peer, pid = peer_behind(
        tmp_path, TAKE_TERMINAL + behind + CONNECT + "import time; time.sleep(60)", terminal
    )
    assert peer.share == (os.getuid(), pid, 0, peer.pid)
    assert peer.pid != pid
    os.kill(peer.pid, signal.SIGKILL)
    os.close(controlling)
    os.close(terminal)


def test_without_a_process_the_user_counts(tmp_path: Path) -> None:
    """A process that has ended before it was let in shares with the rest of its user."""
    peer, pid = peer_behind(tmp_path, CONNECT)
    assert peer == Peer(os.getuid(), pid, (os.getuid(),))
