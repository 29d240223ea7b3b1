"""systemd's units of f5d: their files, their commands, their state."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from f5ctl.errors import ConfigError
from f5ctl.places import config_home, runtime_folder
from f5ctl.socketpath import SYSTEM_SOCKET

UNITS: Final = Path(__file__).resolve().parents[2] / "systemd"
PACKAGED_PYTHON: Final = "/opt/f5d/bin/python"
SOCKET: Final = "f5d.socket"
SERVICE: Final = "f5d.service"
_BOOTED: Final = Path("/run/systemd/system")  # is there where systemd is the first process
TEMPLATES: Final = ("f5d@.socket", "f5d@.service")
WYOMING_SOCKET: Final = "f5d-wyoming.socket"
WYOMING_SERVICE: Final = "f5d-wyoming.service"
PROPERTIES: Final = (
    "LoadState",
    "ActiveState",
    "SubState",
    "UnitFileState",
    "MainPID",
    "StatusText",
    "NRestarts",
    "NeedDaemonReload",
)


@dataclass(frozen=True, slots=True)
class Scope:
    """The user's service manager, or the system's: its files, its commands, its socket."""

    system: bool

    @property
    def name(self) -> str:
        """The scope in words and in options."""
        return "system" if self.system else "user"

    @property
    def units(self) -> Path:
        """Where the service manager looks for units."""
        if self.system:
            return Path("/etc/systemd/system")
        return Path(config_home()) / "systemd" / "user"

    @property
    def socket(self) -> str:
        """Where clients connect."""
        return SYSTEM_SOCKET if self.system else f"{runtime_folder()}/f5d/f5d.sock"

    def files(self) -> Iterator[tuple[Path, Path]]:
        """Yield each packaged file with the place that it is installed to."""
        for name in (SOCKET, SERVICE, *TEMPLATES):
            yield UNITS / self.name / name, self.units / name
        if self.system:
            for kind in ("sysusers.d", "tmpfiles.d"):
                yield UNITS / kind / "f5d.conf", Path("/etc") / kind / "f5d.conf"

    def wyoming_files(self) -> Iterator[tuple[Path, Path]]:
        """Yield likewise the files of the server for Home Assistant, which is installed when asked for."""
        for name in (WYOMING_SOCKET, WYOMING_SERVICE):
            yield UNITS / self.name / name, self.units / name

    def systemctl(self, *args: str) -> str:
        """Run systemctl and return what it says.

        Raises:
            ConfigError: it failed, with its own last line.
        """
        return run_command("systemctl", *([] if self.system else ["--user"]), *args)


def properties(scope: Scope, unit: str) -> dict[str, str]:
    """Return what systemd knows of a unit, by `PROPERTIES`; ConfigError when it does not answer."""
    shown = scope.systemctl("show", unit, *(f"--property={name}" for name in PROPERTIES))
    found = dict(line.partition("=")[::2] for line in shown.splitlines())
    return {name: found[name] for name in PROPERTIES if name in found}


def run_command(*command: str) -> str:
    """Run one of systemd's commands and return what it says; ConfigError with its last line when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise ConfigError(f"there is no {command[0]} here: this machine does not run systemd") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        why = "" if _BOOTED.is_dir() else f"; this machine does not run systemd ({_BOOTED} is missing)"
        raise ConfigError(f"{' '.join(command)} failed: {said[-1]}{why}")
    return done.stdout.strip()
