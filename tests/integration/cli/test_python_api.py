"""`import f5ctl`: speech in one call, with the starter model and the real daemon."""

from __future__ import annotations

import base64
import gc
import re
import subprocess
import sys
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile as sf

import f5ctl
from f5ctl.errors import BadRequestError, ConfigError, NoDaemonError, OutputError, TryAgainError
from f5ctl.receipts import short_hash

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Cli

FAST: dict[str, Any] = {"nfe_step": 2, "seed": 5}
VOICES = Path(f5ctl.__file__).parents[1] / "f5d" / "starter" / "voices"


@pytest.fixture(autouse=True)
def _daemon(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The daemon that the tests of the command line share."""
    monkeypatch.setenv("F5D_SOCKET", cli.socket)


def test_one_call_speaks(cli: Cli, tmp_path: Path) -> None:
    """The audio has its samples, its receipt and a player, and its file is that of the command line."""
    audio = f5ctl.say("He stood on the right.", voice="slt", **FAST)
    assert audio.receipt["voice"] == "slt"
    assert audio.receipt["seed"] == 5
    assert audio.receipt["audio_hash"] == short_hash(audio.pcm)
    samples = audio.array()
    assert samples.dtype == np.float32
    assert len(samples) == audio.receipt["samples"] == audio.duration_s * audio.sample_rate_hz
    assert 0.05 < np.abs(samples).max() <= 1
    assert repr(audio) == f"<f5ctl.Audio of {audio.duration_s:.2f} s>"
    audio.save(tmp_path / "a.wav")
    out = tmp_path / "b.wav"
    words = ("--nfe-step", "2", "--seed", "5", "-v", "slt", "-o", str(out), "He stood on the right.")
    assert cli.run("say", *words).returncode == 0
    assert (tmp_path / "a.wav").read_bytes() == out.read_bytes() == audio.wav()
    player = re.search(r'<audio controls src="data:audio/wav;base64,([^"]+)">', audio._repr_html_())
    assert player is not None
    assert base64.b64decode(player[1]) == audio.wav()


@pytest.mark.parametrize("suffix", ["flac", "opus", "mp3", "ogg", "pcm"])
def test_a_file_in_every_format(cli: Cli, tmp_path: Path, suffix: str) -> None:
    """The suffix is the format, as for `say -o`; the receipt is in it, so it can be made again."""
    audio = f5ctl.say("He stood.", **FAST)
    path = tmp_path / f"a.{suffix}"
    audio.save(str(path))
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
    if suffix == "pcm":
        assert path.read_bytes() == audio.pcm
        return
    assert sf.info(path).frames == pytest.approx(len(audio.pcm) / 2, rel=0.1)
    assert cli.run("replay", str(path)).returncode == 0


def test_a_recording_of_one_s_own() -> None:
    """A path and the bytes of a file are the same voice."""
    path = VOICES / "slt_0.wav"
    own: dict[str, Any] = {"ref_text": path.with_suffix(".txt").read_text().strip(), **FAST}
    one = f5ctl.say("He stood.", ref_audio=path, **own)
    other = f5ctl.say("He stood.", ref_audio=path.read_bytes(), **own)
    assert one.pcm == other.pcm
    assert one.receipt["voice_hash"] == other.receipt["voice_hash"]


def test_quality_is_a_number_of_steps() -> None:
    """The names of `--quality` are known in Python too."""
    assert f5ctl.say("Hi.", quality="fast", seed=5).receipt["parameters"]["nfe_step"] == 16


def test_a_stream_comes_in_pieces() -> None:
    """The samples come as they are made; at the end there is the receipt of them."""
    with f5ctl.stream("He stood on the right. She ran on the left, all day long.", **FAST) as speech:
        before = speech.receipt
        chunks = list(speech)
    assert len(chunks) > 1
    assert before is None
    assert speech.receipt is not None
    assert speech.receipt["audio_hash"] == short_hash(b"".join(chunks))
    assert speech.receipt["parameters"]["stream"] is True


def test_a_stream_that_is_left_is_cancelled(cli: Cli) -> None:
    """Nobody has to listen to the end; the daemon makes no more of it."""
    for chunk in (speech := f5ctl.stream("He stood on the right. " * 40, nfe_step=4)):
        assert chunk
        break
    speech.close()
    assert cli.status()["jobs"] == []
    assert speech.receipt is None


def test_a_stream_that_nobody_has_is_cancelled_at_once() -> None:
    """The last reference cancels the rest, without waiting for the collector of cycles."""
    gc.disable()
    try:
        speech = f5ctl.stream("He stood on the right. " * 40, nfe_step=4)
        next(speech)
        gone = weakref.ref(speech._chunks)
        del speech
        assert gone() is None
    finally:
        gc.enable()
    assert f5ctl.say("He stood.", **FAST).duration_s > 0


@pytest.mark.parametrize(
    ("text", "parameters", "error", "line"),
    [
        ("Hi.", {"voice": "nobody"}, BadRequestError, "unknown voice 'nobody'"),
        ("Hi.", {"model": "gpt"}, BadRequestError, "unknown model 'gpt'"),
        ("Hi.", {"sped": 2}, BadRequestError, "sped is no parameter; known: model, voice"),
        ("Hi.", {"encoding": "opus"}, BadRequestError, "encoding is no parameter"),
        ("Hi.", {"speed": 3}, BadRequestError, "speed is 3; the limit is 0.5 to 2"),
        ("Hi.", {"speed": np.float32(3)}, BadRequestError, "speed is 3; the limit is 0.5 to 2"),
        (
            "Hi.",
            {"quality": "best"},
            BadRequestError,
            "quality is 'best'; it can be draft, fast, standard, high",
        ),
        ("Hi.", {"quality": "fast", "nfe_step": 7}, BadRequestError, "without nfe_step"),
        ("Hi.", {"loudness": "no"}, BadRequestError, "loudness is 'no'; it must be true or false"),
        ("Hi.", {"voice": 3}, BadRequestError, "voice is 3; it must be a text"),
        ("Hi.", {"ref_audio": 3}, BadRequestError, "ref_audio is 3; it must be bytes"),
        ("Hi.", {"ref_audio": "/nonexistent.wav"}, BadRequestError, "cannot read /nonexistent.wav"),
        ("", {}, BadRequestError, "text is empty"),
        ("?!", {}, BadRequestError, "no letter or digit"),
        (None, {}, BadRequestError, "text is None; it must be a text"),
        ("x" * 70_000, {}, BadRequestError, "text is 70000 bytes; the limit is 65536"),
        ("Hi. " * 99, {"timeout_s": 0.01}, TryAgainError, "not finished within timeout_s"),
    ],
)
def test_what_is_wrong_is_raised(
    text: Any, parameters: dict[str, Any], error: type[Exception], line: str
) -> None:
    """Errors are f5ctl's own, as on the command line, whether this side or the daemon finds them."""
    with pytest.raises(error) as caught:
        f5ctl.say(text, **parameters)
    assert line in str(caught.value)
    with pytest.raises(error):
        list(f5ctl.stream(text, **parameters))


def test_a_file_that_cannot_be_saved(tmp_path: Path) -> None:
    """An unknown suffix and a missing folder are errors of f5ctl, and leave nothing."""
    audio = f5ctl.say("He stood.", **FAST)
    with pytest.raises(BadRequestError, match=r"the suffix of .*a\.xyz names no format; known: \.wav .*\.raw$"):
        audio.save(tmp_path / "a.xyz")
    with pytest.raises(OutputError, match="cannot create"):
        audio.save(tmp_path / "none" / "a.wav")
    assert list(tmp_path.iterdir()) == []


def test_without_numpy_and_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A thin installation speaks and saves WAV; what needs more says what."""
    audio = f5ctl.say("He stood.", **FAST)
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ConfigError, match="needs numpy"):
        audio.array()
    monkeypatch.setattr(sys, "path", [str(Path(f5ctl.__file__).parents[1])])  # nothing but this checkout
    with pytest.raises(ConfigError, match=r"writing opus needs (numpy|torch)"):
        audio.save(tmp_path / "a.opus")
    audio.save(tmp_path / "a.wav")


def run(cli: Cli, code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=cli.env, cwd=cwd, capture_output=True, text=True, check=False
    )


def test_the_first_call_starts_the_daemon(fresh: Cli, tmp_path: Path) -> None:
    """One line speaks where nothing runs yet; with F5CTL_NO_START it says that nothing does."""
    line = "import f5ctl; f5ctl.say('Hello.', nfe_step=1).save('a.wav')"
    fresh.env["F5CTL_NO_START"] = "1"
    done = run(fresh, line, tmp_path)
    assert NoDaemonError.__name__ in done.stderr
    del fresh.env["F5CTL_NO_START"]
    done = run(fresh, line, tmp_path)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert sf.info(tmp_path / "a.wav").duration > 0.3
    assert fresh.status()["counters"]["done"] == 1


def test_importing_f5ctl_imports_nothing(cli: Cli, tmp_path: Path) -> None:
    """The names are there, and what they need comes when one is used; never numpy or torch for speech alone."""
    code = (
        "import sys; before = set(sys.modules); import f5ctl\n"
        "assert set(sys.modules) - before == {'f5ctl'}, set(sys.modules) - before\n"
        "assert {'say', 'stream', 'Audio', 'Stream'} <= set(dir(f5ctl))\n"
        "f5ctl.say('Hi there.', nfe_step=1).save('a.wav')\n"
        "print([name for name in ('numpy', 'torch', 'soundfile', 'f5d') if name in sys.modules])\n"
        "f5ctl.nothing"
    )
    done = run(cli, code, tmp_path)
    assert done.stdout == "[]\n", done.stderr
    assert "AttributeError: module 'f5ctl' has no attribute 'nothing'" in done.stderr
