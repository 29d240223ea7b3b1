"""`f5ctl doctor`: look at everything that speech needs, and say what to do about what is wrong."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final, Literal

import click

from f5ctl import __version__
from f5ctl.cli.base.findings import Finding, graded
from f5ctl.cli.base.settings import Settings, Verb, common_options, option
from f5ctl.cli.base.unit_findings import examine_units, is_asleep
from f5ctl.client import Client
from f5ctl.daemon_log import log_path
from f5ctl.errors import ConfigError, F5Error, NoDaemonError, OutputError
from f5ctl.extras import EXTRAS, missing, remedy
from f5ctl.places import cache_home, nearest_folder
from f5ctl.printing import emit_json, emit_lines, emit_table, size
from f5ctl.progress import StatusLine
from f5ctl.socketpath import check_socket_path, lock_holder
from f5ctl.speech.player import find_player

SELF_CHECK_S: Final = 120.0
LEAST_FREE_BYTES: Final = 2 * 10**9  # a large model and its vocoder
EXIT_FAULTS: Final = 1


@click.command(cls=Verb, examples="f5ctl doctor\nf5ctl doctor --json | jq '.[] | select(.state != \"ok\")'")
@option("--json", "as_json", is_flag=True, help="Print the findings as one line of JSON.")
@common_options
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool) -> None:
    """Check the installation and the daemon, with a fix for each finding.

    Starts nothing and changes nothing. Exit status 1 when something is at fault.
    """
    settings = ctx.ensure_object(Settings)
    line = StatusLine(quiet=settings.quiet or as_json)
    line.show("looking at the engine's libraries")
    try:
        findings = list(examine(settings.socket))
    finally:
        line.clear()
    if as_json:
        emit_json([asdict(finding) for finding in findings])
    else:
        emit_table(["", "CHECK", "FINDING"], [[_MARKS[f.state], f.what, f.how] for f in findings], graded)
        for finding in findings:
            if finding.fix:
                emit_lines(f"\n{finding.what}: {finding.fix}")
    if any(finding.state == "fault" for finding in findings):
        ctx.exit(EXIT_FAULTS)


_USES: Final = {
    "engine": "speaking, checking recordings, and models",
    "upstream": "E2-TTS and MMDiT models, and the voices and stories of f5-tts",
    "asr": "recordings without a text",
}
_MARKS: Final = {"ok": "ok", "note": "note", "fault": "FAULT"}


def examine(socket: str) -> Iterator[Finding]:
    """Yield the findings, the quick ones first."""
    yield from _socket(socket)
    yield from _libraries()
    yield _player()
    yield _ffmpeg()
    yield from _disk()
    yield from examine_units()


def _socket(path: str) -> Iterator[Finding]:
    try:
        check_socket_path(os.path.abspath(path))
    except ConfigError as error:
        yield Finding("socket", "fault", error.message, "set F5D_SOCKET to a shorter path")
        return
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK) and not os.path.exists(path):
        yield Finding("socket", "fault", f"{folder} cannot be written", "set F5D_SOCKET to a place of your own")
        return
    if is_asleep(os.path.abspath(path)):
        how = f"none runs; systemd listens on {path}"
        yield Finding("daemon", "note", how, "the next `f5ctl say` starts one")
        return
    try:
        with Client(path) as client:
            state = client.status()
    except NoDaemonError as error:
        if pid := lock_holder(path):
            yield Finding("daemon", "fault", error.message, f"if that stays so, end process {pid}")
        elif missing("engine"):
            how = f"none runs on {path}, and there is no engine here to start one"
            fix = "install the extra engine, or set F5D_SOCKET to the socket of another environment's daemon"
            yield Finding("daemon", "fault", how, fix)
        else:
            yield Finding("daemon", "note", f"none runs on {path}", "the next `f5ctl say` starts one")
        return
    except F5Error as error:
        yield Finding("daemon", "fault", error.message, f"stop it (f5ctl stop); its log is {log_path()}")
        return
    version = str(state.get("version"))
    running = f"version {version}, pid {state.get('pid')}, on {path}"
    if version != __version__:
        yield Finding("daemon", "fault", f"{running}; f5ctl is {__version__}", "restart it: f5ctl stop")
    else:
        yield Finding("daemon", "ok", running)
    for engine in state.get("engines", []):
        parts = f"{engine.get('model')} on {engine.get('device')}, {engine.get('dtype')}"
        restarts = engine.get("restarts", 0)
        told = f"{parts}, {engine.get('state')}, {restarts} restarts"
        fix = f"see why engines die in {log_path()}" if restarts else ""
        yield Finding("engine", "note" if restarts else "ok", told, fix)


def _libraries() -> Iterator[Finding]:
    command = [sys.executable, "-m", "f5d.helpers.selfcheck"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SELF_CHECK_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        yield Finding("libraries", "fault", f"the check did not end: {error}", "install f5d again")
        return
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        yield Finding("libraries", "fault", last, "install f5d again, in an environment of its own")
        return
    state: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    listed = ", ".join(f"{name} {version}" for name, version in state["versions"].items())
    yield Finding("packages", "ok", f"Python {state['python']}, {listed}")
    yield from _extras()
    for name, fault in state["errors"].items():
        yield Finding(name, "fault", fault, f"install {name} again, built for the same torch")
    if "device" in state:
        yield _device(state)
    if "torchaudio_stand_in" in state:
        stand_in = state["torchaudio_stand_in"]
        how = "its extension does not load; f5d stands in for it" if stand_in else "loads"
        yield Finding("torchaudio", "ok", how)
    if "missing_formats" in state:
        lacking = ", ".join(state["missing_formats"])
        fix = "upgrade libsndfile (pip install -U soundfile)" if lacking else ""
        how = f"cannot write {lacking}" if lacking else "WAV, FLAC, Ogg, Opus and MP3"
        yield Finding("formats", "fault" if lacking else "ok", how, fix)


def _extras() -> Iterator[Finding]:
    """Tell which extras are here. One that is not is a choice, one that is half here is a fault."""
    for extra, use in _USES.items():
        packages = missing(extra)
        if not packages:
            yield Finding(f"extra: {extra}", "ok", f"installed, for {use}")
            continue
        state: Literal["note", "fault"] = "note" if len(packages) == len(EXTRAS[extra]) else "fault"
        how = f"not installed ({', '.join(packages)}); it is for {use}"
        yield Finding(f"extra: {extra}", state, how, remedy(extra))


def _device(state: dict[str, Any]) -> Finding:
    how = f"{state['device']}, {state['dtype']}"
    if state["device"] == "cuda":
        return Finding("device", "ok", f"{how}: {', '.join(state['gpus'])}")
    how = f"{how}, {state['threads']} threads"
    if shutil.which("nvidia-smi") is None:
        return Finding("device", "ok", how)
    if state["cuda_build"] is None:
        fix = "this torch is a CPU build: install one for CUDA"
    else:
        fix = f"torch is built for CUDA {state['cuda_build']}: upgrade the driver, or install an older build"
    return Finding("device", "note", f"{how}, although there is an NVIDIA driver", fix)


def _player() -> Finding:
    try:
        found = find_player()
    except OutputError as error:
        return Finding("player", "fault", error.message, "mend or unset F5CTL_PLAYER")
    if found is None:
        fix = "install pulseaudio-utils, pipewire-bin, alsa-utils, ffmpeg or sox; files and pipes need none"
        return Finding("player", "note", "none found", fix)
    return Finding("player", "ok", found[0][0])


def _ffmpeg() -> Finding:
    found = shutil.which("ffmpeg")
    if found is None:
        fix = (
            "install ffmpeg to take recordings in m4a, mp4, webm, wma or amr; WAV, FLAC, Ogg and MP3 need none"
        )
        return Finding("ffmpeg", "note", "not found", fix)
    return Finding("ffmpeg", "ok", f"{found}, for recordings that libsndfile cannot read")


def _disk() -> Iterator[Finding]:
    cache = os.environ.get("HF_HOME") or f"{cache_home()}/huggingface"
    for what, path in (("logs", os.path.dirname(log_path())), ("models", cache)):
        existing = nearest_folder(path)
        free = shutil.disk_usage(existing).free
        if not os.access(existing, os.W_OK):
            yield Finding(f"disk: {what}", "note", f"{existing} cannot be written", f"make {path} yours")
        elif what == "models" and free < LEAST_FREE_BYTES:
            how = f"{size(free)} free under {existing}"
            fix = "a downloaded model takes up to 1.5 GB: set HF_HOME to a place with room"
            yield Finding("disk: models", "note", how, fix)
        else:
            yield Finding(f"disk: {what}", "ok", f"{size(free)} free under {existing}")
