"""What becomes of a text of several parts: one output, straight or by way of samples on the disk.

`Joined` hands samples on as they come. A format that only the engine's side can write, and an output that has
to outlive this process, need all samples first: `Spool` keeps them in a file and makes the output at the end.
Neither holds more than a block in memory.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from typing import IO, Final

from f5ctl.errors import OutputError
from f5ctl.extras import require
from f5ctl.processes import unnamed_file
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ
from f5ctl.receipts import MAX_TAG_BYTES, BookReceipt, SamplesHash, join_tags
from f5ctl.speech.sinks import Sink, writing

_BLOCK_BYTES: Final = 2**20


class Joined:
    """Hands samples to a sink at once; with `book`, one receipt stands for those of all parts."""

    def __init__(self, sink: Sink, book: BookReceipt | None = None) -> None:
        self.book_tag: str | None = None  # the one receipt, in the end
        self._sink = sink
        self._book = book
        self._audio = SamplesHash()

    def add(self, data: bytes, rate_hz: int) -> None:
        """Take the next samples."""
        if self._book:
            self._audio.update(data)
        self._sink.add(data, rate_hz)

    def note(self, tag: str) -> None:
        """Take the receipt of the samples since the last one."""
        if self._book:
            self._book.note(tag)
        else:
            self._sink.note(tag)

    def finish(self) -> None:
        """Complete the sink."""
        if self._book:
            self.book_tag = self._book.tag(self._audio, self._sink.audio_bytes // SAMPLE_BYTES)
            self._sink.note(self.book_tag)
        self._sink.finish()


class Spool:
    """Owns `file`, which holds the samples until `finish` makes the output of them; `tell` shows that."""

    def __init__(
        self,
        sink: Sink,
        encoding: str,
        file: IO[bytes],
        *,
        book: BookReceipt | None = None,
        tell: Callable[[str], None],
    ) -> None:
        if encoding != "pcm":
            require("engine", f"joining several pieces into {encoding}")
        self.book_tag: str | None = None  # the one receipt, in the end
        self._sink = sink
        self._encoding = encoding
        self._file = file
        self._book = book
        self._tags: list[str] = []
        self._tell = tell

    def add(self, data: bytes, rate_hz: int) -> None:  # noqa: ARG002 - as a sink has it
        """Take the next samples."""
        with writing(self._sink.name):
            self._file.write(data)

    def note(self, tag: str) -> None:
        """Take the receipt of the samples since the last one."""
        if self._book:
            self._book.note(tag)
        else:
            self._tags.append(tag)

    def finish(self) -> None:
        """Make the output and complete the sink.

        Raises:
            OutputError: it cannot be encoded or written.
        """
        with writing(self._sink.name):
            self._file.flush()
        tags = self._tags
        if self._book:
            self.book_tag = self._tag_of_all(self._book)
            tags = [self.book_tag]
        if self._encoding == "pcm":
            for block in self._blocks():
                self._sink.add(block, SAMPLE_RATE_HZ)
            for tag in tags:
                self._sink.note(tag)
        else:
            self._encode(join_tags(tags, MAX_TAG_BYTES).encode())
        self._sink.finish()

    def _tag_of_all(self, book: BookReceipt) -> str:
        audio = SamplesHash()
        for block in self._blocks():
            audio.update(block)
        return book.tag(audio, os.fstat(self._file.fileno()).st_size // SAMPLE_BYTES)

    def _blocks(self) -> Iterator[bytes]:
        self._file.seek(0)
        while block := self._file.read(_BLOCK_BYTES):
            yield block

    def _encode(self, tag: bytes) -> None:
        whole = os.fstat(self._file.fileno()).st_size or 1
        with temporary(self._sink) as made, unnamed_file() as complaints:
            command = [sys.executable, "-m", "f5d.helpers.encode", self._encoding, str(len(tag))]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=made, stderr=complaints) as helper:
                try:
                    self._feed(helper, tag, whole)
                    status = helper.wait()
                finally:
                    helper.kill()
            if status != 0:
                complaints.seek(0)
                last = complaints.read().decode(errors="replace").strip().rpartition("\n")[2]
                raise OutputError(
                    f"cannot encode {self._encoding}: {last or f'status {status}'}", while_writing=True
                )
            made.seek(0)
            while block := made.read(_BLOCK_BYTES):
                self._sink.add(block, SAMPLE_RATE_HZ)

    def _feed(self, helper: subprocess.Popen[bytes], tag: bytes, whole: int) -> None:
        pipe = helper.stdin
        if pipe is None:
            return
        try:
            pipe.write(tag)
            fed = 0
            for block in self._blocks():
                pipe.write(block)
                fed += len(block)
                self._tell(f"writing {self._encoding}, {100 * fed // whole} %")
            pipe.close()
        except BrokenPipeError:
            pass  # its status says why


def temporary(sink: Sink) -> IO[bytes]:
    """Return a file without a name, beside the sink's where that is one: such a disk has to have the room.

    Raises:
        OutputError: 73, none can be made.
    """
    try:
        return tempfile.TemporaryFile(dir=sink.folder)
    except OSError as error:
        raise OutputError(f"cannot create a file beside {sink.name}: {error.strerror}") from None
