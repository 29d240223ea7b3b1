"""A user's home with a warm daemon, what the pages take for granted in it, and stand-ins for other programs."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Final

import pytest
import soundfile

from tests.integration.cli.test_cli_models import Hub, handler

from .blocks import Block, script

STARTER: Final = Path(__file__).parents[2] / "f5d" / "starter"
PATIENCE_S: Final = 240

# Few steps and one thread: the words matter here, not the sound.
CONFIG: Final = "threads = 1\nkeep_alive = -1\n[defaults]\nnfe_step = 2\ncfg_strength = 0.0\n"

RECORDINGS: Final = {"me": "rms_0", "town": "slt_0", "joana": "slt_0", "anna": "awb_0"}
TEXTS: Final = {
    "chapter.txt": "It was late. Nobody came.",
    "book.txt": "It was late, and the lamp burned low.",
    "news.txt": "Nothing happened today.",
    "joana.txt": "What she says in that recording, word for word.",
    "story.txt": "[main] Who is there? [town] It is me.",
    "news.json": '[{"title": "Nothing happened."}, {"title": "It rained."}]',
}
STAND_INS: Final = {
    "f5ctl": f'exec {sys.executable} -m f5ctl "$@"',
    "f5d": f'exec {sys.executable} -m f5d "$@"',
    "python": f'exec {sys.executable} "$@"',
    "python3": f'exec {sys.executable} "$@"',
    "llm": "echo It was a dark night.; sleep 0.2; echo Then a door opened.",
    "cat_player": "cat > /dev/null",
}
# Runs what it is to run some day, now, and with as little around it as cron gives.
CRONTAB: Final = r"""set -e
cat > "$HOME/crontab.in"
env -i HOME="$HOME" PATH=/usr/bin:/bin $(grep -E '^[A-Z_]+=' "$HOME/crontab.in") \
  sh -ec "$(grep -Ev '^([A-Z_]+=|#|$)' "$HOME/crontab.in" | sed -E 's/^([^ ]+ ){5}//')"
"""


@dataclass(frozen=True)
class Machine:
    """Where the pages are tried."""

    home: Path
    env: dict[str, str]

    def run(self, page: list[Block]) -> subprocess.CompletedProcess[str]:
        """Do what a page says, as a user with a new home who has a daemon already."""
        self.clean()
        folder = self.home / "work"
        shutil.copytree(self.home / "given", folder)
        with tempfile.TemporaryDirectory() as parts:
            path = Path(parts) / "page.sh"
            path.write_text(script(page, Path(parts)))
            with tempfile.TemporaryFile("w+") as said:
                done = subprocess.run(
                    ["bash", str(path)],
                    cwd=folder,
                    env=self.env,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=said,
                    timeout=PATIENCE_S,
                    check=False,
                )
                said.seek(0)
                words = said.read()
        return subprocess.CompletedProcess(done.args, done.returncode, "", words)

    def call(self, *command: str) -> subprocess.CompletedProcess[bytes]:
        """Run one command."""
        return subprocess.run(command, env=self.env, capture_output=True, timeout=PATIENCE_S, check=False)

    @property
    def _config(self) -> Path:
        return self.home / ".config" / "f5d" / "f5d.toml"

    def clean(self) -> None:
        """Make the home new, and see to it that a daemon with the first configuration has the model loaded."""
        changed = self._config.exists() and self._config.read_text() != CONFIG
        for name in ("work", ".local", ".config", ".cache"):
            shutil.rmtree(self.home / name, ignore_errors=True)
        self._config.parent.mkdir(parents=True)
        self._config.write_text(CONFIG)
        if changed:  # a line of the same meaning, which has the daemon read the configuration again
            self.call("f5ctl", "models", "default", "auto")
            self._config.write_text(CONFIG)
        done = self.call("f5ctl", "load")
        assert done.returncode == 0, done.stderr


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """One home and one daemon for all pages; the model stays loaded from page to page."""
    home = tmp_path_factory.mktemp("home")
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as runtime, fake_hub() as hub_url:
        kept = ("LANG", "LC_ALL", "TERM", "VIRTUAL_ENV", "PYTHONPATH", "OMP_WAIT_POLICY", "OMP_NUM_THREADS")
        env = {name: os.environ[name] for name in kept if name in os.environ} | {
            "HOME": str(home),
            "USER": "me",
            "PATH": f"{home / 'bin'}:{os.environ['PATH']}",
            "XDG_RUNTIME_DIR": runtime,
            "F5D_SHARED_VOICES": str(home / "shared"),
            "F5CTL_PLAYER": "cat_player",
            "HF_ENDPOINT": hub_url,
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        machine = Machine(home, env)
        furnish(home)
        yield machine
        machine.call("f5ctl", "stop", "--force")


def furnish(home: Path) -> None:
    """Put stand-ins on PATH and what the pages presuppose into the home and the folder `given`."""
    for name, text in (STAND_INS | {"crontab": CRONTAB}).items():
        program = home / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(0o755)
    given = home / "given"
    given.mkdir()
    for name, voice in RECORDINGS.items():
        samples, rate = soundfile.read(STARTER / "voices" / f"{voice}.wav")
        for suffix in ("wav", "flac"):
            soundfile.write(given / f"{name}.{suffix}", samples, rate)
    for name, text in TEXTS.items():
        (given / name).write_text(f"{text}\n")
    models = home / "models" / "pt-br"
    models.mkdir(parents=True)
    for folder in (given, models):
        shutil.copy(STARTER / "model.safetensors", folder / "model_last.safetensors")
        shutil.copy(STARTER / "vocab.txt", folder / "vocab.txt")


class fake_hub:  # noqa: N801 - used as a function
    """A model hub on this machine; its address is the context's value."""

    def __enter__(self) -> str:
        """Serve."""
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), handler(Hub()))
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        return f"http://127.0.0.1:{self.server.server_port}"

    def __exit__(self, *_: object) -> None:
        """End."""
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()
