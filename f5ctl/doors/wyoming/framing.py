"""Messages of the protocol over a connection: bounded in size and in time, in both directions.

The package's own reader takes whatever length a message declares and ends in silence where it cannot read
one; this one says why, so that the log can.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any, Final

from wyoming.event import Event, async_write_event

MAX_PART_BYTES: Final = 2**19  # of a line, data or payload: a text of 64 KiB, every character of it escaped
_SHOWN_CHARS: Final = 60


class BrokenMessageError(Exception):
    """The connection cannot be read or written on; the line says why."""


class _NoMessageError(Exception):
    """What came is no message."""


class Wire:
    """One connection. Any task may write; one task reads."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, patience_s: float) -> None:
        self._reader = reader
        self._writer = writer
        self._patience_s = patience_s
        self._writing = asyncio.Lock()

    async def read(self) -> Event | None:
        """Wait for the next message; None when the client has hung up between two.

        Raises:
            BrokenMessageError: it is too long, does not end in time, or is no message.
        """
        first = await self._reader.read(1)
        if not first:
            return None
        try:
            return await asyncio.wait_for(self._rest(first), self._patience_s)
        except asyncio.TimeoutError:
            raise BrokenMessageError(
                f"a message did not end within {self._patience_s:g} s of its beginning"
            ) from None
        except asyncio.IncompleteReadError:
            raise BrokenMessageError("the client hung up in the middle of a message") from None
        except (asyncio.LimitOverrunError, _NoMessageError) as error:
            raise BrokenMessageError(f"that is no message: {error}"[: 3 * _SHOWN_CHARS]) from None

    async def write(self, event: Event) -> None:
        """Send a message, and wait until the client has room for the next.

        Raises:
            BrokenMessageError: it has not taken enough for too long, or is gone.
        """
        try:
            async with self._writing:
                await asyncio.wait_for(async_write_event(event, self._writer), self._patience_s)
        except asyncio.TimeoutError:
            raise BrokenMessageError(f"the client took nothing for {self._patience_s:g} s") from None
        except OSError:
            raise BrokenMessageError("the client hung up while it was spoken to") from None

    def close(self, *, at_once: bool) -> None:
        """Close the connection, `at_once` without what was not sent yet."""
        if at_once and isinstance(self._writer.transport, asyncio.WriteTransport):
            self._writer.transport.abort()
        else:
            self._writer.close()

    async def _rest(self, first: bytes) -> Event:
        line = first if first == b"\n" else first + await self._reader.readuntil(b"\n")
        header = _table(line, "the line")
        kind = header.get("type")
        if not isinstance(kind, str):
            raise _NoMessageError(f"its type is {kind!r:.{_SHOWN_CHARS}}; it must be a string")
        data = header.get("data") or {}
        if not isinstance(data, dict):
            raise _NoMessageError(f"its data is {data!r:.{_SHOWN_CHARS}}; it must be an object")
        if size := _length(header, "data_length"):
            data = data | _table(await self._reader.readexactly(size), "its data")
        payload = None
        if size := _length(header, "payload_length"):
            payload = await self._reader.readexactly(size)
        return Event(kind, data, payload)


def _length(header: dict[str, Any], key: str) -> int:
    size = header.get(key) or 0
    if not isinstance(size, int) or not 0 <= size <= MAX_PART_BYTES:
        raise _NoMessageError(f"{key} is {size!r:.{_SHOWN_CHARS}}; it can be 0 to {MAX_PART_BYTES}")
    return size


def _table(data: bytes, what: str) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise _NoMessageError(f"{what} is {data[:_SHOWN_CHARS]!r}; it must be a JSON object")
    return found
