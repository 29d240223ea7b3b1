"""What the operator of the door has chosen."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """`socket_path` is the daemon's, None for the one that `f5ctl` would use."""

    socket_path: str | None = None
    start: bool = True  # a daemon, where none listens
    languages: tuple[str, ...] = ("en",)  # of every voice, beside its own
    sentence_silence_s: float = 0.2
    tail_silence_s: float = 0.3
    patience_s: float = 30.0  # for the rest of a message, and for a client that takes no audio
    most_clients: int = 32
