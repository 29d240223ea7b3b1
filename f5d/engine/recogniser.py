"""Transcribes recordings in a process of its own, which may load a model and ask the hub for it.

`Recogniser` is the engine's side: one recording at a time, in the turns of those who wait, a bound on the time
of each, and a memory for what cannot be loaded, so that nobody's speech waits for a hub that does not answer.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Final, Generic, TypeAlias, TypeVar

import msgspec

from f5ctl.errors import BadRequestError
from f5d.engine import channel
from f5d.engine.turns import Share, Turns, in_turns
from f5d.system import journal
from f5d.system.children import end_with_parent

MAX_TIME_S: Final = 300.0  # for one recording, with the download of the model
NICE: Final = 5  # others are speaking meanwhile
RETRY_S: Final = 60.0  # what could not be loaded is not tried again before


class Sound(msgspec.Struct, frozen=True):
    """A recording to transcribe, [samples] float32 in native order."""

    wave: bytes
    rate_hz: int


class Heard(msgspec.Struct, frozen=True, tag=True):
    """What the recording says."""

    text: str


class NotHeard(msgspec.Struct, frozen=True, tag=True):
    """Why nothing was heard; `lasting` says that the next recording would not be either."""

    message: str
    lasting: bool


Answer: TypeAlias = Heard | NotHeard
Token = TypeVar("Token")

_answers: Final = msgspec.msgpack.Decoder(Answer)
_sounds: Final = msgspec.msgpack.Decoder(Sound)


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting(Generic[Token]):
    token: Token
    sound: Sound
    share: Share


class Recogniser(Generic[Token]):
    """Owns the recordings that wait for a transcript, and the process that transcribes one after the other.

    The process is started for the first recording, and again after a failure. `Token` is what the caller calls
    a recording by.
    """

    def __init__(self, model: str, device: str, engine_dtype: str = "float32", threads: int = 0) -> None:
        self._threads = threads  # 0: as many as there are cores
        self._model = model
        self._device = device
        self._engine_dtype = engine_dtype  # of the model that speaks, on the same device
        self._waiting: list[_Waiting[Token]] = []
        self._turns = Turns()
        self._is_lost = False  # the process has ended by itself
        self._current: Token | None = None  # None also where it was dropped meanwhile
        self._process: subprocess.Popen[bytes] | None = None
        self._end: socket.socket | None = None
        self.ends_at: float | None = None  # monotonic seconds; None while nothing is transcribed
        self._lack = ""  # why the process could not be started
        self._failed: tuple[float, NotHeard] | None = None  # until when, why

    @property
    def descriptor(self) -> int | None:
        """What becomes readable when `answers` has some; None while no process runs."""
        return self._end.fileno() if self._end else None

    @property
    def tokens(self) -> list[Token]:
        """What the recordings are called that wait for a transcript."""
        waiting = [one.token for one in self._waiting]
        return waiting if self._current is None else [self._current, *waiting]

    def ask(self, token: Token, wave: bytes, rate_hz: int, share: Share = ()) -> NotHeard | None:
        """Take a recording in; return why it will not be transcribed, None where it will be.

        `share` is what its client counts by.
        """
        if self._failed and time.monotonic() < self._failed[0]:
            return self._failed[1]
        self._waiting.append(_Waiting(token, Sound(wave, rate_hz), share))
        self._turns.join(share)
        self._begin()
        return None

    def drop(self, token: Token) -> bool:
        """Forget a recording; return whether it was here. The process goes on, it may be loading."""
        if self._current == token:
            self._current = None
            return True
        found = [one for one in self._waiting if one.token == token]
        for one in found:
            self._take(one, served=False)
        return bool(found)

    def _take(self, one: _Waiting[Token], *, served: bool) -> None:
        self._waiting.remove(one)
        self._turns.leave(one.share, served=served)

    def answers(self) -> list[tuple[Token, Answer]]:
        """Return what is heard, or will not be; for when `descriptor` is readable or `ends_at` past."""
        if self.ends_at is None:  # it has ended while it had nothing to do
            self.close()
            return []
        answer = self._receive()
        tokens = [] if self._current is None else [self._current]
        self._current = self.ends_at = None
        if self._is_lost:
            self.close()
        if isinstance(answer, NotHeard) and answer.lasting:
            self.close()
            self._failed = (time.monotonic() + RETRY_S, answer)
            tokens += [one.token for one in self._waiting]
            for one in list(self._waiting):
                self._take(one, served=False)
        else:
            self._begin()
        return [(token, answer) for token in tokens]

    def _receive(self) -> Answer:
        self._is_lost = False
        if self._lack:
            line, self._lack = self._lack, ""
            return NotHeard(line, lasting=False)
        if self.ends_at is not None and time.monotonic() >= self.ends_at:
            line = f"transcribing the reference took over {MAX_TIME_S:.0f} s; pass --ref-text"
            return NotHeard(line, lasting=True)
        message = None
        with contextlib.suppress(OSError):
            message = channel.receive(self._end) if self._end else None
        if message is None:
            self._is_lost = True
            line = "the process that transcribes recordings has ended; pass --ref-text"
            return NotHeard(line, lasting=False)
        answer: Answer = _answers.decode(message)
        return answer

    def _begin(self) -> None:
        """Let the process begin with the next recording if it has none."""
        if self.ends_at is not None or not self._waiting:
            return
        first = in_turns(self._waiting, lambda one: one.share, self._turns.taken)[0]
        self._take(first, served=True)
        self._current, sound = first.token, first.sound
        self.ends_at = time.monotonic() + MAX_TIME_S
        try:
            self._end = self._end or self._start()
            channel.send(self._end, msgspec.msgpack.encode(sound))
        except ConnectionError:  # it has just died; its end is readable
            pass
        except OSError as error:
            self._lack = f"the process that transcribes cannot be started: {error.strerror}; pass --ref-text"
            self.ends_at = time.monotonic()

    def _start(self) -> socket.socket:
        ours, theirs = channel.pair()
        with theirs:
            command = [sys.executable, "-m", "f5d.engine.recogniser", str(theirs.fileno())]
            self._process = subprocess.Popen(
                [*command, self._model, self._device, self._engine_dtype, str(self._threads)],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # so that what it starts ends with it
            )
        return ours

    def close(self) -> None:
        """End the process and what it has started."""
        if self._end is not None:
            self._end.close()
            self._end = None
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)  # not yet reaped, so it is still this one
            self._process.wait()
            self._process = None


def main() -> None:
    """Transcribe what comes through the descriptor that the first argument names, until its end is closed."""
    end_with_parent()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, signal.SIG_IGN)
    journal.configure("info")
    end = socket.socket(fileno=int(sys.argv[1]))
    import numpy as np

    from f5d.engine.transcriber import Transcriber

    with contextlib.suppress(OSError):  # a unit's filter may forbid it
        os.nice(NICE)
    if threads := int(sys.argv[5]):
        import torch

        torch.set_num_threads(threads)
    transcriber = Transcriber(*sys.argv[2:5])
    while (message := channel.receive(end)) is not None:
        sound = _sounds.decode(message)
        answer: Answer
        try:
            answer = Heard(transcriber.transcribe(np.frombuffer(sound.wave, np.float32), sound.rate_hz))
        except BadRequestError as error:
            answer = NotHeard(error.message, lasting=not transcriber.loaded)
        except Exception as error:  # noqa: BLE001 - such as a lack of memory: this recording's alone
            line = f"the reference cannot be transcribed: {type(error).__name__}; pass --ref-text"
            answer = NotHeard(line, lasting=False)
        with contextlib.suppress(BrokenPipeError):  # the engine has ended; so does this
            channel.send(end, msgspec.msgpack.encode(answer))


if __name__ == "__main__":
    main()
