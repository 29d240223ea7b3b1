"""One request, spoken into a sink."""

from __future__ import annotations

from typing import Any

from f5ctl.client import Client, answer
from f5ctl.progress import StatusLine
from f5ctl.protocol import Audio, Reply, Say
from f5ctl.speech.output import check_complete, file_tag
from f5ctl.speech.sinks import Sink


def speak(client: Client, request: Say, sink: Sink, line: StatusLine, *, last: bool = True) -> dict[str, Any]:
    """Send `request`, feed its audio to `sink` and return the receipt; a failure leaves no job behind.

    The sink is finished with the `last` request of its audio.
    """
    try:
        before_bytes = sink.audio_bytes
        reply: Reply | None = None
        for reply in client.replies(client.send(request)):
            if isinstance(reply, Audio):
                sink.add(reply.data, reply.sample_rate_hz)
            else:
                line.report(reply)
        receipt = answer(reply)
        check_complete(receipt, request, sink.audio_bytes - before_bytes)
        sink.note(file_tag(receipt, request))
        if last:
            line.show("playing")
            sink.finish()
    except BaseException:
        sink.abort()  # silence first, then tell the daemon
        client.cancel(request.id)
        raise
    return receipt
