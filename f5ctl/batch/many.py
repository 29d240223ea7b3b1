"""Lines of several requests, made as `say` makes such a text: long ones, and those with tags or pauses in them.

They are made after the other lines, one by one, since the requests of one keep the daemon busy already. Until
the output is complete, what is made of it lies beside it (f5ctl/speech/journal.py): another try, another daemon
and another run go on from there.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from f5ctl.batch.line import Line
from f5ctl.batch.manifest import Defaults
from f5ctl.batch.runner import Listener, Policy, Runner, Task
from f5ctl.client import Client
from f5ctl.errors import F5Error, NoDaemonError, OutputError
from f5ctl.progress import StatusLine
from f5ctl.protocol import Plan, Say
from f5ctl.speech import parts
from f5ctl.speech.book import book_of
from f5ctl.speech.journal import ChangedError
from f5ctl.speech.many import Order, speak_many
from f5ctl.speech.preview import ask, in_all
from f5ctl.speech.script import Reading
from f5ctl.speech.sinks import FileSink, make_folder
from f5ctl.speech.texts import is_long


class ManyRunner(Runner):
    """Makes `lines` of every kind; the outputs of those of several requests are written here."""

    def __init__(
        self,
        lines: Sequence[Line],
        policy: Policy,
        connect: Callable[[], Client],
        listener: Listener,
        kind: type[Say] = Say,
        *,
        defaults: Defaults,
    ) -> None:
        super().__init__([line for line in lines if line.parts is None], policy, connect, listener, kind)
        self._others = [Task(line) for line in lines if line.parts is not None]
        self._folder = defaults.folder
        self._reading = Reading(defaults.marks)
        self._warned: set[tuple[Line, str]] = set()

    def run(self) -> None:
        """Make every line, those of one request first; ends and raises as `Runner` does."""
        super().run()
        self._todo.extend(self._others)
        super().run()

    def _serve(self, client: Client) -> None:
        """Make the next line of several requests; what fails is tried again on another connection."""
        if self._todo[0].line.parts is None:
            super()._serve(client)
            return
        task = self._live[""] = self._todo.popleft()
        try:
            self._make(task, client)
        except (NoDaemonError, OutputError):
            raise
        except F5Error as error:
            self._retry(task, error)
        except ChangedError as error:
            self._warn(task.line, f"{error}; it is made from its beginning")
            self._todo.appendleft(task)
        self._live.clear()
        time.sleep(max(0.0, self._hold_until - time.monotonic()))

    def _make(self, task: Task, client: Client) -> None:
        line = task.line
        self._reading.marks.where = line.where
        request = self._request(task)
        text = book_of(line.text) if is_long(line.text) else line.text
        order = Order(self._reading, request, text, request.encoding, keeps=True)
        if self._kind is Plan:
            warn = partial(self._warn, line)
            source = order.source(client, request.seed, warn)
            made = in_all(ask(client, source, StatusLine(quiet=True), warn=warn))
        else:
            made = self._spoken(task, order, client)
        self._listener.made(line, None, made)
        self._losses = 0

    def _spoken(self, task: Task, order: Order, client: Client) -> dict[str, Any]:
        """Write the output and return its receipt: the first part's, with the length of all."""
        line = task.line

        def report(receipt: dict[str, Any]) -> None:
            self._losses = 0
            if not task.doubted:  # with each further seed all parts are made again
                task.tries = 0
            for warning in receipt.get("warnings") or []:
                self._warn(line, warning)

        show = partial(self._listener.part, line)
        listener = parts.Listener(report, partial(self._warn, line), self._tell, show)
        path = os.path.join(self._folder, line.output)
        make_folder(path)
        with FileSink(path, wav=line.format == "wav") as sink:
            shown = StatusLine(quiet=True)
            spoken = speak_many(order, sink, client, self._connect, shown, listener=listener)
        return {**json.loads(spoken.first_tag), "seed": order.request.seed, "samples": spoken.samples}

    def _warn(self, line: Line, text: str) -> None:
        """Warn, once: many requests of one line would say the same."""
        if (line, text) not in self._warned:
            self._warned.add((line, text))
            self._listener.warns(line, text)
