"""Recordings that libsndfile cannot read, decoded by the ffmpeg program where there is one on PATH.

A recording may come from a stranger. ffmpeg gets it as an unnamed file in memory, whatever it is called; it may
open nothing else (formats that name other files are not among `FORMATS`), reaches no network, decodes the first
audio stream alone, and is bounded in time, memory and output.
"""

from __future__ import annotations

import contextlib
import os
import resource
import selectors
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

MAX_TIME_S: Final = 20.0
MAX_MEMORY_BYTES: Final = 2 * 2**30  # of addresses; its libraries alone take a quarter of that
FORMATS: Final = (  # of sound and film that hold all of it themselves: no playlists, no scripts, no devices
    "aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,gsm,loas,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,"
    "ogg,oma,qcp,rm,tak,tta,voc,w64,wav,wv"
)
_READ_BYTES: Final = 65_536
_KEPT_BYTES: Final = 4_096  # of what it says: the last line is wanted
_AU_HEADER: Final = struct.Struct(">4s5I")  # magic, start of the data, its size, encoding, rate, channels


class Decoded(NamedTuple):
    """Samples as they come out of a decoder: [frames, channels] float32."""

    samples: npt.NDArray[np.float32]
    rate_hz: int


class FfmpegError(Exception):
    """What ffmpeg said of the recording, in a few words."""


def find_ffmpeg() -> str | None:
    """Return the ffmpeg on PATH; one in the working folder, by a relative PATH, does not count."""
    found = shutil.which("ffmpeg")
    return found if found is not None and found.startswith("/") else None


def decode(program: str, data: bytes, *, max_s: float, max_samples: int) -> Decoded:
    """Return the first `max_s` seconds of the audio in `data`, and at most about `max_samples` numbers.

    Raises:
        FfmpegError: it holds no audio that ffmpeg can decode, or took too long.
    """
    with _as_file(data) as file:
        command = [
            *(program, "-nostdin", "-hide_banner", "-loglevel", "error", "-threads", "1"),
            *("-protocol_whitelist", "file", "-format_whitelist", FORMATS, "-i", f"file:/dev/fd/{file}"),
            *("-map", "0:a:0", "-map_metadata", "-1", "-t", f"{max_s:g}", "-fs", str(4 * max_samples)),
            *("-c:a", "pcm_f32be", "-f", "au", "pipe:1"),
        ]
        output, said = _run(command, file)
    return _unpacked(output, said.decode("utf-8", "replace"))


def _run(command: Sequence[str], file: int) -> tuple[bytes, bytes]:
    """Return what a program writes, and the last that it says; it is ended when its time is over."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, pass_fds=(file,), cwd="/"
    ) as process:
        try:
            _bound(process.pid)
            return _collect(process)
        finally:
            process.kill()  # does nothing to one that has ended


def _collect(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    ends_at = time.monotonic() + MAX_TIME_S
    output, said = bytearray(), bytearray()
    with selectors.DefaultSelector() as selector:
        for pipe, into in ((process.stdout, output), (process.stderr, said)):
            if pipe is not None:
                selector.register(pipe, selectors.EVENT_READ, into)
        while selector.get_map():
            for key, _events in selector.select(max(0.0, ends_at - time.monotonic())):
                new = os.read(key.fd, _READ_BYTES)
                key.data.extend(new)
                if not new:
                    selector.unregister(key.fileobj)
            del said[:-_KEPT_BYTES]
            if time.monotonic() > ends_at:
                raise FfmpegError(f"it was not done within {MAX_TIME_S:.0f} s")
    return bytes(output), bytes(said)


@contextlib.contextmanager
def _as_file(data: bytes) -> Iterator[int]:
    """Yield the descriptor of a file without a name that holds `data`, at its beginning."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("recording", os.MFD_CLOEXEC)
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    try:
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(data)
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def _bound(pid: int) -> None:
    """Set the limits of a process that has just begun; what it does before this takes microseconds."""
    if not hasattr(resource, "prlimit"):  # not Linux: time and output are bounded all the same
        return
    limits = {
        resource.RLIMIT_CPU: int(MAX_TIME_S),
        resource.RLIMIT_AS: MAX_MEMORY_BYTES,
        resource.RLIMIT_FSIZE: 0,  # it writes into pipes alone
        resource.RLIMIT_CORE: 0,
    }
    with contextlib.suppress(OSError):  # it has ended already, or a unit's filter keeps limits from being set
        for limit, value in limits.items():
            resource.prlimit(pid, limit, (value, value))


def _unpacked(output: bytes, said: str) -> Decoded:
    """Return the samples of an AU file, or raise what ffmpeg said instead."""
    if len(output) < _AU_HEADER.size:
        raise FfmpegError(_reason(said))
    _magic, start, _size, _encoding, rate_hz, channels = _AU_HEADER.unpack_from(output)
    frames = (len(output) - start) // (4 * channels)
    samples = np.frombuffer(output, ">f4", frames * channels, start)
    return Decoded(samples.astype(np.float32).reshape(frames, channels), rate_hz)


def _reason(said: str) -> str:
    """Return the last line that ffmpeg wrote, without the names of its parts."""
    lines = [line for line in said.splitlines() if line.strip() and "To ignore this" not in line]
    last = lines[-1].rpartition("] ")[2].removeprefix("file:") if lines else "it said nothing"
    if "matches no streams" in last:
        return "it holds no audio"
    path, colon, reason = last.partition(": ")
    last = reason if colon and path.startswith("/dev/fd/") else last
    return "".join(character for character in last if character.isprintable())[:120].rstrip(". ")
