"""`f5ctl doctor` on sound: is there a player, and does it play."""

from __future__ import annotations

import io
import subprocess
from typing import Final

from f5ctl.cli.base.findings import Finding
from f5ctl.errors import OutputError
from f5ctl.protocol import SAMPLE_BYTES, SAMPLE_RATE_HZ
from f5ctl.speech.player import find_player

TRY_S: Final = 4.0
_SILENCE: Final = bytes(SAMPLE_RATE_HZ // 10 * SAMPLE_BYTES)
_SERVER: Final = "start PipeWire or PulseAudio in your session (in a container: mount its socket)"
_FIXES: Final = {
    "paplay": _SERVER,
    "pw-play": _SERVER,
    "aplay": "`aplay -l` lists the devices; to open them takes the group audio",
}
_OTHERWISE: Final = "or name another player in F5CTL_PLAYER; `-o FILE` and pipes need none"


def examine_player(*, try_it: bool) -> Finding:
    """Return which player there is; with `try_it`, whether it plays a tenth of a second of silence."""
    try:
        found = find_player()
    except OutputError as error:
        return Finding("player", "fault", error.message, "mend or unset F5CTL_PLAYER")
    if found is None:
        fix = "install pulseaudio-utils, pipewire-bin, alsa-utils, ffmpeg or sox; files and pipes need none"
        return Finding("player", "note", "none found", fix)
    command, wav = found
    if not try_it:
        return Finding("player", "ok", f"{command[0]}; not tried (--sound does)")
    said = _fault(command, _as_wav(_SILENCE) if wav else _SILENCE, may_talk=wav)
    if not said:
        return Finding("player", "ok", f"{command[0]} plays")
    if wav:  # F5CTL_PLAYER
        return Finding("player", "fault", f"{command[0]} {said}", "mend or unset F5CTL_PLAYER")
    fix = f"{_FIXES.get(command[0], 'see that this machine has a sound device')}, {_OTHERWISE}"
    return Finding("player", "note", f"{command[0]} {said}", fix)


def _fault(command: list[str], audio: bytes, *, may_talk: bool) -> str:
    """Return what keeps a player from playing, "" where nothing does.

    ffplay without a device complains and ends with status 0; one that `may_talk` is believed its status.
    """
    try:
        done = subprocess.run(
            command, input=audio, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=TRY_S, check=False
        )
    except OSError as error:
        return f"cannot be started: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"has not played a tenth of a second in {TRY_S:g} s"
    said = [line.strip() for line in done.stderr.decode(errors="replace").splitlines()]
    said = [line for line in said if line and "WARN" not in line]
    if done.returncode or (said and not may_talk):
        return f"does not play: {said[-1] if said else f'exit status {done.returncode}'}"
    return ""


def _as_wav(samples: bytes) -> bytes:
    import wave

    with io.BytesIO() as file:
        with wave.open(file, "wb") as wav:
            wav.setnchannels(1)
            wav.setsampwidth(SAMPLE_BYTES)
            wav.setframerate(SAMPLE_RATE_HZ)
            wav.writeframes(samples)
        return file.getvalue()
