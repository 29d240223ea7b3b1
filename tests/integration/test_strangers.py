"""Clients that attack the public socket itself, below what a message asks for, against the real daemon."""

from __future__ import annotations

import os
import resource
import socket
import struct
import subprocess
import sys
from pathlib import Path

import pytest
import zmq

from f5ctl.client import Client
from f5ctl.errors import TryAgainError
from f5ctl.protocol import Audio, Cancelled, Done, Failed, Progress, Status, Stop
from tests.zmtp import MORE, RawPeer, frame

from .support import PATIENCE_S, Daemon, Peer, said_in_another_session, say, wait_until
from .test_hostile import rss_bytes

FILES = 256  # of which 128 may be connections, 64 of one user


def test_a_peer_s_name_is_of_no_importance(daemon: Daemon, peer: Peer) -> None:
    """A peer may name itself as another one, or as nobody may: it is served, and so are all after it."""
    names = [b"\0" + struct.pack(">I", 0x6B8B4567 + number) for number in range(100)]  # what libzmq would count
    named = [RawPeer(daemon.socket_path, name=name) for name in [*names, b"\0", b"x" * 255]]
    plain = [RawPeer(daemon.socket_path) for _ in range(100)]
    for raw in [*named, *plain]:
        with raw:
            raw.send(Status("s"))
            assert isinstance(raw.receive(), Done)
    twins = [daemon.peer(), daemon.peer()]
    for twin in twins:
        twin.socket.disconnect(f"ipc://{daemon.socket_path}")
        twin.socket.setsockopt(zmq.ROUTING_ID, b"twin")
        twin.socket.connect(f"ipc://{daemon.socket_path}")
        assert twin.status()["pid"] == peer.status()["pid"]
    assert all(twin.ok(say("a")) for twin in twins)


def test_what_was_for_a_client_that_died_reaches_nobody_else(daemon: Daemon, peer: Peer) -> None:
    """Replies go to a connection: the next ones, under whatever name, get no byte of them."""
    victim = RawPeer(daemon.socket_path, name=b"victim")
    victim.send(say("v", "segments=1000 delay=0.01 a secret"))
    while not isinstance(victim.receive(), Audio):
        pass
    victim.close()
    others = [RawPeer(daemon.socket_path, name=b"victim") for _ in range(50)]
    wait_until(lambda: not peer.status()["jobs"], "its job is cancelled")
    for other in others:
        with other:
            other.send(Status("s"))
            reply = other.receive()
            assert (type(reply), reply.id) == (Done, "s"), "and nothing before it"


def test_more_connections_than_the_daemon_may_open_files() -> None:
    """Beyond its user's part a connection is refused with `overloaded`; who is in is served, engines start."""
    with Daemon(files=FILES) as daemon:
        peer = daemon.peer()
        peer.status()
        crowd = []
        for _ in range(2 * FILES):
            crowd.append(socket.socket(socket.AF_UNIX))
            crowd[-1].connect(daemon.socket_path)
        with Client(daemon.socket_path) as client, pytest.raises(TryAgainError) as caught:
            client.status()
        assert caught.value.message == f"user {os.getuid()} has 64 connections open; the limit is 64"
        assert peer.ok(say("a")), "an engine has been started for it"
        for one in crowd:
            one.close()
        files = Path(f"/proc/{daemon.process.pid}/fd")
        wait_until(lambda: len(list(files.iterdir())) < 64, "they are closed")
        assert daemon.peer().ok(say("b"))


def test_f5ctl_says_that_it_is_too_many(tmp_path: Path) -> None:
    """A refused connection is one line and status 75; with --retry the command waits for its place."""
    with Daemon(files=FILES) as daemon:
        crowd = [RawPeer(daemon.socket_path) for _ in range(FILES)]
        command = [sys.executable, "-m", "f5ctl", "--socket", daemon.socket_path, "say", "hello"]
        command += ["-o", str(tmp_path / "a.wav")]
        refused = subprocess.run(command, capture_output=True, text=True, check=False)
        assert refused.returncode == 75
        line = f"f5ctl: error: user {os.getuid()} has 64 connections open; the limit is 64"
        assert refused.stderr.startswith(line)
        with subprocess.Popen([*command, "--retry"]) as waiting:
            for one in crowd:
                one.close()
            assert waiting.wait(PATIENCE_S) == 0


def test_a_lack_of_descriptors_is_waited_out() -> None:
    """While none is left nobody is let in, who is in is served; then those who have waited are let in."""
    with Daemon() as daemon:
        peer = daemon.peer()
        assert peer.ok(say("a"))
        pid = daemon.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        highest = max(int(fd.name) for fd in Path(f"/proc/{pid}/fd").iterdir())
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
        early = [socket.socket(socket.AF_UNIX) for _ in range(highest)]
        for one in early:
            one.connect(daemon.socket_path)
        late = daemon.peer()
        late.send(Status("late"))
        wait_until(lambda: "clients have to wait" in daemon.log_text(), "it has noticed")
        assert not late.socket.poll(0)
        assert peer.status()["pid"] == pid
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        assert isinstance(late.end_of("late"), Done)
        for one in early:
            one.close()


@pytest.mark.parametrize(
    ("part", "line"),
    [
        (frame(bytes(2**22), MORE), "a message is 20971520 bytes; the limit is 17825792"),
        (frame(b"", MORE) * 2**16, "a message is one frame, this one has more than 16"),
    ],
    ids=["of many bytes", "of many frames"],
)
def test_a_message_without_an_end(daemon: Daemon, peer: Peer, part: bytes, line: str) -> None:
    """Frames that promise another are counted as they come: they take no memory, and the connection ends."""
    peer.status()
    before = rss_bytes(daemon.process.pid)
    with RawPeer(daemon.socket_path) as endless:
        with pytest.raises(OSError, match=r"Broken pipe|Connection reset"):
            endless.socket.sendall(part * 100)
        reply = endless.receive()
        assert isinstance(reply, Failed)
        assert (reply.code, reply.message) == ("bad_message", line)
        assert endless.is_closed()
    assert rss_bytes(daemon.process.pid) - before < 2**24
    assert peer.status()["pid"]


def test_a_message_of_a_million_frames(daemon: Daemon, peer: Peer) -> None:
    """It is refused at its seventeenth frame, so that nobody waits for the daemon to count the others."""
    whole = frame(b"", MORE) * 10**6 + frame(b"")
    with RawPeer(daemon.socket_path) as endless:
        with pytest.raises(OSError, match=r"Broken pipe|Connection reset"):
            endless.socket.sendall(whole)
        reply = endless.receive()
    assert isinstance(reply, Failed)
    assert reply.message == "a message is one frame, this one has more than 16"
    assert peer.status()["pid"]


def test_a_client_that_goes_at_once_is_heard() -> None:
    """`stop`, fired and gone, ends the daemon."""
    with Daemon() as daemon:
        with RawPeer(daemon.socket_path) as raw:
            raw.send(Stop("s"))
        assert daemon.exit_status() == 0


def test_a_client_that_closes_its_sending_side_is_answered(daemon: Daemon) -> None:
    """It hears everything to the end."""
    with RawPeer(daemon.socket_path) as raw:
        raw.send(say("a", "segments=5 delay=0.05"))
        raw.socket.shutdown(socket.SHUT_WR)
        replies = [raw.receive()]
        while not isinstance(replies[-1], Done):
            replies.append(raw.receive())
        assert sum(isinstance(reply, Audio) for reply in replies) == 5


def test_an_end_is_told_to_everybody() -> None:
    """The last word of a daemon that is stopped reaches clients that read later, after everything before it."""
    with Daemon() as daemon:
        raws = [RawPeer(daemon.socket_path) for _ in range(20)]
        for raw in raws:
            raw.send(say("a", "segments=1000 delay=0.02"))
            while not isinstance(reply := raw.receive(), Progress) or reply.state != "running":
                pass
        daemon.peer().send(Stop("s", force=True))
        assert daemon.exit_status() == 0
        for raw in raws:
            with raw:
                while not isinstance(reply := raw.receive(), Cancelled):
                    pass
                assert reply.reason == "the daemon is stopping"
                assert raw.is_closed()


GREEDY = """
import os, sys, time, zmq
from f5ctl.protocol import Say, encode
os.setpgid(0, 0)
peer = zmq.Context().socket(zmq.DEALER)
peer.connect("ipc://" + sys.argv[1])
peer.send(encode(Say("a", "segments=2000 delay=0.05")))
time.sleep(60)
"""


def test_a_crowd_of_process_groups_leaves_places_for_others() -> None:
    """Commands of one terminal, each a process group, fill no place that is kept for another one's."""
    with Daemon(max_jobs=8) as daemon:
        crowd = [subprocess.Popen([sys.executable, "-c", GREEDY, daemon.socket_path]) for _ in range(12)]
        peer = daemon.peer()

        def refused() -> int:
            refused: int = peer.status()["counters"]["refused"]
            return refused

        wait_until(lambda: refused() == 3, "nine are in, of the last ones nobody")
        assert said_in_another_session(daemon) == b"2400\n"
        for one in crowd:
            one.kill()
            one.wait()


@pytest.mark.skipif(os.getuid() != 0, reason="only root can be several users")
def test_a_user_s_crowd_leaves_places_for_another_user() -> None:
    """However many connections and jobs a user has, another user is let in and gets a job done."""
    with Daemon(max_jobs=8, files=FILES) as daemon:
        daemon.folder.chmod(0o711)
        Path(daemon.socket_path).chmod(0o666)
        os.seteuid(65_534)
        try:
            crowd = [RawPeer(daemon.socket_path) for _ in range(FILES)]
        finally:
            os.seteuid(0)
        peer = daemon.peer()
        for number in range(9):
            crowd[0].send(say(f"{number}", "segments=2000 delay=0.05"))
        wait_until(lambda: peer.status()["counters"]["refused"] == 1, "eight are in")
        assert peer.ok(say("a"))
        for one in crowd:
            one.close()
