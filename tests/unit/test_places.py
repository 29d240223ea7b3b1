"""Where a user's files lie."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from f5ctl.autostart import user_socket_unit
from f5ctl.cli.base.systemd import Scope
from f5ctl.daemon_log import log_path
from f5ctl.places import cache_home, config_home, data_home, runtime_folder, state_home, user_config
from f5ctl.socketpath import default_socket_path, own_folder
from f5ctl.voicebox import private_store
from f5d.catalog.default_model import user_file

FOLDERS = [
    (config_home, "XDG_CONFIG_HOME", ".config"),
    (data_home, "XDG_DATA_HOME", ".local/share"),
    (state_home, "XDG_STATE_HOME", ".local/state"),
    (cache_home, "XDG_CACHE_HOME", ".cache"),
]
Folder = Callable[[Mapping[str, str]], str]


@pytest.mark.parametrize(("folder", "variable", "below_home"), FOLDERS)
def test_a_variable_counts_when_it_is_absolute(folder: Folder, variable: str, below_home: str) -> None:
    """An empty or relative XDG folder does not count, as the specification has it."""
    assert folder({"HOME": "/h", variable: "/x/y"}) == "/x/y"
    for ignored in ("", "relative", "./here", "~/there"):
        assert folder({"HOME": "/h", variable: ignored}) == f"/h/{below_home}"


@pytest.mark.parametrize(("folder", "_variable", "below_home"), FOLDERS)
def test_without_home_the_account_tells(folder: Folder, _variable: str, below_home: str) -> None:
    """A cron job or a unit without HOME uses the same folders as the user's shell."""
    home = pwd.getpwuid(os.getuid()).pw_dir
    assert folder({}) == folder({"HOME": ""}) == f"{home}/{below_home}"


@pytest.mark.skipif(os.getuid() != 0, reason="becomes another user")
def test_a_user_without_an_account_has_the_root_folder() -> None:
    """In a container that runs as a bare number nothing lies below the working folder."""
    probe = "import os, pwd; from f5ctl.places import config_home; os.setuid(54321); print(config_home({}))"
    done = subprocess.run([sys.executable, "-c", probe], check=True, capture_output=True, text=True)
    assert done.stdout == "/.config\n"


def test_sockets_have_a_folder_in_a_session_alone() -> None:
    """A relative or empty XDG_RUNTIME_DIR is none."""
    assert runtime_folder({"XDG_RUNTIME_DIR": "/run/user/7"}) == "/run/user/7"
    assert [runtime_folder(other) for other in ({}, {"XDG_RUNTIME_DIR": ""}, {"XDG_RUNTIME_DIR": "run"})] == [
        ""
    ] * 3


def test_every_part_follows_the_same_rule(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Configuration, voices, log, units and socket lie in the user's folders, whatever the variables hold."""
    for name in ("CONFIG_HOME", "DATA_HOME", "STATE_HOME", "RUNTIME_DIR"):
        monkeypatch.setenv(f"XDG_{name}", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("F5D_SOCKET", raising=False)
    assert user_config() == str(user_file(os.environ)) == f"{tmp_path}/.config/f5d/f5d.toml"
    assert private_store().folder == f"{tmp_path}/.local/share/f5d/voices"
    assert log_path() == f"{tmp_path}/.local/state/f5d/f5d.log"
    assert str(Scope(system=False).units) == f"{tmp_path}/.config/systemd/user"
    assert user_socket_unit().is_relative_to(Scope(system=False).units)
    assert default_socket_path() == f"/tmp/f5d-{os.getuid()}/f5d.sock"


@pytest.mark.skipif(os.getuid() != 0, reason="makes another user's folder")
def test_a_stranger_s_folder_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Who makes /tmp/f5d-UID for others keeps nobody from speaking: the next place is taken."""
    shared = [tmp_path / name for name in ("a", "b")]
    for folder in shared:
        folder.mkdir()
    monkeypatch.setattr("f5ctl.socketpath.SHARED_FOLDERS", [str(folder) for folder in shared])
    for name in ("F5D_SOCKET", "XDG_RUNTIME_DIR"):
        monkeypatch.delenv(name, raising=False)
    first, second = (folder / f"f5d-{os.getuid()}" for folder in shared)
    assert own_folder() == str(first)
    first.mkdir()
    os.chown(first, 54321, 54321)
    assert own_folder() == str(second)
    second.write_text("in the way")
    os.chown(second, 54321, 54321)
    assert own_folder() == str(first)  # and the daemon says whose it is
