"""`f5ctl serve wyoming` and the package's own client, on a real daemon with the stand-in engine."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from wyoming.client import AsyncClient
from wyoming.event import Event
from wyoming.info import Describe, Info
from wyoming.ping import Ping
from wyoming.tts import Synthesize, SynthesizeChunk, SynthesizeStart, SynthesizeStop, SynthesizeVoice

from tests.integration.support import Daemon, wait_until

LINES = ("The first sentence is here.", "The second sentence comes then.", "And this one is the last.")
TEXT = " ".join(LINES)


class Door:
    """A running `f5ctl serve wyoming`; what it says is in `log`."""

    def __init__(self, daemon: Daemon, folder: Path, *options: str, uri: str | None = None) -> None:
        self.path = folder / "w"
        self.uri = uri or f"unix://{self.path}"
        self._log = folder / "door.log"
        command = [sys.executable, "-m", "f5ctl", "--socket", daemon.socket_path, "--no-start"]
        command += ["serve", "wyoming", "--uri", self.uri, *options]
        with self._log.open("w") as log:
            self.process = subprocess.Popen(command, stderr=log)
        wait_until(lambda: "serves Wyoming" in self.log or self.process.poll() is not None, "the door is open")
        assert self.process.poll() is None, self.log

    @property
    def log(self) -> str:
        """What it has said."""
        return self._log.read_text()

    def stop(self) -> int:
        """End it as systemd does and return its exit status."""
        self.process.terminate()
        return self.process.wait(20)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with Daemon(max_jobs=40) as running:
        (running.folder / "of_text").write_text("100")
        yield running


@pytest.fixture
def door(daemon: Daemon, tmp_path: Path) -> Iterator[Door]:
    door = Door(daemon, tmp_path, "--sentence-silence", "0", "--tail-silence", "0", "--patience", "1")
    yield door
    assert door.stop() == 0, door.log
    assert "Traceback" not in door.log
    assert not door.path.exists()


def talk(door: Door, work: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with AsyncClient.from_uri(door.uri) as client:
            return await asyncio.wait_for(work(client), 30)

    return asyncio.run(main())


async def until(client: AsyncClient, *kinds: str) -> list[Event]:
    events: list[Event] = []
    while not events or events[-1].type not in kinds:
        event = await client.read_event()
        assert event is not None, events
        events.append(event)
    return events


def audio(events: list[Event]) -> bytes:
    return b"".join(event.payload or b"" for event in events if event.type == "audio-chunk")


async def spoken(client: AsyncClient, text: str, voice: str | None = None, **more: Any) -> list[Event]:
    wish = SynthesizeVoice(name=voice) if voice else None
    await client.write_event(Synthesize(text, voice=wish, **more).event())
    return await until(client, "audio-stop", "error")


async def streamed(client: AsyncClient, chunks: list[str], voice: str | None = None) -> list[Event]:
    wish = SynthesizeVoice(name=voice) if voice else None
    await client.write_event(SynthesizeStart(voice=wish).event())
    for chunk in chunks:
        await client.write_event(SynthesizeChunk(chunk).event())
    await client.write_event(Synthesize("".join(chunks), voice=wish).event())
    await client.write_event(SynthesizeStop().event())
    return await until(client, "synthesize-stopped")


def jobs(daemon: Daemon) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = daemon.peer().status()["jobs"]
    return found


def test_describe_lists_the_voices_and_wakes_no_engine(tmp_path: Path) -> None:
    """Every voice of the daemon, installed, with its own language and those that were said."""
    with Daemon() as daemon:
        door = Door(daemon, tmp_path, "--language", "en-US", "--language", "pt")

        async def ask(client: AsyncClient) -> Info:
            await client.write_event(Describe().event())
            return Info.from_event((await until(client, "info"))[-1])

        (program,) = talk(door, ask).tts
        assert program.installed
        assert program.supports_synthesize_streaming
        assert {voice.name for voice in program.voices} == {
            voice["name"] for voice in daemon.peer().status()["voices"]
        }
        assert all(voice.installed and {"en-US", "pt"} <= set(voice.languages) for voice in program.voices)
        assert "en" in next(voice.languages for voice in program.voices if voice.name == "slt")  # its own
        assert daemon.told("configure") == []
        assert door.stop() == 0


def test_a_text_is_spoken_sentence_by_sentence(daemon: Daemon, door: Door) -> None:
    """A request for each, in one start and stop; streamed it is the same number of samples, said once."""
    before = len(daemon.told("synthesize"))
    events = talk(door, lambda client: spoken(client, TEXT))
    assert [event.type for event in events if event.type != "audio-chunk"] == ["audio-start", "audio-stop"]
    assert {key: events[0].data[key] for key in ("rate", "width", "channels")} == {
        "rate": 24_000,
        "width": 2,
        "channels": 1,
    }
    asked = [note["text"] for note in daemon.told("synthesize")[before:]]
    assert sorted(asked) == sorted(LINES)
    assert len(audio(events)) == 2 * 100 * sum(map(len, LINES))

    before = len(daemon.told("synthesize"))
    events = talk(door, lambda client: streamed(client, [TEXT[at : at + 7] for at in range(0, len(TEXT), 7)]))
    assert sorted(note["text"] for note in daemon.told("synthesize")[before:]) == sorted(LINES)
    assert len(audio(events)) == 2 * 100 * sum(map(len, LINES))
    assert [event.type for event in events if event.type != "audio-chunk"] == [
        "audio-start",
        "audio-stop",
        "synthesize-stopped",
    ]


def test_sentences_come_in_their_order(door: Door) -> None:
    """However long each takes: a slow first one is heard first."""
    texts = "segments=2 delay=0.5 is slow here.", "One that is quick to make."

    async def ask(client: AsyncClient) -> list[bytes]:
        return [audio(await spoken(client, text)) for text in (" ".join(texts), *texts)]

    together, *alone = talk(door, ask)
    assert [len(part) for part in alone] == [2 * 2 * 100 * len(texts[0]), 2 * 100 * len(texts[1])]
    assert len(together) == sum(map(len, alone))
    at = len(alone[0])  # the first is twice as long, so its samples end nowhere else
    assert together[at - 2 : at] != together[at : at + 2]


def test_the_first_sentence_is_spoken_while_the_text_is_being_written(door: Door) -> None:
    """A writer that rests after a sentence is heard up to there."""

    async def ask(client: AsyncClient) -> None:
        await client.write_event(SynthesizeStart().event())
        await client.write_event(SynthesizeChunk("Let me look at the weather. ").event())
        await until(client, "audio-chunk")
        await client.write_event(SynthesizeStop().event())
        await until(client, "synthesize-stopped")

    talk(door, ask)


def test_silences_are_put_where_they_were_asked_for(daemon: Daemon, tmp_path: Path) -> None:
    """Between sentences and after the last."""
    door = Door(daemon, tmp_path, "--sentence-silence", "0.5", "--tail-silence", "0.25")
    pcm = audio(talk(door, lambda client: spoken(client, TEXT)))
    assert len(pcm) == 2 * (100 * sum(map(len, LINES)) + 2 * 12_000 + 6_000)
    assert pcm.endswith(bytes(12_000))
    door.stop()


def test_hanging_up_cancels(daemon: Daemon, door: Door) -> None:
    """In the middle of the audio, with sentences asked for ahead."""

    async def ask(client: AsyncClient) -> None:
        text = "segments=50 delay=0.2 goes on for ever. segments=50 delay=0.2 goes on as well."
        await client.write_event(Synthesize(text).event())
        await until(client, "audio-chunk")
        wait_until(lambda: len(jobs(daemon)) == 2, "the next sentence is asked for")

    talk(door, ask)
    wait_until(lambda: not jobs(daemon), "everything is cancelled")


def test_what_is_wrong_is_told_and_the_client_served_on(door: Door) -> None:
    """An error of the daemon, a text that is none, nothing to say; unknown messages are passed over."""

    async def ask(client: AsyncClient) -> None:
        (error,) = await spoken(client, "Hello there.", voice="nobody")
        assert error.data["code"] == "unknown_voice"
        assert "nobody" in error.data["text"]
        await client.write_event(Event("synthesize", {"text": 5}))
        assert (await until(client, "error"))[-1].data["code"] == "bad_text"
        assert (await spoken(client, "  "))[-1].type == "error"
        events = await streamed(client, ["fail=bad_text is what happens."])
        assert [event.type for event in events] == ["error", "synthesize-stopped"]
        await client.write_event(Event("transcribe", {"language": "en"}, b"1234"))
        await client.write_event(Event("synthesize-stop"))
        await client.write_event(Ping("here").event())
        assert (await until(client, "pong"))[-1].data["text"] == "here"
        assert (await spoken(client, "Hello there."))[-1].type == "audio-stop"

    talk(door, ask)


def test_ssml_is_read_without_its_marks(daemon: Daemon, door: Door) -> None:
    """Tags are left out, entities are characters."""
    text = "<speak><s>Salt &amp; <emphasis>pepper</emphasis></s><break time='1s'/></speak>"
    talk(door, lambda client: spoken(client, text, text_format="ssml"))
    assert daemon.told("synthesize")[-1]["text"].split() == ["Salt", "&", "pepper"]


def restart(daemon: Daemon) -> None:
    daemon.process.kill()
    daemon.process.wait()
    Path(daemon.socket_path).unlink()
    daemon.start()


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (line(type="synthesize", data_length=2**30), "data_length is 1073741824"),
        (line(type="x", payload_length=2**30), "payload_length is 1073741824"),
        (line(type="x", data_length=-1), "data_length is -1"),
        (b"x" * 2**20, "no message"),
        (b"GET / HTTP/1.1\r\n", "JSON object"),
        (b"[" * 100_000 + b"\n", "JSON object"),
        (line(type=5), "must be a string"),
        (line(type="x", data=[1]), "must be an object"),
        (b'{"type": "synthesize"', "did not end"),
        (line(type="synthesize", data_length=9) + b"{", "did not end"),
    ],
)
def test_a_broken_message_ends_its_own_connection_alone(door: Door, sent: bytes, told: str) -> None:
    """It is closed, with a line in the log; the others are served."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(20)
        peer.connect(str(door.path))
        try:
            peer.sendall(sent)
            assert peer.recv(1) == b""
        except ConnectionError:
            pass  # closed before all of it was read
    assert told in door.log
    assert talk(door, lambda client: spoken(client, "Hello there."))[-1].type == "audio-stop"


def test_a_client_that_takes_nothing_is_closed(daemon: Daemon, door: Door) -> None:
    """What it asked for is cancelled, and others are served meanwhile."""
    with socket.socket(socket.AF_UNIX) as peer:
        peer.connect(str(door.path))
        text = "segments=400 " + "this is much " * 80 + "audio."
        peer.sendall(line(type="synthesize", data={"text": text}))
        assert talk(door, lambda client: spoken(client, "Hello there."))[-1].type == "audio-stop"
        wait_until(lambda: "took nothing" in door.log, "it is closed")
    wait_until(lambda: not jobs(daemon), "its speech is cancelled")


def test_the_stream_goes_on_with_the_next_daemon(tmp_path: Path) -> None:
    """A daemon that is killed in the middle costs no sample."""
    text = "segments=12 delay=0.1 is a long sentence. segments=2 is the second one."
    with Daemon() as daemon:
        (daemon.folder / "of_text").write_text("100")
        door = Door(daemon, tmp_path)

        async def interrupted(client: AsyncClient) -> bytes:
            await client.write_event(Synthesize(text).event())
            begun = await until(client, "audio-chunk")
            await asyncio.to_thread(restart, daemon)
            return audio(begun + await until(client, "audio-stop", "error"))

        cut = talk(door, interrupted)
        whole = audio(talk(door, lambda client: spoken(client, text)))
        assert len(cut) == len(whole)
        assert door.stop() == 0


def test_tcp_and_too_many_clients(daemon: Daemon, tmp_path: Path) -> None:
    """One more than may be is told so; a place that is left is another's."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    door = Door(daemon, tmp_path, "--max-clients", "1", uri=f"tcp://127.0.0.1:{port}")

    async def two(_first: AsyncClient) -> None:
        async with AsyncClient.from_uri(door.uri) as second:
            assert (await until(second, "error"))[-1].data["code"] == "overloaded"

    talk(door, two)
    wait_until(lambda: talk(door, lambda client: spoken(client, "Hi."))[-1].type == "audio-stop", "a place")
    door.stop()


def test_systemd_s_socket_is_taken(daemon: Daemon) -> None:
    """The client that systemd starts the server for is served, whatever the URI says."""
    with socket.create_server(("127.0.0.1", 0)) as passed:
        uri = f"tcp://127.0.0.1:{passed.getsockname()[1]}"
        serve = f"{sys.executable} -m f5ctl --socket {daemon.socket_path} --no-start serve wyoming"
        shell = f"exec 3<&{passed.fileno()}; LISTEN_PID=$$ LISTEN_FDS=1 exec {serve}"
        command = ["bash", "-c", shell]
        with subprocess.Popen(command, pass_fds=[passed.fileno()], stderr=subprocess.DEVNULL) as server:

            async def ask() -> list[Event]:
                async with AsyncClient.from_uri(uri) as client:
                    return await asyncio.wait_for(spoken(client, "Hello there."), 30)

            assert asyncio.run(ask())[-1].type == "audio-stop"
            server.terminate()
            assert server.wait(20) == 0


def test_zeroconf_announces_the_port(daemon: Daemon, tmp_path: Path) -> None:
    """By the name that was given, as Home Assistant looks for it."""
    zeroconf = pytest.importorskip("zeroconf")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    door = Door(daemon, tmp_path, "--zeroconf", f"f5d-{port}", uri=f"tcp://127.0.0.1:{port}")
    wait_until(lambda: "announced" in door.log or door.process.poll() is not None, "it is announced")
    with contextlib.closing(zeroconf.Zeroconf()) as network:
        kind = "_wyoming._tcp.local."
        found = network.get_service_info(kind, f"f5d-{port}.{kind}", timeout=10_000)
        assert found is not None
        assert found.port == port
    assert door.stop() == 0


def test_standard_input_and_output(daemon: Daemon) -> None:
    """A client that starts the server itself; the end of its input is the end."""
    command = [sys.executable, "-m", "f5ctl", "--socket", daemon.socket_path, "--no-start"]
    command += ["serve", "wyoming", "--uri", "stdio://"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(line(type="ping", data={"text": "a"}))
        server.stdin.flush()
        assert json.loads(server.stdout.readline())["type"] == "pong"
        server.stdin.close()
        assert server.wait(20) == 0


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--uri", "tcp://0.0.0.0:10200"], "--public"),
        (["--uri", "http://localhost"], "tcp://HOST:PORT"),
        (["--uri", "tcp://localhost:99999"], "port"),
        (["--uri", "unix:///nowhere/at/all"], "cannot listen"),
        (["--language", "klingon"], "klingon"),
        (["--uri", "stdio://", "--zeroconf", "x"], "--zeroconf"),
    ],
)
def test_bad_options_are_one_clear_line(options: list[str], told: str) -> None:
    """What, the value, and what to do."""
    command = [sys.executable, "-m", "f5ctl", "serve", "wyoming", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode != 0
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_socket_left_behind_is_replaced_and_a_used_one_is_not(daemon: Daemon, tmp_path: Path) -> None:
    """Two servers never share a path; one that was killed leaves no trap."""
    door = Door(daemon, tmp_path)
    command = [sys.executable, "-m", "f5ctl", "serve", "wyoming", "--uri", door.uri]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert "somebody listens" in done.stderr
    door.process.send_signal(signal.SIGKILL)
    door.process.wait()
    assert door.path.exists()
    door = Door(daemon, tmp_path)
    assert talk(door, lambda client: spoken(client, "Hello there."))[-1].type == "audio-stop"
    door.stop()
