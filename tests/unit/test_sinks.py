from __future__ import annotations

import os
import stat
import threading
import wave
from pathlib import Path

import pytest

from f5ctl.errors import OutputError
from f5ctl.speech.sinks import ReaderGoneError, StreamSink, open_file, wav_header

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
