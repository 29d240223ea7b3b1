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

from f5ctl.client import Client, answer
from f5ctl.errors import F5Error, NoDaemonError, TryAgainError
from f5ctl.progress import StatusLine
from f5ctl.protocol import Audio, Reply, Say
from f5ctl.speech.output import check_complete, file_tag
from f5ctl.speech.sinks import Sink

PATIENCE_S: Final = 300.0  # since a daemon last answered
WAIT_S: Final = 0.5
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
        self._held: list[Audio] = []  # of a file, whose bytes may differ the next time

    def speak(self, sink: Sink, line: StatusLine) -> dict[str, Any]:
        """Feed the audio to `sink` and return the receipt; what cannot be helped raises as without --retry."""
        try:
            while True:
                try:
                    receipt = self._once(sink, line)
                    break
                except (NoDaemonError, TryAgainError) as error:
                    line.show("trying again")
                    self._wait(error)
            for chunk in self._held:
                sink.add(chunk.data, chunk.sample_rate_hz)
            check_complete(receipt, self._request, sink.audio_bytes)
            sink.note(file_tag(receipt, self._request))
            line.show("playing")
            sink.finish()
        except BaseException:
            sink.abort()
            self._client.cancel(self._request.id)
            raise
        finally:
            self._client.close()
        return receipt

    def _once(self, sink: Sink, line: StatusLine) -> dict[str, Any]:
        self._held.clear()
        skip = sink.audio_bytes
        last: Reply | None = None
        for last in self._client.replies(self._client.send(self._timely())):
            self._heard_at = time.monotonic()
            if not isinstance(last, Audio):
                line.report(last)
            elif self._request.encoding != "pcm":
                self._held.append(last)
            else:
                new = last.data[skip:]
                skip = max(0, skip - len(last.data))
                if new:
                    sink.add(new, last.sample_rate_hz)
        return answer(last)

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
