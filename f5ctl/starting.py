"""The first moments of `f5ctl` and `f5d`, in which their modules are imported.

Imports nothing that the interpreter does not have already: until `load` runs, Ctrl-C is a traceback.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # of CPython; signal itself takes 3 ms
import os
import sys

TYPE_CHECKING = False  # type checkers take it for True; importing typing would take time
if TYPE_CHECKING:
    from typing import Final

_STATUS: Final = 78  # as ConfigError has it, which is not imported yet


def load(program: str, module: str) -> None:
    """Import `module`; Ctrl-C meanwhile ends the process quietly, a limit of the system with one line.

    A standard output that is closed becomes one that cannot be written to: what is printed is an error then,
    not lost, and no file or socket gets its number.
    """
    if sys.stdout is None:
        sys.stdout = open(os.open(os.devnull, os.O_RDONLY), "w", encoding="utf-8")  # noqa: SIM115 - for good
    before = _signal.getsignal(_signal.SIGINT)
    if before is _signal.default_int_handler:  # else it is ignored, or somebody's who imports us
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    try:
        __import__(module)
    except (OSError, MemoryError) as error:
        why = getattr(error, "strerror", None) or "out of memory"
        line = f"{program}: error: it cannot be started: {why}; look at the limits that `ulimit -a` shows\n"
        os.write(2, line.encode())
        os._exit(_STATUS)
    _signal.signal(_signal.SIGINT, before)
