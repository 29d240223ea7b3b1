"""The text of one reply, whole or while it is written, as sentences."""

from __future__ import annotations

import asyncio
import contextlib
import html
import re
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

from f5ctl.errors import BadRequestError
from f5ctl.protocol import MAX_TEXT_BYTES
from f5ctl.speech.pieces import Pieces

_PARAGRAPH: Final = re.compile(r"</p\s*>", re.IGNORECASE)
_TAG: Final = re.compile(r"<!--.*?-->|<[^<>]*>", re.DOTALL)


class Words:
    """Owns what has come and was not spoken. `is_streamed` says how it was asked for."""

    def __init__(self, data: dict[str, Any], *, is_streamed: bool) -> None:
        voice = data.get("voice")
        self._wish = voice if isinstance(voice, dict) else {}
        self.is_streamed = is_streamed
        self._is_ssml = data.get("text_format") == "ssml"
        self._marked_up = ""  # of SSML: a tag may come in parts, so it is read once all of it is here
        self._pieces = Pieces()
        self._came = asyncio.Event()
        self._is_ended = False

    @property
    def voice(self) -> str | None:
        """The name of the voice that is wanted; None: the daemon's own choice."""
        name = self._wish.get("name")
        return str(name) if name else None

    def add(self, text: object) -> None:
        """Take more of the text.

        Raises:
            BadRequestError: it is none, or too much of it waits.
        """
        if not isinstance(text, str):
            raise BadRequestError("bad_text", f"text is {text!r:.60}; it must be a string")
        waiting = len(text.encode(errors="replace")) + len(self._marked_up.encode(errors="replace"))
        if waiting > MAX_TEXT_BYTES or self._pieces.is_full:
            line = f"more than {MAX_TEXT_BYTES} bytes of text wait to be spoken; send less at a time"
            raise BadRequestError("bad_text", line)
        if self._is_ssml:
            self._marked_up += text
        elif text:
            self._pieces.add(text.encode(errors="replace"), time.monotonic())
        self._came.set()

    def end(self) -> None:
        """Take note that this was all."""
        if self._is_ended:
            return
        self._is_ended = True
        if self._marked_up:
            self._pieces.add(plain(self._marked_up).encode(errors="replace"), time.monotonic())
        self._pieces.add(b"", time.monotonic())
        self._came.set()

    async def sentences(self) -> AsyncIterator[str]:
        """Yield each sentence, with the short ones before it, as soon as it is complete or the writer rests."""
        while not self._pieces.is_empty:
            due_at, now = self._pieces.due_at, time.monotonic()
            if due_at is not None and due_at <= now:
                for sentence in sentences_of(self._pieces.take()):
                    yield sentence
                continue
            self._came.clear()
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(self._came.wait(), None if due_at is None else due_at - now)


def sentences_of(text: str) -> Iterator[str]:
    """Yield the sentences of a text, each with the short ones before it."""
    pieces = Pieces(steady=True)
    pieces.add(text.encode(), 0.0)
    pieces.add(b"", 0.0)
    while not pieces.is_empty:
        yield pieces.take()


def plain(ssml: str) -> str:
    """Return what is to be read of SSML; its marks are left out."""
    return html.unescape(_TAG.sub(" ", _PARAGRAPH.sub("\n\n", ssml)))
