"""What people type who know other programs, or no verb at all. Imported when a verb is none.

Knows the verbs by their names; tests/unit/client/test_habits.py holds that they are there.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import Final

import click

_TEXT: Final = re.compile(r"\S\s+\S|[.!?…。！？][\"'”’»)]*\s*$")  # white space, or the end of a sentence
_HERE: Final = {  # another program's verb, and what it is here
    "pull": "models pull NAME",
    "fetch": "models pull NAME",
    "download": "models pull NAME",
    "list": "models list or f5ctl voices list",
    "ls": "models list or f5ctl voices list",
    "show": "models show NAME or f5ctl voices show NAME",
    "rm": "models rm NAME or f5ctl voices rm NAME",
    "remove": "models rm NAME or f5ctl voices rm NAME",
    "delete": "models rm NAME or f5ctl voices rm NAME",
    "default": "models default NAME",
    "use": "models default NAME",
    "run": "say -m NAME TEXT",
    "speak": "say TEXT",
    "tts": "say TEXT",
    "read": "say -f FILE",
    "synth": "say TEXT -o FILE",
    "synthesize": "say TEXT -o FILE",
    "generate": "say TEXT -o FILE",
    "play": "say --play TEXT or f5ctl voices play NAME",
    "voice": "voices",
    "voices-list": "voices list",
    "list-voices": "voices list",
    "add": "voices add NAME FILE",
    "create": "voices add NAME FILE",
    "clone": "voices add NAME FILE",
    "start": "load, which starts the daemon; in the foreground: f5d serve",
    "restart": "stop; the next f5ctl say starts the daemon again",
    "reload": "stop; the next f5ctl say reads f5d.toml anew, as a daemon does on SIGHUP",
    "check-config": "doctor, which reads f5d.toml too; or f5d check-config",
    "config": "doctor, which reads f5d.toml too; or f5d check-config",
    "logs": "doctor, which names the log; under systemd: journalctl --user -u f5d",
    "log": "doctor, which names the log; under systemd: journalctl --user -u f5d",
    "health": "status",
    "healthz": "status",
    "quit": "stop",
    "exit": "stop",
    "kill": "stop --force",
    "clear": "cancel all",
    "queue": "status",
    "install": "service install",
    "enable": "service install",
    "uninstall": "service uninstall",
    "disable": "service uninstall",
}


def is_text(word: str) -> bool:
    """Return True for what is to be spoken: it has white space in it or ends a sentence, and is no file."""
    return bool(_TEXT.search(word)) and not os.path.exists(word)


def told(word: str, error: click.UsageError) -> click.UsageError:
    """Return `error`, that `word` is no verb, with what the user may have wanted."""
    line = error.message
    if word.lower() in _HERE:
        line = f"{line.partition(';')[0]}: it is f5ctl {_HERE[word.lower()]}"
    elif os.path.isfile(word):
        line = f"{line.partition(';')[0]}; to speak the file: f5ctl say -f {shlex.quote(word)}"
    elif word == "-":
        line = f"{line}; to speak what comes from a pipe: f5ctl say"
    elif not (word.islower() and "?" in line):
        line = f"{line}{' To' if '?' in line else '; to'} speak it: f5ctl say {shlex.quote(word)}"
    return click.UsageError(line, error.ctx)


def misplaced(error: click.NoSuchOption, say: click.Command | None) -> click.UsageError:
    """Return the error for an option before the verb: that `say` has it, if so."""
    name = error.option_name
    if say is None or not any(name in one.opts + one.secondary_opts for one in say.params):
        return error
    return click.UsageError(f"the option {name} stands behind a verb: f5ctl say {name} ...", error.ctx)
