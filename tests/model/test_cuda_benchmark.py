"""benchmarks/gpu.py on a machine without a GPU: each section on a tiny model, and what one that fails costs."""

from __future__ import annotations

import importlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from .emulated_cuda import EmulatedCuda
from .test_cuda_steps import cuda
from .test_fused_selfcheck import TorchKernels

__all__ = ["cuda"]  # a fixture

ROOT = Path(__file__).parents[2]
BENCHMARKS = ROOT / "benchmarks"
RUN = [sys.executable, str(BENCHMARKS / "gpu.py")]
PATIENCE_S = 300
SECTIONS = [
    *("machine", "operations", "parity", "fused", "batches", "profile", "crowd"),
    *("recording", "cold", "errors", "daemon", "upstream", "fp8"),
]
# A process that finds this at its start has the standard library, the checkout and what torch brings.
BARE = """
import sys
TORCH = {"torch", "torchgen", "functorch", "triton", "sympy", "mpmath", "networkx", "jinja2", "markupsafe",
         "filelock", "fsspec", "typing_extensions", "setuptools"}
OURS = {"f5d", "f5ctl", "gpu_sections", "flops"}
class Without:
    def __init__(self, finder):
        self.finder = finder
    def find_spec(self, name, path=None, target=None):
        first = name.partition(".")[0]
        if first in TORCH | OURS | sys.stdlib_module_names or first.startswith("_"):
            return self.finder.find_spec(name, path, target)
sys.meta_path[:] = map(Without, sys.meta_path)
"""


def gpu(*words: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the benchmark to its end."""
    return subprocess.run(
        [*RUN, *map(str, words)],
        check=False,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        env={**os.environ, **environment},
    )


@contextmanager
def struck(number: signal.Signals, name: str, report: Path, *words: str) -> Iterator[None]:
    """Run the benchmark, and send the process of section `name` a signal once it has said something."""
    with subprocess.Popen([*RUN, "--dry", "--report", str(report), *words], stdout=subprocess.PIPE) as process:
        until = time.monotonic() + PATIENCE_S
        while not said(report, name):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text(encoding="ascii").split()
        for child in map(int, children):
            assert b"gpu_sections" in Path(f"/proc/{child}/cmdline").read_bytes()
            os.kill(child, number)
        assert children
        process.communicate(timeout=PATIENCE_S)
        assert process.returncode == 1
    yield


def said(report: Path, name: str) -> str:
    """Return what the report holds of a section."""
    if not report.is_file():
        return ""
    _, found, rest = report.read_text(encoding="utf-8").partition(f"\n## {name}\n")
    return rest.partition("\n## ")[0] if found else ""


def ends(report: Path) -> dict[str, str]:
    """Return how each section ended."""
    first_table = report.read_text(encoding="utf-8").partition("\n## ")[0]
    return dict(re.findall(r"^\| (\w+) \| ([^|]+) \| \d+ \|$", first_table, re.MULTILINE))


@pytest.mark.slow
def test_every_section_runs_with_torch_alone(tmp_path: Path) -> None:
    """On a bare machine with torch every section ends well; two say in a line which packages they lack."""
    (tmp_path / "sitecustomize.py").write_text(BARE, encoding="utf-8")
    report = tmp_path / "report.md"
    done = gpu("--dry", "--report", report, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert ends(report) == dict.fromkeys(SECTIONS, "ok")
    assert "not installed: msgspec, msgpack, zmq" in said(report, "machine")
    for name in ("daemon", "errors"):
        (line,) = [line for line in said(report, name).splitlines() if "not measured" in line]
        assert "missing: click, loudness, msgpack" in line
    assert "f5-tts cannot be imported: " in said(report, "upstream")


@pytest.mark.slow
def test_sections_that_need_more_run_where_it_is_there(tmp_path: Path) -> None:
    """A daemon speaks to its clients, an engine that fails under a job is replaced, f5-tts samples too."""
    report = tmp_path / "report.md"
    done = gpu("--dry", "--report", report, "daemon", "errors", "upstream")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ends(report) == dict.fromkeys(("daemon", "errors", "upstream"), "ok")
    assert re.search(r"^\| 4 \| 8 \|", said(report, "daemon"), re.MULTILINE)
    assert "1 engine ended, its job went on" in said(report, "errors")
    assert re.search(r"^\| 2 \| [\d.]+ \| [\d.]+ \|", said(report, "upstream"), re.MULTILINE)
    assert "not measured" not in report.read_text(encoding="utf-8")


@pytest.mark.slow
def test_a_section_that_is_killed_loses_its_own_lines_alone(tmp_path: Path) -> None:
    """What it had said is kept, what came before and comes after is whole."""
    report = tmp_path / "report.md"
    with struck(signal.SIGKILL, "batches", report, "machine", "batches", "fp8"):
        assert ends(report) == {"machine": "ok", "batches": "killed by SIGKILL", "fp8": "ok"}
        assert "- matrix product" in said(report, "batches")
        assert "| vocoder |" not in said(report, "batches")
        assert "- matrix product in 8 bits" in said(report, "machine")
        assert "| 5 | fp8 |" in said(report, "fp8")


@pytest.mark.slow
def test_a_section_that_hangs_is_stopped(tmp_path: Path) -> None:
    """It is ended at its limit, and the next one runs."""
    report = tmp_path / "report.md"
    with struck(signal.SIGSTOP, "batches", report, "batches", "machine", "--section-limit", "12"):
        assert ends(report) == {"batches": "stopped after its 12 s", "machine": "ok"}
        assert "- matrix product" in said(report, "batches")


def test_what_has_no_time_left_is_not_begun(tmp_path: Path) -> None:
    """The whole run keeps to its limit; the report says what is not in it."""
    report = tmp_path / "report.md"
    done = gpu("--dry", "--limit", "1", "--report", report, "machine", "cold")
    assert done.returncode == 1
    assert ends(report) == dict.fromkeys(("machine", "cold"), "not begun: no time left")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["kernels"], "gpu.py: error: unknown section 'kernels'; known: machine, operations, parity,"),
        (["--report", "/nowhere/r.md"], "gpu.py: error: --report /nowhere/r.md: its folder is not there"),
    ],
)
def test_a_wrong_word_is_a_clear_error(words: list[str], line: str) -> None:
    """Nothing is run, and the last line says what would be right."""
    done = gpu("--dry", *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith(line)


def test_without_a_gpu_nothing_is_measured(tmp_path: Path) -> None:
    """One line says what is missing, and what can be tried."""
    done = gpu("--report", tmp_path / "report.md", CUDA_VISIBLE_DEVICES="")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "benchmarks/gpu.py needs a CUDA device, and torch sees none; --dry tries it on the CPU\n"
    )


def test_what_came_out_wrong_is_the_status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections that all end well are not enough: a line that tells of something wrong counts as well."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from gpu import Report

    line = "| float16 | against float32 | 12.0 | >= 50 | {} |"
    found = {}
    for end, word in (("not begun", "ok"), ("ok", "ok"), ("ok", "FAILED")):
        report = Report(tmp_path / "report.md", "", ["parity"])
        (part,) = report.parts
        part.end = end
        part.lines.append(line.format(word))
        found[end, word] = report.wrong
    assert found == {("not begun", "ok"): True, ("ok", "ok"): False, ("ok", "FAILED"): True}


def test_it_measures_the_published_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own copy of the shape is that of the model which f5-tts calls F5TTS_v1_Base."""
    from f5d.catalog.models import catalog
    from f5d.engine.synthesizer import GPU_BUDGET_FRAMES

    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from gpu_sections.lab import BASE, BUDGET_FRAMES

    assert catalog()["F5TTS_v1_Base"].architecture == BASE
    assert BUDGET_FRAMES == GPU_BUDGET_FRAMES


@pytest.mark.slow
@pytest.mark.parametrize(
    "section", ["machine", "operations", "parity", "fused", "cold_start", "recording", "batches"]
)
def test_sections_run_on_an_emulated_gpu(
    section: str, cuda: EmulatedCuda, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What a dry run on a CPU leaves out, recordings and calls of torch.cuda, is right as well."""
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    from gpu_sections import lab

    module = importlib.import_module(f"gpu_sections.{section}")
    small: dict[str, Any] = {
        "MATRIX": 64,
        "COPIED_BYTES": 2**12,
        "SIZES": ((2, 48),),
        "RANDOM_S": 0.3,
        "BATCHES": (1, 2),
    }
    for where in (lab, module):
        for name, value in small.items():
            if hasattr(where, name):
                monkeypatch.setattr(where, name, value)
    monkeypatch.setattr(lab, "VOCODER", lab.TINY_VOCODER)
    monkeypatch.setitem(sys.modules, "f5d.model.kernels", TorchKernels())
    place = torch.device("cuda:0")
    with torch.inference_mode():  # wrapped tensors have to be inference tensors before they are viewed
        module.measure(lab.Lab(False, 0.0, place, lab.TINY, torch.float16, 100, 20, 40, 12, 6, 512))
    told = capsys.readouterr().out
    assert "FAILED" not in told
    assert "Error" not in told.replace("FileNotFoundError", "")  # nvidia-smi's
    assert {device for _, device, _ in cuda.operations} == {str(place)}
    assert cuda.captured
