from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from f5ctl.client import Client, check_listening, new_id
from f5ctl.errors import (
    BadRequestError,
    ConfigError,
    InterruptedRequest,
    NoDaemonError,
    SynthesisError,
    TryAgainError,
)
from f5ctl.protocol import Audio, Done, Failed, Say, Status

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli, FakeDaemon


def test_call(daemon: FakeDaemon) -> None:
    """`Client.call` returns the answer of the daemon."""
    with Client(daemon.path) as client:
        assert client.status() == daemon.status
        assert client.call(Status(new_id())) == daemon.status


def test_replies(daemon: FakeDaemon) -> None:
    """`Client.replies` yields the audio in order and ends with the terminal message."""
    with Client(daemon.path) as client:
        replies = list(client.replies(client.send(Say("r1", "hi"))))
    assert [reply.data for reply in replies if isinstance(reply, Audio)] == daemon.chunks
    assert isinstance(replies[-1], Done)


def test_errors_arrive_as_their_class(daemon: FakeDaemon) -> None:
    """A refusal raises the error that its code stands for."""
    daemon.fails = ("overloaded", "64 jobs wait")
    with Client(daemon.path) as client, pytest.raises(TryAgainError, match="64 jobs wait"):
        client.call(Status(new_id()))


def test_cancel(daemon: FakeDaemon) -> None:
    """A cancelled request ends within the wait, and cancelling it again does nothing."""
    daemon.silent_after = 0
    with Client(daemon.path) as client:
        request = client.send(Say("r1", "hi"))
        client.cancel(request)
        client.cancel(request)
        assert list(client.replies(request)) == []
    assert [body["type"] for body in daemon.seen] == ["say", "cancel"]


def test_cancelled_by_someone_else(daemon: FakeDaemon) -> None:
    """A job that `f5ctl cancel` ended elsewhere raises InterruptedRequest."""
    daemon.silent_after = 0
    with Client(daemon.path) as client:
        request = client.send(Say("r1", "hi"))
        daemon.wait_for("say")
        from f5ctl.protocol import Cancel

        client.send(Cancel("c1", request=request))
        *_rest, last = client.replies(request)
        from f5ctl.client import answer

        with pytest.raises(InterruptedRequest, match="the client asked"):
            answer(last)


def test_silence(daemon: FakeDaemon) -> None:
    """A daemon that says nothing for too long counts as gone."""
    daemon.silent_after = 0
    with Client(daemon.path) as client, pytest.raises(NoDaemonError, match="has not answered for 0 s"):
        list(client.replies(client.send(Say("r1", "hi")), silence_s=0.2))


def test_a_missing_chunk(daemon: FakeDaemon) -> None:
    """Audio that would have a gap raises instead."""
    daemon.skip_seq = 1
    with Client(daemon.path) as client, pytest.raises(SynthesisError, match="audio chunk 1 is missing"):
        list(client.replies(client.send(Say("r1", "hi"))))


def test_what_arrived_before_the_end_is_kept(daemon: FakeDaemon) -> None:
    """Replies that came before the daemon closed are delivered, then the loss is reported at once."""
    daemon.chunks, daemon.dies_after = daemon.chunks * 3, 5
    with Client(daemon.path) as client:
        replies = client.replies(client.send(Say("r1", "hi")))
        time.sleep(0.5)
        came = [next(replies) for _ in range(6)]
        with pytest.raises(NoDaemonError, match="went away"):
            next(replies)
    assert sum(isinstance(reply, Audio) for reply in came) == 5


def test_a_listener_that_pauses_loses_nothing(daemon: FakeDaemon) -> None:
    """A client that is busy playing while thousands of chunks arrive gets them all."""
    daemon.chunks = [bytes([n % 256]) * 4_000 for n in range(5_000)]
    with Client(daemon.path) as client:
        request = client.send(Say("r1", "hi"))
        time.sleep(1.0)
        chunks = [reply.data for reply in client.replies(request) if isinstance(reply, Audio)]
    assert chunks == daemon.chunks


def test_a_daemon_that_hangs_does_not_outlast_the_time_of_a_request(daemon: FakeDaemon) -> None:
    """Whether it says nothing at all or stops in the middle, the client ends what has its time limit itself."""
    daemon.silent_after = 1
    with Client(daemon.path) as client:
        replies = client.replies(client.send(Say("r1", "hi", timeout_s=0.2)))
        with pytest.raises(TryAgainError, match="within its time") as caught:
            list(replies)
        assert caught.value.code == "deadline_exceeded"
        assert daemon.wait_for("cancel")["request"] == "r1"
        daemon.silent_after = None
        assert isinstance(list(client.replies(client.send(Say("r4", "hi", timeout_s=9))))[-1], Done)
        daemon.stall()
        client.send(Say("r2", "hi"))
        with pytest.raises(TryAgainError, match="within its time"):
            list(client.replies(client.send(Say("r3", "hi", timeout_s=0.3))))


def test_an_id_in_use(daemon: FakeDaemon) -> None:
    """A second request under the id of a live one is refused here, and the live one goes on to its end."""
    with Client(daemon.path) as client:
        request = client.send(Say("r1", "hi"))
        with pytest.raises(BadRequestError, match="id 'r1' is in use"):
            client.send(Status("r1"))
        assert isinstance(list(client.replies(request))[-1], Done)
        assert isinstance(list(client.replies(client.send(Say("r1", "hi"))))[-1], Done)
    assert [body["type"] for body in daemon.seen] == ["say", "say"]


def test_a_refusal_that_belongs_to_no_request(daemon: FakeDaemon) -> None:
    """What the daemon could not read, or lay to a request, raises at once instead of waiting for an answer."""
    daemon.refuses = lambda _body: Failed("", "bad_message", "id 'r1' is in use by job 4")
    with Client(daemon.path) as client, pytest.raises(BadRequestError, match="in use by job 4"):
        list(client.replies(client.send(Say("r1", "hi"))))


def test_nobody_listens(socket_path: str) -> None:
    """Without a daemon, and with a path that cannot be a socket, connecting raises at once."""
    with pytest.raises(NoDaemonError, match="no daemon listens"):
        Client(socket_path)
    with pytest.raises(ConfigError):
        Client("/" + "x" * 200)


def test_a_full_backlog_is_waited_for(socket_path: str) -> None:
    """A daemon that is too busy to accept at once is not taken for a dead one."""
    import socket

    with socket.socket(socket.AF_UNIX) as busy:
        busy.bind(socket_path)
        busy.listen(0)
        queued = [socket.socket(socket.AF_UNIX)]
        queued[0].connect(socket_path)
        accept = threading.Timer(0.3, lambda: queued.extend(busy.accept()[0] for _ in range(2)))
        accept.start()
        Client(socket_path).close()
        accept.cancel()
        for connection in queued:
            connection.close()


def test_imports(cli: Cli, daemon: FakeDaemon) -> None:
    """A whole `say` imports no numpy, torch, soundfile, asyncio, zmq or f5d, nor subprocess, rich, difflib."""
    heavy = "numpy torch soundfile asyncio zmq f5d rich subprocess tempfile socket difflib"
    code = (
        "import sys; from f5ctl.__main__ import run; before = set(sys.modules)\n"
        "assert run(['say', 'hi', '-o', '/dev/null', '-q']) == 0\n"
        f"print([name for name in '{heavy}'.split() if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], env=cli.env, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"[]\n", b"")
    assert daemon.seen[0]["type"] == "say"


def test_a_client_that_was_stopped_takes_no_daemon_for_dead(cli: Cli, daemon: FakeDaemon) -> None:
    """Ctrl-Z for longer than a daemon may be silent: it listens for a moment before it gives up."""
    daemon.pause_s = 4.0
    code = (
        "import sys\n"
        "from f5ctl.client import Client, answer\n"
        "from f5ctl.protocol import Say\n"
        "with Client() as client:\n"
        "    for reply in client.replies(client.send(Say('r1', 'hi')), silence_s=1.0):\n"
        "        print(type(reply).__name__, flush=True)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], env=cli.env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert [process.stdout.readline() for _ in range(2)] == [b"Accepted\n", b"Audio\n"]
        process.send_signal(signal.SIGSTOP)
        time.sleep(3.4)
        process.send_signal(signal.SIGCONT)
        assert process.stdout.readline() == b"Audio\n"
        process.kill()


def test_a_client_that_is_dropped_leaves_nothing(daemon: FakeDaemon) -> None:
    """Its last reference closes it, with its thread and descriptors; so does a connection that fails."""
    code = """if True:
        import os, sys, time
        from f5ctl.client import Client
        from f5ctl.errors import NoDaemonError
        left = lambda: (len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task")))
        before = left()
        for _ in range(10):
            Client(sys.argv[1]).status()
            try:
                Client(sys.argv[1] + "-none")
            except NoDaemonError:
                pass
        for _ in range(200):  # a thread that has ended is there for a moment
            if left() == before:
                sys.exit()
            time.sleep(0.02)
        sys.exit(f"{left()} instead of {before}")
    """
    subprocess.run([sys.executable, "-c", code, daemon.path], check=True)


def test_a_fork_leaves_the_connection_to_its_parent(daemon: FakeDaemon) -> None:
    """The other process can send nothing and end nothing; it ends at once."""
    daemon.silent_after = 1
    with Client(daemon.path) as client:
        request = client.send(Say("r1", "hi"))
        next(reply for reply in client.replies(request) if isinstance(reply, Audio))
        pid = os.fork()
        if pid == 0:
            client.cancel(request)
            client.close()
            os._exit(0)
        assert os.waitpid(pid, 0)[1] == 0
        assert [body["type"] for body in daemon.seen] == ["say"]
        client.cancel(request)
    assert [body["type"] for body in daemon.seen] == ["say", "cancel"]


def test_a_lack_of_descriptors_is_no_lack_of_a_daemon(daemon: FakeDaemon) -> None:
    """The line says what is wrong, and each try leaves as many descriptors as before."""
    code = """if True:
        import os, resource, sys
        from f5ctl.client import Client
        from f5ctl.errors import NoDaemonError
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        opened = lambda: len(os.listdir("/proc/self/fd")) - 1  # less the one that counts
        Client(sys.argv[1]).close()
        for spare in range(3):
            before = opened()
            resource.setrlimit(resource.RLIMIT_NOFILE, (before + spare, most))
            try:
                Client(sys.argv[1])
            except NoDaemonError as error:
                print(error)
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
            assert opened() == before, opened()
    """
    done = subprocess.run([sys.executable, "-c", code, daemon.path], capture_output=True, text=True, check=True)
    assert done.stdout == f"cannot connect to {daemon.path}: Too many open files\n" * 3


def test_a_full_queue_is_no_lack_of_a_daemon(tmp_path: Path) -> None:
    """Somebody listens who accepts nothing: it is told so, and `check_listening` does not wait for him."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, contextlib.ExitStack() as stack:
        listener.bind(path)
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket(socket.AF_UNIX))
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(path)
        check_listening(path)
        with pytest.raises(NoDaemonError, match="does not accept connections"):
            Client(path)
