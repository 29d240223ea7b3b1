"""`f5ctl service install`, `uninstall` and `status`: the units of systemd.

The units lie in systemd/ of the repository and in the package; they are valid as they are for an
environment in /opt/f5d. Installing copies them with this environment's Python in their ExecStart.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from f5ctl.cli.base import Settings, Verb, emit, emit_json, emit_table, option
from f5ctl.client import check_listening
from f5ctl.errors import ConfigError, NoDaemonError, OutputError
from f5ctl.socketpath import SYSTEM_SOCKET, default_socket_path

UNITS: Final = Path(__file__).resolve().parent.parent / "systemd"
PACKAGED_PYTHON: Final = "/opt/f5d/bin/python"
SOCKET: Final = "f5d.socket"
SERVICE: Final = "f5d.service"
TEMPLATES: Final = ("f5d@.socket", "f5d@.service")
HIDDEN: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - by the unit's Protect... and Private...
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

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


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
        """The folder of the units."""
        if self.system:
            return Path("/etc/systemd/system")
        config = os.environ.get("XDG_CONFIG_HOME") or ""
        folder = Path(config) if config.startswith("/") else Path.home() / ".config"
        return folder / "systemd" / "user"

    @property
    def socket(self) -> str:
        """Where clients connect."""
        return SYSTEM_SOCKET if self.system else f"{os.environ.get('XDG_RUNTIME_DIR', '')}/f5d/f5d.sock"

    def files(self) -> Iterator[tuple[Path, Path]]:
        """Yield each packaged file with the place that it is installed to."""
        for name in (SOCKET, SERVICE, *TEMPLATES):
            yield UNITS / self.name / name, self.units / name
        if self.system:
            for kind in ("sysusers.d", "tmpfiles.d"):
                yield UNITS / kind / "f5d.conf", Path("/etc") / kind / "f5d.conf"

    def systemctl(self, *args: str) -> str:
        """Run systemctl and return what it says.

        Raises:
            ConfigError: it failed, with its own last line.
        """
        return _run("systemctl", *([] if self.system else ["--user"]), *args)


def scope_options(function: _Decorated) -> _Decorated:
    """Add --user, --system and --quiet."""
    function = option("-q", "--quiet", is_flag=True, help="Only errors.")(function)
    for flag, value, text in (
        ("--system", "system", "The machine's service, for the members of the group f5d."),
        ("--user", "user", "This user's own service."),
    ):
        function = option(flag, "scope", flag_value=value, default=None, help=text)(function)
    return function


class Family(Verb, click.Group):
    """A verb of several, listed on its help page."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the options, then the verbs."""
        super().format_options(ctx, formatter)
        self.format_commands(ctx, formatter)


@click.group(cls=Family, examples="f5ctl service install\nsudo f5ctl service install --system")
def service() -> None:
    """Let systemd start the daemon on the first request, restart it, and keep its log.

    The user's service when called by a user, the system's when called by root, unless told.
    """


@service.command(
    cls=Verb,
    short_help="Write and enable the units.",
    examples="f5ctl service install\nsudo f5ctl service install --system",
)
@scope_options
@click.pass_obj
def install(settings: Settings, scope: str | None, *, quiet: bool) -> None:
    """Write the units, enable the socket and let systemd listen on it."""
    settings.quiet |= quiet
    chosen = _scope(scope)
    if chosen.system:
        _refuse_hidden_places()
    _refuse_in_the_way_of_a_daemon(chosen)
    for source, target in chosen.files():
        _write(target, source.read_text(encoding="utf-8").replace(PACKAGED_PYTHON, sys.executable))
        _tell(settings, f"wrote {target}")
    if chosen.system:
        example = Path("/etc/f5d/f5d.toml")
        if not example.exists():
            _write(example, (UNITS / "f5d.toml").read_text(encoding="utf-8"))
            _tell(settings, f"wrote {example}")
        _run("systemd-sysusers", "f5d.conf")
        _run("systemd-tmpfiles", "--create", "f5d.conf")
    chosen.systemctl("daemon-reload")
    chosen.systemctl("enable", "--now", SOCKET)
    chosen.systemctl("try-restart", SERVICE)  # an older one; it finishes its jobs first
    _tell(settings, f"systemd listens on {chosen.socket}; the first request starts the daemon")
    if chosen.system:
        _tell(settings, "users who may speak: usermod -aG f5d NAME")


@service.command(
    cls=Verb, short_help="Stop the daemon and remove the units.", examples="f5ctl service uninstall"
)
@scope_options
@click.pass_obj
def uninstall(settings: Settings, scope: str | None, *, quiet: bool) -> None:
    """Stop the daemon once its jobs are done and remove the units; configuration and models stay."""
    settings.quiet |= quiet
    chosen = _scope(scope)
    targets = [target for _source, target in chosen.files() if target.exists()]
    if not targets:
        raise NoDaemonError(f"f5d is not installed as a {chosen.name} service")
    chosen.systemctl("disable", "--now", SOCKET, *_instances(chosen))
    chosen.systemctl("stop", SERVICE, "f5d@*.service")
    for target in targets:
        try:
            target.unlink()
        except OSError as error:
            raise OutputError(f"cannot remove {target}: {error.strerror}") from None
        _tell(settings, f"removed {target}")
    chosen.systemctl("daemon-reload")


@service.command(
    cls=Verb,
    short_help="Show what systemd knows.",
    examples="f5ctl service status\nf5ctl service status --system --json",
)
@option("--json", "as_json", is_flag=True, help="Print everything as one line of JSON.")
@scope_options
def status(scope: str | None, *, quiet: bool, as_json: bool) -> None:  # noqa: ARG001 - it has nothing to leave out
    """Show what systemd knows of the socket and the daemon; exit status 69 when they are not installed."""
    chosen = _scope(scope)
    units = {name: properties(chosen, name) for name in (SOCKET, SERVICE, *_instances(chosen))}
    if units[SOCKET]["LoadState"] != "loaded":
        raise NoDaemonError(
            f"f5d is not installed as a {chosen.name} service; see f5ctl service install --help"
        )
    if as_json:
        emit_json({"scope": chosen.name, "socket": chosen.socket, "units": units})
        return
    emit_table(["UNIT", "STATE", "ENABLED", "PID", "STATUS"], [_row(*item) for item in units.items()])


def _scope(name: str | None) -> Scope:
    if shutil.which("systemctl") is None:
        raise ConfigError("there is no systemctl here: this machine does not run systemd")
    chosen = Scope(system=name == "system" if name else os.geteuid() == 0)
    if not chosen.system and not os.environ.get("XDG_RUNTIME_DIR"):
        raise ConfigError("XDG_RUNTIME_DIR is not set: this user has no service manager here (log in, not su)")
    return chosen


def _refuse_hidden_places() -> None:
    """The hardened unit sees no homes; a Python in one of them would not start there."""
    for place in {sys.executable, str(Path(sys.executable).resolve()), str(UNITS)}:
        if place.startswith(tuple(f"{folder}/" for folder in HIDDEN)):
            line = f"the system's unit cannot see {place}; install f5d in /opt/f5d and run its f5ctl"
            raise ConfigError(line)


def _refuse_in_the_way_of_a_daemon(scope: Scope) -> None:
    """A daemon that was started otherwise would keep its jobs and lose its clients."""
    path = scope.socket
    if not scope.system and path != default_socket_path():
        raise ConfigError("F5D_SOCKET is set; the service listens on the default socket, unset it")
    if scope.systemctl("show", "-P", "ActiveState", SOCKET) == "active":
        return
    try:
        check_listening(path)
    except NoDaemonError:
        return
    raise ConfigError(f"a daemon listens on {path} already; stop it with: f5ctl stop")


def _instances(scope: Scope) -> list[str]:
    listed = scope.systemctl("list-units", "--all", "--plain", "--no-legend", "f5d@*.socket").splitlines()
    return [line.split()[0] for line in listed if line.strip()]


def properties(scope: Scope, unit: str) -> dict[str, str]:
    """Return what systemd knows of a unit, by `PROPERTIES`; ConfigError when it does not answer."""
    shown = scope.systemctl("show", unit, *(f"--property={name}" for name in PROPERTIES))
    found = dict(line.partition("=")[::2] for line in shown.splitlines())
    return {name: found[name] for name in PROPERTIES if name in found}


def _row(unit: str, found: dict[str, str]) -> list[str]:
    state = f"{found['ActiveState']} ({found['SubState']})"
    pid = found.get("MainPID", "0")
    return [
        unit,
        state,
        found["UnitFileState"] or "-",
        "-" if pid == "0" else pid,
        found.get("StatusText") or "-",
    ]


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise ConfigError(f"there is no {command[0]} here: this machine does not run systemd") from None
    if done.returncode != 0:
        said = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ConfigError(f"{' '.join(command)} failed: {said[-1]}")
    return done.stdout.strip()


def _write(target: Path, text: str) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
        target.chmod(0o644)
    except OSError as error:
        hint = " (run it as root, or with --user)" if isinstance(error, PermissionError) else ""
        raise OutputError(f"cannot write {target}: {error.strerror}{hint}") from None


def _tell(settings: Settings, line: str) -> None:
    if not settings.quiet:
        emit(line, to_stderr=True)
