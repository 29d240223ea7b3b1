"""The body of a request, of bounded size and for a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from starlette.types import Receive

from f5ctl.doors.http.errors import Refusal


async def pieces_of(receive: Receive, most_bytes: int, patience_s: float) -> AsyncGenerator[bytes, None]:
    """Yield a body as it comes; the whole has `patience_s`, and more where it comes fast.

    Raises:
        Refusal: it is too large (413), too slow (408) or broken off.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + patience_s
    size, more = 0, True
    while more:
        try:
            message = await asyncio.wait_for(receive(), until - loop.time())
        except asyncio.TimeoutError:
            line = f"{size} bytes of the body came in {patience_s:g} s; send it faster"
            raise Refusal(408, line, code="too_slow", headers={"connection": "close"}) from None
        if message["type"] == "http.disconnect":
            raise Refusal(400, "the client left before the body's end", code="broken_off")
        data = message.get("body", b"")
        size += len(data)
        if size > most_bytes:
            line = f"the body has more than {most_bytes} bytes, which is the limit"
            raise Refusal(413, line, code="too_large", headers={"connection": "close"})
        until += len(data) / 100_000  # bytes/s
        yield data
        more = message.get("more_body", False)


async def read_body(receive: Receive, most_bytes: int, patience_s: float) -> bytes:
    """Return a body; raises as `pieces_of` does."""
    return b"".join([piece async for piece in pieces_of(receive, most_bytes, patience_s)])
