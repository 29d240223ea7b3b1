"""Recording from a microphone: which program does it, and the WAV file that it makes."""

from __future__ import annotations

import contextlib
import os
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO, Final

import click

from f5ctl.errors import BadRequestError, OutputError
from f5ctl.processes import watched
from f5ctl.protocol import MAX_REF_AUDIO_BYTES

STOP_S: Final = 5.0  # to write what is missing of the file
TELL_EVERY_S: Final = 1.0

# Each writes a WAV file of the name that follows until it is interrupted. In the order tried, as the players.
RECORDERS: Final = (
    ("parecord", "--file-format=wav", "--format=s16le", "--rate=48000", "--channels=1"),
    ("pw-record", "--format=s16", "--rate=48000", "--channels=1"),
    ("arecord", "-q", "-t", "wav", "-f", "S16_LE", "-r", "48000", "-c", "1"),
    ("rec", "-q", "-b", "16", "-r", "48000", "-c", "1"),
    ("ffmpeg", "-nostdin", "-loglevel", "error", "-f", "alsa", "-i", "default", "-ar", "48000", "-ac", "1"),
)


def find_recorder() -> list[str]:
    """Return the command that records into the file whose name follows it.

    Raises:
        OutputError: `F5CTL_RECORDER` is no command line.
        click.UsageError: there is no recorder.
    """
    try:
        own = shlex.split(os.environ.get("F5CTL_RECORDER", ""))
    except ValueError as error:
        raise OutputError(f"F5CTL_RECORDER is not a command line: {error}") from None
    if own:
        return own
    for command in RECORDERS:
        if shutil.which(command[0]):
            return list(command)
    names = ", ".join(command[0] for command in RECORDERS)
    raise click.UsageError(
        f"no recorder found ({names}); name one in F5CTL_RECORDER, or f5ctl voices add a file"
    )


def record(command: Sequence[str], most_s: float, tell: Callable[[float], None], enough: int | None) -> bytes:
    """Return a WAV file of at most `most_s` seconds.

    `tell` gets the time that is left, about once a second. The recording ends when the descriptor `enough`
    can be read, or with its program.

    Raises:
        OutputError: 73, the program cannot be started.
        BadRequestError: `bad_audio`, it has recorded nothing; with its own last words.
    """
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as complaints:
        path = os.path.join(folder, "recording.wav")
        with _started([*command, path], complaints) as program:
            _wait(program, time.monotonic() + most_s, tell, enough)
            ended = program.poll()
            if ended is None:
                _stop(program)
        with contextlib.suppress(FileNotFoundError), open(path, "rb") as file:
            if (audio := file.read(MAX_REF_AUDIO_BYTES + 1)) and not ended:
                return _small_enough(audio)
        complaints.seek(0)
        last = complaints.read().decode(errors="replace").strip().rpartition("\n")[2]
    line = f"the recorder {command[0]} recorded nothing: {last or f'exit status {ended or 0}'}"
    raise BadRequestError("bad_audio", line)


def _small_enough(audio: bytes) -> bytes:
    if len(audio) > MAX_REF_AUDIO_BYTES:
        line = f"the recording is larger than the limit of {MAX_REF_AUDIO_BYTES} bytes"
        raise BadRequestError("bad_audio", f"{line}; record less, or one channel")
    return audio


def _wait(
    program: subprocess.Popen[bytes], end: float, tell: Callable[[float], None], enough: int | None
) -> None:
    with watched(program.pid) as running:
        sources = [source for source in (running, enough) if source is not None]
        while (left_s := end - time.monotonic()) > 0:
            tell(left_s)
            if select.select(sources, [], [], min(TELL_EVERY_S, left_s))[0]:
                return


@contextlib.contextmanager
def _started(command: Sequence[str], complaints: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    try:
        program = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=complaints
        )
    except OSError as error:
        raise OutputError(f"cannot start the recorder {command[0]}: {error.strerror}") from None
    try:
        yield program
    finally:
        if program.poll() is None:
            program.kill()
            program.wait()


def _stop(program: subprocess.Popen[bytes]) -> None:
    """Interrupt it, as Ctrl-C does, and let it complete its file."""
    program.send_signal(signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        program.wait(STOP_S)
