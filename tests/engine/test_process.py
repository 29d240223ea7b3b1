"""What the engine process promises the broker, over the real socket."""

from __future__ import annotations

import io
import os
import signal
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from f5d.catalog.voices import Reference
from f5d.engine import types

from .conftest import FAST, REFERENCE, Engine, configure

LONG_TEXT = (
    "He stood on the right. She runs around telling everyone of her troubles."
    " They walked along the river until the sun went down. Nobody said a word about it."
)


def pcm_of(messages: list[types.FromEngine]) -> bytes:
    """Return the audio of a job's messages."""
    return b"".join(message.pcm for message in messages if isinstance(message, types.Segment))


def speak(job: str, text: str = "He stood on the right.", **changes: object) -> types.Synthesize:
    """Return a request for a few words with few steps."""
    values: dict[str, object] = {"reference": REFERENCE, "parameters": FAST}
    return types.Synthesize(job=job, text=text, **(values | changes))  # type: ignore[arg-type]


def test_a_job_is_planned_spoken_and_finished(engine: Engine) -> None:
    """A job is announced with its number of segments, sent segment by segment, and ended once."""
    engine.send(speak("plain", LONG_TEXT))
    messages = engine.until_over("plain")
    planned, *segments, finished = messages
    assert isinstance(planned, types.Planned)
    assert planned.segments == len(segments) >= 2
    assert [s.index for s in segments if isinstance(s, types.Segment)] == list(range(planned.segments))
    assert isinstance(finished, types.Finished)
    samples = np.frombuffer(pcm_of(messages), "<i2")
    assert len(samples) > 24_000
    assert np.abs(samples).max() > 1_000


def test_the_same_request_gives_the_same_audio(engine: Engine) -> None:
    """Text, voice, parameters and seed decide the audio; another seed gives other audio."""
    outputs = []
    for number, seed in enumerate((7, 7, 8)):
        engine.send(speak(f"same{number}", parameters=types.Parameters(nfe_step=2, seed=seed)))
        outputs.append(pcm_of(engine.until_over(f"same{number}")))
    assert outputs[0] == outputs[1]
    assert outputs[0] != outputs[2]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"sentence_pause": None, "cross_fade_duration": 0.15},
        {"remove_silence": True, "sentence_pause": 2.0},
    ],
)
def test_a_job_cut_off_goes_on_where_it_stopped(engine: Engine, changes: dict[str, Any]) -> None:
    """Resuming after any delivered segment, with its carry, gives the very same remaining audio."""
    settings = types.Parameters(nfe_step=2, cfg_strength=0.0, seed=3, **changes)
    engine.send(speak("whole", LONG_TEXT, parameters=settings))
    segments = [m for m in engine.until_over("whole") if isinstance(m, types.Segment)]
    cut = len(segments) // 2
    before = segments[cut - 1]
    engine.send(speak("resumed", LONG_TEXT, first_segment=cut, carry=before.carry, parameters=settings))
    resumed = [m for m in engine.until_over("resumed") if isinstance(m, types.Segment)]
    assert [(m.pcm, m.start) for m in resumed] == [(m.pcm, m.start) for m in segments[cut:]]
    assert bool(segments[0].carry) == bool(changes)


def test_a_job_whose_segments_were_all_delivered_is_just_finished(engine: Engine) -> None:
    """Resubmitting a job that only lacked its end is answered with its end."""
    engine.send(speak("over", first_segment=1))
    assert [type(m) for m in engine.until_over("over")] == [types.Planned, types.Finished]


def test_a_short_job_overtakes_a_long_one(engine: Engine) -> None:
    """A job that arrives while a long one runs is finished long before it."""
    engine.send(speak("long", LONG_TEXT * 2))
    assert isinstance(engine.receive(), types.Planned)
    engine.send(speak("short"))
    order: list[str] = []
    while len(order) < 2:
        message = engine.receive()
        if isinstance(message, types.Finished):
            order.append(message.job)
    assert order == ["short", "long"]


def test_an_urgent_job_overtakes_its_like(engine: Engine) -> None:
    """Of two equally long jobs the one of higher priority is finished first, although it came later."""
    engine.send(speak("patient", LONG_TEXT * 2, priority=-1))
    assert isinstance(engine.receive(), types.Planned)
    engine.send(speak("urgent", LONG_TEXT * 2, priority=1))
    assert engine.until_over("urgent")
    assert engine.until_over("patient")


def test_a_cancelled_job_says_nothing_more(engine: Engine) -> None:
    """Cancel is answered once, and the job's segments stop."""
    engine.send(speak("doomed", LONG_TEXT * 20))
    engine.send(types.Cancel("doomed"))
    assert isinstance(engine.until_over("doomed")[-1], types.Cancelled)
    engine.send(types.Cancel("doomed"))
    engine.send(speak("after"))
    assert {getattr(m, "job", "") for m in engine.until_over("after")} == {"after"}


@pytest.mark.parametrize("encoding", ["wav", "flac", "ogg", "opus", "mp3"])
def test_pcm_becomes_a_file_of_each_encoding(engine: Engine, encoding: str) -> None:
    """Encoded audio opens with the right rate and length; compressed ones may add a little padding."""
    tone = (np.sin(np.arange(72_000) * 2 * np.pi * 440 / 24_000) * 8_000).astype("<i2")
    engine.send(types.Encode(encoding, encoding, tone.tobytes()))
    (encoded,) = engine.until_over(encoding)
    assert isinstance(encoded, types.Encoded)
    with sf.SoundFile(io.BytesIO(encoded.data)) as file:
        assert file.channels == 1
        assert file.samplerate == (48_000 if encoding == "opus" and file.samplerate == 48_000 else 24_000)
        assert file.frames / file.samplerate == pytest.approx(3.0, abs=0.1)


def recording(samples: object, rate_hz: int = 24_000, subtype: str | None = None) -> bytes:
    """Return an audio file."""
    buffer = io.BytesIO()
    sf.write(buffer, np.asarray(samples), rate_hz, format="WAV", subtype=subtype)
    return buffer.getvalue()


NOISE = np.random.default_rng(0).normal(0, 0.1, 24_000 * 3).astype(np.float32)
NAN = np.where(np.arange(len(NOISE)) == 5, np.nan, NOISE)


@pytest.mark.parametrize(
    ("audio", "ref_text", "code", "line"),
    [
        (b"hello", "x", "bad_audio", "is not audio that can be read"),
        (recording(NOISE)[:30], "x", "bad_audio", "is not audio|no samples"),
        (recording(np.zeros(0)), "x", "bad_audio", "holds no samples"),
        (recording(np.zeros(72_000)), "x", "bad_audio", "is silent"),
        (recording(NOISE[:4_000]), "x", "bad_audio", "holds 0.17 s of speech; the least is 0.5 s"),
        (recording(np.tile(NOISE, 60)), "x", "bad_audio", "is 180 s long; the limit is 60 s"),
        (recording(np.tile(NOISE, 7)), "x", "bad_audio", "holds 21.0 s of speech; the limit is 12 s"),
        (recording(NAN, subtype="FLOAT"), "x", "bad_audio", "NaN or infinite"),
        (recording(NOISE[:3_000], 1_000), "x", "bad_audio", "sample rate of 1000 Hz; the limit is 4000"),
        (recording(np.tile(NOISE[:, None], 16)), "x", "bad_audio", "has 16 channels; the limit is 8"),
        (recording(NOISE), None, "transcription_unavailable", "pass --ref-text"),
    ],
)
def test_an_unusable_reference_is_refused_with_one_clear_line(
    engine: Engine, audio: bytes, ref_text: str | None, code: str, line: str
) -> None:
    """Every unusable recording gets its own line, with the value and the limit."""
    engine.send(speak("bad", reference=Reference(audio, ref_text)))
    (failed,) = engine.until_over("bad")
    assert isinstance(failed, types.Failed)
    assert failed.code == code
    assert any(part in failed.message for part in line.split("|"))
    assert "\n" not in failed.message


def test_a_telephone_recording_in_stereo_is_a_good_reference(engine: Engine) -> None:
    """8 kHz stereo is resampled and mixed."""
    stereo = recording(np.tile(NOISE[:24_000, None], 2), 8_000)
    engine.send(speak("phone", reference=Reference(stereo, "and so it is with us.")))
    assert isinstance(engine.until_over("phone")[-1], types.Finished)


def test_a_text_that_cannot_be_read_is_refused(engine: Engine) -> None:
    """Text of which the model knows no character is an error, not silence."""
    engine.send(speak("text", "你好"))
    (failed,) = engine.until_over("text")
    assert isinstance(failed, types.Failed)
    assert failed.code == "bad_text"
    assert "can read none of the text's characters" in failed.message


def test_brackets_are_text(engine: Engine) -> None:
    """A bracket ends no text: words are said without it, citations left out."""
    engine.send(speak("text", "[town] It is old.[12] It leans on [Frostbolt]."))
    planned = engine.until_over("text")[0]
    assert isinstance(planned, types.Planned)
    assert " ".join(planned.texts) == "town It is old. It leans on Frostbolt."


def test_numbers_are_read_out(engine: Engine) -> None:
    """Segments and warnings are of the words; `none` leaves digits, which the bundled model cannot read."""
    engine.send(
        types.Synthesize("read", "It is 5 km, 007.", REFERENCE, types.Parameters(nfe_step=1, language="en"))
    )
    planned = engine.until_over("read")[0]
    assert isinstance(planned, types.Planned)
    assert (planned.texts, planned.warnings) == (("It is five kilometres, zero zero seven.",), ())
    engine.send(types.Synthesize("left", "It is 5 km.", REFERENCE, types.Parameters(nfe_step=1)))
    planned = engine.until_over("left")[0]
    assert isinstance(planned, types.Planned)
    assert planned.texts == ("It is 5 km.",)
    assert "5" in planned.warnings[0]


def test_skipped_characters_are_reported(engine: Engine) -> None:
    """Characters outside the model's vocabulary come back as a warning that names them."""
    engine.send(speak("skip", "Room 7 is on the right."))
    planned = engine.until_over("skip")[0]
    assert isinstance(planned, types.Planned)
    assert planned.warnings == ("model starter cannot read and skips: 7",)


def test_a_fixed_duration_is_kept(engine: Engine) -> None:
    """fix_duration counts the reference, as upstream does; one that leaves no time is refused."""
    parameters = types.Parameters(nfe_step=2, fix_duration=5.0)
    engine.send(speak("fixed", parameters=parameters))
    speech_s = len(pcm_of(engine.until_over("fixed"))) / 2 / 24_000
    samples, rate_hz = sf.read(io.BytesIO(REFERENCE.audio))
    assert speech_s == pytest.approx(5.0 - len(samples) / rate_hz, abs=0.1)  # it is re-timed a little
    engine.send(speak("tiny", parameters=types.Parameters(nfe_step=2, fix_duration=1.0)))
    (failed,) = engine.until_over("tiny")
    assert isinstance(failed, types.Failed)
    assert failed.code == "bad_parameter"


def test_a_model_that_cannot_be_loaded_is_reported() -> None:
    """The engine says why and ends."""
    import dataclasses

    from f5d.catalog.models import catalog

    spec = dataclasses.replace(catalog()["starter"], checkpoint="/nonexistent/model.safetensors")
    engine = Engine(configure(model=spec))
    try:
        failed = engine.receive()
        assert isinstance(failed, types.LoadFailed)
        assert failed.code == "model_error"
        assert engine.process.wait(10) == 1
    finally:
        engine.close()


def test_the_engine_ends_with_its_broker_and_ignores_its_signals() -> None:
    """SIGINT and SIGTERM meant for the whole group leave the engine alone; the broker's death ends it."""
    engine = Engine(configure())
    try:
        assert isinstance(engine.receive(), types.Loaded)
        for number in (signal.SIGINT, signal.SIGTERM):
            os.kill(engine.process.pid, number)
        engine.send(speak("still"))
        assert isinstance(engine.until_over("still")[-1], types.Finished)
    finally:
        engine.close()
    assert engine.process.returncode == 0


def test_a_listener_hears_the_first_sentence_early(engine: Engine) -> None:
    """With `stream` the first segment is one sentence; the words and their order stay."""
    text = "This is the first day of your life. She ran. They walked on."
    counts = {}
    for stream in (False, True):
        job = f"stream{stream}"
        engine.send(speak(job, text, parameters=types.Parameters(nfe_step=2, stream=stream)))
        planned, first, *_ = engine.until_over(job)
        assert isinstance(planned, types.Planned)
        assert isinstance(first, types.Segment)
        counts[stream] = (planned.segments, len(first.pcm))
    assert counts[True][0] > counts[False][0]
    assert counts[True][1] < counts[False][1]


def test_lengths_that_no_speech_has_are_refused(engine: Engine) -> None:
    """A transcript of one letter for seconds of speech, or an hour for a word, asks for absurd lengths."""
    odd = Reference(recording(np.tile(NOISE, 3)[: 24_000 * 8]), "a")
    hour = types.Parameters(nfe_step=2, fix_duration=3600.0)
    for job, line in (
        (speak("odd", "he is at the height of his powers.", reference=odd), "does it say all that"),
        (speak("hour", parameters=hour), "the limit is 43.7 s"),
    ):
        engine.send(job)
        (failed,) = engine.until_over(job.job)
        assert isinstance(failed, types.Failed)
        assert failed.code == "bad_parameter"
        assert line in failed.message
