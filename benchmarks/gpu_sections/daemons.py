"""A real daemon on a socket of its own, and what it needs to be installed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gpu_sections.bare import lacking

if TYPE_CHECKING:
    from f5ctl.client import Client

NEEDS = (
    *("click", "loudness", "msgpack", "msgspec", "numpy", "prometheus_client", "pypinyin", "rich", "rjieba"),
    *("safetensors", "soundfile", "tomlkit", "torchaudio", "yaml", "zmq"),
)
START_S = 30.0
ROOM_BYTES = 2**31  # three times F5TTS_v1_Base in float16
DRAIN_S = 20.0
SERVE = ("f5d", "serve")
LOG_LINES = 12


@dataclass(frozen=True)
class Place:
    """Where a daemon runs: its folder holds its socket, configuration and log."""

    folder: Path

    @property
    def socket(self) -> str:
        """Its path."""
        return str(self.folder / "s")

    def log(self) -> list[str]:
        """Return what the daemon said last."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_LINES:]


def missing() -> str | None:
    """Return the line that says what a daemon lacks here."""
    names = lacking(*NEEDS)
    return f"- not measured, these packages are missing: {', '.join(names)}" if names else None


@contextmanager
def new_place() -> Iterator[Place]:
    """Yield an empty folder, in memory where a model fits there: many containers have little of it."""
    memory = Path("/dev/shm")
    fits = memory.is_dir() and shutil.disk_usage(memory).free >= ROOM_BYTES
    with tempfile.TemporaryDirectory(prefix="f5", dir=memory if fits else "/tmp") as folder:
        yield Place(Path(folder))


@contextmanager
def running(place: Place, config: str, module: Sequence[str] = SERVE) -> Iterator[None]:
    """Run a daemon with the configuration until the block ends, then print what it logged last."""
    (place.folder / "f5d.toml").write_text(config, encoding="utf-8")
    environment = {
        **os.environ,
        "F5D_SOCKET": place.socket,
        "F5D_CONFIG": str(place.folder / "f5d.toml"),
        "XDG_STATE_HOME": str(place.folder),
    }
    with (place.folder / "log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-m", *module], stdout=log, stderr=log, env=environment)
        try:
            connected(place, server).close()
            yield
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(DRAIN_S)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            print("\n".join(["", "The daemon said:", "", *(f"    {line}" for line in place.log()), ""]))


def connected(place: Place, server: subprocess.Popen[bytes] | None = None) -> Client:
    """Return a connection, as soon as the daemon answers. Raises NoDaemonError after a while, or its end."""
    from f5ctl.client import Client
    from f5ctl.errors import NoDaemonError

    until_s = time.monotonic() + START_S
    while True:
        try:
            return Client(place.socket)
        except NoDaemonError:  # noqa: PERF203 - it is not there yet
            if time.monotonic() > until_s or (server is not None and server.poll() is not None):
                raise
            time.sleep(0.05)  # nothing tells of a new socket


def spoken(place: Place, text: str, **fields: Any) -> bytes:
    """Return the samples of a request, 16-bit. Raises F5Error when it fails."""
    from f5ctl.client import answer, new_id
    from f5ctl.protocol import Audio, Say

    with connected(place) as client:
        request = client.send(Say(new_id(), text, **fields))
        audio, last = b"", None
        for last in client.replies(request):
            if isinstance(last, Audio):
                audio += last.data
        answer(last)
    return audio
