"""Work that needs what the client never imports: done in a Python process of its own, for one verb.

The helper is a module of the daemon's side, run with this environment's Python. It reads one msgpack map
from its stdin and answers in lines of JSON; a line with `error` ends it. Nothing here is on the way of
a `say`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import click
import msgpack

from f5ctl.errors import F5Error, SynthesisError, error_from_wire
from f5ctl.extras import require
from f5ctl.places import with_temporary
from f5ctl.socketpath import client_socket_path

VOICE_CHECK: Final = "f5d.helpers.voices"
MODEL_DESK: Final = "f5d.helpers.models"


class HelperError(F5Error):
    """An error of a helper whose class the wire does not carry, with its exit status."""

    def __init__(self, message: str, exit_status: int) -> None:
        super().__init__(message)
        self.exit_status = exit_status


def ask(module: str, **request: Any) -> Iterator[dict[str, Any]]:
    """Run a helper on `request` and yield its answers; leaving the iterator ends it.

    Raises:
        ConfigError: the helpers' packages are not installed.
        F5Error: what the helper says, as the class that its code stands for.
    """
    context = click.get_current_context(silent=True)
    require("engine", context.command_path if context else module)
    loud = bool(os.environ.get("F5CTL_DEBUG"))
    with subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=None if loud else subprocess.DEVNULL,  # libraries chat there
        cwd="/",  # no f5d folder of the caller is imported
        env=with_temporary(os.path.dirname(client_socket_path())),
    ) as process:
        try:
            yield from _answers(process, request)
            status = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
    if status != 0:
        line = f"the helper {module} ended with status {status} (F5CTL_DEBUG=1 shows why)"
        raise SynthesisError("internal_error", line)


def ask_once(module: str, **request: Any) -> dict[str, Any]:
    """Run a helper that gives one answer, and return it."""
    *_earlier, last = ask(module, **request)
    return last


def _answers(process: subprocess.Popen[bytes], request: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if process.stdin is None or process.stdout is None:
        return
    try:
        process.stdin.write(msgpack.packb(request, unicode_errors="surrogateescape"))  # names of files
        process.stdin.flush()  # and stays open: its end tells the helper that nobody waits any more
    except BrokenPipeError:
        pass  # it ended before it read; its status tells
    for line in process.stdout:
        answer = json.loads(line)
        if "error" in answer:
            error = error_from_wire(answer["code"], answer["error"])
            same = error.exit_status == answer["exit_status"]
            raise error if same else HelperError(answer["error"], answer["exit_status"])
        yield answer
