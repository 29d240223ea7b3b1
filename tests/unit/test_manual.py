"""The manual pages say what the commands and the configuration say, and render without a complaint."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from f5ctl.cli import VERBS
from f5d.keys import KEYS

MANUAL = Path(__file__).parents[2] / "docs" / "manual.py"


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("man")
    for target in (folder, folder / "commands.md"):
        subprocess.run([sys.executable, str(MANUAL), str(target)], check=True, timeout=60)
    return folder


def test_every_verb_and_option_is_there(pages: Path) -> None:
    """Each verb has its heading, and an option of a verb its line."""
    page = (pages / "f5ctl.1").read_text()
    for verb in VERBS:
        assert f'.SS "{verb} ' in page
    assert ".B \\-\\-nfe\\-step N" in page
    assert ".B \\-\\-use\\-service" in (pages / "f5d.8").read_text()


def test_every_setting_is_there(pages: Path) -> None:
    """Each key of the configuration has an entry with its default."""
    page = (pages / "f5d.toml.5").read_text()
    assert [key for key in KEYS if f".B {key} = " not in page] == []


def test_the_command_reference_is_up_to_date(pages: Path) -> None:
    """docs/commands.md is what `make pages` writes today."""
    page = Path(__file__).parents[2] / "docs" / "commands.md"
    assert page.read_text() == (pages / "commands.md").read_text(), "run `make pages`"


def test_the_tables_of_the_pages_are_up_to_date() -> None:
    """The tables of parameters and systemd/f5d.toml are what `make pages` writes today."""
    tables = MANUAL.with_name("tables.py")
    done = subprocess.run(
        [sys.executable, str(tables), "--check"], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_command_reference_is_complete(pages: Path) -> None:
    """It has every verb, also those of verbs, and the options that --help leaves to --help-all."""
    page = (pages / "commands.md").read_text()
    for heading in (*VERBS, "voices add", "models pull"):
        assert f"\n## f5ctl {heading}\n" in page
    assert "\n## f5d infer info\n" in page
    assert "| `--cross-fade-duration X` |" in page
    assert "--help" not in page


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
@pytest.mark.parametrize("name", ["f5ctl.1", "f5d.8", "f5d.toml.5"])
def test_man_renders_it(pages: Path, name: str) -> None:
    """`man ./f5ctl.1` shows the page and warns of nothing."""
    done = subprocess.run(
        ["man", "--warnings", "-l", name], cwd=pages, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "SEE ALSO" in done.stdout
