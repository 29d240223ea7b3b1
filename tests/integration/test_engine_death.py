"""Engines die; requests do not."""

from __future__ import annotations

import os
import signal
import time

from f5ctl.protocol import Audio, Cancel, Done, Failed, Load, Progress
from f5d.broker.supervisor import PATIENCE
from f5d.engine.pulse import PULSE_S

from .support import Daemon, is_alive, say, wait_until
from .tone_engine import SEGMENT_SAMPLES

SOON = {"hang_s": 2.0, "asleep_s": 1.5}  # the supervisor's patience: what takes ten seconds takes two


def expected_audio(segments: int) -> bytes:
    return b"".join((index + 1).to_bytes(2, "little") * SEGMENT_SAMPLES for index in range(segments))


def test_a_killed_engine_costs_a_restart_and_no_request() -> None:
    """After kill -9 in mid-job the audio is complete and in order, without a repeated segment."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=6 delay=0.1"))
        peer.until(lambda reply: isinstance(reply, Progress) and reply.segments_done == 2)
        os.kill(peer.status()["engines"][0]["pid"], signal.SIGKILL)
        ended = peer.end_of("a")
        assert isinstance(ended, Done)
        assert peer.audio("a") == expected_audio(6)
        assert [entry["start_s"] for entry in ended.result["timeline"]] == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
        first, second = daemon.told("synthesize")
        assert (first["first"], first["carry"]) == (0, "")
        assert second["first"] >= 2
        assert second["carry"] == f"after {second['first'] - 1}"
        status = peer.status()
        assert status["counters"]["engine_restarts"] == 1
        assert status["engines"][0]["restarts"] == 1
        assert len(peer.terminals("a")) == 1


def test_every_request_ends_once_when_engines_keep_dying() -> None:
    """Jobs of many kinds, three deaths in between: each request gets exactly one terminal message."""
    with Daemon() as daemon:
        peer = daemon.peer()
        names = [f"r{n}" for n in range(12)]
        for n, name in enumerate(names):
            extra = " die_once=1" if n in (2, 5, 9) else ""
            peer.send(say(name, f"segments=3 delay=0.01{extra}", encoding="wav" if n % 3 == 0 else "pcm"))
        for name in names:
            assert isinstance(peer.end_of(name), Done), name
        peer.status()
        for n, name in enumerate(names):
            assert len(peer.terminals(name)) == 1
            assert peer.audio(name) == (b"wav" if n % 3 == 0 else b"") + expected_audio(3)
        assert peer.status()["counters"]["engine_restarts"] == 3


def test_a_job_that_kills_its_engine_fails_and_the_others_live() -> None:
    """A poisonous job is found by running the suspects alone; only that one gets engine_error."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.send(say("good1", "segments=40 delay=0.01"))
        peer.started("good1")
        peer.send(say("bad", "segments=2 die=0"))
        peer.send(say("good2", "segments=3"))
        ended = peer.end_of("bad")
        assert isinstance(ended, Failed)
        assert ended.code == "engine_error"
        assert "SIGSEGV" in ended.message
        assert isinstance(peer.end_of("good1"), Done)
        assert isinstance(peer.end_of("good2"), Done)
        assert peer.audio("good1") == expected_audio(40)
        job = next(note["job"] for note in daemon.told("synthesize") if "die=0" in note["text"])
        after_first_death = [note for note in daemon.told("synthesize") if note["job"] == job][1:]
        assert len(after_first_death) == 2
        assert all(note["with_"] == [] for note in after_first_death)


def test_a_job_that_always_dies_later_keeps_its_first_segments() -> None:
    """A job that kills its engine at segment 2 delivers the segments before it, then fails."""
    with Daemon() as daemon:
        peer = daemon.peer()
        ended = peer.ask(say("bad", "segments=4 die=2 delay=0.2"))
        assert isinstance(ended, Failed)
        assert ended.code == "engine_error"
        assert peer.audio("bad") == expected_audio(2)
        assert [note["first"] for note in daemon.told("synthesize")] == [0, 2, 2]


def test_death_while_encoding_sends_the_pcm_again() -> None:
    """When the engine dies at the very end of a file job nothing is spoken twice."""
    with Daemon() as daemon:
        (daemon.folder / "die-encode").touch()
        peer = daemon.peer()
        peer.ok(say("a", "segments=2", encoding="opus"))
        assert peer.audio("a") == b"opus" + expected_audio(2)
        assert len(daemon.told("synthesize")) == 1
        assert len(daemon.told("encode")) == 2


def test_one_death_while_loading_is_forgiven() -> None:
    """An engine that dies once while loading is started again."""
    with Daemon() as daemon:
        daemon.loading(die=1)
        assert daemon.peer().ok(say("a"))
        assert len(daemon.told("configure")) == 2


def test_two_deaths_while_loading_fail_the_waiting_jobs() -> None:
    """No restart loop: after two deaths in loading the jobs fail with the signal's name."""
    with Daemon() as daemon:
        daemon.loading(die=2)
        peer = daemon.peer()
        for name in ("a", "b"):
            peer.send(say(name))
        for name in ("a", "b"):
            ended = peer.end_of(name)
            assert isinstance(ended, Failed)
            assert ended.code == "engine_error"
            assert "died 2 times while loading: signal SIGSEGV" in ended.message
        assert peer.ok(say("c")), "the next request tries again"


def test_a_model_that_cannot_be_loaded_fails_with_its_reason() -> None:
    """LoadFailed ends every job that waits for that model, once, without a restart."""
    with Daemon() as daemon:
        daemon.loading(fail=["model_error", "checkpoint has no key x"], delay=0.2)
        peer = daemon.peer()
        peer.send(say("a"))
        ended = peer.ask(Load("l"))
        assert isinstance(ended, Failed)
        assert (ended.code, ended.message) == ("model_error", "checkpoint has no key x")
        assert isinstance(peer.end_of("a"), Failed)
        wait_until(lambda: not peer.status()["engines"], "the engine is gone")
        assert len(daemon.told("configure")) == 1
        assert peer.status()["counters"]["engine_restarts"] == 0


def test_an_engine_command_that_is_missing_fails_the_job() -> None:
    """When no process can be made the job fails with engine_error and the daemon lives."""
    with Daemon(engine_command=["/nonexistent/engine"]) as daemon:
        peer = daemon.peer()
        ended = peer.ask(say("a"))
        assert isinstance(ended, Failed)
        assert ended.code == "engine_error"
        assert peer.status()["engines"] == []


def test_an_idle_engine_that_dies_is_warm_again() -> None:
    """After kill -9 on an idle engine another one is loaded before anybody asks."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.ok(say("a"))
        before = peer.status()["engines"][0]["pid"]
        os.kill(before, signal.SIGKILL)
        wait_until(lambda: [e["state"] for e in peer.status()["engines"]] == ["ready"], "a new engine")
        wait_until(lambda: peer.status()["engines"][0]["pid"] != before, "another pid")


def test_the_daemon_s_death_ends_its_engines() -> None:
    """A kill -9 of the daemon leaves no engine behind."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.ok(Load("l"))
        pid = peer.status()["engines"][0]["pid"]
        daemon.process.kill()
        wait_until(lambda: not is_alive(pid), "the engine ends")


def test_a_cancelled_job_is_not_resubmitted() -> None:
    """What was cancelled before the engine died does not come back."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=1 delay=1"))
        peer.send(say("b", "segments=9 delay=0.1"))
        peer.started("b")
        wait_until(lambda: daemon.told("synthesize"), "the engine has the first job")
        peer.ok(Cancel("c", request="a"))
        os.kill(peer.status()["engines"][0]["pid"], signal.SIGKILL)
        assert isinstance(peer.end_of("b"), Done)
        assert not any(isinstance(reply, Audio) and reply.id == "a" for reply in peer.seen)
        jobs = [note["job"] for note in daemon.told("synthesize")]
        assert jobs.count("1") == 1


def test_a_stopped_engine_is_replaced_and_its_job_goes_on() -> None:
    """SIGSTOP: without a sign of life for hang_s the engine is killed; the audio is complete."""
    with Daemon(patience=SOON) as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=4 delay=0.1 stop_once=2"))
        assert isinstance(peer.end_of("a"), Done)
        assert peer.audio("a") == expected_audio(4)
        assert [note["first"] for note in daemon.told("synthesize")] == [0, 2]
        assert "no sign of life for 2 s" in daemon.log_text()
        assert len(peer.terminals("a")) == 1


def test_ten_beats_are_waited_for() -> None:
    """The daemon's own limit for an engine without a sign of life is ten beats, ten seconds."""
    assert PATIENCE.hang_s == 10 * PULSE_S == 10.0


def test_a_long_step_is_no_hang() -> None:
    """An engine that computes for longer than the limit without a message is left alone."""
    with Daemon(patience=SOON) as daemon:
        peer = daemon.peer()
        peer.ok(say("a", f"segments=1 delay={SOON['hang_s'] + 1}"))
        assert len(daemon.told("configure")) == 1


def test_a_daemon_that_was_stopped_kills_no_engine() -> None:
    """SIGSTOP and SIGCONT of engine and daemon together (a suspended machine) cost nothing but time."""
    with Daemon(patience=SOON) as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=6 delay=0.2"))
        peer.started("a")
        engine = peer.status()["engines"][0]["pid"]
        for pid in (engine, daemon.process.pid):
            os.kill(pid, signal.SIGSTOP)
        time.sleep(SOON["hang_s"] + 1)
        daemon.signal(signal.SIGCONT)
        time.sleep(0.5)
        os.kill(engine, signal.SIGCONT)
        assert isinstance(peer.end_of("a"), Done)
        assert len(daemon.told("configure")) == 1


def test_kills_from_outside_make_no_suspects() -> None:
    """Whoever kills the engine again and again delays the jobs; none is blamed, all end well."""
    with Daemon() as daemon:
        peer = daemon.peer()
        peer.send(say("a", "segments=2 delay=0.6"))
        for kills in range(3):
            peer.until(lambda reply: isinstance(reply, Progress) and reply.state == "running")
            os.kill(peer.status()["engines"][0]["pid"], signal.SIGKILL)
            wait_until(lambda k=kills: len(daemon.told("configure")) == k + 2, "another engine")  # type: ignore[misc]
        assert isinstance(peer.end_of("a"), Done)
        assert peer.audio("a") == expected_audio(2)


def test_a_spare_takes_the_place_of_a_killed_engine_and_is_itself_no_loss() -> None:
    """The engine after a kill is the spare; a spare that is killed leaves the job and the engine alone."""
    with Daemon(spare="on") as daemon:
        peer = daemon.peer()
        peer.ok(Load("load"))
        wait_until(lambda: peer.status()["spare"], "there is a spare")
        spare = peer.status()["spare"]
        peer.send(say("a", "segments=6 delay=0.1"))
        peer.until(lambda reply: isinstance(reply, Progress) and reply.segments_done == 2)
        os.kill(peer.status()["engines"][0]["pid"], signal.SIGKILL)
        assert isinstance(peer.end_of("a"), Done)
        assert peer.audio("a") == expected_audio(6)
        assert [engine["pid"] for engine in peer.status()["engines"]] == [spare]
        wait_until(lambda: peer.status()["spare"], "there is another")
        os.kill(peer.status()["spare"], signal.SIGKILL)
        wait_until(lambda: peer.status()["spare"] is None, "it is gone")
        peer.send(say("b", "segments=2"))
        assert isinstance(peer.end_of("b"), Done)
        status = peer.status()
        assert status["counters"]["engine_restarts"] == 1
        daemon.signal(signal.SIGTERM)
        assert daemon.exit_status() == 0
