"""Playing audio: which program does it, and a sink that feeds one."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import time
from typing import IO, Final, cast

from f5ctl.errors import OutputError
from f5ctl.processes import unnamed_file
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ
from f5ctl.speech.sinks import ReaderGoneError, Sink

_RATE: Final = str(SAMPLE_RATE_HZ)
STOP_S: Final = 0.5
LEAST_TIME: Final = 0.5  # of the audio's length: a player that is done sooner has played nothing

# Raw samples on stdin, in the order tried. paplay comes before pw-play, which reads raw samples
# only since PipeWire 1.2 and fails on older systems; every PipeWire system understands paplay.
PLAYERS: Final = (
    ("paplay", "--raw", f"--rate={_RATE}", "--channels=1", "--format=s16le"),
    ("pw-play", "--raw", f"--rate={_RATE}", "--channels=1", "--format=s16", "-"),
    ("aplay", "-q", "-t", "raw", "-f", "S16_LE", "-r", _RATE, "-c", "1", "-"),
    ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error", "-f", "s16le", "-ar", _RATE, "-i", "-"),
    ("play", "-q", "-t", "raw", "-r", _RATE, "-e", "signed", "-b", "16", "-c", "1", "-"),
)


def find_player() -> tuple[list[str], bool] | None:
    """Return the command that plays its stdin and whether it wants WAV; None when there is none.

    `F5CTL_PLAYER` is a command line that is fed WAV; OutputError when it is none.
    """
    try:
        own = shlex.split(os.environ.get("F5CTL_PLAYER", ""))
    except ValueError as error:
        raise OutputError(f"F5CTL_PLAYER is not a command line: {error}") from None
    if own:
        return own, True
    for command in PLAYERS:
        if shutil.which(command[0]):
            return list(command), False
    return None


class PlayerSink(Sink):
    """A player that reads from a pipe; `finish` returns when it has played everything.

    Some players end well where there is no sound device. Those that are known (`wav` false) take as long as the
    audio, so one that is done much sooner is an error; one of the user's own may hand the audio on.

    Raises:
        OutputError: 73, it cannot be started.
    """

    doing = "playing"

    def __init__(self, command: list[str], *, wav: bool) -> None:
        super().__init__(f"the player {command[0]}", wav=wav)
        self._complaints = unnamed_file()  # closed with the sink
        self._began_at: float | None = None
        try:
            self._player = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,  # our stdout carries the receipt
                stderr=self._complaints,
                bufsize=0,
            )
        except OSError as error:
            self._complaints.close()
            raise OutputError(f"cannot start {self.name}: {error.strerror}") from None
        self._pipe = cast(IO[bytes], self._player.stdin)
        self._fd = self._pipe.fileno()

    def _put(self, data: bytes) -> None:
        self._began_at = self._began_at or time.monotonic()
        try:
            super()._put(data)
        except ReaderGoneError:
            raise self._died() from None

    def _complete(self, head: bytes) -> None:  # noqa: ARG002 - a pipe cannot be rewound
        self._pipe.close()
        if self._player.wait() != 0:
            raise self._died()
        self._check_time()
        self._complaints.close()

    def _check_time(self) -> None:
        """Raise OutputError when a known player cannot have played what it took."""
        took_s = time.monotonic() - (self._began_at or 0.0)
        audio_s = self.audio_bytes / SAMPLE_BYTES / SAMPLE_RATE_HZ
        if not self._wav and took_s < LEAST_TIME * audio_s:
            line = f"{self.name} took {took_s:.1f} s for {audio_s:.1f} s of audio, so nothing was heard"
            advice = "is there a sound device? f5ctl doctor tries it; -o FILE and F5CTL_PLAYER need none"
            raise OutputError(f"{line}: {advice}", while_writing=True)

    def _discard(self) -> None:
        self._player.terminate()
        try:
            self._player.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._player.kill()
            self._player.wait()
        self._pipe.close()
        self._complaints.close()

    def _died(self) -> OutputError:
        try:
            status = f"exit status {self._player.wait(STOP_S)}"
        except subprocess.TimeoutExpired:
            status = "it closed its input"
        self._complaints.seek(0)
        lines = self._complaints.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        return OutputError(f"{self.name} stopped: {last or status}", while_writing=True)
