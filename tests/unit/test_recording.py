"""Recordings as people have them: channels, offsets, broken headers, and what only ffmpeg reads."""

from __future__ import annotations

import io
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import soundfile as sf

from f5ctl.errors import BadRequestError
from f5d.engine import ffmpeg
from f5d.engine.headers import mended
from f5d.engine.recording import read_recording

RATE_HZ = 24_000
STARTER = Path(__file__).parents[2] / "f5d" / "starter" / "voices" / "rms_0.wav"
Wave = npt.NDArray[np.float32]
needs_ffmpeg = pytest.mark.skipif(ffmpeg.find_ffmpeg() is None, reason="ffmpeg is not installed")


@pytest.fixture(scope="module")
def speech() -> Wave:
    """Two seconds of the bundled voice."""
    return np.asarray(sf.read(STARTER, dtype="float32")[0][: 2 * RATE_HZ], np.float32)


def noise(size: int, level: float, seed: int = 0) -> Wave:
    return np.random.default_rng(seed).normal(0, level, size).astype(np.float32)


def packed(samples: npt.NDArray[Any], form: str = "WAV", subtype: str | None = "PCM_16") -> bytes:
    buffer = io.BytesIO()
    sf.write(buffer, samples, RATE_HZ, format=form, subtype=subtype)
    return buffer.getvalue()


def read(*channels: Wave) -> Wave:
    return read_recording(packed(np.stack(channels, axis=1))).wave


def level_db(wave: Wave, against: Wave) -> float:
    return float(10 * np.log10(np.square(wave).mean() / np.square(against).mean()))


def likeness(wave: Wave, against: Wave) -> float:
    return abs(float(np.corrcoef(wave, against)[0, 1]))


def test_alike_channels_are_averaged(speech: Wave) -> None:
    """Stereo with the voice in the middle is the voice, at its level."""
    assert np.abs(read(speech, speech) - speech).max() < 1e-3
    left, right = speech + noise(len(speech), 0.003, 1), speech + noise(len(speech), 0.003, 2)
    assert likeness(read(left, right), speech) > likeness(left, speech)


@pytest.mark.parametrize("share", [1.0, 0.9, 0.5, 0.3])
@pytest.mark.parametrize("hiss", [0.0, 0.01])
def test_opposite_channels_do_not_cancel(speech: Wave, share: float, hiss: float) -> None:
    """A swapped plug turns one channel round, wholly or partly, with noise of its own: the voice stays."""
    got = read(speech + noise(len(speech), hiss, 1), -share * speech + noise(len(speech), hiss, 2))
    assert level_db(got, speech) > -4.1
    assert likeness(got, speech) > 0.97


def test_opposite_channels_among_six_do_not_cancel(speech: Wave) -> None:
    """Whatever the number of channels: those against the loudest are turned round."""
    got = read(*[sign * speech for sign in (1, -1, 1, -1, -1, -1)])
    assert np.abs(np.abs(got) - np.abs(speech)).max() < 1e-3


@pytest.mark.parametrize("channels", [2, 3, 6])
@pytest.mark.parametrize("hiss", [0.0, 1e-4, 3e-3])
def test_a_voice_on_one_channel_is_not_made_quieter(speech: Wave, channels: int, hiss: float) -> None:
    """The other channels hold silence or their own noise: the voice's channel is taken alone."""
    others = [noise(len(speech), hiss, seed) for seed in range(channels - 1)]
    assert abs(level_db(read(*others, speech), speech)) < 0.5


def test_a_constant_offset_is_taken_out(speech: Wave) -> None:
    """What a faulty input adds hides no pause, on one channel or on all; the wave is otherwise the same."""
    small = speech * np.float32(0.5)
    for offset in (0.4, -0.25, 0.02):
        got = read_recording(packed(small + np.float32(offset))).wave
        assert np.abs(got - small).max() < 2e-3
    padded = np.concatenate([np.zeros(RATE_HZ, np.float32), small + np.float32(0.1)])
    assert np.abs(read_recording(packed(padded)).wave[RATE_HZ:] - small).max() < 2e-3
    both = read(small + np.float32(0.4), small - np.float32(0.1))
    assert np.abs(both - small).max() < 2e-3
    assert np.array_equal(read_recording(packed(speech)).wave, sf.read(io.BytesIO(packed(speech)))[0])


def test_samples_beyond_all_measure_are_refused(speech: Wave) -> None:
    """A recording of floats that no arithmetic holds is named, not what comes of it."""
    with pytest.raises(BadRequestError, match="times full scale; the limit is 100000"):
        read_recording(packed(speech * np.float32(1e37), subtype="FLOAT"))
    assert len(read_recording(packed(speech * 32_768, subtype="FLOAT")).wave) == len(speech)


def test_clipping_is_counted_in_the_file_s_own_channels(speech: Wave) -> None:
    """Neither a mean of channels nor an offset hides that a channel stood at full scale."""
    loud = np.clip(speech * 6, -1, 1)
    counts = [
        read_recording(packed(loud)).clipped_samples,
        read_recording(packed(np.stack([loud, speech * np.float32(0.1)], axis=1))).clipped_samples,
        read_recording(packed(np.clip(speech * 6 + 0.3, -1, 1))).clipped_samples,
        read_recording(packed(speech * 6, subtype="FLOAT")).clipped_samples,
    ]
    assert min(counts) > 100
    assert counts[0] == counts[1] == counts[3]
    assert read_recording(packed(speech)).clipped_samples == 0


def wav(pcm: bytes, size: int, riff: int = 0, tail: bytes = b"", magic: bytes = b"RIFF") -> bytes:
    """Return a WAV whose header says `size`, whatever follows."""
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, RATE_HZ, 2 * RATE_HZ, 2, 16)
    extra = struct.pack("<4sIQQQI", b"ds64", 28, 0, 0, 0, 0) if magic == b"RF64" else b""
    head = magic + struct.pack("<I", riff) + b"WAVE" + extra + form
    return head + b"data" + struct.pack("<I", size) + pcm + tail


@pytest.mark.parametrize("size", [0, 2, 100, 10_000, 2**31 - 1, 2**32 - 1])
@pytest.mark.parametrize("magic", [b"RIFF", b"RF64"])
def test_a_wav_is_read_to_its_end_whatever_its_header_says(speech: Wave, size: int, magic: bytes) -> None:
    """A recorder that was cut off left 0, or an early length: all that it recorded is there."""
    pcm = packed(speech)[44:]
    got = read_recording(wav(pcm, size, magic=magic))
    assert np.array_equal(got.wave, read_recording(packed(speech)).wave)


def test_a_wav_that_began_in_silence_is_read_to_its_end(speech: Wave) -> None:
    """Zeros after a length of 0 are samples, not the name of a chunk."""
    pcm = bytes(9_600) + packed(speech)[44:]
    assert len(read_recording(wav(pcm, 0)).wave) == len(speech) + 4_800


def test_what_follows_the_samples_is_no_sound(speech: Wave) -> None:
    """A true length is believed: notes and tags after the samples are not heard."""
    pcm = packed(speech)[44:]
    note = b"LIST" + struct.pack("<I", 12) + b"INFOICMT\0\0\0\0"
    for tail in (note, note * 1_000, b"TAG" + b"x" * 125):
        assert len(read_recording(wav(pcm, len(pcm), tail=tail)).wave) == len(speech)
    with pytest.raises(BadRequestError, match="holds no samples"):
        read_recording(wav(b"", 0, tail=note))
    with pytest.raises(BadRequestError, match="holds no samples"):
        read_recording(wav(b"", 0))


@pytest.mark.parametrize(("form", "subtype"), [("AIFF", "PCM_16"), ("AIFF", "PCM_24"), ("AIFF", "FLOAT")])
def test_an_aiff_is_read_to_its_end_whatever_its_header_says(speech: Wave, form: str, subtype: str) -> None:
    """AIFF tells its length in two places; neither counts when it is 0."""
    whole = packed(speech, form, subtype)
    broken = bytearray(whole)
    struct.pack_into(">I", broken, whole.index(b"COMM") + 10, 0)
    struct.pack_into(">I", broken, whole.index(b"SSND") + 4, 0)
    assert np.array_equal(read_recording(bytes(broken)).wave, read_recording(whole).wave)


@pytest.mark.parametrize("cut", [10, 13, 20, 30, 43, 44, 45])
def test_a_header_alone_is_no_recording(speech: Wave, cut: int) -> None:
    """A file that ends in its header or just behind it is one clear line."""
    with pytest.raises(BadRequestError, match="the reference recording") as caught:
        read_recording(packed(speech)[:cut])
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("kind", ["RIFF", "RF64", "length at the end", "AIFF"])
def test_a_recording_that_is_cut_off_or_damaged_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Ended at any byte, or with any byte of its header wrong: a recording or one clear line."""
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg, which would be started a thousand times
    tone = (np.sin(np.arange(40)) * 9_000).astype(np.int16)
    pcm, long = tone.tobytes(), struct.pack("<4sIQQQI", b"ds64", 28, 0, tone.nbytes, 0, 0)
    if kind == "length at the end":
        whole = bytearray(wav(pcm, len(pcm), tail=long).replace(b"RIFF", b"RF64"))
    elif kind != "AIFF":
        whole = bytearray(wav(pcm, 0, magic=kind.encode()))
    else:
        whole = bytearray(packed(tone, "AIFF"))
        struct.pack_into(">I", whole, whole.index(b"SSND") + 4, 0)
    damaged = [
        whole[:place] + bytes([value]) + whole[place + 1 :]
        for place in (*range(len(whole) - len(pcm)), *range(len(whole) - len(long), len(whole)))
        for value in (0, 1, 0x80, 0xFF)
    ]
    for data in (*(whole[:end] for end in range(len(whole))), *damaged):
        assert "\n" not in told(bytes(data))
    assert told(bytes(whole)) == f"{len(tone) / RATE_HZ} s"


def test_only_so_many_chunks_are_looked_through(speech: Wave) -> None:
    """Samples behind a thousand chunks of nothing are not searched for."""
    whole = wav(packed(speech)[44:], 0)
    for count, is_mended in ((900, True), (1_000, False)):
        data = whole[:12] + b"junk\0\0\0\0" * count + whole[12:]
        assert (mended(data) != data) == is_mended


def told(data: bytes) -> str:
    """Return how long a recording is, or why it cannot be read."""
    try:
        return f"{read_recording(data).duration_s} s"
    except BadRequestError as error:
        return error.message


def made(folder: Path, name: str, *arguments: str) -> bytes:
    """Return a file that ffmpeg made of the bundled voice; skips where it has no such encoder."""
    path = folder / name
    command = ["ffmpeg", "-loglevel", "error", "-y", "-i", str(STARTER), *arguments, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "Unknown encoder" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


@needs_ffmpeg
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("a.m4a", "-c:a aac"),
        ("a.m4a", "-c:a alac"),
        ("a.aac", "-c:a aac -f adts"),
        ("a.mov", "-c:a aac"),
        ("a.mp4", "-c:a aac -movflags frag_keyframe+empty_moov"),
        ("a.3gp", "-c:a aac"),
        ("a.webm", "-c:a libopus -ar 48000"),
        ("a.mka", "-c:a libvorbis"),
        ("a.wma", "-c:a wmav2"),
        ("a.gsm", "-c:a libgsm -ar 8000"),
        ("a.ac3", "-c:a ac3"),
        ("a.oga", "-c:a flac -f ogg"),
        ("a.ts", "-c:a aac -f mpegts"),
        ("a.caf", "-c:a alac"),
        ("a.wv", "-c:a wavpack"),
    ],
)
def test_what_telephones_and_browsers_record_is_read(tmp_path: Path, name: str, arguments: str) -> None:
    """What libsndfile cannot read ffmpeg does, from a file's content alone."""
    got = read_recording(made(tmp_path, name, *arguments.split()))
    plain = read_recording(STARTER.read_bytes())
    assert got.duration_s == pytest.approx(plain.duration_s, abs=0.1)
    assert abs(level_db(got.wave, plain.wave)) < 1


@needs_ffmpeg
def test_the_sound_of_a_film_is_read(tmp_path: Path) -> None:
    """Of a film only its first sound is decoded; one without sound is told so."""
    picture = ("-f", "lavfi", "-i", "testsrc=d=2:s=64x48")
    film = made(tmp_path, "a.mp4", *picture, "-map", "0:a", "-map", "1:v", "-map", "0:a", "-c:a", "aac")
    assert read_recording(film).duration_s == pytest.approx(2.4, abs=0.1)
    with pytest.raises(BadRequestError, match="ffmpeg: it holds no audio"):
        read_recording(made(tmp_path, "b.mp4", *picture, "-map", "1:v"))


@needs_ffmpeg
def test_telephone_frames_are_read() -> None:
    """AMR, for which encoders are rare: twenty frames of 20 ms."""
    frames = b"".join(b"\x3c" + bytes((seed * 37 + n * 11) % 256 for n in range(31)) for seed in range(50))
    got = read_recording(b"#!AMR\n" + frames)
    assert got.rate_hz == 8_000
    assert got.duration_s == pytest.approx(1.0, abs=0.05)


@needs_ffmpeg
@pytest.mark.slow
def test_a_long_film_is_refused_early(tmp_path: Path) -> None:
    """Two hours in a few kilobytes are decoded for a minute, as with any other format."""
    path = tmp_path / "long.m4a"
    source = ("-f", "lavfi", "-i", "anullsrc=r=8000:cl=mono", "-t", "7200", "-c:a", "aac", "-b:a", "8k")
    subprocess.run(["ffmpeg", "-loglevel", "error", *source, str(path)], check=True, timeout=120)
    began = time.monotonic()
    with pytest.raises(BadRequestError, match="is over 60 s long; the limit is 60 s"):
        read_recording(path.read_bytes())
    assert time.monotonic() - began < ffmpeg.MAX_TIME_S


@needs_ffmpeg
def test_a_recording_opens_no_other_file(tmp_path: Path) -> None:
    """Playlists and scripts that name a file, also one of this machine's, are no recordings."""
    named = tmp_path / "secret.ts"
    named.write_bytes(made(tmp_path, "made.ts", "-c:a", "aac", "-f", "mpegts"))
    for text in (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{named}\n#EXT-X-ENDLIST\n",
        f"#EXTM3U\n#EXTINF:10,\nfile://{named}\n",
        f"ffconcat version 1.0\nfile '{named}'\n",
        f"file:{named}",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    ):
        with pytest.raises(BadRequestError, match="is not audio that can be read"):
            read_recording(text.encode())


@needs_ffmpeg
@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_film_ends_in_one_line(tmp_path: Path, seed: int) -> None:
    """Cut off or overwritten at random: a recording or one clear line, in bounded time."""
    whole = bytearray(made(tmp_path, "a.m4a", "-c:a", "aac", "-movflags", "+faststart"))
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(whole), 40):
        whole[place] = int(rng.integers(256))
    for data in (bytes(whole), bytes(whole[: len(whole) // 2]), bytes(whole[:50])):
        line = told(data)
        assert "\n" not in line
        assert "0x" not in line
        assert "/dev/fd" not in line


def test_without_ffmpeg_the_line_names_the_way_out(
    speech: Wave, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names the program to install and the command that converts; a WAV needs neither."""
    monkeypatch.setenv("PATH", str(tmp_path))
    for data in (b"\0\0\0\x20ftypM4A " + bytes(200), b"<html>"):
        with pytest.raises(
            BadRequestError, match=r"install ffmpeg, .* or convert it: ffmpeg -i FILE"
        ) as caught:
            read_recording(data)
        assert caught.value.code == "bad_audio"
    assert len(read_recording(packed(speech)).wave) == len(speech)


def test_a_program_in_the_working_folder_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only an ffmpeg that PATH names absolutely is started."""
    (tmp_path / "ffmpeg").write_text("#!/bin/sh\n")
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    assert ffmpeg.find_ffmpeg() is None
    monkeypatch.setenv("PATH", str(tmp_path))
    assert ffmpeg.find_ffmpeg() == str(tmp_path / "ffmpeg")


@pytest.mark.slow
def test_a_program_that_does_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that hangs costs its time, no more, and is named; one that floods is cut off."""
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(ffmpeg, "MAX_TIME_S", 1.0)
    began = time.monotonic()
    with pytest.raises(ffmpeg.FfmpegError, match="not done within 1 s"):
        ffmpeg.decode(str(program), b"x", max_s=1, max_samples=10)
    program.write_text("#!/bin/sh\nwhile :; do echo no no no no no no no >&2; done\n")
    with pytest.raises(ffmpeg.FfmpegError):
        ffmpeg.decode(str(program), b"x", max_s=1, max_samples=10)
    assert time.monotonic() - began < 20


def test_more_samples_than_a_voice_needs_are_refused() -> None:
    """Eight channels at 192 kHz for half a minute would take a gigabyte: the line says what to do."""
    buffer = io.BytesIO()
    sf.write(buffer, np.zeros((192_000 * 20, 8), np.int16), 192_000, format="FLAC")
    with pytest.raises(BadRequestError, match=r"the limit; make it mono: ffmpeg"):
        read_recording(buffer.getvalue())
