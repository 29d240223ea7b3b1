"""Who is at the other end of a connection."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from f5d.broker.peers import Peer, peer_of


def peer_behind(folder: Path, code: str) -> tuple[Peer, int]:
    """Return who connects from a process in a session of its own, and its pid."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s"))
        listener.listen()
        command = [sys.executable, "-c", f"import socket; s = socket.socket(1); s.connect('s'); {code}"]
        with subprocess.Popen(command, cwd=folder, start_new_session=True, stdin=subprocess.PIPE) as child:
            connection, _address = listener.accept()
            with connection:
                if code == "pass":
                    child.wait()
                peer = peer_of(connection)
                child.communicate(b"")
            return peer, child.pid


def test_a_peer_is_its_user_session_and_group(tmp_path: Path) -> None:
    """The kernel says who has connected, and in which session and process group that was."""
    peer, pid = peer_behind(tmp_path, "input()")
    assert peer == Peer(os.getuid(), pid, (os.getuid(), pid, pid))
    assert str(peer) == f"uid={os.getuid()} pid={pid}"
    one, other = socket.socketpair()
    with one, other:
        own = (os.getuid(), os.getsid(0), os.getpgrp())
        assert peer_of(one) == Peer(os.getuid(), os.getpid(), own)


def test_without_a_process_the_user_counts(tmp_path: Path) -> None:
    """A process that has ended before it was let in shares with the rest of its user."""
    peer, pid = peer_behind(tmp_path, "pass")
    assert peer == Peer(os.getuid(), pid, (os.getuid(),))
