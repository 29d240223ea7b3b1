"""The security page promises nothing that no test proves."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_every_row_names_a_test_that_exists() -> None:
    """Each row of the page's table ends in the name of a test of this suite."""
    page = (ROOT / "docs" / "security.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ")][1:]
    code = "".join(path.read_text() for path in (ROOT / "tests").rglob("test_*.py"))
    known = set(re.findall(r"^def (test_\w+)", code, re.MULTILINE))
    assert len(rows) > 20
    for row in rows:
        named = re.search(r"\| `(test_\w+)` \|$", row)
        assert named, row
        assert named[1] in known, row
