"""`f5ctl`: run one verb, print at most one line about what went wrong, exit with its status."""

from __future__ import annotations

import gc
import os
import sys

from f5ctl.starting import load

TYPE_CHECKING = False  # type checkers take it for True; importing typing would take time
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and end the process."""
    gc.disable()  # 3 ms less to import; a call leaves no cycles that would add up
    load("f5ctl", "f5ctl.cli")
    from f5ctl.signals import Interrupted, die_of, raise_on_signals

    try:
        raise_on_signals()
        status = run(sys.argv[1:])
    except Interrupted as stop:
        die_of(stop.signum)
    # Every verb flushes what it prints and closes what it opens, and no thread is left; taking the
    # interpreter down piece by piece would cost 12 ms, a fifth of `import click, zmq, msgpack`.
    os._exit(status)


def run(args: Sequence[str], program: str = "f5ctl") -> int:
    """Run the command line `args` and return the exit status; a line on stderr tells of an error."""
    import signal
    from functools import partial

    from f5ctl.cli import cli
    from f5ctl.commandline import fail, status_of
    from f5ctl.signals import die_of
    from f5ctl.speech.sinks import ReaderGoneError

    try:
        return status_of(program, partial(cli.main, args=list(args), prog_name="f5ctl", standalone_mode=False))
    except ReaderGoneError:
        die_of(signal.SIGPIPE)  # quietly, as cat does
    except UnicodeEncodeError as error:  # bytes of the command line that mean no character
        return fail(program, f"{error.object!r:.80} holds half a character, or bytes that are not UTF-8", 65)
    except OSError as error:  # the help page into a full disk
        line = str(error) if error.filename else f"cannot write the answer: {error.strerror}"
        return fail(program, line, 74)
    except Exception as error:
        if os.environ.get("F5CTL_DEBUG"):
            raise
        return fail(program, f"unexpected {type(error).__name__}: {error} (F5CTL_DEBUG=1 shows where)", 70)


if __name__ == "__main__":
    main()
