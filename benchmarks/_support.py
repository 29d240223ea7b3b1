"""What the benchmarks of the daemon share: a daemon of their own, timed commands, the report's head.

Imports neither torch nor the f5-tts package; upstream.py does.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

F5CTL = str(Path(sys.executable).with_name("f5ctl"))
UPSTREAM = (sys.executable, str(Path(__file__).with_name("upstream.py")))


@contextmanager
def warm_daemon(threads: int = 0) -> Iterator[Path]:
    """Run a daemon with the starter model on a socket of its own; yield a folder for files."""
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as folder:
        before = dict(os.environ)
        os.environ |= {"F5D_SOCKET": f"{folder}/s", "XDG_STATE_HOME": folder, "F5D_THREADS": str(threads)}
        try:
            subprocess.run([F5CTL, "load", "starter"], check=True)
            try:
                yield Path(folder)
            finally:
                subprocess.run([F5CTL, "stop", "--force"], check=True)
        finally:
            os.environ.clear()
            os.environ.update(before)


def timed(*command: str, text: str = "") -> tuple[float, str]:
    """Return the wall time of a command in seconds, and what it printed; `text` is its stdin."""
    began_s = time.perf_counter()
    out = subprocess.run(command, check=True, input=text, stdout=subprocess.PIPE, text=True).stdout
    return time.perf_counter() - began_s, out


def head() -> str:
    """Return the lines that say where, when and how this was measured."""
    command = shlex.join(["python", *sys.argv])
    where = f"{processor()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    return f"{dt.date.today()}, {where}, Python {platform.python_version()}\n\n    {command}\n"  # noqa: DTZ011


def processor() -> str:
    """Return the processor's name."""
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return platform.processor()


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Return a Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines) + "\n"
