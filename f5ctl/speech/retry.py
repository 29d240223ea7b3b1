"""`f5ctl say --retry`: one request that outlives its daemon.

It is sent again under the same id with the same seed, so the daemon makes the same audio again; what the sink
already has is left out, and nothing is heard twice. Imported with --retry only.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from typing import Any

from f5ctl.progress import StatusLine
from f5ctl.protocol import Say
from f5ctl.speech.lasting import Lasting
from f5ctl.speech.parts import Listed, Listener, Speech
from f5ctl.speech.sinks import Sink
from f5ctl.speech.speaker import Speaker


def speak_lasting(connection: Lasting, request: Say, sink: Sink, line: StatusLine) -> dict[str, Any]:
    """Feed the audio of a request to `sink` and return the receipt; what cannot be helped raises as without."""
    seed = int.from_bytes(os.urandom(4), "little") if request.seed is None else request.seed
    source = Listed([Speech(replace(request, seed=seed))])
    receipts: list[dict[str, Any]] = []
    with contextlib.closing(connection), sink.silenced_by_errors():
        Speaker(connection, source, sink, Listener(receipts.append, line.show, line.report), lasts=True).speak()
        line.show(sink.doing)
        sink.finish()
    return receipts[0]
