"""The other end of f5ctl/helper.py: one request from stdin, answers as lines of JSON on stdout."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from typing import Any

import msgpack

from f5ctl.errors import F5Error


def serve(answers: Callable[[dict[str, Any]], Iterable[dict[str, Any]]]) -> None:
    """Read the request, write what `answers` yields as it comes; an F5Error becomes the last line."""
    request = msgpack.unpackb(sys.stdin.buffer.read())
    try:
        for answer in answers(request):
            _write(answer)
    except F5Error as error:
        _write({"error": error.message, "code": error.code})


def _write(answer: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
