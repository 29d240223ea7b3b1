"""A machine with a real systemd: Debian from debootstrap, booted by systemd-nspawn, f5d in /opt/f5d.

The package, its Python packages and the units come from the checkout and the environment that run
the tests, mounted read-only; the interpreter is Debian's, of the same version.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from typing_extensions import Self

RELEASES: Final = {(3, 9): "bullseye", (3, 11): "bookworm", (3, 13): "trixie"}  # by their Python
PACKAGES: Final = "systemd,systemd-sysv,dbus,libpam-systemd,python3"
REPOSITORY: Final = Path(__file__).resolve().parents[2]
CACHE: Final = Path("/var/cache/f5d-tests")
PYTHON: Final = "/opt/f5d/bin/python"
BOOT_S: Final = 90.0
PATIENCE_S: Final = 60.0
JOURNAL_SYNC_S: Final = 0.2


class CannotStartError(Exception):
    """There is a reason, outside this project, why no container can start here."""


def base_system(release: str) -> Path:
    """Return a folder with a minimal Debian, made once and kept for the next run."""
    base = CACHE / release
    if not (base / "complete").exists():
        shutil.rmtree(base, ignore_errors=True)
        base.mkdir(mode=0o700, parents=True)
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", release, str(base / "root")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise CannotStartError(f"debootstrap failed: {(done.stdout + done.stderr).strip()[-300:]}")
        (base / "complete").touch()
    return base / "root"


class Machine:
    """A booted container; owns its folder and the process of systemd-nspawn."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="f5d-systemd-"))
        self._root = self._folder / "root"
        self._console = (self._folder / "console").open("w+")
        self._leader = 0
        self._nspawn: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self._prepare()
            self._boot()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    # Commands inside.

    def command(self, *command: str, user: str | None = None, env: dict[str, str] | None = None) -> list[str]:
        """Return the command line that runs `command` inside, as root or as `user`."""
        inside = ["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8"]
        inside += [f"HOME=/home/{user}" if user else "HOME=/root"]
        inside += [f"{name}={value}" for name, value in (env or {}).items()]
        switch = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups"] if user else []
        enter = ["nsenter", f"--target={self._leader}", "--mount", "--uts", "--ipc", "--net", "--pid", "--wd=/"]
        return [*enter, *inside, *switch, *command]

    def run(self, *command: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command inside to its end."""
        line = self.command(*command, **options)
        done = subprocess.run(
            line, capture_output=True, text=True, check=False, timeout=180, stdin=subprocess.DEVNULL
        )
        assert not check or done.returncode == 0, (command, done.returncode, done.stdout, done.stderr)
        return done

    def start(self, *command: str, **options: Any) -> subprocess.Popen[str]:
        """Start a command inside."""
        pipe = subprocess.PIPE
        line = self.command(*command, **options)
        return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True)

    def f5ctl(self, *args: str, user: str | None = "alice", **options: Any) -> subprocess.CompletedProcess[str]:
        """Run f5ctl inside, as a member of the group f5d unless told."""
        return self.run(PYTHON, "-m", "f5ctl", *args, user=user, **options)

    def start_f5ctl(self, *args: str, user: str = "alice") -> subprocess.Popen[str]:
        """Start f5ctl inside."""
        return self.start(PYTHON, "-m", "f5ctl", *args, user=user)

    def status(self, *args: str) -> dict[str, Any]:
        """Return what the daemon says of itself."""
        answer: dict[str, Any] = json.loads(self.f5ctl("status", "--json", *args).stdout)
        return answer

    # systemd's view.

    def show(self, name: str, unit: str = "f5d.service") -> str:
        """Return a property of a unit."""
        return self.run("systemctl", "show", "-P", name, unit).stdout.strip()

    def main_pid(self) -> int:
        """Return the daemon's process id inside."""
        return int(self.show("MainPID"))

    def journal(self, unit: str = "f5d.service") -> list[dict[str, Any]]:
        """Return the entries of a unit, oldest first."""
        self.run("journalctl", "--sync")
        lines = self.run("journalctl", "-u", unit, "-o", "json", "--no-pager").stdout.splitlines()
        return [json.loads(line) for line in lines]

    def messages(self, text: str) -> list[dict[str, Any]]:
        """Return the daemon's journal entries whose message has `text` in it."""
        return [entry for entry in self.journal() if text in str(entry.get("MESSAGE"))]

    def memory_bytes(self) -> int:
        """Return the resident memory of all processes of the daemon's unit."""
        pages = [int(self.read(f"/proc/{pid}/statm").split()[1]) for pid in self.unit_pids()]
        return sum(pages) * os.sysconf("SC_PAGE_SIZE")

    def peak_bytes(self) -> int:
        """Return the most that each process of the daemon's unit has had resident, all together."""
        peaks = [re.search(r"VmHWM:\s+(\d+) kB", self.read(f"/proc/{pid}/status")) for pid in self.unit_pids()]
        return sum(int(peak[1]) * 1024 for peak in peaks if peak)

    def unit_pids(self) -> list[int]:
        """Return the processes of the daemon's unit."""
        group = self.show("ControlGroup")
        roots = ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup")
        files = " || ".join(f"cat {root}{group}/cgroup.procs" for root in roots)
        return [int(pid) for pid in self.run("sh", "-c", files).stdout.split()]

    def kill(self, name: str, pid: int) -> None:
        """Send a signal to a process inside; a minimal system has no `kill` but the shell's."""
        self.run("sh", "-c", f"kill -{name} {pid}")

    def read(self, path: str) -> str:
        """Return the text of a file inside."""
        return self.run("cat", path).stdout

    def write(self, path: str, text: str) -> None:
        """Write a file inside."""
        target = self._root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    # Its life.

    def _prepare(self) -> None:
        if os.geteuid() != 0:
            raise CannotStartError("systemd-nspawn and debootstrap need root")
        for tool in ("debootstrap", "systemd-nspawn", "nsenter"):
            if shutil.which(tool) is None:
                raise CannotStartError(f"{tool} is not installed")
        release = RELEASES.get(sys.version_info[:2])
        if release is None:
            raise CannotStartError(f"no Debian has Python {sys.version_info[0]}.{sys.version_info[1]}")
        subprocess.run(["cp", "-a", "--reflink=auto", str(base_system(release)), str(self._root)], check=True)
        self.write("/opt/f5d/pyvenv.cfg", "home = /usr/bin\ninclude-system-site-packages = false\n")
        (self._root / "opt/f5d/bin").mkdir()
        (self._root / "opt/f5d/bin/python").symlink_to("/usr/bin/python3")
        folders = ["/opt/f5d/src", *(inside for _outside, inside in _site_packages())]
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        self.write(f"/opt/f5d/lib/python{version}/site-packages/f5d.pth", "\n".join(folders) + "\n")

    def _boot(self) -> None:
        binds = [f"--bind-ro={outside}:{inside}" for outside, inside in _site_packages()]
        command = ["systemd-nspawn", "--quiet", f"--directory={self._root}", "--boot", "--register=no"]
        command += ["--keep-unit", "--private-network", "--hostname=f5d-test", "--console=pipe"]
        command += [f"--bind-ro={REPOSITORY}:/opt/f5d/src", *binds]
        self._nspawn = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=self._console,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        end = time.monotonic() + BOOT_S
        while not self._is_up():
            if self._nspawn.poll() is not None or time.monotonic() > end:
                self._console.flush()
                said = Path(self._console.name).read_text(errors="replace")[-500:]
                raise CannotStartError(f"the container did not boot: {said}")
            time.sleep(0.2)

    def _is_up(self) -> bool:
        self._leader = self._leader or self._find_leader()
        if not self._leader:
            return False
        state = self.run("systemctl", "is-system-running", check=False).stdout.strip()
        return state in ("running", "degraded")

    def _find_leader(self) -> int:
        """Return the process that is number 1 inside our root."""
        ours = (self._root / "opt/f5d").stat()
        for folder in Path("/proc").iterdir():
            try:
                numbers = folder.joinpath("status").read_text().partition("NSpid:")[2].splitlines()[0].split()
                found = Path(f"/proc/{folder.name}/root/opt/f5d").stat()
            except (OSError, IndexError):
                continue
            if (
                numbers[-1] == "1"
                and len(numbers) > 1
                and (found.st_dev, found.st_ino) == (ours.st_dev, ours.st_ino)
            ):
                return int(numbers[0])
        return 0

    def _close(self) -> None:
        if self._nspawn is not None:
            if self._nspawn.poll() is None:
                self._nspawn.terminate()  # nspawn asks its systemd to power off
            try:
                self._nspawn.wait(30)
            except subprocess.TimeoutExpired:
                if self._leader:
                    os.kill(self._leader, signal.SIGKILL)
                self._nspawn.kill()
                self._nspawn.wait()
        self._console.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Ask again and again until the condition holds."""
    end = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < end, f"waited {timeout_s:g} s in vain: {what}"
        time.sleep(0.1)


def _site_packages() -> list[tuple[str, str]]:
    """Return this environment's folders of packages and where they are inside."""
    folders = [path for path in dict.fromkeys(sys.path) if path.endswith("site-packages")]
    return [(path, f"/opt/f5d/packages/{number}") for number, path in enumerate(folders)]
