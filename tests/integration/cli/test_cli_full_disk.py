"""A disk that is really full: a small tmpfs, where this user may mount one."""

from __future__ import annotations

import os
import subprocess
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import Cli

QUICK = ("--nfe-step", "2", "--seed", "1")
DISK_KIB = 256
ROOM_BYTES = 8_192  # less than any speech


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """Yield a file system of its own with little room."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_KIB}k", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a file system to fill; /dev/full is tested in test_cli_say.py")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Leave `ROOM_BYTES` and return the file that takes up the rest."""
    ballast = folder / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\1" * 4096)
        except OSError:
            file.truncate(file.tell() - ROOM_BYTES)
    return ballast


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("suffix", ["wav", "flac"])
def test_a_full_disk_leaves_no_file(cli: Cli, disk: Path, suffix: str) -> None:
    """`say -o` on a full disk: 74, one line, nothing under the name or any other; an old file stays whole."""
    ballast = fill(disk)
    path = disk / f"a.{suffix}"
    done = cli.run("say", *QUICK, "-o", str(path), "She opened the window and listened.")
    line = f"f5ctl: error: cannot write {path}: No space left on device\n"
    assert (done.returncode, done.stderr.decode()) == (74, line)
    assert files(disk) == {"ballast"}
    path.write_bytes(b"old")
    assert cli.run("say", *QUICK, "-o", str(path), "She opened the window and listened.").returncode == 74
    assert path.read_bytes() == b"old"
    ballast.unlink()
    assert cli.run("say", *QUICK, "-o", str(path), "She opened the window and listened.").returncode == 0
    assert path.stat().st_size > ROOM_BYTES
    assert cli.status()["jobs"] == []


def test_a_batch_on_a_full_disk_leaves_whole_files_only(cli: Cli, disk: Path, tmp_path: Path) -> None:
    """The disk fills up in mid-batch: 74, one line; what is there is whole, and the same command goes on."""
    manifest = tmp_path / "lines.txt"
    manifest.write_text("".join(f"She opened the window number {n} and listened.\n" for n in range(8)))
    out = disk / "out"
    command = ("batch", str(manifest), *QUICK, "--jobs", "2", "-d", str(out))
    done = cli.run(*command)
    assert done.returncode == 74
    *_report, last = done.stderr.decode().splitlines()
    assert last.startswith(f"f5ctl: error: cannot write {out}/")
    assert last.endswith(": No space left on device")
    assert done.stderr.count(b"error") == 1
    made = sorted(name for name in files(out) if name.endswith(".wav"))
    assert 0 < len(made) < 8
    assert files(out) <= {*made, *(f".receipts/{name}.json" for name in made)}
    for name in made:
        with wave.open(str(out / name), "rb") as file:
            assert len(file.readframes(file.getnframes())) == 2 * file.getnframes() > 0
    subprocess.run(["mount", "-o", "remount,size=4096k", str(disk)], check=True)
    assert cli.run(*command).returncode == 0
    assert len([name for name in files(out) if name.endswith(".wav")]) == 8
