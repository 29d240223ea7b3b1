"""What the operator of the server has chosen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

# OpenAI's voices, as the bundled ones that are nearest.
ALIASES: Final = MappingProxyType(
    dict.fromkeys(("alloy", "coral", "fable", "marin", "nova", "sage", "shimmer"), "slt")
    | dict.fromkeys(("ash", "cedar", "echo", "onyx", "verse"), "rms")
    | {"ballad": "awb"}
)


@dataclass(frozen=True, slots=True)
class Options:
    """`socket_path` is the daemon's, None for the one that `f5ctl` would use."""

    socket_path: str | None = None
    start: bool = True  # a daemon, where none listens
    key_digests: tuple[bytes, ...] = ()  # SHA-256 of each key; none: everybody may speak
    origins: tuple[str, ...] = ()  # of pages in browsers that may call
    loopback_only: bool = True  # the server's address is one that only this machine reaches
    page: bool = True
    aliases: Mapping[str, str] = field(default_factory=lambda: ALIASES)
    most_requests: int = 256  # at a time
    most_voices: int = 100  # that this user may have stored before an upload is refused
    patience_s: float = 30.0  # for the rest of a request, and for a client that takes no audio
