"""Containers, sudo and cron: users without a home, without an account, or in somebody else's session."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from f5ctl.places import foreign_owner, runtime_folder
from f5ctl.socketpath import default_socket_path, own_folders

UID = 54321  # without an account
ROOT = Path(__file__).parents[3]
as_root = pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
# It may read what it cannot own: an interpreter below root's home. What it may write is decided as ever.
BECOME = ("--reuid", str(UID), "--regid", str(UID), "--clear-groups")
READER = ("--inh-caps", "+dac_read_search", "--ambient-caps", "+dac_read_search")
SAY = ("say", "-m", "starter", "--nfe-step", "1")
PRIVATE_TMP = ("unshare", "--mount", "sh", "-c", 'mount -t tmpfs tmpfs /tmp && exec "$@"', "sh")


@pytest.fixture
def session() -> Iterator[Path]:
    """Return a runtime folder of that user's."""
    folder = Path(tempfile.mkdtemp(prefix="f5r", dir="/var/tmp"))
    os.chown(folder, UID, UID)
    yield folder
    shutil.rmtree(folder)


def f5ctl(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run f5ctl with no environment but what is named."""
    return run((), arguments, environment)


def nobody(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run f5ctl as that user."""
    return run(("setpriv", *BECOME, *READER), arguments, environment)


def run(
    before: tuple[str, ...], arguments: tuple[str, ...], environment: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    least = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "F5D_THREADS": "1"}
    command = [*before, sys.executable, "-m", "f5ctl", *arguments]
    return subprocess.run(
        command, env=least | environment, capture_output=True, text=True, check=False, timeout=120
    )


@pytest.mark.slow
@as_root
@pytest.mark.parametrize("home", [{}, {"HOME": "/"}, {"HOME": "/nowhere/at/all"}])
def test_a_number_without_an_account_speaks(session: Path, home: dict[str, str]) -> None:
    """`docker -u 54321`: say, voices and doctor work without a home; one line tells where the log is."""
    where = {**home, "XDG_RUNTIME_DIR": str(session)}
    try:
        done = nobody(*SAY, "-o", f"{session}/x.wav", "Hello.", **where)
        assert done.returncode == 0, done.stderr
        assert done.stderr.count("\n") == 1
        assert done.stderr.endswith(f": the daemon's is {session}/f5d/f5d.log\n")
        assert (session / "x.wav").stat().st_size > 5_000
        assert "rms" in nobody("voices", **where).stdout.split()
        assert nobody("voices", "doctor", str(ROOT / "f5d/starter/voices/rms_0.wav"), **where).returncode == 0
        again = nobody(*SAY, "-o", f"{session}/y.wav", "Hello.", **where)
        assert (again.returncode, again.stderr) == (0, "")
    finally:
        nobody("stop", **where)


def test_a_home_that_cannot_be_written(tmp_path: Path) -> None:
    """HOME=/proc, where not even root may write: the daemon starts, and -q keeps the note away."""
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as run:
        where = {"HOME": "/proc", "XDG_RUNTIME_DIR": run}
        done = f5ctl("-q", *SAY, "-o", str(tmp_path / "x.wav"), "Hello.", **where)
        assert (done.returncode, done.stderr) == (0, "")
        assert "serves" in Path(f"{run}/f5d/f5d.log").read_text()
        assert f5ctl("stop", **where).returncode == 0


@pytest.mark.slow
@as_root
def test_root_leaves_nothing_in_a_user_s_session(session: Path) -> None:
    """`sudo -E f5ctl say` uses root's own folder and says so; the user's f5ctl works afterwards."""
    if subprocess.run([*PRIVATE_TMP, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("no /tmp of its own can be had here")
    where = {"HOME": str(session), "XDG_RUNTIME_DIR": str(session)}
    script = (
        "python=$1; $python -m f5ctl say -m starter --nfe-step 1 -o /tmp/x.wav Hello.; $python -m f5ctl stop"
    )
    done = subprocess.run(
        [*PRIVATE_TMP, "sh", "-c", script, "sh", sys.executable],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "F5D_THREADS": "1"} | where,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    told, log = done.stderr.splitlines()
    assert told.endswith(
        f"XDG_RUNTIME_DIR {session} is user {UID}'s: a daemon is started on /tmp/f5d-0/f5d.sock"
    )
    assert log.endswith(": the daemon's is /tmp/f5d-0/f5d.log")
    assert list(session.iterdir()) == []
    try:
        user = nobody(*SAY, "-o", f"{session}/x.wav", "Hello.", **where)
        assert (user.returncode, user.stderr) == (0, "")
    finally:
        nobody("stop", **where)


@as_root
def test_root_makes_no_folder_among_a_user_s(session: Path) -> None:
    """Not even when the socket is named: the line says whose folder it is."""
    done = subprocess.run(
        [sys.executable, "-m", "f5d", "serve", "--socket", f"{session}/new/f5d.sock"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 78
    assert f"would lie among user {UID}'s" in done.stderr
    assert list(session.iterdir()) == []


@as_root
def test_whose_folder_counts(session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A session's folder counts where it is one's own or not there yet; another user's is none."""
    monkeypatch.delenv("F5D_SOCKET", raising=False)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(session))
    assert (foreign_owner(str(session)), runtime_folder()) == (UID, "")
    assert default_socket_path() == "/tmp/f5d-0/f5d.sock"
    assert f"{session}/f5d" not in own_folders()
    for own in (tmp_path, tmp_path / "new"):
        assert runtime_folder({"XDG_RUNTIME_DIR": str(own)}) == str(own)
