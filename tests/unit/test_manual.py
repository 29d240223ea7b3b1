"""The manual pages say what the commands and the configuration say, and render without a complaint."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from f5ctl.cli import VERBS
from f5d.keys import KEYS

SYSTEMD = "NOTIFY_SOCKET|JOURNAL_STREAM|RUNTIME_DIRECTORY|(?:LISTEN|WATCHDOG)_[A-Z]+"
VARIABLE = re.compile(rf"""["'{{]((?:F5D|F5CTL|XDG|HF)_[A-Z_]+|(?:NO|FORCE)_COLOR|{SYSTEMD})["'}}]""")
ELSEWHERE = {
    "JOURNAL_STREAM",
    "LISTEN_FDNAMES",
    "LISTEN_FDS",
    "LISTEN_PID",
    "NOTIFY_SOCKET",
}  # of services, not of users
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


@pytest.mark.parametrize("package", ["f5ctl", "f5d"])
def test_every_variable_is_told(pages: Path, package: str) -> None:
    """Whatever the code reads of the environment has its entry, on the page of its command."""
    page = (pages / ("f5ctl.1" if package == "f5ctl" else "f5d.8")).read_text()
    told = page[page.index(".SH ENVIRONMENT") : page.index(".SH FILES")]
    sources = [path.read_text() for path in (MANUAL.parents[1] / package).rglob("*.py")]
    read = {name for source in sources for name in VARIABLE.findall(source)}
    assert {"f5ctl": "F5CTL_PLAYER", "f5d": "NOTIFY_SOCKET"}[package] in read
    assert {name for name in read if name not in told} <= ELSEWHERE


@pytest.mark.parametrize("name", ["f5ctl.1", "f5d.8"])
def test_a_page_has_what_is_looked_for(pages: Path, name: str) -> None:
    """Its sections are those of man-pages(7), in that order, and each verb shows examples."""
    page = (pages / name).read_text()
    assert re.findall(r"^\.SH (.*)", page, re.MULTILINE) == [
        "NAME", "SYNOPSIS", "OPTIONS", "COMMANDS", "ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES",
        "SEE ALSO",
    ]  # fmt: skip
    command = name.partition(".")[0]
    verbs = VERBS if command == "f5ctl" else ("serve", "infer")
    examples = page[page.index(".SH EXAMPLES") :].splitlines()
    assert [verb for verb in verbs if not any(f"{command} {verb}" in line for line in examples)] == []


@pytest.mark.skipif(shutil.which("man") is None, reason="man is not installed")
@pytest.mark.parametrize("name", ["f5ctl.1", "f5d.8", "f5d.toml.5"])
def test_man_renders_it(pages: Path, name: str) -> None:
    """`man ./f5ctl.1` shows the page and warns of nothing."""
    done = subprocess.run(
        ["man", "--warnings", "-l", name], cwd=pages, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "SEE ALSO" in done.stdout
