"""One request, spoken into a sink."""

from __future__ import annotations

from typing import Any

from f5ctl.client import Client
from f5ctl.progress import StatusLine
from f5ctl.protocol import Say
from f5ctl.speech.conversation import Conversation
from f5ctl.speech.output import file_tag
from f5ctl.speech.sinks import Sink


def speak(client: Client, request: Say, sink: Sink, line: StatusLine, *, last: bool = True) -> dict[str, Any]:
    """Send `request`, feed its audio to `sink` and return the receipt; a failure leaves no job behind.

    The sink is finished with the `last` request of its audio.
    """
    with Conversation(client, line.report) as talk, sink.silenced_by_errors():
        part = talk.ask(request)
        while part.last is None:
            talk.hear()
            for chunk in part.take():
                sink.add(chunk, part.rate_hz)
        receipt = part.receipt()
        sink.note(file_tag(receipt, request))
        if last:
            line.show(sink.doing)
            sink.finish()
    return receipt
