"""Models from a small real HTTP server that answers as the hub does, and choosing the default one."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import pty
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Cli

STARTER = Path(__file__).parents[3] / "f5d" / "starter"
WEIGHTS = bytes(range(256)) * 94_000  # 24 MB; the hub's client writes 10 MiB at a time
BASE = "/SWivid/F5-TTS/resolve/main/F5TTS_Base/model_1200000.safetensors"
V1 = "/SWivid/F5-TTS/resolve/main/F5TTS_v1_Base/model_1250000.safetensors"
VOCOS = "/charactr/vocos-mel-24khz/resolve/main/"
FILES = {
    BASE: WEIGHTS,
    V1: b"other weights",
    f"{V1.rpartition('/')[0]}/vocab.txt": b"a\n",
    f"{VOCOS}config.yaml": b"a: 1\n",
    f"{VOCOS}pytorch_model.bin": b"vocoder" * 1000,
}


@dataclass
class Hub:
    """What the server does besides answering: `stall_at` bytes of a file it waits, or sends other bytes."""

    url: str = ""
    stall_at: int | None = None
    spoilt: bool = False
    stalled: threading.Event = field(default_factory=threading.Event)
    go_on: threading.Event = field(default_factory=threading.Event)
    ranges: list[str | None] = field(default_factory=list)  # of every GET


def etag(path: str, content: bytes) -> str:
    """Return the hub's hash of a file: SHA-256 in large-file storage, git's of a small text."""
    if path.endswith(".yaml"):
        return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    return hashlib.sha256(content).hexdigest()


def handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            """Answer with the headers alone."""
            self._head(0)

        def do_GET(self) -> None:
            """Answer with the file, or the part of it that is asked for."""
            asked = self.headers.get("Range")
            hub.ranges.append(asked)
            start = int(asked.removeprefix("bytes=").split("-")[0]) if asked else 0
            content = self._head(start)
            if hub.spoilt:
                content = content[:-1] + bytes([content[-1] ^ 1])
            if hub.stall_at is not None and len(content) > hub.stall_at:
                self.wfile.write(content[: hub.stall_at])
                self.wfile.flush()
                hub.stalled.set()
                hub.go_on.wait(30)
                return
            self.wfile.write(content)

        def _head(self, start: int) -> bytes:
            content = FILES.get(self.path)
            if content is None:
                self.send_response(404)
                self.send_header("X-Error-Code", "EntryNotFound")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return b""
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
            self.send_header("X-Repo-Commit", "c" * 40)
            self.send_header("ETag", f'"{etag(self.path, content)}"')
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            return content[start:]

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    return Handler


@pytest.fixture
def hub(fresh: Cli, tmp_path: Path) -> Iterator[Hub]:
    """A hub that the user of `fresh` fetches from into an empty cache."""
    hub = Hub()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler(hub)) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        hub.url = f"http://127.0.0.1:{server.server_port}"
        for name in [name for name in fresh.env if name.startswith(("HF_", "HUGGING"))]:
            del fresh.env[name]
        fresh.env |= {
            "HF_ENDPOINT": hub.url,
            "HF_HOME": str(tmp_path / "hf"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "XDG_CONFIG_HOME": str(tmp_path / "config"),
        }
        yield hub
        hub.go_on.set()
        server.shutdown()
        thread.join()


def listed(cli: Cli) -> dict[str, dict[str, object]]:
    return {one["name"]: one for one in json.loads(cli.run("models", "list", "--json").stdout)}


def cached(tmp_path: Path, name: str) -> list[Path]:
    return sorted((tmp_path / "hf").rglob(name))


def test_a_model_is_fetched_listed_and_removed(fresh: Cli, hub: Hub, tmp_path: Path) -> None:
    """Pulled once it is here and the best one; pulled again nothing is fetched; removed it is gone."""
    done = fresh.run("models", "pull", "F5TTS_Base")
    assert (done.returncode, done.stdout) == (0, b""), done.stderr
    assert done.stderr.decode().splitlines()[-1] == "F5TTS_Base: fetched, complete and intact"
    (weights,) = cached(tmp_path, "model_1200000.safetensors")
    assert weights.read_bytes() == WEIGHTS
    assert cached(tmp_path, "*.incomplete") == []
    assert listed(fresh)["F5TTS_Base"]["installed"]
    assert listed(fresh)["F5TTS_Base"]["default"]
    asked = len(hub.ranges)
    assert b"already here" in fresh.run("models", "pull", "f5tts_base").stderr
    assert len(hub.ranges) == asked
    assert fresh.run("models", "pull", "F5TTS_v1_Base").returncode == 0
    assert b"24 MB freed" in fresh.run("models", "rm", "F5TTS_Base").stderr
    assert listed(fresh)["F5TTS_v1_Base"]["installed"], "the vocoder is still needed"
    assert fresh.run("models", "rm", "F5TTS_v1_Base").returncode == 0
    assert [path for path in (tmp_path / "hf").rglob("blobs/*") if path.is_file()] == []
    done = fresh.run("models", "rm", "F5TTS_v1_Base")
    assert (done.returncode, len(done.stderr.splitlines())) == (65, 1)


def test_a_killed_fetch_goes_on_where_it_stopped(fresh: Cli, hub: Hub, tmp_path: Path) -> None:
    """After kill -9 in mid-file the next pull asks for the rest alone, and the whole is right."""
    hub.stall_at = 22_000_000
    process = fresh.start("models", "pull", "F5TTS_Base")
    assert hub.stalled.wait(60)
    deadline = time.monotonic() + 10
    while not [path for path in cached(tmp_path, "*.incomplete") if path.stat().st_size]:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    hub.stall_at = None
    hub.go_on.set()
    deadline = time.monotonic() + 10
    while fresh.run("models", "pull", "F5TTS_Base").returncode != 0:
        assert time.monotonic() < deadline  # the helper ends a moment after its client
    (rest,) = [asked for asked in hub.ranges if asked]
    assert 0 < int(rest.removeprefix("bytes=").removesuffix("-")) <= 22_000_000
    assert cached(tmp_path, "model_1200000.safetensors")[0].read_bytes() == WEIGHTS


def test_a_file_that_comes_damaged_is_thrown_away(fresh: Cli, hub: Hub, tmp_path: Path) -> None:
    """Another content than the hub's hash says is never used."""
    hub.spoilt = True
    done = fresh.run("models", "pull", "F5TTS_Base")
    assert done.returncode == 70
    assert b"came damaged" in done.stderr
    assert cached(tmp_path, "*.incomplete") == []
    assert not listed(fresh)["F5TTS_Base"]["installed"]
    hub.spoilt = False
    assert fresh.run("models", "pull", "F5TTS_Base").returncode == 0


def test_a_file_that_was_damaged_here_is_fetched_again(fresh: Cli, hub: Hub, tmp_path: Path) -> None:
    """Pull compares what is here with its hash."""
    assert hub.url
    assert fresh.run("models", "pull", "F5TTS_Base").returncode == 0
    (weights,) = cached(tmp_path, "model_1200000.safetensors")
    weights.resolve().write_bytes(WEIGHTS[:-1] + b"x")
    done = fresh.run("models", "pull", "F5TTS_Base")
    assert done.returncode == 0
    assert b"is damaged and is fetched again" in done.stderr
    assert cached(tmp_path, "model_1200000.safetensors")[0].read_bytes() == WEIGHTS


def test_what_the_hub_lacks_is_one_line(fresh: Cli, hub: Hub) -> None:
    """A file that is not there, an unknown model and a hub that does not answer each get one line."""
    assert hub.url
    for args, status, line in (
        (["models", "pull", "E2TTS_Base"], 70, "the hub has no such file"),
        (["models", "pull", "nonsense"], 65, "unknown model 'nonsense'"),
        (["models", "rm", "starter"], 65, "part of f5d"),
        (["info", "--checkpoint", "/nonexistent.safetensors"], 65, "does not exist"),
        (["info", "--checkpoint", __file__, "--vocab", "/nonexistent"], 65, "/nonexistent does not exist"),
    ):
        done = fresh.run(*args)
        assert (done.returncode, len(done.stderr.splitlines())) == (status, 1), done
        assert line in done.stderr.decode()
    fresh.env["HF_ENDPOINT"] = "http://127.0.0.1:9"
    assert b"cannot be reached" in fresh.run("models", "pull", "F5TTS_Base").stderr


def test_a_person_sees_a_bar(fresh: Cli, hub: Hub) -> None:
    """On a terminal the fetch is drawn, with its file and how much of it there is."""
    hub.stall_at = 12_000_000
    ours, theirs = pty.openpty()
    process = fresh.start("models", "pull", "F5TTS_Base", stderr=theirs)
    os.close(theirs)
    seen = b""
    deadline = time.monotonic() + 60
    while b"fetching model_1200000" not in seen or b"MB" not in seen:
        assert time.monotonic() < deadline, seen
        seen += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    with contextlib.suppress(OSError):  # until the other end is closed
        while os.read(ours, 4096):
            pass
    assert process.wait(10) == -signal.SIGINT
    os.close(ours)


def test_info_of_a_model(cli: Cli) -> None:
    """The bundled model is described and can be loaded; another vocabulary cannot go with it."""
    page = cli.run("info", "starter").stdout.decode()
    for part in ("architecture", "parameters", "vocab size", "compatible     yes"):
        assert part in page
    assert cli.run("models", "show", "starter").stdout.decode() == page
    done = cli.run("info", "--checkpoint", str(STARTER / "model.safetensors"), "--vocab", __file__)
    assert done.returncode == 65
    assert b"compatible     no" in done.stdout
    facts = json.loads(cli.run("info", "--checkpoint", str(STARTER / "model.safetensors"), "--json").stdout)
    assert facts["same_as"] == ["starter"]


def test_the_default_model_is_chosen(fresh: Cli, tmp_path: Path) -> None:
    """`models default` writes the configuration, and the running daemon takes it."""
    folder = tmp_path / "config" / "f5d"
    folder.mkdir(parents=True)
    (folder / "f5d.toml").write_text(
        f'# mine\n[models.second]\ncheckpoint = "{STARTER / "model.safetensors"}"\n'
        f'vocab = "{STARTER / "vocab.txt"}"\narchitecture = "starter"\nvocoder = "{STARTER / "vocoder"}"\n'
        'default_voice = "rms"\n'
    )
    fresh.env["XDG_CONFIG_HOME"] = str(tmp_path / "config")
    assert fresh.run("load", "starter").returncode == 0
    assert fresh.status()["default_model"] == "starter"
    done = fresh.run("models", "default", "SECOND")
    assert (done.returncode, done.stderr) == (0, b"")
    assert fresh.status()["default_model"] == "second"
    assert fresh.run("models", "default").stdout == b"second\n"
    assert (folder / "f5d.toml").read_text().startswith('# mine\nmodel = "second"\n\n[models.second]\n')
    assert fresh.run("models", "default", "nonsense").returncode == 65
