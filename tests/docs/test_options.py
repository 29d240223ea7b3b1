"""The options that the pages name in running text, which no test runs, are options."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import click
import pytest

from f5ctl.cli import cli
from f5d.commands import main as daemon

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    *sorted(ROOT.glob("README*.md")),
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
FENCED: Final = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
SYSTEMCTL: Final = frozenset({"--now", "--user"})
DOCKER: Final = frozenset({"--init", "--read-only", "--stop-timeout"})


def options(command: click.Command) -> set[str]:
    """Return every option of a command and its subcommands."""
    ctx = click.Context(command)
    found = {
        name for parameter in command.get_params(ctx) for name in parameter.opts + parameter.secondary_opts
    }
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            found |= options(inner)
    return found


@pytest.fixture(scope="module")
def known() -> set[str]:
    """Our options, in both spellings, those of f5-tts_infer-cli, systemctl's and docker's."""
    package = find_spec("f5_tts")
    assert package is not None
    assert package.submodule_search_locations is not None
    source = Path(package.submodule_search_locations[0], "infer", "infer_cli.py").read_text()
    ours = options(cli) | options(daemon)
    return ours | set(re.findall(r'"(--\w+)"', source)) | SYSTEMCTL | DOCKER


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_options_in_running_text_exist(page: Path, known: set[str]) -> None:
    """Whatever begins with two dashes between backquotes is an option of something."""
    prose = FENCED.sub("", page.read_text())
    named = {
        flag
        for code in re.findall(r"`([^`\n]+)`", prose)
        for flag in re.findall(r"(?<![\w-])--[a-z][\w-]*", code)
    }
    assert named - known == set()
