"""All that a CUDA device has to tell about f5d, in one call of less than ten minutes, as one Markdown report.

    python benchmarks/gpu.py [--limit SECONDS] [--report FILE] [SECTION ...]

Runs from a checkout with torch alone; a section that needs more says in a line what is missing. Each section
(gpu_sections/) is a process with a limit of its own, the most telling first. The report is written anew with
every line, so what fails, hangs or is killed loses no more than what it had not said yet. `--dry` runs a tiny
model on the CPU, to try the sections themselves: its figures mean nothing. Exits with 1 where something came
out wrong or a section failed. Imports no torch.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from gpu_sections import FAILED, SECTIONS

HERE = Path(__file__).resolve().parent
LIMIT_S = 560.0  # of all; many machines with a GPU are lent for ten minutes a command
LEAST_S = 10.0  # a section that has less left is not begun
READER_S = 5.0  # for the last lines of a section that has ended
ERROR_LINES = 15  # of what a section said on stderr
NO_DEVICE = "benchmarks/gpu.py needs a CUDA device, and torch sees none; --dry tries it on the CPU"
NO_TORCH = "benchmarks/gpu.py needs torch, which this Python cannot import: {}"


@dataclass
class Part:
    """What is known of one section."""

    name: str
    end: str = "not begun"
    took_s: float = 0.0
    lines: list[str] = field(default_factory=list)


class Report:
    """Owns the file; what it holds is complete after every call."""

    def __init__(self, path: Path, head: str, names: Sequence[str]) -> None:
        self._path, self._head = path, head
        self.parts = [Part(name) for name in names]

    @property
    def wrong(self) -> bool:
        """Whether a section did not end as it should, or says that something failed."""
        return any(part.end != "ok" or any(FAILED in line for line in part.lines) for part in self.parts)

    def write(self) -> None:
        """Put a whole file in the place of the last one."""
        rows = [f"| {part.name} | {part.end} | {part.took_s:.0f} |" for part in self.parts]
        text = [self._head, "", "| section | ended | seconds |", "|---|---|---|", *rows]
        for part in self.parts:
            if part.lines:
                text += ["", f"## {part.name}", "", f"{SECTIONS[part.name].tells}.", "", *part.lines]
        beside = self._path.with_name(f"{self._path.name}.part")
        beside.write_text("\n".join(text) + "\n", encoding="utf-8")
        beside.replace(self._path)


class Runner:
    """Runs sections one after the other, each in a process group of its own."""

    def __init__(self, report: Report, *, dry: bool, until_s: float, section_limit_s: float | None) -> None:
        self._report = report
        self._dry = dry
        self._until_s = until_s  # by time.monotonic
        self._section_limit_s = section_limit_s
        paths = [str(HERE.parent), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
        as_engine = {"TORCH_CUDNN_V8_API_LRU_CACHE_LIMIT": "256", "OMP_WAIT_POLICY": "PASSIVE"}
        self._environment = {**os.environ, **as_engine, "PYTHONPATH": os.pathsep.join(paths)}

    def run(self, part: Part) -> None:
        """Run a section to its end or its limit."""
        left_s = self._until_s - time.monotonic()
        if left_s < LEAST_S:
            part.end = "not begun: no time left"
            return
        limit_s = min(SECTIONS[part.name].limit_s, left_s)
        if self._section_limit_s is not None:
            limit_s = min(limit_s, self._section_limit_s)
        part.end = "runs"
        self._report.write()
        print(f"\n## {part.name} (at most {limit_s:.0f} s)\n", flush=True)
        began_s = time.monotonic()
        with tempfile.TemporaryFile() as errors:
            part.end = self._ended(part, limit_s, errors)
            part.took_s = time.monotonic() - began_s
            if said := _last_lines(errors):
                part.lines += ["", "On stderr:", "", *(f"    {line}" for line in said)]
        if part.end != "ok":
            print("\n".join([f"({part.end})", *part.lines[-ERROR_LINES:]]), flush=True)

    def _ended(self, part: Part, limit_s: float, errors: IO[bytes]) -> str:
        command = [sys.executable, "-u", "-m", "gpu_sections", part.name, *["--dry"][: self._dry]]
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=self._environment,
            start_new_session=True,  # so that what it starts ends with it
            encoding="utf-8",
            errors="replace",
        )
        reader = threading.Thread(target=self._take, args=(part, child.stdout), daemon=True)
        reader.start()
        try:
            status = child.wait(limit_s)
        except subprocess.TimeoutExpired:
            return f"stopped after its {limit_s:.0f} s"
        finally:
            _kill_group(child)
            reader.join(READER_S)
        return "ok" if status == 0 else _death(status)

    def _take(self, part: Part, lines: IO[str]) -> None:
        for line in lines:
            part.lines.append(line.rstrip("\n"))
            self._report.write()
            print(line, end="", flush=True)


def _kill_group(child: subprocess.Popen[str]) -> None:
    with contextlib.suppress(ProcessLookupError):  # the usual end
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def _death(status: int) -> str:
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"failed with status {status}"


def _last_lines(file: IO[bytes]) -> list[str]:
    file.seek(0)
    lines = file.read().decode("utf-8", "replace").splitlines()
    left_out = len(lines) - ERROR_LINES
    return [*([f"({left_out} lines before)"] if left_out > 0 else []), *lines[-ERROR_LINES:]]


def options() -> argparse.Namespace:
    """Return the command line; ends the process with one line where it is wrong."""
    names = ", ".join(SECTIONS)
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("sections", nargs="*", metavar="SECTION", help=f"all, in this order: {names}")
    parser.add_argument("--dry", action="store_true", help="a tiny model on the CPU; figures mean nothing")
    parser.add_argument("--limit", type=float, default=LIMIT_S, metavar="SECONDS", help="of all sections")
    parser.add_argument("--section-limit", type=float, metavar="SECONDS", help="of any section, if it has more")
    parser.add_argument("--report", type=Path, default=Path("gpu-report.md"), metavar="FILE")
    chosen = parser.parse_args()
    if unknown := [name for name in chosen.sections if name not in SECTIONS]:
        parser.error(f"unknown section {unknown[0]!r}; known: {names}")
    if not chosen.report.parent.is_dir():
        parser.error(f"--report {chosen.report}: its folder is not there")
    return chosen


def lack(*, dry: bool) -> str | None:
    """Return why nothing can be measured here, one line, None if it can."""
    code = "import torch, sys; sys.exit(0 if torch.cuda.is_available() else 3)"
    seen = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    if seen.returncode not in {0, 3}:
        return NO_TORCH.format((seen.stderr.strip().splitlines() or [f"status {seen.returncode}"])[-1])
    return NO_DEVICE if seen.returncode and not dry else None


def main() -> None:
    """Run the sections and end with how they ended."""
    chosen = options()
    until_s = time.monotonic() + chosen.limit  # torch's first import, to come, may take long
    if fault := lack(dry=chosen.dry):
        sys.exit(fault)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that the section ends too
    today = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    command = shlex.join(["python", *sys.argv])
    dry = "\n\n**Dry: a tiny model on the CPU. No figure below means anything.**" if chosen.dry else ""
    head = f"# f5d on a GPU\n\n{today}, `{command}`{dry}"
    report = Report(chosen.report, head, list(dict.fromkeys(chosen.sections)) or list(SECTIONS))
    runner = Runner(report, dry=chosen.dry, until_s=until_s, section_limit_s=chosen.section_limit)
    for part in report.parts:
        runner.run(part)
        report.write()
    print("\n" + "\n".join(f"{part.name:10} {part.took_s:6.1f} s  {part.end}" for part in report.parts))
    print(f"\nThe report is {chosen.report}.")
    sys.exit(report.wrong)


if __name__ == "__main__":
    main()
