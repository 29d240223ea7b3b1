"""The body of a request, of bounded size and for a bounded time."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from typing import Final

from starlette.types import Receive

from f5ctl.doors.http.errors import Refusal

_DRAIN_S: Final = 5.0


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
            await _drain(receive)
            line = f"the body has more than {most_bytes} bytes, which is the limit"
            raise Refusal(413, line, code="too_large", headers={"connection": "close"})
        until += len(data) / 100_000  # bytes/s
        yield data
        more = message.get("more_body", False)


async def _drain(receive: Receive) -> None:
    """Take what still comes, for a while: a client that is cut off while it sends does not read its answer."""

    async def to_the_end() -> None:
        message = await receive()
        while message["type"] == "http.request" and message.get("more_body"):
            message = await receive()

    with contextlib.suppress(asyncio.TimeoutError):
        await asyncio.wait_for(to_the_end(), _DRAIN_S)


async def read_body(receive: Receive, most_bytes: int, patience_s: float) -> bytes:
    """Return a body; raises as `pieces_of` does."""
    return b"".join([piece async for piece in pieces_of(receive, most_bytes, patience_s)])
