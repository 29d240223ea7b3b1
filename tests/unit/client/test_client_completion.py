"""Completion in the real shells. Those that are not installed are left out."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.unit.client.conftest import FakeDaemon

needs = {
    shell: pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")
    for shell in ("bash", "zsh", "fish")
}


@pytest.fixture
def environment(tmp_path: Path, daemon: FakeDaemon) -> dict[str, str]:
    """PATH with an `f5ctl` that runs this checkout, a socket with a daemon, and an empty home."""
    script = tmp_path / "bin" / "f5ctl"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nexec {sys.executable} -m f5ctl "$@"\n')
    script.chmod(0o755)
    daemon.status = {"voices": [{"name": "rms"}, {"name": "rosa"}, {"name": "slt"}], "models": []}
    path = f"{script.parent}:{os.environ['PATH']}"
    return {
        "PATH": path,
        "HOME": str(tmp_path),
        "F5D_SOCKET": daemon.path,
        "TERM": "dumb",
        "PYTHONPATH": str(Path.cwd()),
    }


def words(environment: dict[str, str], *command: str) -> set[str]:
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=True)
    return {line.split("\t")[0] for line in done.stdout.splitlines()}


BASH = """eval "$(f5ctl completion bash)"
COMP_WORDS=({words}); COMP_CWORD={last}; _f5ctl_completion f5ctl; printf '%s\\n' "${{COMPREPLY[@]}}" """


@needs["bash"]
def test_bash(environment: dict[str, str]) -> None:
    """Verbs, options and the daemon's voices are offered."""

    def offered(*line: str) -> set[str]:
        script = BASH.format(words=" ".join(line), last=len(line) - 1)
        return words(environment, "bash", "--norc", "-c", script)

    assert offered("f5ctl", "st") == {"status", "stop"}
    assert offered("f5ctl", "say", "--spe") == {"--speed"}
    assert offered("f5ctl", "say", "-v", "r") == {"rms", "rosa"}


@needs["fish"]
def test_fish(environment: dict[str, str]) -> None:
    """The same in fish."""

    def offered(line: str) -> set[str]:
        return words(environment, "fish", "-N", "-c", f"f5ctl completion fish | source; complete -C '{line}'")

    assert offered("f5ctl st") == {"status", "stop"}
    assert offered("f5ctl say --spe") == {"--speed"}
    assert offered("f5ctl say -v r") == {"rms", "rosa"}


ZSH = b"""autoload -U compinit; compinit -u -D; eval "$(f5ctl completion zsh)"; PS1="ready>"\n"""


@needs["zsh"]
def test_zsh(environment: dict[str, str]) -> None:
    """The same in zsh, whose completion wants a terminal: the Tab key turns `sta` into `status`."""
    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe("zsh", ["zsh", "-f", "-i"], environment)  # noqa: S606
    try:
        os.write(terminal, ZSH)
        read_until(terminal, b"ready>")
        os.write(terminal, b"f5ctl sta\t")
        read_until(terminal, b"status ")
    finally:
        os.close(terminal)
        os.waitpid(pid, 0)


def read_until(terminal: int, wanted: bytes) -> None:
    seen = b""
    end = time.monotonic() + 60
    while wanted not in seen:
        assert select.select([terminal], [], [], max(0.0, end - time.monotonic()))[0], seen
        seen += os.read(terminal, 4096)
