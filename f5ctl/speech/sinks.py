"""Where the audio of a `say` goes: a file, standard output or a player.

A sink is opened before the daemon is asked, so that an output that cannot be created costs no
synthesis. It gets the chunks as they come and ends in `finish` or `abort`. With `wav`, chunks are
raw samples and the header is written here: at once with unknown sizes, so that a reader in a
pipe can begin, and again with the true ones where the output can be rewound. Beyond 4 GiB the true
sizes do not fit: such a file becomes RF64 (f5ctl/speech/rf64.py), and in a pipe they stay unknown.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Final

from f5ctl.errors import OutputError
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ

UNKNOWN_SIZE: Final = 0xFFFFFFFF
STDOUT_NAMES: Final = frozenset({"-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"})


class ReaderGoneError(Exception):
    """Whoever read the output has closed it; nobody wants the rest."""


def wav_header(rate_hz: int, data_bytes: int | None = None, tail_bytes: int = 0) -> bytes:
    """Return the 44 bytes before mono 16-bit samples; None for a length that is not known yet.

    `tail_bytes` of further chunks follow the samples. What is too long for the header has an unknown length
    too.
    """
    if data_bytes is None or not fits_riff(data_bytes + tail_bytes):
        riff_size = data_size = UNKNOWN_SIZE
    else:
        riff_size, data_size = 36 + data_bytes + tail_bytes, data_bytes
    form = struct.pack("<4sI4s", b"RIFF", riff_size, b"WAVE")
    layout = struct.pack("<4sIHHIIHH", b"fmt ", 16, 1, 1, rate_hz, rate_hz * SAMPLE_BYTES, SAMPLE_BYTES, 16)
    return form + layout + struct.pack("<4sI", b"data", data_size)


def fits_riff(after_header_bytes: int) -> bool:
    """Return True when a WAV file with so much behind its header has sizes of 32 bits."""
    return 36 + after_header_bytes < UNKNOWN_SIZE


def wav_comment(text: str) -> bytes:
    """Return the LIST chunk that holds `text` as a WAV file's comment (INFO, ICMT)."""
    data = text.encode() + b"\0"
    info = b"INFOICMT" + struct.pack("<I", len(data)) + data + b"\0" * (len(data) % 2)
    return b"LIST" + struct.pack("<I", len(info)) + info


class Sink(ABC):
    """Somewhere to put audio; leaving it as a context manager aborts what was not finished.

    `fd` is written to; `start` is where in it the header can be written again, None where it cannot.
    """

    doing = "writing"  # what happens while it is finished

    def __init__(self, name: str, *, wav: bool, fd: int = -1, start: int | None = None) -> None:
        self.name = name
        self.audio_bytes = 0
        self._fd = fd
        self._start = start
        self._wav = wav
        self._rate_hz = 0
        self._settled = False
        self._tags: list[str] = []

    def __enter__(self) -> Sink:  # noqa: PYI034 - typing.Self is of Python 3.11
        return self

    def __exit__(self, *_error: object) -> None:
        self.abort()

    def add(self, data: bytes, rate_hz: int) -> None:
        """Take the next chunk.

        Raises:
            OutputError: it could not be written (74).
            ReaderGoneError: the reader of a pipe is gone.
        """
        if self._wav and not self._rate_hz:
            self._put(wav_header(rate_hz))
        self._rate_hz = rate_hz
        self._put(data)
        self.audio_bytes += len(data)

    def note(self, tag: str) -> None:
        """Take the receipt of audio that was added (f5ctl/receipts.py), for the metadata of a WAV file."""
        if tag:
            self._tags.append(tag)

    def finish(self) -> None:
        """Complete the output; raises as `add` does."""
        self._complete(self._tailed_head() if self._wav else b"")
        self._settled = True

    def _tailed_head(self) -> bytes:
        """Return the final header, once the receipts are behind the samples.

        Where the header cannot be written again its sizes are unknown, and what came behind would pass for
        samples.
        """
        if self._start is None:
            return b""
        from f5ctl.receipts import join_comment

        tail = wav_comment(join_comment(self._tags)) if self._tags else b""
        if fits_riff(self.audio_bytes + len(tail)):
            self._put(tail)
            return wav_header(self._rate_hz, self.audio_bytes, len(tail))
        from f5ctl.speech.rf64 import make_room, rf64_header

        plain = wav_header(self._rate_hz)

        with writing(self.name):
            if not make_room(self._fd, self._start, len(plain), self.audio_bytes):
                return b""
        self._put(tail)
        return rf64_header(plain, self.audio_bytes, len(tail))

    @contextlib.contextmanager
    def silenced_by_errors(self, *, but: tuple[type[BaseException], ...] = ()) -> Iterator[None]:
        """Abort when the block raises anything `but` these: silence first, whatever else is to be tidied up."""
        try:
            yield
        except but:
            raise
        except BaseException:
            self.abort()
            raise

    def abort(self) -> None:
        """Give the output up, leaving nothing half-made behind; nothing happens after `finish`."""
        if not self._settled:
            self._discard()
            self._settled = True

    @property
    def folder(self) -> str | None:
        """Where the output lies; None where that is no folder."""
        return None

    @property
    def target(self) -> str | None:
        """The file, behind links; None where that is no file."""
        return None

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names that were found for files in folders."""
        return ()

    def fileno(self) -> int:
        """Return the descriptor that is written to, for waiting until it takes more."""
        return self._fd

    def _put(self, data: bytes) -> None:
        """Write all of `data`."""
        with writing(self.name):
            write_all(self._fd, data)

    @abstractmethod
    def _complete(self, head: bytes) -> None:
        """Finish, with `head` over the first bytes where that is possible."""

    @abstractmethod
    def _discard(self) -> None:
        """Remove what is there; called more than once when a signal comes in between."""


class FileSink(Sink):
    """A file that appears under its name only when it is complete; an old one stays until then.

    Raises:
        OutputError: 73, the file cannot be created there.
    """

    def __init__(self, path: str, *, wav: bool) -> None:
        super().__init__(path, wav=wav, start=0)
        self._target = os.path.realpath(path)  # a link goes on pointing to the file
        self._part = os.path.join(
            os.path.dirname(self._target), f".f5ctl-{os.getpid()}-{os.urandom(3).hex()}.part"
        )
        self._nameless = False
        try:
            mode = _mode_to_keep(self._target)
            self._fd = self._open()
            if mode is not None:
                os.fchmod(self._fd, mode)
        except OSError as error:
            self._discard()
            raise OutputError(f"cannot create {path}: {self._why(error)}") from None

    def _why(self, error: OSError) -> str | None:
        folder = os.path.dirname(self._target)
        return error.strerror if os.path.exists(folder) else f"there is no folder {folder}; make it first"

    @property
    def folder(self) -> str | None:
        """Where the file will lie."""
        return os.path.dirname(self._target)

    @property
    def target(self) -> str:
        """The file, behind links."""
        return self._target

    def _open(self) -> int:
        """Return a new file without a name, which no kill leaves behind; with one where there is no such."""
        flags = os.O_WRONLY | os.O_CLOEXEC
        try:
            self._nameless = os.access("/proc/self/fd", os.X_OK)
            if self._nameless:
                return os.open(os.path.dirname(self._target), flags | os.O_TMPFILE, 0o666)
        except (AttributeError, OSError):  # no Linux, or a file system that cannot: NFS, FUSE
            self._nameless = False
        return os.open(self._part, flags | os.O_CREAT | os.O_EXCL, 0o666)

    def _complete(self, head: bytes) -> None:
        with writing(self.name):
            os.pwrite(self._fd, head, 0)
            os.fsync(self._fd)
            if self._nameless:
                os.link(f"/proc/self/fd/{self._fd}", self._part, src_dir_fd=self._fd)  # linkat: follows it
            os.replace(self._part, self._target)
            os.close(self._fd)

    def _discard(self) -> None:
        with contextlib.suppress(OSError):  # it was not created, or is already gone
            os.unlink(self._part)
        if self._fd >= 0:
            fd, self._fd = self._fd, -1
            os.close(fd)


class StreamSink(Sink):
    """A descriptor: standard output, a named pipe, a device. Written straight, never removed."""

    def __init__(self, name: str, fd: int, *, wav: bool, close: bool = False) -> None:
        super().__init__(name, wav=wav, fd=fd, start=_rewind_position(fd))
        self._close = close

    def _complete(self, head: bytes) -> None:
        if head and self._start is not None:
            with writing(self.name):
                os.pwrite(self._fd, head, self._start)
        self._discard()

    def _discard(self) -> None:
        if self._close:
            self._close = False
            os.close(self._fd)


def open_stdout(*, wav: bool) -> Sink:
    """Return a sink for standard output.

    Raises:
        OutputError: 73, it is closed, or open for reading alone.
    """
    import fcntl

    is_closed = True
    with contextlib.suppress(OSError):
        is_closed = fcntl.fcntl(1, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY
    if is_closed:
        raise OutputError(f"cannot write to standard output: {os.strerror(errno.EBADF)}")
    return StreamSink("standard output", 1, wav=wav)


def open_file(path: str, *, wav: bool) -> Sink:
    """Return a sink for a path: a file is replaced when complete, anything else is written straight.

    Raises:
        OutputError: 73, the path cannot be written.
    """
    if path in STDOUT_NAMES:
        return open_stdout(wav=wav)
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode) or os.path.isdir(path)
    except OSError:
        regular = True  # there is nothing yet, or FileSink says what is wrong
    if regular:
        return FileSink(path, wav=wav)
    try:
        return StreamSink(path, os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOCTTY), wav=wav, close=True)
    except OSError as error:
        raise OutputError(f"cannot open {path}: {error.strerror}") from None


@contextlib.contextmanager
def writing(name: str) -> Iterator[None]:
    """Turn the system's errors of the block into the sink's."""
    try:
        yield
    except BrokenPipeError:
        raise ReaderGoneError from None
    except OSError as error:
        raise OutputError(f"cannot write {name}: {error.strerror}", while_writing=True) from None


def write_file(path: str, data: bytes, *, wav: bool = False, tag: str = "") -> None:
    """Write a whole file, or samples and the receipt of a WAV file, as `FileSink` does."""
    with FileSink(path, wav=wav) as sink:
        sink.add(data, SAMPLE_RATE_HZ)
        sink.note(tag)
        sink.finish()


def make_folder(path: str) -> None:
    """Make the folder of a file (OutputError when it cannot be made)."""
    try:
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot create {os.path.dirname(path)}: {error.strerror}") from None


def write_all(fd: int, data: bytes) -> None:
    """Write every byte of `data`, waiting where the descriptor does not block by itself."""
    rest = memoryview(data)
    while rest:
        if not os.get_blocking(fd):  # a parent may have left its pipe so
            select.select([], [fd], [])
        rest = rest[os.write(fd, rest) :]


def _mode_to_keep(path: str) -> int | None:
    """Return the permissions of the file that will be replaced, None where there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return stat.S_IMODE(found.st_mode)


def _rewind_position(fd: int) -> int | None:
    """Return where writing to a plain file begins, None where bytes cannot be written twice."""
    import fcntl

    if not stat.S_ISREG(os.fstat(fd).st_mode) or fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_APPEND:
        return None  # pwrite ignores its position on a descriptor opened with O_APPEND
    return os.lseek(fd, 0, os.SEEK_CUR)
