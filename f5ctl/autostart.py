"""Starting the daemon when a request needs one and nobody listens on the socket."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Final

from f5ctl.client import check_listening
from f5ctl.daemon_log import DaemonLog, open_log
from f5ctl.errors import ConfigError, NoDaemonError
from f5ctl.extras import require
from f5ctl.places import config_home
from f5ctl.socketpath import SYSTEM_SOCKET, check_socket_path

if TYPE_CHECKING:
    import subprocess

START_S: Final = 60.0
RETRY_S: Final = 5.0  # after losing the race to another daemon that then did not come up
FIRST_WAIT_S: Final = 0.005
LONGEST_WAIT_S: Final = 0.1
ANOTHER_DAEMON: Final = "another f5d"  # what f5d says before it exits because the socket is taken


def start_daemon(path: str, *, timeout_s: float = START_S, tell: Callable[[str], None] | None = None) -> None:
    """Start a daemon on `path` and return once someone listens there.

    When several clients do this at the same time one daemon wins the socket and all of them use it. `tell`
    gets a line where the daemon's log is not in its usual place.

    Raises:
        NoDaemonError: it did not come up within `timeout_s`, or ended.
        ConfigError: it refused its configuration, or this environment has no engine.
    """
    path = check_socket_path(os.path.abspath(path))
    require("engine", f"no daemon listens on {path}, and starting one")
    deadline = time.monotonic() + timeout_s
    wait_s = FIRST_WAIT_S
    with closing(open_log()) as log:
        start = _Start(path, log)
        while not is_listening(path):
            now = time.monotonic()
            if now > deadline:
                where = f"; see {log.path}" if log.path else ""
                raise NoDaemonError(f"the daemon did not listen on {path} within {timeout_s:.0f} s{where}")
            if start.ended() and now > start.at + RETRY_S:
                start = _Start(path, log)
            time.sleep(wait_s)
            wait_s = min(wait_s * 1.5, LONGEST_WAIT_S)
        start.let_go()
        if log.note and tell is not None:
            tell(log.note)


def refuse_for_systemd(path: str) -> None:
    """Return when starting a daemon on the default socket `path` is this program's business.

    Raises:
        NoDaemonError: systemd is to listen there, and a daemon of ours would be in its way.
    """
    if path == SYSTEM_SOCKET:
        raise NoDaemonError(f"no daemon listens on {path}; start it with: systemctl start f5d.socket")
    if os.path.exists(user_socket_unit()):
        line = f"systemd is to listen on {path} and does not; start it with: systemctl --user start f5d.socket"
        raise NoDaemonError(line)


def user_socket_unit() -> Path:
    """Return the link that `systemctl --user enable f5d.socket` makes."""
    return Path(config_home()) / "systemd" / "user" / "sockets.target.wants" / "f5d.socket"


class _Start:
    """One attempt: a detached `f5d serve` and the log that its words go into."""

    def __init__(self, path: str, log: DaemonLog) -> None:
        self.at = time.monotonic()
        self._log = log
        log.begin()
        self._child = self._spawn(path)

    def ended(self) -> bool:
        """Return True when it has given way to another daemon; any other end raises."""
        status = self._child.poll()
        if status is None:
            return False
        said = self._log.said()
        if status == ConfigError.exit_status and ANOTHER_DAEMON in said:
            return True
        last = _last_line(said) or f"it said nothing (exit status {status})"
        if status == ConfigError.exit_status:
            raise ConfigError(last)
        where = f" (log: {self._log.path})" if self._log.path else ""
        raise NoDaemonError(f"the daemon could not be started: {last}{where}")

    def let_go(self) -> None:
        """Leave the daemon to itself; without this Python would warn of a child still running."""
        if self._child.poll() is None:
            self._child.returncode = 0

    def _spawn(self, path: str) -> subprocess.Popen[bytes]:
        import subprocess

        command = [sys.executable, "-m", "f5d", "serve", "--socket", path, "--on-demand"]
        stream = self._log.stream
        environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
        environment["NO_COLOR"] = "1"  # its words go into a log
        if stream:
            command += ["--log-to", str(stream.descriptor)]
            environment |= stream.environ
        if config := environment.get("F5D_CONFIG"):
            environment["F5D_CONFIG"] = os.path.abspath(config)
        try:
            return subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=self._log.descriptor,
                stderr=self._log.descriptor,
                pass_fds=(stream.descriptor,) if stream else (),
                start_new_session=True,  # Ctrl-C in this terminal is not for the daemon
                cwd="/",  # keeps no mount busy, and no f5d folder of the caller is imported
                env=environment,
            )
        except OSError as error:
            raise NoDaemonError(f"the daemon could not be started: {error}") from None


def is_listening(path: str) -> bool:
    """Return True when someone accepts connections on the socket at `path` (ConfigError: not for this user)."""
    try:
        check_listening(path)
    except NoDaemonError:
        return False
    return True


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1].removeprefix("f5d: ").removeprefix("error: ") if lines else ""
