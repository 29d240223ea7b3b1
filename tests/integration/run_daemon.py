"""Runs the real daemon with the stand-in engine: `run_daemon.py FOLDER CONFIG_JSON`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from f5ctl.errors import F5Error
from f5d import daemon, journal
from f5d.config import Config

TONE_ENGINE = Path(__file__).with_name("tone_engine.py")


def main() -> None:
    settings = json.loads(sys.argv[2])
    journal.configure(settings.pop("log_level", "info"))
    command = settings.pop("engine_command", [sys.executable, str(TONE_ENGINE), sys.argv[1]])
    try:
        daemon.run(Config(**settings), engine_command=command)
    except F5Error as error:
        sys.stderr.write(f"f5d: {error.message}\n")
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
