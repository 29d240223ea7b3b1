"""What clients may send, and the answer to everything else."""

from __future__ import annotations

from typing import Any

import msgpack
import pytest
import zmq

from f5ctl.protocol import (
    MAX_REF_AUDIO_BYTES,
    Accepted,
    Audio,
    Cancel,
    Cancelled,
    Done,
    Failed,
    Load,
    Progress,
    Request,
    Status,
    Stop,
    Unload,
    encode,
    parse_reply,
)

from .support import Daemon, Peer, say
from .tone_engine import SEGMENT_SAMPLES


def refused(peer: Peer, request: Request, code: str) -> Failed:
    reply = peer.ask(request)
    assert isinstance(reply, Failed), reply
    assert reply.code == code, reply
    return reply


def raw(peer: Peer, **body: Any) -> Failed:
    peer.socket.send(msgpack.packb({"v": 1, "type": "say", "id": "raw", "text": "hello", **body}))
    reply = peer.receive()
    assert isinstance(reply, Failed), reply
    return reply


def test_a_text_becomes_audio(peer: Peer) -> None:
    """A say is accepted, reported on, answered with audio and ends with a receipt."""
    result = peer.ok(say("a", "segments=2", seed=5, cfg_strength=0))
    assert isinstance(peer.seen[0], Accepted)
    assert any(isinstance(reply, Progress) and reply.state == "running" for reply in peer.seen)
    assert len(peer.audio("a")) == 2 * 2 * SEGMENT_SAMPLES
    assert result["samples"] == 2 * SEGMENT_SAMPLES
    assert result["duration_s"] == 0.2
    assert (result["voice"], result["voice_hash"], result["seed"]) == ("rms", "voice-hash", 5)
    assert result["parameters"]["cfg_strength"] == 0
    assert result["parameters"]["nfe_step"] == 7  # the starter's own
    assert result["warnings"] == ["a warning"]
    assert len(peer.terminals("a")) == 1


def test_the_receipt_says_what_is_heard_when(peer: Peer) -> None:
    """The timeline has each segment's text and its beginning, for subtitles."""
    assert peer.ok(say("a", "segments=3"))["timeline"] == [
        {"text": "part 0", "start_s": 0.0},
        {"text": "part 1", "start_s": 0.1},
        {"text": "part 2", "start_s": 0.2},
    ]


def test_the_language_is_the_request_s_else_the_voice_s(peer: Peer) -> None:
    """Numbers are read out as the request says, else as suits the voice."""
    assert peer.ok(say("a", voice="rms"))["parameters"]["language"] == "en"
    assert peer.ok(say("b", voice="basic_zh"))["parameters"]["language"] == "zh"
    for code in ("pt-BR", "PT", "EN", "zh_Hant_TW", "fr", "None"):
        assert peer.ok(say(code, voice="rms", language=code))["parameters"]["language"] == code


def test_a_drawn_seed_is_in_the_receipt(peer: Peer) -> None:
    """Without a seed the daemon draws one and tells it, so that the audio can be made again."""
    first, second = peer.ok(say("a")), peer.ok(say("b"))
    assert first["seed"] == first["parameters"]["seed"]
    assert first["seed"] != second["seed"]


def test_priority_reaches_the_engine(daemon: Daemon, peer: Peer) -> None:
    """A say's priority goes with its job; one without has priority 0."""
    peer.ok(say("a", "urgent", priority=1))
    peer.ok(say("b", "patient"))
    told = {note["text"]: note["priority"] for note in daemon.told("synthesize")}
    assert (told["urgent"], told["patient"]) == (1, 0)


def test_other_encodings_arrive_as_one_file(peer: Peer) -> None:
    """With an encoding other than pcm the pieces together are one file, sent when all is spoken."""
    peer.ok(say("a", "segments=30", encoding="flac"))
    data = peer.audio("a")
    assert data[:4] == b"flac"
    assert len(data) == 4 + 30 * 2 * SEGMENT_SAMPLES
    pieces = [reply for reply in peer.seen if isinstance(reply, Audio)]
    assert max(len(piece.data) for piece in pieces) <= 48_000


def test_your_own_recording_has_no_voice_name(peer: Peer) -> None:
    """With ref_audio the receipt's voice is null and ref_text is what the engine used."""
    result = peer.ok(say("a", ref_audio=b"RIFF"))
    assert result["voice"] is None
    assert result["ref_text"] == "transcribed"


@pytest.mark.parametrize(
    ("frame", "line"),
    [
        (b"", "not valid msgpack"),
        (b"\xc1garbage", "not valid msgpack"),
        (msgpack.packb([1, 2]), "not a msgpack map"),
        (msgpack.packb({1: 2}), "msgpack"),
        (msgpack.packb({"v": 1, "type": "status"}), "id is None"),
        (msgpack.packb({"v": 1, "type": "status", "id": "no spaces"}), "id is 'no spaces'"),
        (msgpack.packb({"v": 1, "type": "status", "id": 7}), "id is 7"),
        (msgpack.packb({"v": 1, "type": "sing", "id": "x"}), "unknown type 'sing'"),
        (msgpack.packb({"v": 1, "type": ["say"], "id": "x"}), "unknown type"),
        (msgpack.packb({"v": 1, "id": "x"}), "unknown type None"),
    ],
)
def test_garbage_is_answered_with_bad_message(peer: Peer, frame: bytes, line: str) -> None:
    """Whatever arrives, the daemon answers with one line and lives on."""
    peer.socket.send(frame)
    reply = peer.receive()
    assert isinstance(reply, Failed)
    assert reply.code == "bad_message"
    assert line in reply.message
    assert peer.status()["pid"]


@pytest.mark.parametrize("frames", [[b"a", b"b"], [b"", b"a", b"b"], [b"a", b"", b"b", b"c"]])
def test_a_message_of_several_frames_is_refused(peer: Peer, frames: list[bytes]) -> None:
    """One message is one frame."""
    peer.socket.send_multipart(frames)
    reply = parse_reply(peer.socket.recv_multipart()[-1])
    assert isinstance(reply, Failed)
    assert (reply.id, reply.code) == ("", "bad_message")


def test_a_req_socket_gets_its_delimiter_back(daemon: Daemon) -> None:
    """A plain REQ socket can ask for the status."""
    peer = daemon.peer(kind=zmq.REQ)
    assert peer.status()["protocol"] == 1


def test_another_protocol_version_is_named(peer: Peer) -> None:
    """A client of another version reads which version this daemon speaks."""
    reply = raw(peer, v=2)
    assert (reply.code, reply.id) == ("unsupported_version", "")
    assert "this side speaks version 1" in reply.message
    for kind in ("say", "status"):  # none at all is no version
        peer.socket.send(msgpack.packb({"type": kind, "id": "raw", "text": "hello"}))
        answer = peer.receive()
        assert isinstance(answer, Failed)
        assert (answer.code, answer.id) == ("unsupported_version", "")


@pytest.mark.parametrize(
    ("field", "value", "code", "line"),
    [
        ("txet", "typo", "bad_message", "say: unknown field 'txet'"),
        ("text", 3, "bad_message", "$.text"),
        ("nfe_step", "many", "bad_message", "$.nfe_step"),
        ("nfe_step", True, "bad_message", "$.nfe_step"),
        ("ref_audio", "UklGRg==", "bad_message", "$.ref_audio"),
        ("encoding", "aac", "bad_parameter", "encoding is 'aac'; it can be pcm, wav"),
        ("encoding", 1, "bad_message", "$.encoding"),
        ("text", None, "bad_message", "`text`"),
        ("speed", 3, "bad_parameter", "speed is 3; the limit is 0.5 to 2"),
        ("speed", float("nan"), "bad_parameter", "speed is nan"),
        ("language", "English", "bad_parameter", "language is 'English'; it can be en or pt, another"),
        ("language", "por", "bad_parameter", "language is 'por'; it can be en or pt, another"),
        ("language", "xx", "bad_parameter", "language is 'xx'; it can be en or pt, another"),
        ("cfg_strength", float("inf"), "bad_parameter", "cfg_strength is inf"),
        ("cfg_strength", 0.5, "bad_parameter", "cfg_strength is 0.5; the limit is 0 or 1 to 3"),
        ("nfe_step", 0, "bad_parameter", "nfe_step is 0; the limit is 1 to 128"),
        ("seed", -1, "bad_parameter", "seed is -1"),
        ("timeout_s", 0, "bad_parameter", "timeout_s is 0"),
        ("priority", 2, "bad_parameter", "priority is 2; the limit is -1 to 1"),
        ("priority", 0.5, "bad_message", "$.priority"),
        ("text", "  \n", "bad_text", "text is empty"),
        ("text", "?!…", "bad_text", "no letter or digit"),
        ("text", "x" * 65_537, "bad_text", "text is 65537 bytes; the limit is 65536"),
        ("ref_text", "words", "bad_parameter", "ref_text is given without ref_audio"),
        ("ref_audio", b"", "bad_audio", "ref_audio is empty"),
        ("ref_audio", bytes(MAX_REF_AUDIO_BYTES + 1), "bad_audio", "the limit is 16777216"),
        ("voice", "", "bad_parameter", "voice is empty"),
        (
            "voice",
            "../../etc/passwd",
            "unknown_voice",
            "unknown voice '../../etc/passwd'; known voices: awb",
        ),
        ("model", "gpt", "unknown_model", "unknown model 'gpt'"),
    ],
)
def test_a_wrong_field_is_named(peer: Peer, field: str, value: object, code: str, line: str) -> None:
    """The one line of a refusal names the field, its value and the limit."""
    reply = raw(peer, **{field: value})
    assert (reply.id, reply.code, reply.retryable) == ("raw", code, False)
    assert line in reply.message


def test_an_unknown_field_is_refused_in_every_version(peer: Peer) -> None:
    """A status is read whatever its version, but not a typing error in it."""
    assert raw(peer, type="status", v=7).code == "bad_message"  # with the text of a say
    assert peer.ok(Status("a"))


def test_a_plan_is_refused_as_the_say_would_be(peer: Peer) -> None:
    """The fields of `plan` are those of `say`, and so are the codes."""
    assert raw(peer, type="plan", encoding="aac").code == "bad_parameter"


def test_voice_and_recording_exclude_each_other(peer: Peer) -> None:
    """A request has a voice's name or a recording, not both; an empty ref_text is refused as well."""
    refused(peer, say("a", voice="rms", ref_audio=b"RIFF"), "bad_parameter")
    refused(peer, say("b", ref_audio=b"RIFF", ref_text=" "), "bad_text")
    refused(peer, say("c", ref_audio=b"RIFF", ref_text="x" * 4_097), "bad_text")


@pytest.mark.parametrize(
    "second", [say("a"), Status("a"), Load("a"), Unload("a"), Cancel("a", job="all"), Stop("a")]
)
def test_an_id_in_use_is_refused_and_the_job_lives(peer: Peer, second: Request) -> None:
    """The refusal of a second request carries no id, so it cannot be taken for the end of the live one."""
    peer.send(say("a", "delay=0.3"))
    peer.started("a")
    peer.send(second)
    refusal = peer.until(lambda reply: isinstance(reply, Failed | Done))
    assert isinstance(refusal, Failed)
    assert (refusal.id, refusal.code) == ("", "bad_message")
    assert "id 'a' is in use" in refusal.message
    assert isinstance(peer.end_of("a"), Done)
    assert len(peer.terminals("a")) == 1
    assert isinstance(peer.ask(say("a")), Done)


def test_the_engine_s_refusal_reaches_the_client(peer: Peer) -> None:
    """A job that the engine fails ends with the engine's code and line."""
    assert refused(peer, say("a", "fail=bad_audio"), "bad_audio").message == "as the text says"
    assert refused(peer, say("b", "fail=synthesis_failed"), "synthesis_failed").retryable is False
    assert refused(peer, say("c", "fail=transcription_unavailable"), "transcription_unavailable")


def test_a_full_queue_says_when_to_come_back(peer: Peer) -> None:
    """Beyond max_jobs a request is refused at once, retryable, with an estimate."""
    for n in range(3):
        peer.send(say(f"live{n}", "segments=99 delay=0.05"))
    peer.started("live2")
    reply = refused(peer, say("more"), "overloaded")
    assert reply.retryable
    assert reply.retry_after_s is not None
    assert 1 <= reply.retry_after_s <= 60
    assert "the limit is 3" in reply.message
    assert len(peer.ok(Cancel("c", job="all"))["cancelled"]) == 3


def test_status_is_answered_while_everything_is_busy(peer: Peer) -> None:
    """Status comes at once and shows jobs, engine and queue while an engine works."""
    peer.send(say("a", "segments=50 delay=0.1"))
    job = peer.started("a")
    status = peer.status()
    assert status["engines"][0]["state"] == "busy"
    assert status["engines"][0]["device"] == "cpu"
    assert [entry["job"] for entry in status["jobs"]] == [job]
    assert status["queue"] == {"waiting": 0, "running": 1, "limit": 3}
    assert status["default_model"] == "starter"
    assert {"name": "starter", "installed": True} in status["models"]
    assert {"rms", "slt", "basic_en", "basic_zh"} <= {voice["name"] for voice in status["voices"]}
    peer.ok(Cancel("c", request="a"))


def test_a_job_is_cancelled_by_its_id(daemon: Daemon, peer: Peer) -> None:
    """Anybody on the socket may cancel a job; its own client is told, once."""
    peer.send(say("a", "segments=99 delay=0.05"))
    job = peer.started("a")
    other = daemon.peer()
    assert other.ok(Cancel("c", job=job)) == {"cancelled": [job]}
    ended = peer.end_of("a")
    assert isinstance(ended, Cancelled)
    assert "request" in ended.reason
    assert isinstance(other.ask(Cancel("d", job=job)), Failed)


def test_a_request_is_cancelled_by_its_own_id(daemon: Daemon, peer: Peer) -> None:
    """A request id counts on its own connection alone."""
    peer.send(say("a", "segments=99 delay=0.05"))
    peer.started("a")
    refused(daemon.peer(), Cancel("c", request="a"), "unknown_job")
    assert peer.ok(Cancel("c", request="a"))["cancelled"]
    assert isinstance(peer.end_of("a"), Cancelled)


def test_cancel_needs_exactly_one_target(peer: Peer) -> None:
    """Cancel with both or neither of job and request is refused; an unknown job has its own code."""
    refused(peer, Cancel("a"), "bad_parameter")
    refused(peer, Cancel("b", job="1", request="x"), "bad_parameter")
    refused(peer, Cancel("c", job="12345"), "unknown_job")
    assert peer.ok(Cancel("d", job="all")) == {"cancelled": []}


def test_a_deadline_ends_the_job(peer: Peer) -> None:
    """timeout_s counts from acceptance; past it the job fails and may be tried again."""
    reply = refused(peer, say("a", "segments=99 delay=0.05", timeout_s=0.3), "deadline_exceeded")
    assert reply.retryable
    assert "timeout_s 0.3" in reply.message
    assert peer.ok(say("b"))


def test_progress_comes_every_second(peer: Peer) -> None:
    """A client hears about a live job at least once a second, also while nothing happens."""
    peer.send(say("a", "delay=2.5"))
    peer.started("a")
    peer.seen.clear()
    peer.end_of("a")
    assert sum(isinstance(reply, Progress) for reply in peer.seen) >= 3


def test_load_and_unload(peer: Peer) -> None:
    """Load warms the model and tells what it is; unload ends the process and says which were ended."""
    loaded = peer.ok(Load("l"))
    assert loaded["model"] == "starter"
    assert loaded["model_hash"] == "tone"
    assert loaded["parameter_count"] == 42
    assert loaded["load_s"] == round(loaded["load_s"], 3)
    assert peer.ok(Unload("u")) == {"unloaded": ["starter"]}
    assert peer.status()["engines"] == []
    assert peer.ok(Unload("v")) == {"unloaded": []}
    assert not [reply for reply in peer.seen if reply.id == "v" and isinstance(reply, Accepted)]
    refused(peer, Load("m", model="gpt"), "unknown_model")
    refused(peer, Unload("w", model="gpt"), "unknown_model")


def test_unload_lets_earlier_jobs_finish(peer: Peer) -> None:
    """Jobs from before the unload are spoken to their end; later ones get a new engine."""
    peer.send(say("before", "segments=3 delay=0.1"))
    peer.started("before")
    peer.send(Unload("u"))
    peer.send(say("after"))
    assert isinstance(peer.end_of("before"), Done)
    assert isinstance(peer.end_of("u"), Done)
    assert isinstance(peer.end_of("after"), Done)
    ends = [reply.id for reply in peer.seen if isinstance(reply, Done)]
    assert ends == ["before", "u", "after"]


def test_every_status_key_is_there(peer: Peer) -> None:
    """The status has exactly the documented keys."""
    status = peer.status()
    assert set(status) == {
        "version", "protocol", "pid", "uptime_s", "socket", "default_model", "draining", "models", "voices",
        "engines", "spare", "queue", "jobs", "counters", "histograms",
    }  # fmt: skip
    assert encode(Status("x"))
