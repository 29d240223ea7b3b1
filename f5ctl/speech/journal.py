"""What a killed f5ctl has made of a text of many requests, for the next one to go on from.

Beside FILE lies the folder `.FILE.f5ctl` until FILE is complete: `samples`, and `parts`, a line of JSON for
each part whose samples are there. A part is known by its key, the hash of everything that decides its audio, so
another text or another option costs the parts behind the first difference and no more. Imported by
`say --retry` and `batch` only.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, astuple, dataclass, field
from functools import lru_cache
from typing import Any, Final

from f5ctl.errors import OutputError
from f5ctl.protocol import SAMPLE_BYTES, Say
from f5ctl.receipts import BookReceipt
from f5ctl.speech.sinks import Sink, writing
from f5ctl.speech.spool import Spool
from f5ctl.speech.srt import Cue

FORMAT: Final = 1
_NO_MATTER: Final = frozenset({"id", "label", "priority", "stream", "timeout_s", "ref_audio"})  # to the audio
_ORIGIN: Final = ("model_hash", "device", "dtype", "version")
_MOST_NAME_BYTES: Final = 240


class ChangedError(Exception):
    """What was made before cannot be gone on from: the model or a voice is another one now."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A part that is made: its `size_bytes` of samples, its receipts, and what was said when.

    The pause before it counts as its own; `edges` are the parameters that the next pause depends on.
    """

    key: str
    size_bytes: int
    notes: tuple[str, ...] = ()
    cues: tuple[Cue, ...] = ()
    end_s: float = 0.0  # of the last slot
    edges: Mapping[str, Any] = field(default_factory=dict)


class Journal(Spool):
    """Owns the folder until `finish`; leaving it as a context manager lets others in, and removes an empty one.

    `seed` is what the parts' seeds are drawn from: `wanted`, else that of the run before, else a new one.

    Raises:
        OutputError: 73, the folder cannot be made or another f5ctl works in it.
    """

    def __init__(
        self,
        sink: Sink,
        encoding: str,
        wanted: int | None,
        *,
        book: BookReceipt | None,
        tell: Callable[[str], None],
    ) -> None:
        self._place = _place(sink.target or sink.name)
        with _making(sink.name):
            os.makedirs(self._place, exist_ok=True)
            self._parts = open(os.path.join(self._place, "parts"), "a+b")  # noqa: SIM115 - closed with the journal
            samples = os.open(
                os.path.join(self._place, "samples"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666
            )
        super().__init__(sink, encoding, os.fdopen(samples, "r+b"), book=book, tell=tell)
        self._size_bytes = 0  # of the samples that count
        self._parts_bytes = 0  # of the lines that count
        self._origins: dict[str, Any] = {}
        self._old: Iterator[tuple[Kept, int]] | None = (
            None  # of the run before, with the lengths of their lines
        )
        self._lock(sink.name)
        self.seed = self._begin(wanted)

    def __enter__(self) -> Journal:  # noqa: PYI034 - typing.Self is of Python 3.11
        return self

    def __exit__(self, *_error: object) -> None:
        if os.fstat(self._parts.fileno()).st_size <= self._head_bytes:
            shutil.rmtree(self._place, ignore_errors=True)
        self._close()

    def kept(self, key: str) -> Kept | None:
        """Return the next part if it is made already; the first that is not ends that for all that follow."""
        if self._old is None:
            return None
        part, line_bytes = next(self._old, (None, 0))
        if part is None or part.key != key:
            self._cut()
            return None
        self._size_bytes += part.size_bytes
        self._parts_bytes += line_bytes
        for note in part.notes:
            super().note(note)
            self._learn(json.loads(note))
        return part

    def add(self, data: bytes, rate_hz: int) -> None:
        """Take the next samples, behind those of the parts that count."""
        self._cut()
        super().add(data, rate_hz)

    def keep(self, part: Kept) -> None:
        """Write down a part whose samples were added, once they are on the disk."""
        with writing(self._sink.name):
            self._file.flush()
            os.fdatasync(self._file.fileno())
            self._parts.write(json.dumps(astuple(part)).encode() + b"\n")
            self._parts.flush()
            os.fdatasync(self._parts.fileno())
        self._size_bytes += part.size_bytes

    def check(self, receipt: dict[str, Any]) -> None:
        """Raise ChangedError, and forget the old parts, when a new one comes from another model or voice."""
        origins = dict(_origins(receipt))
        if any(self._origins.get(name, fact) != fact for name, fact in origins.items()):
            with writing(self._sink.name):
                self._parts.truncate(0)
            raise ChangedError("the model or the voice has changed since")
        self._learn(receipt)

    def finish(self) -> None:
        """Make the output and remove the folder."""
        self._cut()
        super().finish()
        shutil.rmtree(self._place, ignore_errors=True)

    def _close(self) -> None:
        self._parts.close()
        self._file.close()

    def _lock(self, name: str) -> None:
        try:
            fcntl.flock(self._parts, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._close()
            raise OutputError(f"another f5ctl is making {name}; wait for its end") from None
        except OSError:  # a file system without locks
            pass

    def _begin(self, wanted: int | None) -> int:
        """Look at what the run before has left; return the seed."""
        self._parts.seek(0)
        head = self._parts.readline()
        seed = _seed_in(head)
        if seed is None or wanted not in (None, seed):
            seed = int.from_bytes(os.urandom(4), "little") if wanted is None else wanted
            head = json.dumps({"f5ctl_parts": FORMAT, "seed": seed}).encode() + b"\n"
            with writing(self._sink.name):
                self._parts.truncate(0)
                self._parts.write(head)
                self._parts.flush()
        self._head_bytes = self._parts_bytes = len(head)
        self._old = self._still_there()
        return seed

    def _still_there(self) -> Iterator[tuple[Kept, int]]:
        """Yield the parts whose samples are on the disk, up to the first that is damaged."""
        self._parts.seek(self._parts_bytes)
        left = os.fstat(self._file.fileno()).st_size
        while line := self._parts.readline():
            part = _parsed(line)
            if part is None or part.size_bytes > left:
                return
            left -= part.size_bytes
            yield part, len(line)

    def _cut(self) -> None:
        """Leave nothing behind the parts that count, in either file; new ones follow."""
        if self._old is None:
            return
        self._old = None
        with writing(self._sink.name):
            self._parts.truncate(self._parts_bytes)
            self._parts.seek(self._parts_bytes)
            self._file.truncate(self._size_bytes)
            self._file.seek(self._size_bytes)

    def _learn(self, receipt: dict[str, Any]) -> None:
        self._origins.update(_origins(receipt))


def key_of(request: Say | float, *more: object) -> str:
    """Return the key of a part that `request` makes, or of a silence in seconds; `more` decides it, too."""
    if isinstance(request, Say):
        facts = {name: value for name, value in asdict(request).items() if name not in _NO_MATTER}
        facts["recording"] = None if request.ref_audio is None else _hash(request.ref_audio)
    else:
        facts = {"silence_s": request}
    return hashlib.sha256(json.dumps([facts, more], sort_keys=True).encode()).hexdigest()


@lru_cache(maxsize=16)
def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _place(target: str) -> str:
    folder, name = os.path.split(target)
    if len(os.fsencode(name)) > _MOST_NAME_BYTES:
        name = hashlib.sha256(os.fsencode(name)).hexdigest()
    return os.path.join(folder, f".{name}.f5ctl")


def _origins(receipt: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield what the audio came from besides the request, each with its name."""
    if "model" in receipt:
        yield f"model {receipt['model']}", [receipt.get(name) for name in _ORIGIN]
        yield f"voice {receipt['model']} {receipt.get('voice')}", receipt.get("voice_hash")


def _seed_in(line: bytes) -> int | None:
    with contextlib.suppress(ValueError):
        head = json.loads(line)
        if isinstance(head, dict) and head.get("f5ctl_parts") == FORMAT and isinstance(head.get("seed"), int):
            return int(head["seed"])
    return None


def _parsed(line: bytes) -> Kept | None:
    if not line.endswith(b"\n"):
        return None
    try:
        key, size_bytes, notes, cues, end_s, edges = json.loads(line)
        said = tuple(Cue(*cue) for cue in cues)
        part = Kept(str(key), int(size_bytes), tuple(notes), said, float(end_s), dict(edges))
    except (ValueError, TypeError):
        return None
    return part if part.size_bytes >= 0 and part.size_bytes % SAMPLE_BYTES == 0 else None


@contextlib.contextmanager
def _making(name: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot keep parts beside {name}: {error.strerror}") from None
