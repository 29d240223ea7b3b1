"""A text of several requests with the bundled model: --retry, a kill, and the file of an undisturbed run."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Cli

TEXT = "[rms] The first of them. [pause 200ms] [slt] And the second one. [rms] Here is a third. [slt] The last."
DRAFT = ("--nfe-step", "2", "--seed", "6", "-q")


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_killed_script_goes_on(cli: Cli, tmp_path: Path, suffix: str) -> None:
    """The same command makes what a killed one has not made, to the same bytes."""
    calm, killed = tmp_path / f"calm.{suffix}", tmp_path / f"killed.{suffix}"
    done = cli.run("say", *DRAFT, "-o", str(calm), TEXT)
    assert (done.returncode, done.stderr) == (0, b"")
    process = cli.start("say", *DRAFT, "--retry", "-o", str(killed), TEXT)
    parts = tmp_path / f".killed.{suffix}.f5ctl" / "parts"
    deadline = time.monotonic() + 60
    while process.poll() is None and not (parts.exists() and parts.read_bytes().count(b"\n") > 1):
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.communicate()
    done = cli.run("say", *DRAFT, "--retry", "-o", str(killed), TEXT)
    assert (done.returncode, done.stderr) == (0, b"")
    assert killed.read_bytes() == calm.read_bytes()
    assert sorted(tmp_path.iterdir()) == [calm, killed]
