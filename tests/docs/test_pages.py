"""What stands on the pages exists: verbs, options, settings and the files that links lead to."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Final

import click
import pytest

from f5ctl.cli import cli
from f5ctl.speech.story import read_story
from f5d.commands import main as daemon
from f5d.config import load_config

from .blocks import blocks, calls, parse
from .pages import PAGES, STARTER

COMMANDS: Final[dict[str, click.Group]] = {"f5ctl": cli, "f5d": daemon}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_cannot_run_is_at_least_a_command(page: Path) -> None:
    """Every call of f5ctl or f5d on a page has a verb and options that exist."""
    for block in blocks(page):
        if block.language == "sh":
            for call in calls(block.text):
                assert fault(call) == "", f"{block.at}: {' '.join(call)}"


def fault(call: list[str]) -> str:
    """Return what is wrong with a call as far as its words tell; a $variable may be anything."""
    try:
        parse(call, COMMANDS)
    except click.UsageError as error:
        if not (isinstance(error, click.BadParameter) and "$" in " ".join(call)):
            return error.format_message()
    return ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_settings_are_settings(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block of TOML is read as the configuration or the story that it shows."""
    for name in ("me", "town", "anna"):
        shutil.copy(STARTER / "voices" / "rms_0.wav", tmp_path / f"{name}.wav")
    (tmp_path / "story.txt").write_text("Once upon a time.")
    monkeypatch.chdir(tmp_path)
    for block in blocks(page):
        if block.language == "toml":
            file = tmp_path / "block.toml"
            file.write_text(block.text)
            if "gen_text" in block.text or "gen_file" in block.text:
                assert read_story(str(file)).voices, block.at
            else:
                load_config(file=str(file), environ={})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Every link to a file of this project finds it."""
    for target in re.findall(r"\]\((?!https?:|#)([^)#]+)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.parametrize(
    "call",
    ["f5ctl say --sped 2 x", "f5ctl sya x", "f5d serve --prot 1", "sudo -u f5d X=1 /opt/f5ctl voices ad"],
)
def test_a_command_that_does_not_exist_is_found(call: str) -> None:
    """Wrong verbs and options are noticed without running anything."""
    (words,) = calls(f"true && {call} # and more")
    assert fault(words) != ""


def packages_named(page: str) -> list[str]:
    """Return what the page's calls of pip take from an index by our names."""
    words = [word for line in re.findall(r"pip3? install ([^\n`]*)", page) for word in line.split()]
    return [word for word in words if re.fullmatch(r"""["']?f5(d|ctl)\b(\[.*)?(==.*)?["']?""", word)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_nothing_is_installed_from_an_index_by_our_names(page: Path) -> None:
    """f5d comes from its checkout or a wheel of it: what an index has under that name is somebody else's."""
    assert packages_named(page.read_text()) == []
    assert packages_named("`pip install f5d`, pip install -U 'f5d[engine]'\n") == ["f5d", "'f5d[engine]'"]
