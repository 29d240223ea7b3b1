"""One shared daemon for tests that leave it as they found it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .support import Daemon, Peer


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with Daemon(max_jobs=3) as running:
        yield running


@pytest.fixture
def peer(daemon: Daemon) -> Iterator[Peer]:
    peer = daemon.peer()
    daemon.peers.remove(peer)
    yield peer
    peer.close()
