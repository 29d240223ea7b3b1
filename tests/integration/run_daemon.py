"""Runs the real daemon with the stand-in engine: `run_daemon.py FOLDER CONFIG_JSON`."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from f5ctl.errors import F5Error
from f5d import daemon
from f5d.broker.supervisor import Patience
from f5d.config import Config
from f5d.system import journal

TONE_ENGINE = Path(__file__).with_name("tone_engine.py")


def main() -> None:
    settings = json.loads(sys.argv[2])
    journal.configure(settings.pop("log_level", "info"))
    on_demand = settings.pop("on_demand", False)
    if files := settings.pop("files", None):  # that it may open
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    patience = Patience(**settings.pop("patience", {}))
    pulse_s = patience.hang_s / 10  # ten beats, as in f5d
    own = [sys.executable, str(TONE_ENGINE), sys.argv[1], str(pulse_s)]
    command = settings.pop("engine_command", own)

    def read_config() -> Config:
        """Return the settings with the changes in FOLDER/changes.json."""
        path = Path(sys.argv[1]) / "changes.json"
        return Config(**{**settings, **(json.loads(path.read_text()) if path.exists() else {})})

    settings.setdefault("spare", "off")  # a test counts processes
    try:
        daemon.run(Config(**settings), command, read_config, on_demand=on_demand, patience=patience)
    except F5Error as error:
        sys.stderr.write(f"f5d: error: {error.message}\n")
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
