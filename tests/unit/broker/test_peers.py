"""Who is at the other end of a connection."""

from __future__ import annotations

import os
import subprocess

import pytest

from f5d.broker.peers import peer_at


def test_a_process_group_is_one_client() -> None:
    """Jobs of one shell pipeline count as one client's, and that is known after its process has ended."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        peer = peer_at(f"localhost:1000:1000:{child.pid}")
        child.kill()
    own = peer_at(f"localhost:1000:1000:{os.getpid()}")
    assert peer is not None
    assert own is not None
    assert peer.share == f"1000/{child.pid}"
    assert own.share == f"1000/{os.getpgrp()}"
    assert str(peer) == f"uid=1000 pid={child.pid}"


def test_without_a_process_the_user_counts() -> None:
    """A process that has ended before its message was read shares with the rest of its user."""
    with subprocess.Popen(["true"]) as child:
        child.wait()
    peer = peer_at(f"localhost:1000:50:{child.pid}")
    assert peer is not None
    assert peer.share == "1000"


@pytest.mark.parametrize("address", ["", "localhost", "1000:1000", "localhost:a:1000:7"])
def test_some_transports_do_not_tell(address: str) -> None:
    """Where the kernel says nothing there is no peer."""
    assert peer_at(address) is None
