from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Cli


def test_listings(cli: Cli) -> None:
    """status, ps, voices and version describe the daemon that runs."""
    state = cli.status()
    assert f"pid {state['pid']}" in cli.run("status").stdout.decode()
    assert cli.run("load", "starter").returncode == 0
    listing = cli.run("ps").stdout.decode().splitlines()
    assert listing[1].split()[0] == "starter"
    assert json.loads(cli.run("ps", "--json").stdout)[0]["model"] == "starter"
    assert {"rms", "slt"} <= set(cli.run("voices").stdout.decode().split())
    assert f"f5d {state['version']}" in cli.run("version").stdout.decode()


def test_unload(cli: Cli) -> None:
    """`unload` ends the engine; the next say loads it again."""
    assert cli.run("unload").returncode == 0
    assert cli.run("ps").stdout.decode().splitlines()[1:] == []
    assert cli.run("say", "--nfe-step", "1", "Hello.").returncode == 0
    assert len(cli.run("ps").stdout.decode().splitlines()) == 2


def test_refusals(cli: Cli) -> None:
    """An unknown job or model ends with 65 and one line."""
    for args in (["cancel", "no-such-job"], ["load", "no-such-model"]):
        done = cli.run(*args)
        assert (done.returncode, len(done.stderr.splitlines())) == (65, 1), done.stderr


def test_stop(fresh: Cli) -> None:
    """After `stop` the process is gone and its socket too."""
    assert fresh.run("load").returncode == 0
    pid = fresh.status()["pid"]
    assert fresh.run("stop").returncode == 0
    process = Path(f"/proc/{pid}/stat")
    assert not process.exists() or ") Z " in process.read_text()  # its parent may not have looked yet
    assert fresh.run("status").returncode == 69
