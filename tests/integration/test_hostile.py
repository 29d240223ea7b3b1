"""Clients that are broken, hostile or greedy, against the real daemon."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import msgpack
import pytest
import zmq

from f5ctl.cli.base.systemd import UNITS
from f5ctl.protocol import (
    MAX_REF_AUDIO_BYTES,
    Audio,
    Cancel,
    Done,
    Failed,
    Load,
    Progress,
    Status,
    Unload,
    encode,
)

from .support import Daemon, Peer, said_in_another_session, say

TOO_DEEP = b"\x91" * 100_000 + b"\xc0"
HUGE_ARRAYS = b"\xdd\x00\xff\xff\xff" * 1_000 + bytes(2**20)
HUGE_MAP = b"\xdf\x7f\xff\xff\xff" + bytes(2**20)
SECRET = "sesamopeniti"  # noqa: S105 - what a user says


def rss_bytes(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_declared_lengths_and_depths_cost_nothing(daemon: Daemon, peer: Peer) -> None:
    """Deep nesting and lengths that are only declared are refused without the memory they ask for."""
    peer.status()
    before = rss_bytes(daemon.process.pid)
    for frame in (TOO_DEEP, HUGE_ARRAYS, HUGE_MAP):
        peer.socket.send(frame)
        reply = peer.receive()
        assert isinstance(reply, Failed)
        assert reply.code == "bad_message"
    assert rss_bytes(daemon.process.pid) - before < 20 * 2**20


def test_surrogates_and_control_characters(peer: Peer) -> None:
    """Text that is no UTF-8 is refused; control characters and right-to-left text reach the engine."""
    body = msgpack.packb({"v": 1, "type": "say", "id": "x", "text": "\ud800"}, unicode_errors="surrogatepass")
    peer.socket.send(body)
    reply = peer.receive()
    assert isinstance(reply, Failed)
    assert reply.code == "bad_message"
    assert peer.ok(say("a", "\x00\x1b[31m \u202e שלום"))


def test_a_message_above_the_limit_ends_its_connection_alone(daemon: Daemon, peer: Peer) -> None:
    """Whoever sends more than 17 MiB is told so and closed; everybody else is served."""
    big = daemon.peer()
    big.socket.send(bytes(17 * 2**20 + 1))
    reply = big.receive()
    assert isinstance(reply, Failed)
    assert (reply.id, reply.code) == ("", "bad_message")
    assert reply.message == "a message is 17825793 bytes; the limit is 17825792"
    assert peer.status()["pid"]


def test_a_thousand_connections(daemon: Daemon, peer: Peer) -> None:
    """With a thousand connections open, each gets its answer and the next one as well."""
    context = zmq.Context()
    context.set(zmq.MAX_SOCKETS, 1_100)
    sockets = [context.socket(zmq.DEALER) for _ in range(1_000)]
    for socket in sockets:
        socket.connect(f"ipc://{daemon.socket_path}")
        socket.send(encode(Status("s")))
    assert all(socket.poll(20_000) for socket in sockets)
    assert peer.status()["pid"]
    context.destroy(linger=0)


def test_a_client_that_never_reads_is_alone_with_it() -> None:
    """Its audio waits within the bound, and others are answered as quickly as before."""
    with Daemon() as daemon:
        silent = daemon.peer(receive_hwm=1)
        silent.send(say("never", "segments=100000 delay=0.002"))
        time.sleep(1)
        before = rss_bytes(daemon.process.pid)
        other = daemon.peer()
        for number in range(20):
            began = time.monotonic()
            other.ok(say(f"o{number}"))
            assert time.monotonic() - began < 3
        assert rss_bytes(daemon.process.pid) - before < 300 * 2**20


def test_a_crowd_s_recordings_take_nothing_from_a_deadline() -> None:
    """`timeout_s` counts from its own request, however much the daemon reads in the same breath."""
    heavy = encode(say("heavy", voice="rms", ref_audio=bytes(MAX_REF_AUDIO_BYTES)))
    with Daemon() as daemon:
        peer, *crowd = [daemon.peer() for _ in range(9)]
        for member in (peer, *crowd):
            member.status()
        daemon.signal(signal.SIGSTOP)
        for member in crowd:
            member.socket.send(heavy, copy=False)
        daemon.signal(signal.SIGCONT)
        crowd[0].end_of("heavy")  # the first of them; the daemon goes on with the others
        began = time.monotonic()
        reply = peer.ask(say("late", "segments=99 delay=0.1", timeout_s=1.0))
        assert isinstance(reply, Failed)
        assert reply.code == "deadline_exceeded"
        assert time.monotonic() - began >= 1.0


def test_a_flood_of_unloads_is_refused_like_any_other(daemon: Daemon) -> None:
    """Beyond the limit of the queue `unload` is `overloaded`; with nothing loaded it is done at once."""
    peer, other = daemon.peer(), daemon.peer()
    peer.send(say("long", "segments=1000 delay=0.02"))
    peer.started("long")
    for number in range(200):
        peer.send(Unload(f"u{number}"))
    refused = peer.until(lambda reply: reply.id == "u199")
    assert isinstance(refused, Failed)
    assert (refused.code, refused.retryable) == ("overloaded", True)
    assert [job["kind"] for job in other.status()["jobs"]] == ["say", "unload", "unload"]
    other.ok(Cancel("c", job="all"))
    assert isinstance(peer.end_of("u0"), Done)
    assert other.ok(Unload("u")) == {"unloaded": []}


def test_a_newcomer_finds_a_place_in_a_full_queue() -> None:
    """One client's flood fills its own share; another process still gets in, and is first in line."""
    with Daemon(max_jobs=8) as daemon:
        flood = daemon.peer()
        for number in range(9):
            flood.send(say(f"f{number}", "segments=20 delay=0.05"))
        reply = flood.end_of("f8")
        assert isinstance(reply, Failed)
        assert (reply.code, reply.retryable) == ("overloaded", True)
        assert said_in_another_session(daemon) == b"2400\n"


def test_no_words_of_users_in_the_log() -> None:
    """Text, transcript, names and ids of requests, good or bad, do not reach the log; who sent them does."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.ok(say("a", SECRET))
        peer.ok(say("b", "hello", ref_audio=b"RIFF", ref_text=SECRET))
        for bad in (say("c", "hi", voice=SECRET), say(SECRET, "fail=bad_audio"), Cancel("d", job=SECRET)):
            assert isinstance(peer.ask(bad), Failed)
        peer.socket.send(msgpack.packb({"v": 1, "type": "say", "id": "e", "text": "x", SECRET: SECRET}))
        assert isinstance(peer.receive(), Failed)
        assert SECRET not in daemon.log_text()
        assert f"uid={os.getuid()} pid={os.getpid()}" in daemon.log_text()


def test_a_full_disk_under_the_log_stops_nothing() -> None:
    """A daemon whose log cannot be written goes on serving."""
    with Daemon() as daemon:
        daemon.log.close()
        daemon.log = Path("/dev/full").open("w+")  # noqa: SIM115 - closed below
        daemon.socket_path = str(daemon.folder / "t")
        daemon.settings["socket"] = daemon.socket_path
        daemon.process.kill()
        daemon.process.wait()
        daemon.start()
        assert daemon.peer().ok(say("a"))
        daemon.log.close()
        daemon.log = (daemon.folder / "x").open("w+")


def test_only_configured_models_where_the_operator_says_so() -> None:
    """With allowed_models = "configured" a published name is unknown, and nothing is fetched for it."""
    with Daemon(allowed_models="configured") as daemon:
        peer = daemon.peer()
        for name in ("F5TTS_v1_Base", "../../etc/passwd", "hf://org/repo/x.pt"):
            reply = peer.ask(Load("l", model=name))
            assert isinstance(reply, Failed)
            assert reply.code == "unknown_model"
        assert [model["name"] for model in peer.status()["models"]] == ["starter"]
    with Daemon(allowed_models="configured", model="F5TTS_v1_Base") as daemon:
        models = [model["name"] for model in daemon.peer().status()["models"]]
        assert models == ["starter", "F5TTS_v1_Base"], "the operator's own choice is configured"


@pytest.mark.parametrize("unit", ["f5d.service", "f5d@.service"])
def test_the_system_s_units_allow_configured_models_only(unit: str) -> None:
    """The daemon as the system's unit sets it up refuses every checkpoint that f5d.toml does not name."""
    text = (UNITS / "system" / unit).read_text()
    lines = [line.partition("=")[2] for line in text.splitlines() if line.startswith("Environment=")]
    settings = dict(word.split("=", 1) for line in lines for word in line.split())
    assert settings["F5D_ALLOWED_MODELS"] == "configured"
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as folder:
        path = f"{folder}/s"
        command = [sys.executable, "-m", "f5d", "serve", "--socket", path]
        own = {name: value for name, value in settings.items() if name.startswith("F5D_ALLOWED")}
        with subprocess.Popen(command, env=os.environ | own, stderr=subprocess.DEVNULL) as process:
            peer = Peer(path)
            try:
                assert [model["name"] for model in peer.status()["models"]] == ["starter"]
                reply = peer.ask(Load("l", model="F5TTS_v1_Base"))
                assert isinstance(reply, Failed)
                assert reply.code == "unknown_model"
            finally:
                peer.close()
                process.terminate()


def test_speech_that_waits_for_its_file_is_bounded() -> None:
    """Beyond 512 MiB of held samples a file job is refused, retryable; the daemon's memory stays bounded."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=300 samples=1000000", encoding="flac"))
        reply = peer.end_of("a")
        assert isinstance(reply, Failed)
        assert (reply.code, reply.retryable) == ("overloaded", True)
        assert peer.ok(say("b"))
        assert not any(isinstance(reply, Audio) and reply.id == "a" for reply in peer.seen)


def test_a_cancel_of_somebody_else_s_request_id_hits_nobody(daemon: Daemon, peer: Peer) -> None:
    """Request ids belong to their connection."""
    peer.send(say("mine", "segments=4 delay=0.05"))
    peer.until(lambda reply: isinstance(reply, Progress) and reply.state == "running")
    assert isinstance(daemon.peer().ask(Cancel("c", request="mine")), Failed)
    assert isinstance(peer.end_of("mine"), Done)
