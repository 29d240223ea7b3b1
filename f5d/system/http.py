"""The little of HTTP that the metrics listener speaks: what a request asks for, and how an answer is written.

Pure. Two paths can be read; a request has to name the listener by its own name or by an address, so that a web
page of somebody's, whose name was made to mean this machine, cannot read it.
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final, Literal, TypeAlias

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
About: TypeAlias = Literal["metrics", "healthz"]

_PATHS: Final[dict[str, About]] = {"/metrics": "metrics", "/healthz": "healthz"}
_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"  # as Prometheus calls its format


@dataclass(frozen=True, slots=True)
class Names:
    """What a listener may be called: the host that it was configured with, bound to `address`."""

    configured: str
    address: Address

    def admit(self, host: str) -> bool:
        """Return True for the value of a request's Host line that means this listener."""
        name = host.rpartition(":")[0] if host.rpartition("]")[2].count(":") == 1 else host
        name = name.strip("[]").lower()
        if name in ("localhost", self.configured.lower()):
            return True
        try:
            address = ipaddress.ip_address(name)
        except ValueError:
            return self.address.is_unspecified and name == socket.gethostname().lower()
        return address.is_loopback or address == self.address or self.address.is_unspecified


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer; `about` tells what is still to be asked for it."""

    status: int = 200
    text: str = ""
    about: About | None = None
    head_only: bool = False

    def filled(self, status: int, text: str) -> Answer:
        """Return the answer with what was asked for."""
        return replace(self, status=status, text=text, about=None)

    @property
    def wire(self) -> bytes:
        """The bytes of the answer."""
        body = f"{self.text.rstrip()}\n".encode()
        lines = [
            f"HTTP/1.1 {self.status} {HTTPStatus(self.status).phrase}",
            f"Content-Type: {_TYPE}",
            f"Content-Length: {len(body)}",
            "X-Content-Type-Options: nosniff",
            "Cache-Control: no-store",
            "Connection: close",
            *(["Allow: GET, HEAD"] if self.status == HTTPStatus.METHOD_NOT_ALLOWED else []),
        ]
        return "\r\n".join([*lines, "", ""]).encode() + (b"" if self.head_only else body)


def answer_to(head: bytes, names: Names) -> Answer:
    """Return the answer to a request with that head, or what has to be asked for it."""
    first, *rest = head.decode("latin-1").partition("\r\n\r\n")[0].splitlines() or [""]
    words = first.split(" ")
    if len(words) != 3 or not words[2].startswith("HTTP/1."):
        return Answer(400, "this is no HTTP request")
    method, path = words[0], words[1].partition("?")[0]
    fields = [line.partition(":") for line in rest]
    hosts = [value.strip() for name, _, value in fields if name.strip().lower() == "host"]
    if len(hosts) > 1 or (not hosts and words[2] != "HTTP/1.0"):
        return Answer(400, "a request has one Host line")
    if hosts and not names.admit(hosts[0]):
        return Answer(421, "that Host is not this one; metrics_address says what it is called")
    if method not in ("GET", "HEAD"):
        return Answer(405, "only GET and HEAD")
    about = _PATHS.get(path)
    if about is None:
        return Answer(404, "there are /metrics and /healthz")
    return Answer(about=about, head_only=method == "HEAD")
