"""Making the lines of a batch: several requests in flight, tried again, across the deaths of a daemon.

`Runner` owns the lines that are not made yet and one connection at a time. A lost connection costs a
reconnection: what was in flight is asked for again, and since a line decides its own seed the audio is
what it would have been. Knows nothing of terminals and files: a `Listener` is told of every end.
"""

from __future__ import annotations

import hashlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

from f5ctl.batch.line import Line
from f5ctl.client import Client, new_id
from f5ctl.errors import BadRequestError, F5Error, NoDaemonError, SynthesisError, TryAgainError
from f5ctl.parameters import seed_after
from f5ctl.protocol import Encoding, Progress, Reply, Say
from f5ctl.speech.conversation import Conversation, Part
from f5ctl.speech.inputs import read_recording
from f5ctl.voicebox import with_private_voice

PATIENCE_S: Final = 60.0  # for a daemon that was there and is gone
FIRST_WAIT_S: Final = 0.05
LONGEST_WAIT_S: Final = 2.0
MAX_LOSSES: Final = 5  # connections in a row that brought no line
OVERLOADED_WAIT_S: Final = 1.0
CURABLE: Final = frozenset({"synthesis_failed", "engine_error", "internal_error", "deadline_exceeded"})


class Policy(NamedTuple):
    """How many requests are in flight, how often a line is tried again, and when all of it ends."""

    jobs: int = 8
    retry: int = 2
    keep_going: bool = False
    priority: int | None = None


class Listener(Protocol):
    """Who is told how it goes, and takes what is made."""

    def made(self, line: Line, audio: bytes | None, made: dict[str, Any]) -> None:
        """`line` is done; `made` is the daemon's result. Without `audio` the output is written already."""

    def part(self, line: Line, said_bytes: int, audio_s: float, made: bool) -> None:  # noqa: FBT001
        """So much of `line` is spoken; the last part of it was `made` in this run."""

    def warns(self, line: Line, text: str) -> None:
        """Something is to be known of `line`."""

    def failed(self, line: Line, error: F5Error) -> None:
        """`line` will not be made."""

    def waits(self, why: str) -> None:
        """Nothing can be done at the moment; an empty `why` ends that."""


@dataclass(slots=True, eq=False)
class Task:
    """A line that is not made yet."""

    line: Line
    tries: int = 0  # that failed
    doubted: int = 0  # of those, audio that did not pass its checks


class Runner:
    """Makes `lines`, in their order as far as the engine does.

    `connect` returns a client, starting a daemon where that is wanted. With `kind` `Plan` the daemon only says
    how the lines would be spoken.
    """

    def __init__(
        self,
        lines: Sequence[Line],
        policy: Policy,
        connect: Callable[[], Client],
        listener: Listener,
        kind: type[Say] = Say,
    ) -> None:
        self._todo = deque(Task(line) for line in lines)
        self._live: dict[str, Task] = {}  # on the way, by the id of the request
        self._policy = policy
        self._connect = connect
        self._listener = listener
        self._kind = kind
        self._window = policy.jobs
        self._hold_until = 0.0
        self._losses = 0
        self._met = False  # a daemon has answered
        self._stopped = False

    def run(self) -> None:
        """Make every line, or all up to the first failure without `keep_going`.

        Raises:
            NoDaemonError: there is no daemon, or it is lost and does not come back.
            OutputError: an output cannot be written; nothing more is asked for.
        """
        while self._todo and not self._stopped:
            self._connect_and_serve()

    def _connect_and_serve(self) -> None:
        try:
            with self._connected() as client:
                self._serve(client)
        except NoDaemonError:
            self._losses += 1
            if not self._met or self._losses > MAX_LOSSES:
                raise
            self._todo.extendleft(reversed(self._live.values()))
            self._live.clear()

    def _connected(self) -> Client:
        """Return a connection; a daemon that was there before is waited for."""
        patient_until = time.monotonic() + PATIENCE_S
        wait_s = FIRST_WAIT_S
        while (client := self._try_to_connect(patient_until)) is None:
            self._listener.waits("waiting for the daemon")
            time.sleep(wait_s)
            wait_s = min(2 * wait_s, LONGEST_WAIT_S)
        self._met = True
        self._listener.waits("")
        return client

    def _try_to_connect(self, patient_until: float) -> Client | None:
        try:
            return self._connect()
        except NoDaemonError:
            if not self._met or time.monotonic() > patient_until:
                raise
            return None

    def _serve(self, client: Client) -> None:
        """Work through one connection until all is done or the daemon is lost."""
        with Conversation(client, self._tell) as talk:
            while (self._todo or self._live) and not self._stopped:
                self._ask(talk)
                if self._live or self._todo:
                    self._hear(talk)
            talk.cancel()  # after a failure that ends the batch

    def _tell(self, reply: Reply) -> None:
        if isinstance(reply, Progress):
            self._listener.waits(f"loading {reply.model}" if reply.state == "loading" else "")

    def _hear(self, talk: Conversation) -> None:
        """Wait until there is something to do, and take what the daemon says."""
        waits = self._todo and len(self._live) < self._window
        try:
            part = talk.hear(self._hold_until if waits else None)
        except SynthesisError as error:  # a chunk is missing: nothing on this connection can be trusted
            raise NoDaemonError(error.message) from None
        if part is not None and part.last is not None:
            talk.drop(part)
            self._conclude(self._live.pop(part.request.id), part)

    def _ask(self, talk: Conversation) -> None:
        while self._todo and len(self._live) < self._window and time.monotonic() >= self._hold_until:
            task = self._todo.popleft()
            try:
                request = self._request(task)
            except BadRequestError as error:
                self._give_up(task, error)
                if self._stopped:
                    return
                continue
            self._live[request.id] = task
            talk.ask(request)

    def _request(self, task: Task) -> Say:
        line = task.line
        encoding: Encoding = "pcm" if line.format in ("wav", "pcm") else line.format
        request = self._kind(
            new_id(),
            line.text,
            voice=line.voice,
            ref_audio=_recording(line),
            ref_text=line.ref_text,
            seed=seed_after(line.seed, task.doubted),
            encoding=encoding,
            priority=self._policy.priority if line.priority is None else line.priority,
            **line.parameters,
        )
        return with_private_voice(request)

    def _conclude(self, task: Task, part: Part) -> None:
        try:
            made = part.receipt()
        except F5Error as error:
            self._retry(task, error)
            return
        audio = b"".join(part.take())
        self._listener.made(task.line, audio, made)
        self._losses = 0
        self._window = min(self._window + 1, self._policy.jobs)

    def _retry(self, task: Task, error: F5Error) -> None:
        """Queue the line again where another try may help, else give it up."""
        if isinstance(error, TryAgainError) and error.code == "overloaded":
            # others fill the queue: no failure of the line, and no reason to stand in the way
            self._window = max(1, len(self._live))
            self._hold_until = time.monotonic() + (error.retry_after_s or OVERLOADED_WAIT_S)
            self._todo.appendleft(task)
            return
        if error.code == "shutting_down":
            self._todo.appendleft(task)
            self._hold_until = time.monotonic() + OVERLOADED_WAIT_S  # until it is gone
            return
        if error.code not in CURABLE or task.tries >= self._policy.retry:
            self._give_up(task, error)
            return
        task.tries += 1
        if error.code == "synthesis_failed" and not task.line.own_seed:
            task.doubted += 1
        self._todo.appendleft(task)

    def _give_up(self, task: Task, error: F5Error) -> None:
        self._listener.failed(task.line, error)
        self._stopped = self._stopped or not self._policy.keep_going


def _recording(line: Line) -> bytes | None:
    """Return the line's recording; BadRequestError when it is not the one that the manifest meant."""
    if line.ref_audio is None:
        return None
    data = read_recording(line.ref_audio)
    if hashlib.sha256(data).hexdigest() != line.ref_hash:
        raise BadRequestError("bad_audio", f"{line.ref_audio} has changed since the batch began")
    return data
