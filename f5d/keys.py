"""The keys of f5d.toml's top level: what each admits, what it is for, and which flag sets it.

The one table of settings: from it come the checks of the file, the environment and the flags, the options of
`f5d serve`, and systemd/f5d.toml with its comments (`make pages`). The defaults are those of `config.Config`.
"""

from __future__ import annotations

import re
from typing import Any, Final

from f5ctl.bounds import Bound, Rule, shown
from f5ctl.durations import parse_duration
from f5ctl.protocol import LANGUAGE_PATTERN, LANGUAGE_WORDS
from f5d.system.journal import LOG_LEVELS

FILLED: Final = r"(?s)\s*\S.*"
LONGEST_S: Final = 366 * 86_400.0
_PORT: Final = r"([0-5]?\d{1,4}|6[0-4]\d{3}|65[0-4]\d{2}|655[0-2]\d|6553[0-5])"
FILLED_WORDS: Final = "a text that is not empty"


class Key(Rule):
    """One key of the file's top level: what it admits, and its comment in systemd/f5d.toml.

    `{limits}` in the comment stands for what is admitted. `metavar` is that of its flag of `f5d serve`, for the
    keys that have one.
    """

    def __init__(self, comment: str, *, metavar: str = "", needs_restart: bool = False, **rule: Any) -> None:
        super().__init__(**rule)
        self.comment = comment
        self.metavar = metavar
        self.needs_restart = needs_restart

    def held(self, value: Any) -> Any:
        """Return an admitted `value` in the key's own type."""
        return self.kind(value)

    @property
    def told(self) -> str:
        """The comment, with the limits in it."""
        return self.comment.format(limits=self.limits)

    @property
    def phrase(self) -> str:
        """The comment's first sentence, for the flag's help."""
        return f"{re.split(r'[.] |[.]$', ' '.join(self.told.split()), maxsplit=1)[0]}."


class DurationKey(Key):
    """A key that holds a length of time, as it was written; `duration_s` reads it."""

    def fault(self, value: Any) -> str | None:
        """Return what is wrong with `value`, as `Rule.fault`."""
        try:
            duration_s(value)
        except (OverflowError, TypeError, ValueError):
            return f"{shown(value)}; it can be {self.words}"
        return None

    def held(self, value: Any) -> Any:
        """Return `value` as it was written."""
        return value


def duration_s(value: str | float) -> float | None:
    """Return seconds for `10m`, `1h30m`, `90s`, `300` or 300; None (for ever) for any negative number.

    Raises:
        ValueError: it is no duration, or longer than a year.
    """
    if isinstance(value, bool):
        raise TypeError("a truth value is not a duration")
    try:
        seconds = float(value)
    except ValueError:
        seconds = parse_duration(str(value).strip())
    if not abs(seconds) <= LONGEST_S:
        raise ValueError(f"{value!r} is not a duration of at most a year")
    return None if seconds < 0 else seconds


_TEXT: Final[dict[str, Any]] = {"pattern": FILLED, "words": FILLED_WORDS}

# fmt: off
KEYS: Final[dict[str, Key]] = {
    "socket": Key(
        "Where clients connect. Default: $XDG_RUNTIME_DIR/f5d/f5d.sock, else /tmp/f5d-UID/f5d.sock,\n"
        "or in /run or /dev/shm where that cannot be made.\n"
        "At most 99 bytes. The folder is made with mode 0700, the socket with 0600. Under systemd the socket\n"
        "unit says where it is.",
        pattern=r"[^\0]+", words="a path", metavar="PATH", needs_restart=True),
    "model": Key(
        'Model for requests that name none; "auto" is the best one installed.', metavar="NAME", **_TEXT),
    "device": Key(
        "Where engines run: {limits}.",
        pattern=r"auto|cpu|cuda(:\d{1,3})?", words="auto, cpu, cuda or cuda:N", metavar="D"),
    "dtype": Key(
        "Number format of the engines: {limits}; int8 is for a CPU alone, a\n"
        "third faster than bfloat16 there and less exact, fp8 for NVIDIA GPUs from compute capability 8.9 on,\n"
        "and less exact too.",
        choices=("auto", "float32", "bfloat16", "float16", "int8", "fp8"), metavar="D"),
    "threads": Key(
        "CPU threads of an engine, {limits}; 0 takes all cores.", kind=int, bound=Bound(0, 1024), metavar="N"),
    "keep_alive": DurationKey(
        'How long an idle model stays loaded: "10m", "1h30m", "300" or 300 (seconds);\n'
        "0 unloads as soon as nothing is to be done, a negative number keeps it for ever.",
        words="a duration of at most a year such as 10m, 1h30m or 300 (seconds), or -1 for ever",
        metavar="DUR"),
    "max_jobs": Key(
        "Jobs that may wait or run at once, {limits}; more are refused with `overloaded`. There are\n"
        "an eighth more for process groups without any, another for terminals and one for users.",
        kind=int, bound=Bound(1, 1_000), metavar="N"),
    "max_loaded_models": Key(
        "Models that may be loaded at once, {limits}; the one idle longest makes room for another.",
        kind=int, bound=Bound(1, 16)),
    "max_batch_frames": Key(
        "Mel frames (10.67 ms each) in one batch, {limits}; 0 takes what suits the device.",
        kind=int, bound=Bound(256, 1_000_000, or_zero=True)),
    "asr_model": Key("Model that transcribes a recording without ref_text.", **_TEXT),
    "language": Key(
        "Language that numbers, dates and units are read out in: en, pt, or longer (pt-BR);\n"
        "none leaves them. auto: the voice's, else the model's.",
        pattern=rf"auto|{LANGUAGE_PATTERN.pattern}", words=f"auto, {LANGUAGE_WORDS}"),
    "allowed_models": Key(
        "{limits}: only `model` above, the [models] below and the bundled starter. The system's\n"
        "units say configured, in an Environment= line, which counts more than this file\n"
        "(systemctl edit f5d.service).",
        choices=("all", "configured")),
    "spare": Key(
        "{limits}: whether an engine process without a model waits for the next one, which\n"
        "then loads sooner, after a crash too. It takes memory, and none of a GPU's.\n"
        "auto: on a machine with at least 8 GB.",
        choices=("auto", "off", "on")),
    "core_dumps": Key(
        "{limits}: whether an engine that crashes may leave a core dump,\nwith users' texts and voices in it.",
        choices=("off", "on")),
    "metrics_address": Key(
        "{limits}, where Prometheus may\n"
        "read what `f5ctl metrics` prints (/metrics), and others whether the daemon lives (/healthz).\n"
        "Anyone who can reach the address can read them.",
        pattern=rf"off|(\[[0-9A-Fa-f:.]+\]|[\w.-]+):{_PORT}",
        words="off or an address with a port (at most 65535) such as 127.0.0.1:9105", needs_restart=True),
    "drain_timeout_s": Key(
        "How long accepted jobs may still take after SIGTERM or `f5ctl stop`, {limits}.",
        kind=float, bound=Bound(0, 86_400, "s")),
    "log_level": Key(
        "What is logged: {limits}; debug also logs texts.", choices=tuple(LOG_LEVELS), metavar="L"),
}
# fmt: on
