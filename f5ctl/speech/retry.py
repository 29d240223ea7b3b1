"""`f5ctl say --retry`: a request that outlives its daemon.

The request is sent again under the same id with the same seed, so the daemon makes the same audio
again; what the sink already has is left out, and nothing is heard twice. Imported with --retry only.
"""

from __future__ import annotations

import os
import time
from dataclasses import replace
from typing import Any

from f5ctl.errors import TryAgainError
from f5ctl.progress import StatusLine
from f5ctl.protocol import Say
from f5ctl.speech.conversation import Conversation, other_audio
from f5ctl.speech.lasting import CURABLE, Lasting
from f5ctl.speech.output import file_tag
from f5ctl.speech.sinks import Sink


class Retry:
    """Owns one request, and the connection, until it has been answered for good."""

    def __init__(self, connection: Lasting, request: Say) -> None:
        seed = int.from_bytes(os.urandom(4), "little") if request.seed is None else request.seed
        self._request = replace(request, seed=seed)
        self._connection = connection
        self._began_at = time.monotonic()

    def speak(self, sink: Sink, line: StatusLine) -> dict[str, Any]:
        """Feed the audio to `sink` and return the receipt; what cannot be helped raises as without --retry."""
        try:
            while (receipt := self._try(sink, line)) is None:
                pass
            sink.note(file_tag(receipt, self._request))
            line.show(sink.doing)
            sink.finish()
        finally:
            sink.abort()  # nothing, once it is finished
            self._connection.close()
        return receipt

    def _try(self, sink: Sink, line: StatusLine) -> dict[str, Any] | None:
        """Return the receipt; None when it is to be tried again, on a new connection."""
        try:
            return self._once(sink, line)
        except CURABLE as error:
            line.show("trying again")
            self._connection.again(error)
            return None

    def _once(self, sink: Sink, line: StatusLine) -> dict[str, Any]:
        skip = sink.audio_bytes
        with Conversation(self._connection.client, line.report) as talk, sink.silenced_by_errors(but=CURABLE):
            part = talk.ask(self._timely())
            while part.last is None:
                talk.hear()
                if self._request.encoding != "pcm":
                    continue  # the bytes of a file may differ the next time: it is written when it is whole
                for chunk in part.take():
                    if new := chunk[skip:]:
                        sink.add(new, part.rate_hz)
                    skip = max(0, skip - len(chunk))
            receipt = part.receipt()
            for chunk in part.take():
                sink.add(chunk, part.rate_hz)
            if self._request.encoding == "pcm" and sink.audio_bytes != part.came_bytes:
                raise other_audio()
        return receipt

    def _timely(self) -> Say:
        """Return the request with what is left of its time."""
        if self._request.timeout_s is None:
            return self._request
        left_s = self._request.timeout_s - (time.monotonic() - self._began_at)
        if left_s < 0.01:
            line = f"the job was not finished within timeout_s {self._request.timeout_s:g}"
            raise TryAgainError("deadline_exceeded", line)
        return replace(self._request, timeout_s=left_s)
