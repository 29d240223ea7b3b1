"""`f5ctl service install`, `uninstall` and `status`: the units of systemd.

The units lie in systemd/ of the repository and in the package; they are valid as they are for an
environment in /opt/f5d. Installing copies them with this environment's Python in their ExecStart.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from f5ctl.autostart import is_listening
from f5ctl.cli.base.family import VerbFamily
from f5ctl.cli.base.settings import Settings, Verb, option
from f5ctl.cli.base.systemd import (
    PACKAGED_PYTHON,
    SERVICE,
    SOCKET,
    UNITS,
    WYOMING_SERVICE,
    WYOMING_SOCKET,
    Scope,
    properties,
    run_command,
)
from f5ctl.errors import ConfigError, NoDaemonError, OutputError
from f5ctl.extras import require
from f5ctl.places import runtime_folder
from f5ctl.printing import emit, emit_json, emit_table
from f5ctl.socketpath import default_socket_path

HIDDEN: Final = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")  # noqa: S108 - by the unit's Protect... and Private...

VERBS: Final = {
    "install": ("service", "install", "Write and enable the units."),
    "uninstall": ("service", "uninstall", "Stop the daemon and remove the units."),
    "status": ("service", "status", "Show what systemd knows."),
}

_Decorated = TypeVar("_Decorated", bound=Callable[..., Any])


def scope_options(function: _Decorated) -> _Decorated:
    """Add --user, --system and --quiet."""
    function = option("-q", "--quiet", is_flag=True, help="Only errors.")(function)
    for flag, value, text in (
        ("--system", "system", "The machine's service, for the members of the group f5d."),
        ("--user", "user", "This user's own service."),
    ):
        function = option(flag, "scope", flag_value=value, default=None, help=text)(function)
    return function


@click.group(
    cls=VerbFamily,
    verbs=VERBS,
    examples="f5ctl service install\nsudo f5ctl service install --system",
)
def service() -> None:
    """Let systemd start the daemon on the first request, restart it, and keep its log.

    The user's service when called by a user, the system's when called by root, unless told.
    """


@click.command(
    cls=Verb,
    examples="f5ctl service install --wyoming\nsudo f5ctl service install --system",
)
@option("--wyoming", is_flag=True, help="Serve Home Assistant as well, on port 10200 of this machine.")
@scope_options
@click.pass_obj
def install(settings: Settings, scope: str | None, *, quiet: bool, wyoming: bool) -> None:
    """Write the units, enable the socket and let systemd listen on it."""
    settings.quiet |= quiet
    require("engine", "f5ctl service install")
    if wyoming:
        require("wyoming", "f5ctl service install --wyoming")
    chosen = _scope(scope)
    if chosen.system:
        _refuse_hidden_places()
    _refuse_in_the_way_of_a_daemon(chosen)
    for source, target in (*chosen.files(), *(chosen.wyoming_files() if wyoming else ())):
        _write(target, source.read_text(encoding="utf-8").replace(PACKAGED_PYTHON, sys.executable))
        _tell(settings, f"wrote {target}")
    if chosen.system:
        example = Path("/etc/f5d/f5d.toml")
        if not example.exists():
            _write(example, (UNITS / "f5d.toml").read_text(encoding="utf-8"))
            _tell(settings, f"wrote {example}")
        run_command("systemd-sysusers", "f5d.conf")
        run_command("systemd-tmpfiles", "--create", "f5d.conf")
    chosen.systemctl("daemon-reload")
    chosen.systemctl("enable", "--now", SOCKET)
    chosen.systemctl("try-restart", SERVICE)  # an older one; it finishes its jobs first
    _tell(settings, f"systemd listens on {chosen.socket}; the first request starts the daemon")
    if wyoming:
        chosen.systemctl("enable", "--now", WYOMING_SOCKET)
        chosen.systemctl("try-restart", WYOMING_SERVICE)
        _tell(settings, "Home Assistant finds it on port 10200")
    if chosen.system:
        _tell(settings, "users who may speak: usermod -aG f5d NAME")


@click.command(cls=Verb, examples="f5ctl service uninstall")
@scope_options
@click.pass_obj
def uninstall(settings: Settings, scope: str | None, *, quiet: bool) -> None:
    """Stop the daemon once its jobs are done and remove the units; configuration and models stay."""
    settings.quiet |= quiet
    chosen = _scope(scope)
    files = (*chosen.files(), *chosen.wyoming_files())
    targets = [target for _source, target in files if target.exists()]
    if not targets:
        raise NoDaemonError(f"f5d is not installed as a {chosen.name} service")
    if chosen.units / WYOMING_SOCKET in targets:
        chosen.systemctl("disable", "--now", WYOMING_SOCKET)
        chosen.systemctl("stop", WYOMING_SERVICE)
    chosen.systemctl("disable", "--now", SOCKET, *_instances(chosen))
    chosen.systemctl("stop", SERVICE, "f5d@*.service")
    for target in targets:
        try:
            target.unlink()
        except OSError as error:
            raise OutputError(f"cannot remove {target}: {error.strerror}") from None
        _tell(settings, f"removed {target}")
    chosen.systemctl("daemon-reload")


@click.command(
    cls=Verb,
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
    if not chosen.system and not runtime_folder():
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
    if is_listening(path):
        raise ConfigError(f"a daemon listens on {path} already; stop it with: f5ctl stop")


def _instances(scope: Scope) -> list[str]:
    listed = scope.systemctl("list-units", "--all", "--plain", "--no-legend", "f5d@*.socket").splitlines()
    return [line.split()[0] for line in listed if line.strip()]


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
