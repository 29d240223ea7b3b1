"""Completion in the real shells. Those that are not installed are left out."""

from __future__ import annotations

import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from f5ctl.cli import cli
from f5ctl.commandline import FILE, FOLDER
from f5d.commands import main as daemon_group

if TYPE_CHECKING:
    from tests.unit.client.conftest import FakeDaemon

needs = {
    shell: pytest.mark.skipif(shutil.which(shell) is None, reason=f"{shell} is not installed")
    for shell in ("bash", "zsh", "fish")
}
FILES = {  # what is typed before the Tab key, and what stands there then
    "f5ctl say -f chap": "chapter.txt ",
    "f5ctl say -v rms -o chap": "chapter.txt ",
    "f5ctl batch chap": "chapter.txt ",
    "f5ctl batch chapter.txt -d chap": "chapters/",  # a folder
    "f5ctl voices doctor chap": "chapter.txt ",  # a name or a file
    "f5d serve --config chap": "chapter.txt ",
}


@pytest.fixture
def environment(tmp_path: Path, daemon: FakeDaemon) -> dict[str, str]:
    """PATH with commands that run this checkout, a daemon's socket, and a home with a file and a folder."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name in ("f5ctl", "f5d"):
        (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} -m {name} "$@"\n')
        (commands / name).chmod(0o755)
    (tmp_path / "chapter.txt").write_text("Once.")
    (tmp_path / "chapters").mkdir()
    stored = tmp_path / ".local" / "share" / "f5d" / "voices"
    stored.mkdir(parents=True)
    (stored / "rita.voice").touch()
    daemon.status = {"voices": [{"name": "rms"}, {"name": "rosa"}, {"name": "slt"}], "models": []}
    return {
        "PATH": f"{commands}:{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "F5D_SOCKET": daemon.path,
        "TERM": "dumb",
        "PYTHONPATH": str(Path.cwd()),
    }


def offered(environment: dict[str, str], shell: tuple[str, ...], script: str) -> list[set[str]]:
    """Return what a shell offers for each line of its script, whose answers each end with `--end--`."""
    done = subprocess.run(
        [*shell, script], env=environment, cwd=environment["HOME"], capture_output=True, timeout=60, check=True
    )
    *answers, rest = done.stdout.decode().split("--end--\n")
    assert rest == ""
    return [{line.split("\t")[0] for line in answer.splitlines()} for answer in answers]


BASH = """COMPREPLY=(); COMP_WORDS=({words}); COMP_CWORD={last}; _f5ctl_completion f5ctl
printf '%s\n' "${{COMPREPLY[@]}}"; echo --end--
"""
TYPED: dict[str, set[str]] = {
    "f5ctl st": {"status", "stop"},
    "f5ctl say --spe": {"--speed"},
    "f5ctl say -v r": {"rms", "rosa", "rita"},
    "f5ctl voices show r": {"rms", "rosa", "rita"},
    "f5ctl voices rm r": {"rita"},  # none of the daemon's
    "f5ctl voices rename r": {"rita"},
    "f5ctl help models p": {"pull"},
}


@needs["bash"]
def test_bash(environment: dict[str, str]) -> None:
    """Verbs, options and the daemon's voices are offered."""
    lines = (BASH.format(words=line, last=line.count(" ")) for line in TYPED)
    script = 'eval "$(f5ctl completion bash)"\n' + "".join(lines)
    assert offered(environment, ("bash", "--norc", "-c"), script) == list(TYPED.values())


@needs["fish"]
def test_fish_shows_whole_descriptions(environment: dict[str, str]) -> None:
    """A comma in the words about a verb ends neither them nor the name before them."""
    script = "f5ctl completion fish | source; complete -C 'f5ctl voices rena'"
    done = subprocess.run(
        ["fish", "-N", "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.startswith("rename\tGive voice OLD the name NEW, which")


@needs["fish"]
def test_fish(environment: dict[str, str]) -> None:
    """The same in fish, and names of files."""
    lines = (f"complete -C '{line}'; echo --end--\n" for line in (*TYPED, *FILES))
    script = "f5ctl completion fish | source\nf5ctl completion fish f5d | source\n" + "".join(lines)
    found = offered(environment, ("fish", "-N", "-c"), script)
    assert found[: len(TYPED)] == list(TYPED.values())
    for completed, answer in zip(FILES.values(), found[len(TYPED) :], strict=True):
        assert completed.strip() in answer
    assert found[len(TYPED) + list(FILES.values()).index("chapters/")] == {"chapters/"}


EVAL = 'eval "$(f5ctl completion {0})"; eval "$(f5ctl completion {0} f5d)"'
START = {
    "bash": (["--norc", "-i"], EVAL.format("bash")),
    "zsh": (["-f", "-i"], f"autoload -U compinit; compinit -u -D; {EVAL.format('zsh')}"),
}


class Typist:
    """A shell on a terminal, in which keys are typed."""

    def __init__(self, shell: str, environment: dict[str, str]) -> None:
        self._pid, self._terminal = pty.fork()
        if self._pid == 0:
            os.chdir(environment["HOME"])
            os.execvpe(shell, [shell, *START[shell][0]], environment)  # noqa: S606
        os.write(self._terminal, f"{START[shell][1]}; PS1='read''y>'\n".encode())
        self.read_until("ready>")

    def completes(self, typed: str, completed: str) -> None:
        """Type the beginning of a line and the Tab key, wait for what is to stand there, and drop the line."""
        os.write(self._terminal, f"{typed}\t".encode())
        self.read_until(typed.rpartition(" ")[0] + " " + completed)
        os.write(self._terminal, b"\x15: next\n")
        self.read_until("ready>")

    def read_until(self, wanted: str) -> None:
        """Read what the terminal shows until it shows that."""
        seen = b""
        end = time.monotonic() + 60
        while wanted.encode() not in seen:
            assert select.select([self._terminal], [], [], max(0.0, end - time.monotonic()))[0], seen
            seen += os.read(self._terminal, 4096)

    def close(self) -> None:
        """Hang up."""
        os.kill(self._pid, signal.SIGKILL)
        os.close(self._terminal)
        os.waitpid(self._pid, 0)


@pytest.fixture(params=[pytest.param("bash", marks=needs["bash"]), pytest.param("zsh", marks=needs["zsh"])])
def typist(request: pytest.FixtureRequest, environment: dict[str, str]) -> Iterator[Typist]:
    typist = Typist(request.param, environment)
    yield typist
    typist.close()


def test_the_tab_key(typist: Typist) -> None:
    """On a terminal, the Tab key completes verbs, names of files where a file is meant, and folders."""
    typist.completes("f5ctl sta", "status ")
    for typed, completed in FILES.items():
        if completed == "chapter.txt ":
            typist.completes(typed + "ter.", completed)
        else:
            typist.completes(typed, completed)


def parameters(group: click.Group, path: str) -> Iterator[tuple[str, click.Parameter]]:
    """Yield every parameter of a command and its subcommands, with its name."""
    ctx = click.Context(group, info_name=path)
    yield from ((f"{path} {parameter.name}", parameter) for parameter in group.params)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from parameters(command, f"{path} {name}")
        else:
            yield from ((f"{path} {name} {parameter.name}", parameter) for parameter in command.params)


@pytest.mark.parametrize("group", [cli, daemon_group], ids=["f5ctl", "f5d"])
def test_whatever_takes_a_file_completes_one(group: click.Group) -> None:
    """What is called FILE, PATH, OUT, MANIFEST or DIR on a help page completes names of files or folders."""
    kinds = {"FILE": FILE, "PATH": FILE, "OUT": FILE, "MANIFEST": FILE, "DIR": FOLDER}
    named = {
        name: (parameter, kinds[word])
        for name, parameter in parameters(group, group.name or "")
        if (word := (parameter.metavar or parameter.name or "").upper().rstrip(".")) in kinds
    }
    assert len(named) > 6
    assert [name for name, (parameter, kind) in named.items() if parameter.type is not kind] == []
