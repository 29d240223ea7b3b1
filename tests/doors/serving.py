"""A real server on a real daemon, and what its clients send."""

from __future__ import annotations

import http.client
import json
import re
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any

from typing_extensions import Self

PATIENCE_S = 30.0


class Server:
    """A process of `f5ctl serve http`; `port` is its own."""

    def __init__(self, socket_path: str, env: Mapping[str, str], *options: str) -> None:
        command = [sys.executable, "-m", "f5ctl", "--socket", socket_path, "--no-start", "serve", "http"]
        self._command = [*command, "--port", "0", *options]
        self._env = dict(env)

    def __enter__(self) -> Self:
        self.process = subprocess.Popen(self._command, stderr=subprocess.PIPE, env=self._env)
        assert self.process.stderr is not None
        assert select.select([self.process.stderr], [], [], PATIENCE_S)[0], "the server says nothing"
        line = self.process.stderr.readline().decode()
        found = re.search(r":(\d+)$", line.strip())
        assert found, line + self.process.stderr.read().decode()
        self.port = int(found[1])
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE_S)
        if self.process.stderr is not None:
            self.process.stderr.close()

    @property
    def base_url(self) -> str:
        """What an OpenAI client is given."""
        return f"http://127.0.0.1:{self.port}/v1"

    def connection(self) -> http.client.HTTPConnection:
        """Return a connection."""
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_S)

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str
    ) -> tuple[http.client.HTTPResponse, bytes]:
        """Return the answer to a request, and its body."""
        connection = self.connection()
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body, named)
            response = connection.getresponse()
            return response, response.read()
        finally:
            connection.close()

    def speech(self, **fields: Any) -> tuple[http.client.HTTPResponse, bytes]:
        """Return the answer to a request for speech."""
        return self.ask("POST", "/v1/audio/speech", json.dumps(fields).encode())


def until(holds: Any, what: str) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < end, f"not within {PATIENCE_S} s: {what}"
        time.sleep(0.02)
