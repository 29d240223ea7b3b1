"""`pip install .`: a client of a few megabytes that speaks through another environment's daemon."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from f5ctl import __version__
from tests.integration.cli.test_cli_versions import OTHER, installation
from tests.integration.support import Daemon, wait_until

from .conftest import FEW_STEPS, ROOT, Environment, copy_sources, pip

MOST_MB = 100
BROUGHT = {
    "click",
    "markdown_it_py",
    "mdurl",
    "msgpack",
    "msgspec",
    "prometheus_client",
    "pygments",
    "pyzmq",
    "rich",
}
LINE = "{} needs torch, which is not installed here: install f5d with its extra engine, in its checkout: "
STARTER = ROOT / "f5d" / "starter"


@pytest.fixture(scope="module")
def client(core: Environment) -> Iterator[Environment]:
    """Return the core's environment beside a daemon with the starter, which this test's own runs."""
    with tempfile.TemporaryDirectory(prefix="f5", dir="/tmp") as name:
        home = Path(name)
        config = home / "f5d.toml"
        config.write_text(f'socket = "{home}/s"\nthreads = 1\n{FEW_STEPS}')
        command = [sys.executable, "-m", "f5d", "serve", "--config", str(config)]
        with (home / "log").open("w") as log:
            daemon = subprocess.Popen(command, stderr=log, cwd=ROOT, env=os.environ | {"HOME": name})
        try:
            wait_until((home / "s").exists, "the daemon listens")
            yield replace(core, home=home)
        finally:
            daemon.terminate()
            daemon.wait(30)


def test_a_clone_beside_a_script_hides_no_package(tmp_path: Path) -> None:
    """A script in the folder that the clone f5d lies in imports the package, not the folder."""
    clone = copy_sources(tmp_path / "f5d")
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "env")], check=True)
    python = str(tmp_path / "env" / "bin" / "python")
    pip(python, "install", "--no-deps", "--editable", str(clone))
    (tmp_path / "script.py").write_text("import f5ctl, f5d; print(f5ctl.__version__, f5d.__file__)")
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [python, "script.py"], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [__version__, str(clone / "f5d" / "__init__.py")]


def test_a_wheel_has_what_speech_and_services_need(wheel: Path) -> None:
    """The bundled model and the units are in the package."""
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    wanted = [path.relative_to(ROOT) for path in STARTER.rglob("*") if path.is_file()]
    wanted += [
        Path("f5ctl") / path.relative_to(ROOT) for path in (ROOT / "systemd").rglob("*") if path.is_file()
    ]
    wanted += [Path("f5d", "py.typed"), Path("f5ctl", "py.typed")]
    assert {str(path) for path in wanted} - inside == set()


def test_the_core_is_small(core: Environment) -> None:
    """It takes less than 100 MB, and brings neither torch nor numpy."""
    assert core.installed == BROUGHT | ({"tomli"} if sys.version_info < (3, 11) else set())
    assert core.size_mb < MOST_MB
    for name in ("torch", "numpy", "soundfile", "f5_tts"):
        assert core.run("python", "-c", f"import {name}").returncode == 1


def test_it_speaks_through_another_environment_s_daemon(client: Environment) -> None:
    """Files, pipes and raw samples come as they do where the engine is."""
    client.ok("f5ctl", "say", "--seed", "1", "-o", "x.wav", "Hello there.")
    assert (client.home / "x.wav").read_bytes()[:4] == b"RIFF"
    client.ok("f5ctl", "say", "-o", "x.flac", "Hello there.")
    assert (client.home / "x.flac").read_bytes()[:4] == b"fLaC"
    client.ok("f5ctl", "say", "-o", "piped.wav", text="Hello there. And more.")
    client.ok("bash", "-c", "echo Hello there. | f5ctl say > stdout.wav")
    assert (client.home / "stdout.wav").stat().st_size > (client.home / "x.flac").stat().st_size
    client.ok("f5ctl", "say", "-o", "two.wav", "[rms] Hello. [pause 300ms] [slt] There.")
    (receipt,) = json.loads(client.ok("f5ctl", "inspect", "--json", "x.wav"))
    assert receipt["parameters"]["seed"] == 1
    assert "identical" in client.run("f5ctl", "replay", "x.wav").stdout
    voice = STARTER / "voices" / "rms_0"
    words = voice.with_suffix(".txt").read_text().strip()
    recording = ("-r", f"{voice}.wav", "--ref-text", words)
    client.ok("f5d", "infer", "--use-service", *recording, "-t", "Hello.", "-o", "infer.wav")


def test_it_makes_batches(client: Environment) -> None:
    """The daemon encodes, so a batch of any format needs nothing here."""
    (client.home / "lines.txt").write_text("One.\nTwo.\n")
    for kind in ("wav", "flac"):
        client.ok("f5ctl", "batch", "lines.txt", "-d", kind, "--format", kind)
        assert sorted(path.name for path in (client.home / kind).glob(f"*.{kind}")) == [
            f"0001.{kind}",
            f"0002.{kind}",
        ]


def test_it_looks_after_the_daemon(client: Environment) -> None:
    """Status and voices are the daemon's; doctor notes which extras are not here, and finds no fault."""
    assert json.loads(client.ok("f5ctl", "status", "--json"))["version"] == __version__
    assert {"rms", "slt", "awb"} <= {
        voice["name"] for voice in json.loads(client.ok("f5ctl", "voices", "list", "--json"))
    }
    client.ok("f5ctl", "load")
    client.ok("f5ctl", "ps")
    client.ok("f5ctl", "metrics")
    found = {one["what"]: one for one in json.loads(client.ok("f5ctl", "doctor", "--json"))}
    assert {name: found[f"extra: {name}"]["state"] for name in ("engine", "upstream", "asr")} == {
        "engine": "note",
        "upstream": "note",
        "asr": "note",
    }
    assert "pip install -c constraints.txt '.[asr]'" in found["extra: asr"]["fix"]
    assert found["daemon"]["state"] == "ok"


@pytest.mark.parametrize(
    ("command", "what"),
    [
        ("f5d serve", "f5d serve"),
        ("f5d infer -c m.pt -v vocab.txt -t Hello. -r me.wav -o x.wav", "f5d infer"),
        ("f5ctl say -o x.wav Hello.", "no daemon listens on {socket}, and starting one"),
        ("f5ctl batch lines.txt -d out", "no daemon listens on {socket}, and starting one"),
        ("f5ctl load", "no daemon listens on {socket}, and starting one"),
        ("f5ctl models", "f5ctl models"),
        ("f5ctl models list", "f5ctl models list"),
        ("f5ctl models pull F5TTS_v1_Base", "f5ctl models pull"),
        ("f5ctl models default starter", "f5ctl models default"),
        ("f5ctl info starter", "f5ctl info"),
        ("f5d infer info -c m.pt", "f5ctl info"),
        ("f5ctl voices add me me.wav --text Hello.", "f5ctl voices add"),
        ("f5ctl voices doctor me.wav", "f5ctl voices doctor"),
        ("f5ctl service install", "f5ctl service install"),
    ],
)
def test_what_needs_the_engine_says_so(core: Environment, command: str, what: str) -> None:
    """Each command that needs more than the core ends with one line that names the extra, and status 78."""
    (core.home / "lines.txt").write_text("One.\n")
    shutil.copy(STARTER / "voices" / "rms_0.wav", core.home / "me.wav")
    program, *args = command.split()
    done = core.run(program, *args)
    *earlier, last = done.stderr.splitlines()
    assert (done.returncode, last.partition("error: ")[2] or last.removeprefix("f5d: ")) == (
        78,
        LINE.format(what.format(socket=core.socket)) + "pip install -c constraints.txt '.[engine]'",
    )
    assert not earlier or command.startswith("f5ctl batch")  # its summary: one line is left
    assert not (core.home / "x.wav").exists()


def test_pieces_that_are_joined_here_need_the_engine(client: Environment) -> None:
    """Several voices in one compressed file are encoded on this side: refused before anything is spoken."""
    done = client.run("f5ctl", "say", "-o", "two.opus", "[rms] Hello. [slt] There.")
    assert done.returncode == 78
    assert LINE.format("joining several pieces into opus") in done.stderr
    assert not list(client.home.glob("*two.opus*"))


def test_the_python_interface_needs_the_engine(core: Environment) -> None:
    """Importing f5d is possible, importing its classes an ImportError with the same line."""
    done = core.run("python", "-c", "import f5d; f5d.__version__; from f5d import F5TTSInference")
    assert done.stderr.splitlines()[-1].startswith(f"ImportError: {LINE.format('f5d.F5TTSInference')}")


def test_without_a_daemon_doctor_finds_what_is_wrong(core: Environment) -> None:
    """No daemon and no engine to start one: that is a fault, with what to do."""
    done = core.run("f5ctl", "doctor", "--json")
    assert done.returncode == 1
    (fault,) = [one for one in json.loads(done.stdout) if one["state"] == "fault"]
    assert fault["what"] == "daemon"
    assert "F5D_SOCKET" in fault["fix"]


def test_an_older_daemon_that_could_not_be_replaced_stays(core: Environment, tmp_path: Path) -> None:
    """Where no daemon can be started, one of another version is used with a warning, not stopped."""
    with Daemon(env=installation(tmp_path / "other"), on_demand=True) as daemon:
        args = ("say", "--nfe-step", "1", "-o", "old.wav", "Hello.")
        done = core.run("f5ctl", *args, F5D_SOCKET=daemon.socket_path)
        assert done.returncode == 0, done.stderr
        assert f"this is f5ctl {__version__} and f5d {OTHER} on {daemon.socket_path}; restart it" in done.stderr
        assert daemon.process.poll() is None
