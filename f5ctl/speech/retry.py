"""`f5ctl say --retry`: a request that outlives its daemon.

The request is sent again under the same id with the same seed, so the daemon makes the same audio
again; what the sink already has is left out, and nothing is heard twice. Imported with --retry only.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from f5ctl.client import Client
from f5ctl.errors import F5Error, NoDaemonError, SynthesisError, TryAgainError
from f5ctl.progress import StatusLine
from f5ctl.protocol import Say
from f5ctl.speech.conversation import Conversation
from f5ctl.speech.output import file_tag
from f5ctl.speech.sinks import Sink

PATIENCE_S: Final = 300.0  # since a daemon last answered
WAIT_S: Final = 0.5
CURABLE: Final = (NoDaemonError, TryAgainError)
MAX_LOSSES: Final = 10  # daemons that went away under the request: it may be to blame


class Retry:
    """Owns one request until it has been answered for good; `reconnect` returns a new client."""

    def __init__(self, client: Client, request: Say, reconnect: Callable[[], Client]) -> None:
        seed = int.from_bytes(os.urandom(4), "little") if request.seed is None else request.seed
        self._request = replace(request, seed=seed)
        self._client = client
        self._reconnect = reconnect
        self._began_at = self._heard_at = time.monotonic()
        self._losses = 0

    def speak(self, sink: Sink, line: StatusLine) -> dict[str, Any]:
        """Feed the audio to `sink` and return the receipt; what cannot be helped raises as without --retry."""
        try:
            while (receipt := self._try(sink, line)) is None:
                pass
            sink.note(file_tag(receipt, self._request))
            line.show("playing")
            sink.finish()
        finally:
            sink.abort()  # nothing, once it is finished
            self._client.close()
        return receipt

    def _try(self, sink: Sink, line: StatusLine) -> dict[str, Any] | None:
        """Return the receipt; None when it is to be tried again, on a new connection."""
        try:
            return self._once(sink, line)
        except CURABLE as error:
            line.show("trying again")
            self._wait(error)
            return None

    def _once(self, sink: Sink, line: StatusLine) -> dict[str, Any]:
        skip = sink.audio_bytes
        with Conversation(self._client, line.report) as talk, sink.silenced_by_errors(but=CURABLE):
            part = talk.ask(self._timely())
            while part.last is None:
                talk.hear()
                self._heard_at = time.monotonic()
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
                other = "another try gave other audio: has the daemon other settings now? Begin anew"
                raise SynthesisError("internal_error", other)
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

    def _wait(self, error: F5Error) -> None:
        """Wait as long as the daemon asked for and connect again; raise `error` when that is hopeless."""
        if error.code == "deadline_exceeded":
            raise error
        self._losses += isinstance(error, NoDaemonError)
        self._client.close()
        time.sleep(getattr(error, "retry_after_s", None) or WAIT_S)
        while True:
            if self._losses > MAX_LOSSES or time.monotonic() - self._heard_at > PATIENCE_S:
                raise error
            try:
                self._client = self._reconnect()
            except NoDaemonError:
                time.sleep(WAIT_S)
            else:
                return
