from __future__ import annotations

import os
import stat
import threading
import wave
from pathlib import Path

import pytest

from f5ctl.errors import OutputError
from f5ctl.speech.file_tags import read_tag
from f5ctl.speech.sinks import ReaderGoneError, StreamSink, open_file, wav_comment, wav_header

RATE_HZ = 24_000
SECOND = b"\x00\x01" * RATE_HZ


def test_a_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    """Until the last sample is written the old file is there, then the new one is."""
    target = tmp_path / "a.wav"
    target.write_bytes(b"old")
    with open_file(str(target), wav=True) as sink:
        sink.add(SECOND, RATE_HZ)
        assert target.read_bytes() == b"old"
        sink.finish()
    with wave.open(str(target)) as made:
        assert made.getnframes() == RATE_HZ
    assert list(tmp_path.iterdir()) == [target]


def test_a_failure_leaves_the_old_file_alone(tmp_path: Path) -> None:
    """Leaving a sink without finishing removes what it had written."""
    target = tmp_path / "a.wav"
    target.write_bytes(b"old")
    with open_file(str(target), wav=True) as sink:
        sink.add(SECOND, RATE_HZ)
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_replaced_file_keeps_its_permissions(tmp_path: Path) -> None:
    """A private file stays private when it is written again."""
    target = tmp_path / "a.pcm"
    target.write_bytes(b"")
    target.chmod(0o600)
    with open_file(str(target), wav=False) as sink:
        sink.finish()
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    """Writing through a symbolic link replaces the file behind it."""
    link = tmp_path / "link.pcm"
    link.symlink_to("real.pcm")
    with open_file(str(link), wav=False) as sink:
        sink.add(b"ab", RATE_HZ)
        sink.finish()
    assert link.is_symlink()
    assert (tmp_path / "real.pcm").read_bytes() == b"ab"


@pytest.mark.parametrize("path", ["missing/a.wav", ".", "/proc/a.wav", "name" * 100 + "/a.wav"])
def test_an_output_that_cannot_be_created(tmp_path: Path, path: str) -> None:
    """A missing folder, a folder instead of a file or a forbidden place is error 73."""
    with pytest.raises(OutputError, match="cannot create") as caught:
        open_file(str(tmp_path / path), wav=True)
    assert caught.value.exit_status == 73
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk() -> None:
    """A disk that fills up is error 74."""
    with open_file("/dev/full", wav=True) as sink, pytest.raises(OutputError, match="No space left") as caught:
        sink.add(SECOND, RATE_HZ)
    assert caught.value.exit_status == 74


def test_a_device_is_written_straight() -> None:
    """/dev/null stays what it is."""
    with open_file("/dev/null", wav=True) as sink:
        sink.add(SECOND, RATE_HZ)
        sink.finish()
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_a_named_pipe_is_fed(tmp_path: Path) -> None:
    """A FIFO gets a WAV whose sizes say that it streams."""
    os.mkfifo(tmp_path / "pipe")
    heard: list[bytes] = []
    reader = threading.Thread(target=lambda: heard.append((tmp_path / "pipe").read_bytes()))
    reader.start()
    with open_file(str(tmp_path / "pipe"), wav=True) as sink:
        sink.add(SECOND, RATE_HZ)
        sink.finish()
    reader.join()
    assert heard == [wav_header(RATE_HZ) + SECOND]


def test_a_reader_that_leaves() -> None:
    """A closed pipe is no error of the output: nobody wants the rest."""
    read_end, write_end = os.pipe()
    os.close(read_end)
    with pytest.raises(ReaderGoneError):
        StreamSink("a pipe", write_end, wav=False).add(SECOND, RATE_HZ)
    os.close(write_end)


def test_a_pipe_that_does_not_block() -> None:
    """A pipe that a parent left in non-blocking mode still gets every byte."""
    read_end, write_end = os.pipe()
    os.set_blocking(write_end, False)
    heard: list[bytes] = []

    def read_all() -> None:
        with os.fdopen(read_end, "rb") as stream:
            heard.append(stream.read())

    reader = threading.Thread(target=read_all)
    reader.start()
    sink = StreamSink("a pipe", write_end, wav=False)
    sink.add(SECOND * 20, RATE_HZ)
    os.close(write_end)
    reader.join()
    assert heard == [SECOND * 20]


def sparse(path: Path, blocks: int, block_bytes: int = 2**26) -> None:
    """Write a long WAV file whose first and last samples alone are on the disk."""
    with open_file(str(path), wav=True) as sink:
        sink.add(b"\x01\x00" * 500, RATE_HZ)
        os.lseek(sink.fileno(), blocks * block_bytes, os.SEEK_CUR)
        sink.audio_bytes += blocks * block_bytes
        sink.add(b"\x02\x00" * 500, RATE_HZ)
        sink.note('{"f5d_receipt": 1, "silence": 1}')
        sink.finish()


def test_a_wav_beyond_4_gib_is_rf64(tmp_path: Path) -> None:
    """25 hours and more become RF64, which other readers measure right, with the receipt behind the samples."""
    import soundfile as sf

    path = tmp_path / "long.wav"
    sparse(path, 65)
    frames = 65 * 2**25 + 1_000
    found = sf.info(str(path))
    assert (found.format, found.subtype, found.frames) == ("RF64", "PCM_16", frames)
    with sf.SoundFile(path) as file:
        assert file.read(501, "int16").tolist() == [1] * 500 + [0]
        file.seek(frames - 501)
        assert file.read(dtype="int16").tolist() == [0] + [2] * 500
    tagged = read_tag(str(path))
    assert (tagged.container, tagged.samples) == ("wav", (80, 2 * frames))
    assert tagged.comment == '{"f5d_receipt": 1, "silence": 1}'
    assert path.stat().st_blocks * 512 < 2**26


def test_a_wav_just_below_4_gib_is_none(tmp_path: Path) -> None:
    """Whatever fits into a plain WAV's sizes stays one, to the last byte."""
    import soundfile as sf

    path = tmp_path / "a.wav"
    room = 2**32 - 1 - 36 - 2_000
    tail = len(wav_comment('{"f5d_receipt": 1, "silence": 1}'))
    sparse(path, 1, room - tail - 1)
    assert sf.info(str(path)).format == "WAV"
    sparse(path, 1, room - tail + 1)
    assert sf.info(str(path)).format == "RF64"


def test_a_long_wav_in_a_redirection(tmp_path: Path) -> None:
    """A long file on standard output becomes RF64 too, where its beginning can be written again."""
    import soundfile as sf

    path = tmp_path / "a.wav"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    sink = StreamSink("out", descriptor, wav=True, close=True)
    sink.add(b"\x01\x00" * 500, RATE_HZ)
    os.lseek(descriptor, 2**32, os.SEEK_CUR)
    sink.audio_bytes += 2**32
    sink.finish()
    assert (sf.info(str(path)).format, sf.info(str(path)).frames) == ("RF64", 2**31 + 500)


def test_a_long_wav_in_a_pipe_keeps_its_unknown_length() -> None:
    """In a pipe the header stays that of a stream, whatever comes behind it."""
    assert wav_header(RATE_HZ, 2**32) == wav_header(RATE_HZ)
