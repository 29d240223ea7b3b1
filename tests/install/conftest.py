"""Fresh environments, made as a person makes them: the core's, and the engine's without f5-tts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
SOURCES: Final = ("pyproject.toml", "README.md", "LICENSE", "f5d", "f5ctl", "systemd")
OWN_PACKAGES: Final = {"pip", "setuptools"}  # of every new environment
FEW_STEPS: Final = "[defaults]\nnfe_step = 2\n"  # the words matter here, not the sound
PATIENCE_S: Final = 240.0
FIGURES: Final[list[str]] = []


@dataclass(frozen=True)
class Environment:
    """An environment of its own, and the home of a user who has nothing else."""

    folder: Path
    home: Path

    @property
    def packages(self) -> Path:
        """Where its packages lie."""
        (found,) = self.folder.glob("lib/python3*/site-packages")
        return found

    @property
    def installed(self) -> set[str]:
        """The names of its packages, f5d and what every environment has left out."""
        names = {path.name.split("-")[0].lower() for path in self.packages.glob("*.dist-info")}
        return names - OWN_PACKAGES - {"f5d"}

    @property
    def size_mb(self) -> float:
        """The disk that its packages take."""
        files = (path for path in self.packages.rglob("*") if path.is_file())
        own = (path for path in files if path.relative_to(self.packages).parts[0] not in OWN_PACKAGES)
        return sum(path.stat().st_blocks for path in own) * 512 / 2**20

    @property
    def socket(self) -> str:
        """Where its daemon listens, or another's that it is to use."""
        return str(self.home / "s")

    def run(
        self, program: str, *args: str, text: str | None = None, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run a program in the home, its own ones first, with nothing of this test's own environment."""
        env = {
            "PATH": f"{self.folder / 'bin'}:/usr/bin:/bin",
            "HOME": str(self.home),
            "F5D_SOCKET": self.socket,
            "F5D_THREADS": "1",
            "HF_HUB_OFFLINE": "1",
            "LANG": "C.UTF-8",
            **variables,
        }
        return subprocess.run(
            [program, *args],
            cwd=self.home,
            env=env,
            input=text or "",
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )

    def ok(self, program: str, *args: str, text: str | None = None, **variables: str) -> str:
        """Run a program that must succeed, and return what it printed."""
        done = self.run(program, *args, text=text, **variables)
        assert done.returncode == 0, f"{program} {args}: {done.stderr}"
        return done.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel, from a copy of the sources: what an earlier build left in the checkout is not in it."""
    folder = tmp_path_factory.mktemp("wheel")
    copy = copy_sources(folder / "checkout")
    pip(sys.executable, "wheel", "--no-deps", "-w", str(folder), str(copy))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def core(wheel: Path) -> Iterator[Environment]:
    """Return an environment of `pip install .`."""
    with fresh(str(wheel)) as environment:
        yield environment


@pytest.fixture(scope="session")
def engine(wheel: Path) -> Iterator[Environment]:
    """Return an environment of `pip install '.[engine]'`."""
    with fresh(f"{wheel}[engine]") as environment:
        yield environment
        environment.run("f5ctl", "stop", "--force")


def copy_sources(copy: Path) -> Path:
    """Make a checkout of what the package is built from, and return it."""
    copy.mkdir()
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            ignored = shutil.ignore_patterns("__pycache__")
            shutil.copytree(source, copy / name, symlinks=True, ignore=ignored)
        else:
            shutil.copy(source, copy / name)
    return copy


@contextmanager
def fresh(requirement: str) -> Iterator[Environment]:
    """Make an environment, note what it cost, and remove it."""
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as name:
        environment = Environment(Path(name) / "env", Path(name) / "home")
        environment.home.mkdir()
        subprocess.run([sys.executable, "-m", "venv", str(environment.folder)], check=True)
        began_s = time.monotonic()
        pip(str(environment.folder / "bin" / "python"), "install", requirement)
        took_s = time.monotonic() - began_s
        what = (
            f"{len(environment.installed)} packages besides f5d, {environment.size_mb:.0f} MB, {took_s:.0f} s"
        )
        FIGURES.append(f"{requirement.rpartition('/')[2]}: {what}")
        yield environment


def pip(python: str, verb: str, *args: str) -> None:
    """Run a Python's pip with the tested versions; its last words are shown where it fails."""
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    constraints = ["-c", str(ROOT / "constraints.txt")] if verb == "install" else []
    command = [python, "-m", "pip", verb, "--quiet", "--disable-pip-version-check", *constraints, *args]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what the environments cost."""
    if FIGURES:
        terminalreporter.section("what was installed")
        for line in FIGURES:
            terminalreporter.write_line(line)
