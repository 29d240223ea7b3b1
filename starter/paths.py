"""Where the recipe reads and writes. Everything under WORK can be made again and is not kept in history."""

from __future__ import annotations

from pathlib import Path
from typing import Final

RECIPE: Final = Path(__file__).resolve().parent
WORK: Final = RECIPE / "work"
PACKAGE_DATA: Final = RECIPE.parent / "f5d" / "starter"

HELD_OUT: Final = RECIPE / "held_out.txt"
HARVARD: Final = RECIPE / "harvard.txt"
SENTENCES: Final = WORK / "sentences.txt"
SPEECH: Final = WORK / "speech"
RUN: Final = WORK / "run"
VOCODER_RUN: Final = WORK / "vocoder"


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file without their line ends; `#` begins a remark."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
