"""The asynchronous client, on a real daemon with the stand-in engine."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

from f5ctl.aio import Client, Stream
from f5ctl.aio import link as link_module
from f5ctl.client import GRACE_S, new_id
from f5ctl.errors import BadRequestError, InterruptedRequest, NoDaemonError, TryAgainError
from f5ctl.protocol import Cancel, Load, Say

from .support import Daemon, wait_until

Result = TypeVar("Result")


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with Daemon(max_jobs=40) as running:
        (running.folder / "of_text").write_text("100")
        yield running


def run(work: Callable[[Client], Awaitable[Result]], path: str, **options: Any) -> Result:
    """Return what `work` makes with a client, within a bound."""

    async def main() -> Result:
        async with Client(path, start=False, **options) as client:
            return await asyncio.wait_for(work(client), 30)

    return asyncio.run(main())


async def whole(stream: Stream) -> bytes:
    return b"".join([chunk async for chunk in stream])


def jobs(daemon: Daemon) -> list[dict[str, Any]]:
    jobs: list[dict[str, Any]] = daemon.peer().status()["jobs"]
    return jobs


def kill(daemon: Daemon) -> None:
    daemon.process.kill()
    daemon.process.wait()
    Path(daemon.socket_path).unlink()


def test_many_requests_share_a_connection(daemon: Daemon) -> None:
    """Each gets its own audio, whole and in order, and its receipt."""
    texts = [f"segments={1 + number % 4} text {number}" for number in range(20)]

    async def all_of(client: Client) -> list[tuple[bytes, Stream]]:
        streams = [client.stream(text, seed=number) for number, text in enumerate(texts)]
        return list(zip(await asyncio.gather(*map(whole, streams)), streams, strict=True))

    async def alone(client: Client) -> list[bytes]:
        return [await whole(client.stream(text, seed=number)) for number, text in enumerate(texts)]

    together = run(all_of, daemon.socket_path)
    assert [audio for audio, _stream in together] == run(alone, daemon.socket_path)
    assert len({audio for audio, _stream in together}) == len(texts)
    for audio, stream in together:
        assert stream.receipt is not None
        assert stream.receipt["samples"] * 2 == len(audio)


def test_audio_comes_as_it_is_made(daemon: Daemon) -> None:
    """The first samples are here while the last are not made; the daemon's word is known before them."""

    async def watch(client: Client) -> None:
        async with client.stream("segments=3 delay=0.3 slow") as stream:
            accepted = await stream.begin()
            assert accepted.job
            await anext(stream)
            assert stream.receipt is None
            assert stream.progress is not None

    run(watch, daemon.socket_path)


def test_say_and_status(daemon: Daemon) -> None:
    """A whole answer has the receipt and can be saved; other requests are called."""

    async def ask(client: Client) -> None:
        audio = await client.say("Hello.", seed=5)
        assert audio.receipt["seed"] == 5
        assert audio.wav().startswith(b"RIFF")
        assert (await client.status())["jobs"] == []
        await client.call(Load(new_id()))
        with pytest.raises(BadRequestError):
            await client.call(Cancel(new_id(), job="none"))

    run(ask, daemon.socket_path)


def test_refusals_are_the_errors_of_the_other_client(daemon: Daemon) -> None:
    """What is wrong is known before anything is sent, or when the daemon says so."""

    async def ask(client: Client) -> None:
        with pytest.raises(BadRequestError, match="nfe_step"):
            client.stream("Hello.", nfe_step=0)
        with pytest.raises(BadRequestError, match="nobody"):
            await client.stream("Hello.", voice="nobody").begin()
        with pytest.raises(BadRequestError, match="as the text says"):
            await whole(client.stream("fail=bad_text"))
        with pytest.raises(TryAgainError, match="timeout_s"):
            await whole(client.stream("segments=9 delay=1", timeout_s=0.2))
        first = client.ask(Say("same", "segments=9 delay=1"))
        await first.begin()
        with pytest.raises(BadRequestError, match="in use"):
            await client.ask(Say("same", "Hello.")).begin()
        assert await whole(client.stream("Still here."))

    run(ask, daemon.socket_path)
    wait_until(lambda: not jobs(daemon), "the job of a client that is gone ends")


@pytest.mark.parametrize("way", ["task", "aclose", "block", "reference"])
def test_who_leaves_a_stream_cancels_its_job(daemon: Daemon, way: str) -> None:
    """In whatever way it is left."""

    async def leave(client: Client) -> None:
        stream = client.stream("segments=50 delay=0.2")
        await anext(stream)
        if way == "task":
            task = asyncio.ensure_future(whole(stream))
            await asyncio.sleep(0.05)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        elif way == "aclose":
            await stream.aclose()
        elif way == "block":
            with pytest.raises(ZeroDivisionError):
                async with stream:
                    raise ZeroDivisionError
        else:
            del stream
        await asyncio.to_thread(wait_until, lambda: not jobs(daemon), "its job ends")
        assert await whole(client.stream("Another."))

    run(leave, daemon.socket_path)


def test_a_job_that_somebody_else_cancels_is_an_error(daemon: Daemon) -> None:
    """It is not asked for again."""

    async def lose(client: Client) -> None:
        stream = client.stream("segments=50 delay=0.2")
        job = (await stream.begin()).job
        await client.call(Cancel(new_id(), job=job))
        with pytest.raises(InterruptedRequest):
            await whole(stream)

    run(lose, daemon.socket_path)


def test_a_stream_outlives_its_daemon() -> None:
    """Its daemon is killed twice in the middle; the bytes are those of an undisturbed run."""
    text = "segments=30 delay=0.05 a text that takes long enough"
    with Daemon() as daemon:
        (daemon.folder / "of_text").write_text("200")
        undisturbed = run(lambda client: whole(client.stream(text, seed=3)), daemon.socket_path)

        async def disturbed(client: Client) -> bytes:
            stream, other = client.stream(text, seed=3), client.stream(text, seed=3)
            audio = b""
            rest = asyncio.ensure_future(whole(other))
            for _ in range(2):
                audio += await anext(stream) + await anext(stream)
                kill(daemon)
                audio += b"".join([chunk async for chunk in _that_is_here(stream)])
                daemon.process = daemon.spawn()
            audio += await whole(stream)
            assert await rest == audio
            return audio

        assert run(disturbed, daemon.socket_path) == undisturbed


async def _that_is_here(stream: Stream) -> Any:
    """Yield what has come already."""
    while stream._inbox is not None and stream._inbox.held_bytes:
        yield await anext(stream)


def test_other_audio_is_never_put_together() -> None:
    """A daemon that makes something else of the request after it was lost is an error."""
    with Daemon() as daemon:
        (daemon.folder / "of_text").write_text("200")

        async def disturbed(client: Client) -> None:
            stream = client.stream("segments=30 delay=0.05 one text")
            await anext(stream)
            kill(daemon)
            (daemon.folder / "of_text").unlink()
            daemon.process = daemon.spawn()
            await whole(stream)

        with pytest.raises(Exception, match="another try gave other audio"):
            run(disturbed, daemon.socket_path)


def test_a_daemon_that_drains_is_left_for_the_next() -> None:
    """What it has goes on to its end; a new request waits until another listens."""
    with Daemon() as daemon:

        async def ask(client: Client) -> tuple[bytes, bytes]:
            old = client.stream("segments=10 delay=0.1")
            await anext(old)
            daemon.signal(signal.SIGTERM)
            await asyncio.sleep(0.2)
            new = asyncio.ensure_future(whole(client.stream("Hello.")))
            rest = await whole(old)
            await asyncio.to_thread(daemon.process.wait)
            daemon.process = daemon.spawn()
            return rest, await new

        rest, new = run(ask, daemon.socket_path)
        assert len(rest) == 9 * 4_800
        assert len(new) == 4_800


def test_without_a_daemon(tmp_path: Path) -> None:
    """Nobody there is an error at once, and the loss of one too where nothing is to be waited for."""
    began = time.monotonic()
    with pytest.raises(NoDaemonError, match="no daemon listens"):
        run(lambda client: client.say("Hello."), str(tmp_path / "none"))
    with Daemon() as daemon:

        async def lose(client: Client) -> None:
            stream = client.stream("segments=9 delay=1")
            await stream.begin()
            daemon.process.kill()
            await whole(stream)

        with pytest.raises(NoDaemonError, match="went away"):
            run(lose, daemon.socket_path, resume_s=0)
    assert time.monotonic() - began < 30


def test_a_daemon_that_hangs_is_given_up_in_time() -> None:
    """The time of a request bounds what its client waits, whatever the daemon does."""
    with Daemon() as daemon:

        async def wait(client: Client) -> None:
            stream = client.stream("segments=50 delay=0.2", timeout_s=1.0)
            await anext(stream)
            daemon.signal(signal.SIGSTOP)
            with pytest.raises(TryAgainError, match="within its time of 1 s"):
                await whole(stream)

        run(wait, daemon.socket_path)


def test_audio_that_came_in_time_may_be_taken_later(daemon: Daemon) -> None:
    """As by a player, which takes as long as the audio lasts; the request's time is the daemon's alone."""

    async def play(client: Client) -> None:
        wanted = await whole(client.stream("segments=4", seed=1))
        stream = client.stream("segments=4", seed=1, timeout_s=1.0)
        first = await anext(stream)
        await asyncio.sleep(1.0 + GRACE_S + 0.1)
        assert first + await whole(stream) == wanted
        assert stream.receipt

    run(play, daemon.socket_path)


def test_what_nobody_takes_is_bounded(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond a bound the connection is not read, and read on when audio has been taken."""
    monkeypatch.setattr(link_module, "MOST_HELD_BYTES", 50_000)

    async def idle(client: Client) -> bytes:
        stream = client.stream("segments=400", seed=1)
        first = await anext(stream)
        await asyncio.sleep(0.5)
        assert stream._inbox is not None
        held = stream._inbox.held_bytes
        rest = await whole(stream)
        assert 50_000 < held < len(rest) // 2
        return first + rest

    assert run(idle, daemon.socket_path) == run(
        lambda client: whole(client.stream("segments=400", seed=1)), daemon.socket_path
    )


def test_a_closed_client_says_so(daemon: Daemon) -> None:
    """Also to who waits."""

    async def close(client: Client) -> None:
        waiting = asyncio.ensure_future(whole(client.stream("segments=9 delay=1")))
        await asyncio.sleep(0.1)
        client.close()
        with pytest.raises(NoDaemonError, match="closed"):
            await waiting
        with pytest.raises(NoDaemonError, match="closed"):
            await client.status()

    run(close, daemon.socket_path)
    wait_until(lambda: not jobs(daemon), "its job ends")
