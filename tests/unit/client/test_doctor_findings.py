"""What `f5ctl doctor` looks at one by one: player, places, session, configuration."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

from f5ctl.cli.base.place_findings import examine_places, examine_session, socket_fault
from f5ctl.cli.base.sound_findings import examine_player
from f5d.helpers.machine import configuration

PLAYERS = {
    "plays": ("cat > played", "ok", "aplay plays"),
    "has no device": ("cat > /dev/null; echo 'no soundcards found' >&2; exit 1", "note", "no soundcards found"),
    "complains only": ("cat > /dev/null; echo 'no audio device' >&2", "note", "no audio device"),
    "says nothing": ("exit 3", "note", "exit status 3"),
    "hangs": ("exec sleep 60", "note", "has not played"),
}


@pytest.mark.parametrize("kind", PLAYERS)
def test_a_player_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A moment of silence is played; what keeps it from being heard is noted with a remedy."""
    script, state, how = PLAYERS[kind]
    (tmp_path / "aplay").write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
    (tmp_path / "aplay").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    found = examine_player(try_it=True)
    assert (found.state, how in found.how) == (state, True), found
    assert (state == "ok") != ("group audio" in found.fix)
    if kind == "plays":
        assert (tmp_path / "played").read_bytes() == bytes(4800)


def test_a_player_of_one_s_own_is_fed_wav(monkeypatch: pytest.MonkeyPatch) -> None:
    """F5CTL_PLAYER may say what it likes if it ends well; if not, that is a fault."""
    monkeypatch.setenv("F5CTL_PLAYER", "sh -c 'echo playing >&2; head -c 4 | grep -q RIFF'")
    assert examine_player(try_it=True).state == "ok"
    monkeypatch.setenv("F5CTL_PLAYER", "sh -c 'head -c 4 | grep -q OggS'")
    assert (examine_player(try_it=True).state, examine_player(try_it=False).state) == ("fault", "ok")


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("sockt = 1", "unknown key 'sockt'"),
        ("threads = 5000", "threads is 5000; "),
        ("model = 'nobody'", "nobody"),
        ("[voices.me]\naudio = 'nowhere.wav'", "there is no such file"),
        ("= 1", "is not TOML"),
    ],
)
def test_the_configuration_is_read_as_the_daemon_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, fault: str
) -> None:
    """What `f5d serve` refuses is told, names that do not exist too."""
    monkeypatch.setenv("F5D_CONFIG", str(tmp_path / "f5d.toml"))
    (tmp_path / "f5d.toml").write_text("[defaults]\nspeed = 1.1\n")
    assert configuration() == {"path": str(tmp_path / "f5d.toml"), "faults": [], "socket": ""}
    (tmp_path / "f5d.toml").write_text(text)
    (told,) = configuration()["faults"]
    assert fault in told


def test_where_log_and_models_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is named, with the room that there is."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "models"))
    log, models = examine_places()
    assert [(one.what, one.state) for one in (log, models)] == [("log", "ok"), ("models", "ok")]
    assert log.how.startswith(f"{tmp_path}/state/f5d/f5d.log; ")
    assert models.how.startswith(f"{tmp_path}/models; ")


def test_a_socket_may_lie_where_its_folder_can_be_made(tmp_path: Path) -> None:
    """A folder that is missing is no fault, a name that is too long is one."""
    assert socket_fault(str(tmp_path / "new" / "s")) is None
    found = socket_fault(f"/tmp/{'x' * 120}")
    assert found is not None
    assert "bytes" in found.how


@pytest.mark.skipif(os.getuid() != 0, reason="makes another user's folder")
def test_root_in_a_user_s_session_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Doctor says that the session's folder is not used, and how to reach that user's daemon."""
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as session:
        monkeypatch.setenv("XDG_RUNTIME_DIR", session)
        assert list(examine_session("/tmp/s")) == []
        os.chown(session, 54321, 54321)
        (found,) = examine_session("/tmp/s")
    assert (found.state, found.what) == ("note", "session")
    assert f"{session} is user 54321's" in found.how
    assert found.fix.endswith(f"F5D_SOCKET={session}/f5d/f5d.sock")
