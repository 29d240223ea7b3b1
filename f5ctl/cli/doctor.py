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
from f5ctl.cli.base.place_findings import examine_places, examine_session, socket_fault
from f5ctl.cli.base.settings import Settings, Verb, common_options, option
from f5ctl.cli.base.sound_findings import examine_player
from f5ctl.cli.base.unit_findings import examine_units, is_asleep
from f5ctl.client import Client
from f5ctl.daemon_log import log_path
from f5ctl.errors import F5Error, NoDaemonError
from f5ctl.extras import EXTRAS, missing, remedy
from f5ctl.places import with_temporary
from f5ctl.printing import emit_json, emit_table
from f5ctl.progress import StatusLine
from f5ctl.socketpath import lock_holder

SELF_CHECK_S: Final = 120.0
EXIT_FAULTS: Final = 1


@click.command(cls=Verb, examples="f5ctl doctor\nf5ctl doctor --json | jq '.[] | select(.state != \"ok\")'")
@option("--json", "as_json", is_flag=True, help="Print the findings as one line of JSON.")
@option("--sound", is_flag=True, help="Let the player play a moment of silence; on a terminal it does.")
@common_options
@click.pass_context
def doctor(ctx: click.Context, *, as_json: bool, sound: bool) -> None:
    """Check the installation, the configuration and the daemon, with a fix for each finding.

    Starts no daemon and changes nothing. Exit status 1 when something is at fault, 0 when nothing is: a note is
    something to know, not a fault.
    """
    settings = ctx.ensure_object(Settings)
    line = StatusLine(quiet=settings.quiet or as_json)
    line.show("looking at the engine's libraries")
    try:
        findings = list(examine(settings.socket, sound=sound or (not as_json and os.isatty(1))))
    finally:
        line.clear()
    if as_json:
        emit_json([asdict(finding) for finding in findings])
    else:
        rows = [row for finding in findings for row in _rows(finding)]
        emit_table(["", "CHECK", "FINDING"], rows, graded)
    if any(finding.state == "fault" for finding in findings):
        ctx.exit(EXIT_FAULTS)


_USES: Final = {
    "engine": "speaking, checking recordings, and models",
    "upstream": "E2-TTS and MMDiT models, and the voices and stories of f5-tts",
    "asr": "recordings without a text",
}
_MARKS: Final = {"ok": "ok", "note": "note", "fault": "FAULT"}


def examine(socket: str, *, sound: bool) -> Iterator[Finding]:
    """Yield the findings; with `sound` a player plays."""
    yield from examine_session(socket)
    yield from _daemon(os.path.abspath(socket))
    yield from _libraries(socket)
    yield examine_player(try_it=sound)
    yield _ffmpeg()
    yield from examine_places()
    yield from examine_units()


def _rows(finding: Finding) -> Iterator[list[str]]:
    yield [_MARKS[finding.state], finding.what, finding.how]
    if finding.fix:
        yield ["", "", f"-> {finding.fix}"]


def _daemon(path: str) -> Iterator[Finding]:
    if fault := socket_fault(path):
        yield fault
        return
    if is_asleep(path):
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


def _libraries(socket: str) -> Iterator[Finding]:
    command = [sys.executable, "-m", "f5d.helpers.machine"]
    environment = with_temporary(os.path.dirname(os.path.abspath(socket)))
    if config := environment.get("F5D_CONFIG"):
        environment["F5D_CONFIG"] = os.path.abspath(config)
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=SELF_CHECK_S,
            check=False,
            cwd="/",  # no f5d folder of the caller is imported
            env=environment,
        )
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
    yield from _config(state.get("config"), socket)
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


def _config(found: dict[str, Any] | None, socket: str) -> Iterator[Finding]:
    """Tell how `f5d serve` would find its configuration, where there is an engine to serve with."""
    if found is None:
        return
    for fault in found["faults"]:
        yield Finding("configuration", "fault", fault, "correct it: a daemon that starts now refuses it")
    if found["faults"]:
        return
    yield Finding("configuration", "ok", found["path"] or "no f5d.toml; the defaults hold")
    if found["socket"] and os.path.abspath(found["socket"]) != os.path.abspath(socket):
        how = f"socket is {found['socket']} for `f5d serve`, and {socket} for f5ctl"
        fix = f"where f5ctl is to use that daemon: export F5D_SOCKET={found['socket']}"
        yield Finding("configuration", "note", how, fix)


def _device(state: dict[str, Any]) -> Finding:
    how = f"{state['device']}, {state['dtype']}"
    faults = "; ".join(state.get("gpu_faults", []))
    if faults:
        fix = "free the card or end its exclusive mode; `no kernel image`: install a torch made for that card"
        return Finding("device", "note", f"{how}, because a GPU cannot compute: {faults}", fix)
    if state["device"].startswith("cuda"):
        return Finding("device", "ok", f"{how}: {', '.join(state['gpus'])}")
    how = f"{how}, {state['threads']} threads"
    if shutil.which("nvidia-smi") is None:
        return Finding("device", "ok", how)
    if state["cuda_build"] is None:
        fix = "this torch is a CPU build: install one for CUDA"
    else:
        fix = f"torch is built for CUDA {state['cuda_build']}: upgrade the driver, or install an older build"
    return Finding("device", "note", f"{how}, although there is an NVIDIA driver", fix)


def _ffmpeg() -> Finding:
    found = shutil.which("ffmpeg")
    if found is None:
        fix = (
            "install ffmpeg to take recordings in m4a, mp4, webm, wma or amr; WAV, FLAC, Ogg and MP3 need none"
        )
        return Finding("ffmpeg", "note", "not found", fix)
    return Finding("ffmpeg", "ok", f"{found}, for recordings that libsndfile cannot read")
