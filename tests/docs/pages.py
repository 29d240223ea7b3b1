"""The pages that the tests try: which there are, which test file runs which, and what they do in small."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from .blocks import Block, blocks

if TYPE_CHECKING:
    from .conftest import Machine

ROOT: Final = Path(__file__).parents[2]
PAGES: Final = [
    *sorted(ROOT.glob("README*.md")),
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
]
# Those that a newcomer reads first, and the others: about the same work, for a worker each.
FIRST: Final = [page for page in PAGES if re.match("README|tutorial|howto|quality|troubleshooting", page.name)]
OTHERS: Final = [page for page in PAGES if page not in FIRST]
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


def try_page(machine: Machine, page: Path) -> None:
    """Do what the page says, its commands one after the other in one shell, and its Python; all ends well."""
    found = prepared(page)
    if not any(block.language in ("sh", "python") and not block.reason for block in found):
        pytest.skip("nothing to run")
    done = machine.run(found)
    assert done.returncode == 0, done.stderr[-4000:]
    assert "Traceback" not in done.stderr, done.stderr[-4000:]
