"""Fetching from a hub: a small real HTTP server stands for huggingface.co."""

from __future__ import annotations

import hashlib
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

FILES = {
    "/SWivid/F5-TTS/resolve/main/F5TTS_Base/model_1200000.safetensors": b"the weights",
    "/charactr/vocos-mel-24khz/resolve/main/config.yaml": b"the config",
    "/charactr/vocos-mel-24khz/resolve/main/pytorch_model.bin": b"the vocoder",
}
FETCH = """
import sys
from f5ctl.errors import F5Error
from f5d.catalog.models import catalog, fetch, is_installed, resolve
spec = catalog()[sys.argv[1]]
before = is_installed(spec)
try:
    local = fetch(spec)
except F5Error as error:
    sys.exit(f"{error.code}: {error.message}")
print(before, is_installed(spec), resolve("auto", catalog()).name)
print(local.checkpoint.read_text(), local.vocoder_config.read_text(), local.vocoder_weights.read_text())
assert "torch" not in sys.modules
"""


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does for files that are not in large-file storage."""

    def do_HEAD(self) -> None:
        """Answer with the headers alone."""
        self._answer()

    def do_GET(self) -> None:
        """Answer with the file."""
        content = self._answer()
        self.wfile.write(content)

    def _answer(self) -> bytes:
        content = FILES.get(self.path)
        if content is None:
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return b""
        self.send_response(200)
        self.send_header("X-Repo-Commit", "c" * 40)
        self.send_header("ETag", f'"{hashlib.sha1(content, usedforsecurity=False).hexdigest()}"')
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        return content

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def hub() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Hub) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def run_fetch(cache: Path, model: str, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
    return subprocess.run(
        [sys.executable, "-c", FETCH, model],
        env={**kept, "HF_HOME": str(cache), "HF_HUB_DISABLE_TELEMETRY": "1", **environment},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def one_line(result: subprocess.CompletedProcess[str]) -> str:
    assert result.returncode == 1, result
    assert result.stdout == ""
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("model_error: model ")
    assert "or use `-m starter`" in lines[0]
    return lines[0]


def unused_endpoint() -> str:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"http://127.0.0.1:{free.getsockname()[1]}"


def test_a_model_is_downloaded_once_and_then_needs_no_hub(tmp_path: Path, hub: str) -> None:
    """The first use downloads; afterwards the hub is not even asked, and `auto` means that model."""
    first = run_fetch(tmp_path, "F5TTS_Base", HF_ENDPOINT=hub)
    assert first.returncode == 0, first.stderr
    assert first.stdout.splitlines() == ["False True F5TTS_Base", "the weights the config the vocoder"]
    again = run_fetch(tmp_path, "F5TTS_Base", HF_ENDPOINT=unused_endpoint())
    assert again.returncode == 0, again.stderr
    assert again.stdout.splitlines()[0] == "True True F5TTS_Base"
    assert again.stderr == ""


def test_a_file_that_the_hub_lacks_is_one_line(tmp_path: Path, hub: str) -> None:
    """A model that is not on the hub is refused with the file's name and what to do."""
    line = one_line(run_fetch(tmp_path, "F5TTS_v1_Base", HF_ENDPOINT=hub))
    assert "checkpoint F5TTS_v1_Base/model_1250000.safetensors of SWivid/F5-TTS" in line
    assert "the hub has no such file" in line


def test_without_a_network_the_line_says_what_to_do(tmp_path: Path) -> None:
    """No connection: one line with the command that downloads and the model that needs no download."""
    line = one_line(run_fetch(tmp_path, "E2TTS_Base", HF_ENDPOINT=unused_endpoint()))
    assert "connect to the internet once and run `f5ctl load E2TTS_Base`" in line


def test_the_hubs_offline_switch_is_honoured(tmp_path: Path, hub: str) -> None:
    """HF_HUB_OFFLINE=1 downloads nothing, and the line says that it is set."""
    line = one_line(run_fetch(tmp_path, "F5TTS_Base", HF_ENDPOINT=hub, HF_HUB_OFFLINE="1"))
    assert "HF_HUB_OFFLINE is set" in line
