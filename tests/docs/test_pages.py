"""What the pages say is what happens: every documented command line and every block of Python runs."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import pytest

from f5ctl.cli import cli
from f5ctl.speech.story import read_story
from f5d.__main__ import main as daemon
from f5d.config import load_config

from .blocks import Block, blocks, calls, parse

if TYPE_CHECKING:
    from .conftest import Machine

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    *sorted(ROOT.glob("README*.md")),
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
COMMANDS: Final[dict[str, click.Group]] = {"f5ctl": cli, "f5d": daemon}
STARTER: Final = ROOT / "f5d" / "starter"

# Programs that a page may use and that need not be installed: without them their blocks are only read.
OPTIONAL: Final = re.compile(r"\b(sox|jq|curl|node|npm|make)\b")
# A voice in each of upstream's example, whose story takes minutes.
STORY: Final = '"$multi/infer/examples/multi/story.toml"'
SHORT_STORY: Final = 's/^gen_text.*/gen_text = "[main] Hi. [town] Oh. [country] Ah."/; /^gen_file/d'
MODEL: Final = f'config={{"architecture": "{STARTER}/dit.json", "vocoder": "{STARTER}/vocoder"}}'
SHAPE: Final = f"--architecture {STARTER}/dit.json --vocoder {STARTER}/vocoder"
# What a page says at full size and a test does in small: (page, what it says, what is done).
SMALLER: Final = (
    ("howto.md", "--timeout 10 ", "--timeout 100 "),
    ("integration.md", 'device="auto"', MODEL + ', device="cpu"'),
    ("integration.md", "nfe_step=32", "nfe_step=2"),
    ("migration.md", 'device="auto", config="F5TTS_v1_Base"', MODEL + ', device="cpu"'),
    ("migration.md", "nfe_step=32", "nfe_step=2"),
    ("migration.md", "f5d infer --checkpoint", f"f5d infer {SHAPE} --checkpoint"),
    ("migration.md", "--nfe-step 32", "--nfe-step 2"),
    ("migration.md", "--nfe_step 16", "--nfe_step 2"),
    ("python.md", 'device="auto"', MODEL + ', device="cpu"'),
    ("python.md", "nfe_step=16", "nfe_step=2"),
    ("python.md", "nfe_step=64", "nfe_step=2"),
    ("quality.md", "--nfe-step 64", "--nfe-step 4"),
    ("scripts.md", f"f5ctl say -c {STORY}", f"sed '{SHORT_STORY}' {STORY} > s.toml; f5ctl say -c s.toml"),
    ("README.md", "--quality high ", "--quality draft "),
    ("quality.md", "in draft fast;", "in draft;"),
    ("README.md", "f5ctl bench ", "f5ctl bench --clients 1 --requests 1 "),
    (
        "models.md",
        'architecture = "F5TTS_v1_Base"',
        f'architecture = "{STARTER}/dit.json"\nvocoder = "{STARTER}/vocoder"',
    ),
)


def prepared(page: Path) -> list[Block]:
    """Return a page's blocks as they are tried here."""
    found = list(blocks(page))
    for name, said, done in SMALLER:
        if name == page.name:
            smaller = [replace(block, text=block.text.replace(said, done)) for block in found]
            assert smaller != found, f"{name} does not say {said!r}"
            found = smaller
    return [replace(block, reason=block.reason or missing(block)) for block in found]


def missing(block: Block) -> str:
    if block.language != "sh":
        return ""
    absent = [name for name in OPTIONAL.findall(block.text) if shutil.which(name) is None]
    return f"{absent[0]} is not here" if absent else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_page_does_what_it_says(machine: Machine, page: Path) -> None:
    """The page's commands, one after the other in one shell, and its Python all end well."""
    found = prepared(page)
    if not any(block.language in ("sh", "python") and not block.reason for block in found):
        pytest.skip("nothing to run")
    done = machine.run(found)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Traceback" not in done.stderr, done.stderr[-4000:]


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
    "text",
    [
        "```sh\nf5ctl say Hello. -o a.wav --no-such-option\n```",
        "```sh\nf5ctl say -v nobody Hello. -o a.wav\n```",
        "```sh\nf5ctl status | false\n```",
        "```sh\nf5ctl say -v nobody Hello. -o a.wav &\n```",
        "```python\nimport f5ctl\nf5ctl.speak()\n```",
        "1. step\n\n   ```sh\n   false\n   ```",
        '```sh\ntest ! -e a.py\n```\n```python\n# a.py\nprint("a")\n```\n```sh\ntest ! -e a.py\n```',
    ],
)
def test_a_page_that_is_wrong_is_found(machine: Machine, tmp_path: Path, text: str) -> None:
    """An unknown option, an error, a failing pipe or background job, broken Python: each is noticed."""
    page = tmp_path / "page.md"
    page.write_text(text)
    done = machine.run(prepared(page))
    assert done.returncode != 0


@pytest.mark.parametrize(
    "call",
    ["f5ctl say --sped 2 x", "f5ctl sya x", "f5d serve --prot 1", "sudo -u f5d X=1 /opt/f5ctl voices ad"],
)
def test_a_command_that_does_not_exist_is_found(call: str) -> None:
    """Wrong verbs and options are noticed without running anything."""
    (words,) = calls(f"true && {call} # and more")
    assert fault(words) != ""
