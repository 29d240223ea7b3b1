"""Every error that f5d and f5ctl report, with its wire code and its exit status.

    F5Error
    ├── BadRequestError      65  the request itself is wrong: text, audio, voice, parameter
    ├── NoDaemonError        69  nobody answers on the socket
    ├── SynthesisError       70  the request was fine, the engine could not serve it
    ├── OutputError          73  the output cannot be created   (74 when writing it failed)
    ├── TryAgainError        75  the same request may work later
    ├── ConfigError          78  the daemon's configuration is wrong, or packages are missing
    └── InterruptedRequest  130  cancelled by the user

Exit statuses follow sysexits.h. The wire carries `code` and `message`; `error_from_wire`
turns them back into the same class on the client's side.
"""

from __future__ import annotations

from typing import Final, Literal

BadRequestCode = Literal[
    "bad_message",
    "unsupported_version",
    "bad_text",
    "bad_parameter",
    "bad_audio",
    "unknown_voice",
    "unknown_model",
    "unknown_job",
    "transcription_unavailable",
]
SynthesisCode = Literal["synthesis_failed", "engine_error", "model_error", "internal_error"]
TryAgainCode = Literal["overloaded", "deadline_exceeded", "shutting_down"]

EXIT_OK: Final = 0
EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130


class F5Error(Exception):
    """An error with one clear line for a person and an exit status for a script."""

    exit_status: int = 70
    code: str = "internal_error"
    retryable: bool = False

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequestError(F5Error):
    """The request cannot succeed as it stands; sending it again changes nothing."""

    exit_status = 65

    def __init__(self, code: BadRequestCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class NoDaemonError(F5Error):
    """No daemon listens on the socket, or it went away before it answered."""

    exit_status = 69
    code = "no_daemon"
    retryable = True


class SynthesisError(F5Error):
    """The engine failed: a model that cannot be loaded, output that failed its checks, a crash."""

    exit_status = 70

    def __init__(self, code: SynthesisCode, message: str) -> None:
        super().__init__(message)
        self.code = code


class OutputError(F5Error):
    """The audio could not be written: 73 before anything was made, 74 while writing."""

    code = "output_error"

    def __init__(self, message: str, *, while_writing: bool = False) -> None:
        super().__init__(message)
        self.exit_status = 74 if while_writing else 73


class TryAgainError(F5Error):
    """The daemon refused or gave up for now.

    `retry_after_s` is the daemon's estimate of when it can help, or None.
    """

    exit_status = 75
    retryable = True

    def __init__(self, code: TryAgainCode, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.retry_after_s = retry_after_s


class ConfigError(F5Error):
    """The daemon's configuration, socket path or environment is unusable, or packages are missing."""

    exit_status = 78
    code = "bad_config"


class InterruptedRequest(F5Error):
    """The request was cancelled, by Ctrl-C here or by `f5ctl cancel` elsewhere."""

    exit_status = EXIT_INTERRUPTED
    code = "cancelled"


_BAD_REQUEST_CODES: Final = frozenset(BadRequestCode.__args__)  # type: ignore[attr-defined]
_TRY_AGAIN_CODES: Final = frozenset(TryAgainCode.__args__)  # type: ignore[attr-defined]
SYNTHESIS_CODES: Final = frozenset(SynthesisCode.__args__)  # type: ignore[attr-defined]


def error_from_wire(code: str, message: str, retry_after_s: float | None = None) -> F5Error:
    """Return the error that a `failed` message stands for; an unknown code is an internal_error."""
    if code in _BAD_REQUEST_CODES:
        return BadRequestError(code, message)  # type: ignore[arg-type]
    if code in _TRY_AGAIN_CODES:
        return TryAgainError(code, message, retry_after_s=retry_after_s)  # type: ignore[arg-type]
    if code in SYNTHESIS_CODES:
        return SynthesisError(code, message)  # type: ignore[arg-type]
    return SynthesisError("internal_error", f"{message} ({code})")
