"""`f5ctl doctor` on systemd's units: are they whole, of this installation, and at work."""

from __future__ import annotations

import os
import re
import shutil
import sys
from collections.abc import Iterator
from typing import Final

from f5ctl.cli.base.findings import Finding
from f5ctl.cli.base.systemd import PACKAGED_PYTHON, SERVICE, SOCKET, Scope, properties
from f5ctl.errors import ConfigError

IN_CHARGE: Final = "/run/systemd/system"  # sd_booted(3)
_EXEC_START: Final = re.compile(r"^ExecStart=(\S+) -m f5d serve", re.MULTILINE)


def is_asleep(path: str) -> bool:
    """Return True when systemd listens on `path` for a daemon that does not run: connecting would start it."""
    for scope in (Scope(system=False), Scope(system=True)):
        if _is_in_charge() and scope.socket == path and _is_installed(scope):
            try:
                socket, service = properties(scope, SOCKET), properties(scope, SERVICE)
            except ConfigError:
                return False
            return socket.get("ActiveState") == "active" and service.get("MainPID", "0") == "0"
    return False


def examine_units() -> Iterator[Finding]:
    """Yield what is to be said of the user's and the system's units."""
    in_charge = _is_in_charge()
    if not in_charge:
        yield Finding("systemd", "ok", "not in charge here; f5ctl starts daemons itself")
    for system in (False, True):
        scope = Scope(system=system)
        what = f"systemd --{scope.name}"
        if not _is_installed(scope):
            if in_charge:
                yield Finding(what, "ok", "f5d is not installed as a service")
            continue
        found = list(_files(scope, what))
        if in_charge:
            found += _state(scope, what)
        yield from found


def _is_in_charge() -> bool:
    return shutil.which("systemctl") is not None and os.path.isdir(IN_CHARGE)


def _is_installed(scope: Scope) -> bool:
    return any(target.exists() for _source, target in scope.files())


def _files(scope: Scope, what: str) -> Iterator[Finding]:
    """Yield the faults of the installed files."""
    install = f"{'sudo ' if scope.system else ''}f5ctl service install --{scope.name}"
    missing, changed, pythons = [], [], set()
    for source, target in scope.files():
        try:
            installed = target.read_text(encoding="utf-8", errors="replace")
        except OSError:
            missing.append(str(target))
            continue
        own = source.read_text(encoding="utf-8")
        for python in _EXEC_START.findall(installed):
            pythons.add(python)
            own = own.replace(PACKAGED_PYTHON, python)
        if own != installed:
            changed.append(target.name)
    if missing:
        yield Finding(what, "fault", f"missing or unreadable: {', '.join(missing)}", f"write them: {install}")
    for python in sorted(pythons):
        if not os.access(python, os.X_OK):
            how = f"the units run {python}, which is not there (any more)"
            yield Finding(what, "fault", how, f"let them run this one: {install}")
        elif python != sys.executable:
            how = f"the units run {python}; this f5ctl runs on {sys.executable}"
            yield Finding(what, "note", how, f"if they should run this one: {install}")
    if changed:
        how = f"not as this version writes them: {', '.join(changed)}"
        fix = f"{install}; changes of your own survive in `systemctl edit f5d.service`"
        yield Finding(what, "note", how, fix)


def _state(scope: Scope, what: str) -> Iterator[Finding]:
    """Yield how the socket and the service are."""
    systemctl = "sudo systemctl" if scope.system else "systemctl --user"
    journal = "journalctl" if scope.system else "journalctl --user"
    try:
        socket, service = properties(scope, SOCKET), properties(scope, SERVICE)
    except ConfigError as error:
        fix = "log in as this user (not with su), or: loginctl enable-linger"
        yield Finding(what, "note", f"its service manager does not answer: {error.message}", fix)
        return
    well = True
    if "yes" in (socket.get("NeedDaemonReload"), service.get("NeedDaemonReload")):
        yield Finding(what, "note", "systemd has not read the units again", f"{systemctl} daemon-reload")
    if service.get("ActiveState") == "failed":
        fix = f"{journal} -u {SERVICE} -n 20; then: {systemctl} reset-failed {SERVICE} {SOCKET}"
        yield Finding(what, "fault", f"{SERVICE} has failed", f"see why: {fix}")
        well = False
    if socket.get("ActiveState") != "active":
        how = f"{SOCKET} is {socket.get('ActiveState')}: nobody listens on {scope.socket}"
        yield Finding(what, "fault", how, f"{systemctl} start {SOCKET}")
        well = False
    if socket.get("UnitFileState") != "enabled":
        how = f"{SOCKET} is {socket.get('UnitFileState')}: nothing listens after the next boot"
        yield Finding(what, "note", how, f"{systemctl} enable {SOCKET}")
    if well:
        pid = service.get("MainPID", "0")
        daemon = f"the daemon is process {pid}" if pid != "0" else "the first request starts the daemon"
        yield Finding(what, "ok", f"listens on {scope.socket}; {daemon}")
