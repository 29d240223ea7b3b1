"""The other end of f5ctl/helper.py: one request from stdin, answers as lines of JSON on stdout.

The client holds stdin open; where it ends, the client has gone and so does the helper, at once.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any, Final

import msgpack

from f5ctl.errors import F5Error
from f5ctl.protocol import MAX_MESSAGE_BYTES

MAX_REQUEST_BYTES: Final = 2 * MAX_MESSAGE_BYTES


def serve(answers: Callable[[dict[str, Any]], Iterable[dict[str, Any]]]) -> None:
    """Read the request, write what `answers` yields as it comes; an F5Error becomes the last line."""
    request = _read()
    threading.Thread(target=_end_with_client, daemon=True).start()
    try:
        for answer in answers(request):
            _write(answer)
    except F5Error as error:
        _write({"error": error.message, "code": error.code, "exit_status": error.exit_status})


def _read() -> dict[str, Any]:
    unpacker = msgpack.Unpacker(max_buffer_size=MAX_REQUEST_BYTES, unicode_errors="surrogateescape")
    while data := os.read(0, 2**20):
        unpacker.feed(data)
        for request in unpacker:
            return dict(request)
    sys.exit(1)


def _end_with_client() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


def _write(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
