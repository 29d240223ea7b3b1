"""Several outputs of one `say`: files in any formats, standard output, the player. All get the same samples."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import click

from f5ctl.errors import OutputError
from f5ctl.extras import require
from f5ctl.protocol import Encoding
from f5ctl.speech.output import Format, Output, choose_output
from f5ctl.speech.player import PlayerSink
from f5ctl.speech.sinks import Sink
from f5ctl.speech.spool import Spool, temporary


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the audio goes, in the order in which it is completed: the player is the last."""

    each: tuple[Output, ...]

    path: ClassVar[None] = None
    encoding: ClassVar[Encoding] = "pcm"  # of which every format is made here

    @property
    def is_stdout(self) -> bool:
        """True when one of them occupies standard output."""
        return any(one.is_stdout for one in self.each)

    @property
    def is_stream(self) -> bool:
        """True when one of them can be heard, or read, before it is complete."""
        return any(one.is_stream for one in self.each)

    @property
    def is_folder(self) -> bool:
        """True when the name of one of them is still to be found."""
        return any(one.is_folder for one in self.each)

    def named(self, stem: str) -> Outputs:
        """Return the outputs with `stem` for the names of those that are folders."""
        return replace(self, each=tuple(one.named(stem) for one in self.each))

    def open(self) -> Sink:
        """Return the sink; raises OutputError when one of them cannot be had."""
        with contextlib.ExitStack() as opened:
            sinks = []
            for one in self.each:
                sink = opened.enter_context(one.open())
                if one.encoding != "pcm":
                    sink = opened.enter_context(Encoded(sink, one.encoding))
                sinks.append(sink)
            opened.pop_all()
        return Several(sinks)


def choose_several(paths: Sequence[str], format_: Format | None, *, raw: bool, play: bool) -> Outputs:
    """Return where the audio goes when there are several places.

    Raises:
        click.UsageError: two of them are the same, or an option is wrong.
    """
    each = [choose_output(path, format_, raw=False, play=False) for path in paths]
    if raw:
        each.append(choose_output(None, None, raw=True, play=False))
    names = ["-" if one.is_stdout else os.path.realpath(one.path or "") for one in each if not one.is_folder]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise click.UsageError(f"{'standard output' if twice == '-' else twice} is to be written twice")
    if play:
        each.append(choose_output(None, None, raw=False, play=True))
    return Outputs(tuple(sorted(each, key=lambda one: one.encoding == "pcm")))


class Several(Sink):
    """Hands the audio on to several sinks; a player that stops costs no file, but is an error in the end."""

    def __init__(self, sinks: Sequence[Sink]) -> None:
        super().__init__(" and ".join(sink.name for sink in sinks), wav=False)
        self.doing = sinks[-1].doing
        self._sinks = sinks
        self._fault: OutputError | None = None

    @property
    def folder(self) -> str | None:
        """Where the first file lies."""
        return next((sink.folder for sink in self._sinks if sink.folder), None)

    @property
    def target(self) -> str | None:
        """The first file; None when there is more than files."""
        targets = [sink.target for sink in self._sinks]
        return None if None in targets else targets[0]

    @property
    def chosen(self) -> tuple[str, ...]:
        """The names that were found for files in folders."""
        return tuple(name for sink in self._sinks for name in sink.chosen)

    def fileno(self) -> int:
        """Return the descriptor of the last one that takes audio: the player's, or one that is always ready."""
        return self._sinks[-1 if self._fault is None else 0].fileno()

    def note(self, tag: str) -> None:
        """Take the receipt of audio that was added."""
        for sink in self._sinks:
            sink.note(tag)

    def _put(self, data: bytes) -> None:
        self._with_each(lambda sink: sink.add(data, self._rate_hz))

    def _complete(self, head: bytes) -> None:  # noqa: ARG002 - each has its own
        self._with_each(Sink.finish)
        if self._fault:
            raise self._fault

    def _discard(self) -> None:
        for sink in reversed(self._sinks):  # silence first
            sink.abort()

    def _with_each(self, do: Callable[[Sink], None]) -> None:
        """Do it with each sink, but with no player that has stopped; the fault of one that does is kept."""
        for sink in self._sinks:
            if not isinstance(sink, PlayerSink):
                do(sink)
            elif self._fault is None:
                try:
                    do(sink)
                except OutputError as error:
                    self._fault = error


class Encoded(Sink):
    """Keeps samples in a file without a name, and makes a file of another format of them in the end."""

    def __init__(self, sink: Sink, encoding: str) -> None:
        require("engine", f"making {encoding} beside another output")
        super().__init__(sink.name, wav=False)
        self._sink = sink
        self._file = temporary(sink)
        self._spool = Spool(sink, encoding, self._file, tell=lambda _: None)

    @property
    def folder(self) -> str | None:
        """Where the file will lie."""
        return self._sink.folder

    @property
    def target(self) -> str | None:
        """The file, behind links."""
        return self._sink.target

    @property
    def chosen(self) -> tuple[str, ...]:
        """The name that was found for it in a folder."""
        return self._sink.chosen

    def fileno(self) -> int:
        """Return the descriptor of the samples."""
        return self._file.fileno()

    def note(self, tag: str) -> None:
        """Take the receipt of audio that was added."""
        self._spool.note(tag)

    def _put(self, data: bytes) -> None:
        self._spool.add(data, self._rate_hz)

    def _complete(self, head: bytes) -> None:  # noqa: ARG002 - the format's own
        self._spool.finish()
        self._file.close()

    def _discard(self) -> None:
        self._file.close()
        self._sink.abort()
