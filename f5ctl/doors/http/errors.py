"""Errors in the shape that OpenAI's clients read, with the status that picks their exception's class."""

from __future__ import annotations

import math
from typing import Final

from starlette.responses import JSONResponse

from f5ctl.errors import F5Error

_STATUS: Final = {
    "unknown_voice": 404,
    "unknown_model": 404,
    "overloaded": 429,
    "shutting_down": 503,
    "no_daemon": 503,
    "bad_config": 503,
    "cancelled": 503,
    "deadline_exceeded": 504,
}
_PARAM: Final = {
    "unknown_voice": "voice",
    "unknown_model": "model",
    "bad_text": "input",
    "bad_audio": "ref_audio",
}
_KINDS: Final = {401: "authentication_error", 403: "permission_error", 429: "rate_limit_error"}
_USUAL_WAIT_S: Final = 1.0


class Refusal(Exception):
    """A request that is answered with an error; `headers` go with it."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = headers or {}

    @property
    def body(self) -> dict[str, object]:
        """What a client reads."""
        usual = "server_error" if self.status >= 500 else "invalid_request_error"
        kind = _KINDS.get(self.status, usual)
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        """Return the answer."""
        return JSONResponse(self.body, self.status, self.headers)


def refusal_of(error: F5Error) -> Refusal:
    """Return the answer that stands for an error of the daemon's or the client's."""
    status = _STATUS.get(error.code, 400 if error.exit_status == 65 else 500)
    headers = {}
    if status in {429, 503}:
        wait_s = getattr(error, "retry_after_s", None) or _USUAL_WAIT_S
        headers = {"retry-after-ms": str(round(wait_s * 1000)), "retry-after": str(math.ceil(wait_s))}
    param = _PARAM.get(error.code)
    if error.code == "bad_parameter":  # its line begins with the field's name
        param = error.message.partition(" ")[0]
        param = param if param.isidentifier() else None
    return Refusal(status, error.message, param=param, code=error.code, headers=headers)
