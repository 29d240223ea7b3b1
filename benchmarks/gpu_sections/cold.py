"""From the start of a process to its first audio, with an empty cache of kernels and with a filled one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from typing import TYPE_CHECKING

from gpu_sections.lab import header, row

if TYPE_CHECKING:
    from gpu_sections.lab import Lab

CACHES = ("no kernel compiled before", "kernels in the cache")


def measure(lab: Lab) -> None:
    """Start two processes (cold_start.py), one after the other, that share a cache of their own."""
    columns: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "TRITON_CACHE_DIR": cache}
        for _ in CACHES:
            command = [sys.executable, "-m", "gpu_sections", "cold_start", *["--dry"][: lab.dry]]
            done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
            columns.append(json.loads(done.stdout))
    header("ms", *CACHES)
    for what in columns[0]:
        row(what, *(f"{column[what]:.1f}" for column in columns))
    row("sum", *(f"{sum(column.values()):.1f}" for column in columns))
