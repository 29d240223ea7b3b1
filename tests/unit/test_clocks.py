"""Nothing is measured with a clock that people and time servers set."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
WALL = {"time", "time_ns", "localtime", "gmtime", "ctime", "CLOCK_REALTIME"}
REPORTED = ["f5d/broker/requests.py"]  # `status` says since when a model has been loaded, as a time of day


def wall_clocks(tree: ast.AST) -> Iterator[int]:
    """Yield the lines that read the wall clock."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.value.id == "time" and node.attr in WALL:
                yield node.lineno
        elif isinstance(node, ast.Import | ast.ImportFrom):
            modules = [node.module] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
            if "datetime" in modules or (isinstance(node, ast.ImportFrom) and node.module == "time"):
                yield node.lineno


def test_only_status_reads_the_wall_clock() -> None:
    """Daemon, engine and client use monotonic clocks; the one time of day is shown and never subtracted."""
    found = [
        str(path.relative_to(ROOT))
        for package in ("f5d", "f5ctl")
        for path in sorted((ROOT / package).rglob("*.py"))
        for _line in wall_clocks(ast.parse(path.read_text(encoding="utf-8")))
    ]
    assert found == REPORTED


def test_the_search_finds_what_it_is_for() -> None:
    """Each way of asking for the time of day is seen."""
    for code in (
        "import time\ntime.time()",
        "from time import time",
        "import datetime",
        "from datetime import x",
    ):
        assert list(wall_clocks(ast.parse(code))), code
    assert not list(wall_clocks(ast.parse("import time\ntime.monotonic()\ntime.perf_counter()")))
