"""When the daemon starts a spare engine process: one that has imported torch and waits for a model.

It takes memory of the machine and none of a GPU. The next model, or the same one again after a crash or an
unload, is loaded by it; what it is like as a process is in f5d/broker/supervisor.py.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from f5d.broker.supervisor import Supervisor

QUIET_S: Final = 2.0  # its start takes a core for a second, which jobs that follow one another would miss
ENOUGH_MEMORY_BYTES: Final = 8 * 10**9


class Reserve:
    """Owns the decision; each spare is started after a model was loaded and jobs have been away for a moment.

    One that ends by itself is not followed by another before the next model is loaded, so that one that cannot
    live is not started for ever.
    """

    def __init__(self, supervisor: Supervisor, *, wanted: bool) -> None:
        self._supervisor = supervisor
        self._wanted = wanted
        self._due: float | None = None

    @property
    def pid(self) -> int | None:
        """The process id of the spare, None while there is none."""
        spare = self._supervisor.spare
        return None if spare is None or not spare.is_fit else spare.pid

    def want(self, now: float, *, wanted: bool) -> None:
        """Go on with or without a spare."""
        spare = self._supervisor.spare
        if wanted and not self._wanted:
            self._due = now + QUIET_S
        elif not wanted and spare is not None:
            self._supervisor.stop(spare, now)
        self._wanted = wanted

    def model_loaded(self, now: float) -> None:
        """Note that an engine has a model: processes can live here, and the spare may have been used."""
        self._due = now + QUIET_S

    def tick(self, now: float, *, busy: bool) -> None:
        """Start the spare when its time has come."""
        if self._due is None or not self._wanted:
            return
        if busy:
            self._due = now + QUIET_S
        elif now >= self._due:
            self._due = None
            self._supervisor.start_spare(now)

    def next_due(self) -> float | None:
        """Return when `tick` has something to do by time alone."""
        return self._due if self._wanted else None


def is_wanted(setting: str) -> bool:
    """Return what the setting `spare` means on this machine; `auto` asks its memory."""
    if setting != "auto":
        return setting == "on"
    return min([os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), *_limits()]) >= ENOUGH_MEMORY_BYTES


def _limits(root: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> Iterator[int]:
    """Yield the limits of memory of this process' control groups, in bytes: a unit's, a container's."""
    try:
        group = own.read_text(encoding="utf-8").strip().rpartition("::/")[2]
    except (OSError, UnicodeDecodeError):
        return
    for folder in (root / group, *(root / group).parents):
        if not folder.is_relative_to(root):
            return
        with contextlib.suppress(OSError, ValueError):  # there is no file, or it says "max"
            yield int((folder / "memory.max").read_text(encoding="ascii"))
