"""The protocols between systemd and a service, over real sockets."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from f5d.system.sdnotify import Notifier, inherited_socket


def test_without_systemd_nothing_is_said_and_nothing_is_inherited() -> None:
    """A daemon started by hand has no manager; LISTEN_FDS of another process is not its business."""
    with Notifier({}) as notifier:
        assert not notifier.listening
        assert not notifier.send("READY=1")
        assert notifier.watchdog_s is None
    assert inherited_socket({}) is None
    assert inherited_socket({"LISTEN_PID": "1", "LISTEN_FDS": "1"}) is None


@pytest.mark.parametrize("abstract", [False, True])
def test_assignments_arrive_in_one_message(tmp_path: Path, *, abstract: bool) -> None:
    """NOTIFY_SOCKET names a path or, with @, an abstract address."""
    address = f"@f5d-{os.getpid()}" if abstract else str(tmp_path / "n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address.replace("@", "\0", 1) if abstract else address)
        with Notifier({"NOTIFY_SOCKET": address}) as notifier:
            assert notifier.send("READY=1", "STATUS=fine")
        assert manager.recv(100) == b"READY=1\nSTATUS=fine"


def test_a_manager_that_is_gone_does_no_harm(tmp_path: Path) -> None:
    """What cannot be delivered is dropped."""
    with Notifier({"NOTIFY_SOCKET": str(tmp_path / "nobody")}) as notifier:
        assert not notifier.send("WATCHDOG=1")


@pytest.mark.parametrize(
    ("environ", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
    ],
)
def test_the_watchdog_is_for_the_process_that_it_names(environ: dict[str, str], seconds: float | None) -> None:
    """WATCHDOG_USEC counts for WATCHDOG_PID alone."""
    with Notifier(environ) as notifier:
        assert notifier.watchdog_s == seconds
