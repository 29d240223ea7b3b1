"""The Dockerfile's steps without docker: its build in a folder, then what the image runs there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from tests.docs.dockerfile import ROOT, Stage, filled, stages
from tests.integration.support import wait_until

from .conftest import FIGURES

OURS: Final = ("F5", "XDG_", "PYTHON", "VIRTUAL_ENV", "HF_")  # what this test's own environment is told
PLACES: Final = ("/src", "/opt/f5d", "/run/f5d", "/models")  # of the image; here below a folder
_ARGUMENTS, (BUILD, IMAGE) = stages((ROOT / "Dockerfile").read_text())


@dataclass(frozen=True)
class Container:
    """A folder that stands for the file system of the image, and what ENV sets in it."""

    root: Path
    env: dict[str, str]

    def placed(self, text: str) -> str:
        """Return a text whose places are those below the folder."""
        for place in PLACES:
            text = text.replace(place, f"{self.root}{place}")
        return text

    def sh(self, script: str) -> subprocess.CompletedProcess[str]:
        """Do what RUN or HEALTHCHECK says."""
        command = ["sh", "-c", self.placed(script)]
        return subprocess.run(command, env=self.env, cwd=self.root, capture_output=True, text=True, check=False)

    def set(self, stage: Stage) -> None:
        """Set what the stage's ENV sets."""
        for one in stage.all("ENV"):
            for name, value in one.pairs.items():
                self.env[name] = self.placed(filled(value, self.env))


@pytest.fixture(scope="module")
def container() -> Iterator[Container]:
    """Build the image's files: every COPY and RUN of the first stage."""
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as name:
        root = Path(name)
        subprocess.run([sys.executable, "-m", "venv", str(root / "base")], check=True)
        env = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        env |= {"PATH": f"{root}/base/bin:/usr/bin:/bin", "HOME": str(root), "F5D_THREADS": "1"}
        container = Container(root, env)
        for one in BUILD.all("ARG"):
            env |= one.pairs
        if "PIP_FIND_LINKS" in env:  # where this machine's torch is; uv does not read pip's variables
            env |= {"TORCH": "cuda", "UV_FIND_LINKS": env["PIP_FIND_LINKS"]}
        container.set(BUILD)
        for one in BUILD.instructions:
            if one.word == "COPY":
                copy(one.words, container)
            elif one.word == "RUN":
                done = container.sh(one.text)
                assert done.returncode == 0, f"{one.text}\n{done.stderr[-4000:]}"
        taken = sum(path.lstat().st_blocks for path in (root / "opt").rglob("*")) * 512 / 2**20
        FIGURES.append(f"the image's /opt/f5d: {taken:.0f} MB, what Python compiles included")
        env["PATH"] = "/usr/bin:/bin"
        container.set(IMAGE)
        yield container


def copy(words: list[str], container: Container) -> None:
    """Copy as COPY does: a folder's contents into the target, links as links."""
    *sources, target = words
    into = Path(container.placed(target))
    for name in sources:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, into, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            into.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, into)


def test_the_image_serves_speaks_and_is_healthy(container: Container) -> None:
    """What ENTRYPOINT and CMD start passes HEALTHCHECK, speaks to a client in it, and ends well at SIGTERM."""
    check = IMAGE.last("HEALTHCHECK").text.partition("CMD ")[2]
    assert container.sh(check).returncode == 1
    for place in IMAGE.last("VOLUME").words:
        Path(container.placed(place)).mkdir(parents=True, mode=0o700)
    entry = [*IMAGE.last("ENTRYPOINT").words, *IMAGE.last("CMD").words]
    log = container.root / "log"
    with log.open("w") as stderr:
        daemon = subprocess.Popen(
            ["/usr/bin/env", *entry], env=container.env, cwd=container.root, stderr=stderr
        )
    try:
        wait_until(lambda: container.sh(check).returncode == 0 or daemon.poll() is not None, "it is healthy")
        assert daemon.poll() is None, log.read_text()
        said = container.sh("f5ctl say -m starter --nfe-step 2 'Hello from a container.' > hello.wav")
        assert (said.returncode, said.stderr) == (0, "")
        assert (container.root / "hello.wav").read_bytes()[:4] == b"RIFF"
        assert container.sh("f5ctl doctor --json").returncode == 0
    finally:
        daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(30) == 0, log.read_text()
    assert container.sh(check).returncode == 1


def test_the_versions_are_the_tested_ones(container: Container) -> None:
    """The environment has torch as constraints.txt pins it, compiled code, and no pip."""
    (packages,) = container.root.glob("opt/f5d/lib/python3*/site-packages")
    pinned = dict(
        line.partition(";")[0].strip().split("==")
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line and not line.startswith("#")
    )
    found = [path.name.removesuffix(".dist-info").split("-") for path in packages.glob("*.dist-info")]
    installed = {name.lower().replace("_", "-"): version for name, version in found}
    assert {"f5d", "torch", "torchaudio", "pyzmq"} <= set(installed)
    wrong = {
        name: version
        for name, version in installed.items()
        if name in pinned and version.partition("+")[0] != pinned[name]
    }
    assert wrong == {}
    assert "pip" not in installed
    assert list(packages.glob("torch/__pycache__/*.pyc"))
