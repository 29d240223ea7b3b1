"""Voices and receipts with the starter model, as a user runs them."""

from __future__ import annotations

import json
import re
import shutil
import struct
import wave
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile as sf

from f5ctl.speech.file_tags import read_tag

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Cli

TRANSCRIPT = "Some call me nature, others call me mother nature."
FAST = ("--nfe-step", "2")
LOSSLESS = ("wav", "flac")


@pytest.fixture(scope="module")
def recording() -> str:
    """The f5-tts package's English example."""
    found = find_spec("f5_tts")
    assert found is not None
    return f"{(found.submodule_search_locations or [''])[0]}/infer/examples/basic/basic_ref_en.wav"


@pytest.fixture
def home(cli: Cli, tmp_path: Path) -> Iterator[Path]:
    """A user's empty data folder for every f5ctl of the test; the daemon has another one."""
    cli.env["XDG_DATA_HOME"] = str(tmp_path)
    yield tmp_path
    del cli.env["XDG_DATA_HOME"]


@pytest.fixture
def anna(cli: Cli, home: Path, recording: str) -> Path:
    """The file of a voice of the user's own."""
    done = cli.run("voices", "add", "anna", recording, "--text", TRANSCRIPT, "--speed", "0.9", *FAST)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    return home / "f5d" / "voices" / "anna.voice"


def verdict_on(path: Path) -> tuple[int, str]:
    """Return the exit status and the line of a replay that gives the same audio again."""
    kind = path.suffix[1:]
    if kind in LOSSLESS:
        return 0, f"{path}: identical, every sample\n"
    return 0, f"{path}: identical, by the receipt alone: {kind} keeps no samples as they were\n"


def receipt_in(cli: Cli, path: Path) -> dict[str, object]:
    (found,) = json.loads(cli.run("inspect", "--json", str(path)).stdout)
    return dict(found)


def test_a_voice_of_one_s_own_from_beginning_to_end(cli: Cli, anna: Path, tmp_path: Path) -> None:
    """Added, spoken in, changed, handed on and removed; the daemon, with another data folder, never has it."""
    assert "anna" in cli.run("voices").stdout.decode().split()
    row = next(line for line in cli.run("voices", "list").stdout.decode().splitlines() if "anna" in line)
    assert row.split()[1:4] == ["private", "speed=0.9", "nfe_step=2"]
    out = tmp_path / "a.wav"
    assert cli.run("say", "-v", "anna", "-o", str(out), "Hello there.").returncode == 0
    made = receipt_in(cli, out)
    assert made["voice"] == "anna"
    assert isinstance(made["parameters"], dict)
    assert (made["parameters"]["speed"], made["parameters"]["nfe_step"]) == (0.9, 2)
    assert "anna" not in [voice["name"] for voice in cli.status()["voices"]]
    assert cli.run("voices", "set", "anna", "--speed", "1.2", "--unset", "nfe_step").returncode == 0
    facts = json.loads(cli.run("voices", "show", "anna", "--json").stdout)
    assert facts["defaults"] == {"speed": 1.2}
    assert facts["text"] == TRANSCRIPT
    assert facts["preview_bytes"] > 10_000
    handed = tmp_path / "handed.voice"
    assert cli.run("voices", "export", "anna", "-o", str(handed)).returncode == 0
    assert cli.run("voices", "rename", "anna", "bea").returncode == 0
    assert cli.run("voices", "import", str(handed)).returncode == 0
    assert cli.run("voices", "rm", "bea", "handed").returncode == 0
    assert list(anna.parent.iterdir()) == []
    assert cli.run("say", "-v", "anna", "Hello.").returncode == 65


def test_the_recording_comes_back_as_it_was(cli: Cli, anna: Path, tmp_path: Path, recording: str) -> None:
    """`export --recording` gives the very file that was added."""
    out = tmp_path / "out.wav"
    assert anna.exists()
    assert cli.run("voices", "export", "anna", "--recording", "-o", str(out)).returncode == 0
    assert out.read_bytes() == Path(recording).read_bytes()


def test_a_preview_is_played(cli: Cli, anna: Path, tmp_path: Path) -> None:
    """`play` feeds the player the stored preview; a built-in voice speaks for it."""
    heard = tmp_path / "heard.wav"
    assert anna.exists()
    cli.env["F5CTL_PLAYER"] = f"sh -c 'cat > {heard}'"
    try:
        for name in ("anna", "rms"):
            assert cli.run("voices", "play", name).returncode == 0
            assert heard.stat().st_size > 20_000
            heard.unlink()
    finally:
        del cli.env["F5CTL_PLAYER"]


def test_what_no_voice_can_be_made_of(cli: Cli, home: Path, recording: str, tmp_path: Path) -> None:
    """A bad name, a taken one, a file without speech and a missing transcript leave nothing behind."""
    silence = tmp_path / "silence.wav"
    with wave.open(str(silence), "wb") as made:
        made.setnchannels(1)
        made.setsampwidth(2)
        made.setframerate(24_000)
        made.writeframes(bytes(96_000))
    for args, line in (
        (["../x", recording, "--text", "x"], "cannot be a voice's name"),
        (["rms", recording, "--text", TRANSCRIPT], "rms is a built-in voice"),
        (["a", str(silence), "--text", "x"], "is silent"),
        (["a", __file__, "--text", "x"], "is not audio that can be read"),
        (["a", str(tmp_path / "missing.wav"), "--text", "x"], "cannot read"),
        (["a", recording], "pass --text"),
    ):
        done = cli.run("voices", "add", *args)
        assert done.returncode == 65, args
        assert line in done.stderr.decode().splitlines()[-1]
    assert not (home / "f5d").exists()


def test_the_doctor_tells_what_to_fix(cli: Cli, anna: Path, recording: str) -> None:
    """`voices doctor` grades stored voices and files, and ends with 65 for one that cannot be used."""
    assert anna.exists()
    done = cli.run("voices", "doctor")
    assert done.returncode == 0
    assert b"anna:" in done.stdout
    assert b"WHAT TO DO" in done.stdout
    done = cli.run("voices", "doctor", recording, "--text", "Too short.", "--json")
    findings = {one["check"]: one for one in json.loads(done.stdout)[recording]}
    assert findings["transcript"]["grade"] == "warning"
    assert "words are missing" in findings["transcript"]["fix"]
    assert cli.run("voices", "doctor", __file__).returncode == 65


def test_a_shared_voice_is_the_daemon_s_too(fresh: Cli, recording: str, tmp_path: Path) -> None:
    """What the administrator adds can be used at once by every client, by name, and is marked."""
    fresh.env |= {"F5D_SHARED_VOICES": str(tmp_path / "shared"), "XDG_DATA_HOME": str(tmp_path)}
    words = ("--text", TRANSCRIPT, "--speed", "1.1", *FAST)
    added = fresh.run("voices", "add", "--shared", "house", recording, *words)
    assert added.returncode == 0
    known = {voice["name"]: voice for voice in fresh.status()["voices"]}
    assert (known["house"]["source"], known["house"]["defaults"]) == ("shared", {"speed": 1.1, "nfe_step": 2})
    assert known["rms"]["source"] == "built-in"
    out = tmp_path / "a.wav"
    del fresh.env["F5D_SHARED_VOICES"]  # another user's client: only the daemon can tell
    assert fresh.run("say", "-v", "house", "-o", str(out), "Hello there.").returncode == 0
    made = receipt_in(fresh, out)
    assert made["voice"] == "house"
    assert isinstance(made["parameters"], dict)
    assert made["parameters"]["speed"] == 1.1
    shutil.rmtree(tmp_path / "shared")
    assert fresh.run("say", "-v", "house", "Hello.").returncode == 65


def test_a_shared_folder_that_is_not_ours(cli: Cli, recording: str, tmp_path: Path) -> None:
    """Without the right to write there, nothing is synthesised, and the line says whose it is."""
    (tmp_path / "file").write_text("")
    cli.env["F5D_SHARED_VOICES"] = str(tmp_path / "file" / "x")
    try:
        done = cli.run("voices", "add", "--shared", "a", recording, "--text", TRANSCRIPT)
    finally:
        del cli.env["F5D_SHARED_VOICES"]
    assert done.returncode in (73, 74)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "opus", "mp3"])
def test_a_file_is_made_again(cli: Cli, tmp_path: Path, suffix: str) -> None:
    """Every format carries its receipt, and replay makes the very same samples."""
    out = tmp_path / f"a.{suffix}"
    assert cli.run("say", *FAST, "-v", "slt", "-o", str(out), "He stood on the right.").returncode == 0
    page = cli.run("inspect", str(out)).stdout.decode()
    for part in ("starter (", "slt (", "seed=", "He stood on the right.", "nfe_step=2"):
        assert part in page
    assert ("as it was made" in page) == (suffix in LOSSLESS)
    again = tmp_path / "again.wav"
    done = cli.run("replay", str(out), "-o", str(again))
    assert (done.returncode, done.stdout.decode()) == verdict_on(out)
    assert "as it was made" in cli.run("inspect", str(again)).stdout.decode()
    answer = json.loads(cli.run("replay", str(out), "--json").stdout)
    compared = "samples" if suffix in LOSSLESS else "receipt"
    assert answer == {"file": str(out), "identical": True, "compared": compared, "changed": []}


def test_the_example_of_inspect_finds_the_seed(cli: Cli, tmp_path: Path) -> None:
    """What --help shows for scripts is a path that is there."""
    path = re.search(r"jq -r '\.\[\]\.([\w.]+)'", cli.run("inspect", "--help").stdout.decode())
    assert path is not None
    out = tmp_path / "a.opus"
    assert cli.run("say", *FAST, "--seed", "5", "-o", str(out), "He stood.").returncode == 0
    found: Any = receipt_in(cli, out)
    for key in path[1].split("."):
        found = found[key]
    assert found == 5


def harm(path: Path, how: str) -> None:
    """Change the samples of a WAV or FLAC file and keep its receipt."""
    comment = read_tag(str(path)).comment or ""
    samples, rate_hz = sf.read(path, dtype="int16")
    if how == "cut short":
        samples = samples[: len(samples) // 2]
    elif how == "silenced":
        samples[len(samples) // 2 :] = 0
    elif how == "longer":
        samples = np.append(samples, samples[:1])
    elif how == "a sample changed":
        samples[-1] += 1
    subtype = "PCM_24" if how == "wider" else "PCM_16"
    rate_hz = 48_000 if how == "faster" else rate_hz
    with sf.SoundFile(path, "w", rate_hz, 2 if how == "stereo" else 1, subtype) as file:
        file.comment = comment
        file.write(np.stack([samples] * 2, axis=1) if how == "stereo" else samples)


@pytest.mark.parametrize("suffix", LOSSLESS)
@pytest.mark.parametrize(
    "how", ["cut short", "silenced", "longer", "a sample changed", "wider", "faster", "stereo"]
)
def test_a_file_whose_samples_were_changed_is_different(
    cli: Cli, tmp_path: Path, suffix: str, how: str
) -> None:
    """Replay compares the file itself, however good its receipt is, also with what it writes over it."""
    out = tmp_path / f"a.{suffix}"
    text = "He stood. [pause 200ms] She ran." if suffix == "wav" else "He stood."
    assert cli.run("say", *FAST, "--seed", "5", "-o", str(out), text).returncode == 0
    harm(out, "nothing")
    done = cli.run("replay", str(out))
    assert (done.returncode, done.stdout.decode()) == verdict_on(out)
    harm(out, how)
    assert "CHANGED since it was made" in cli.run("inspect", str(out)).stdout.decode()
    done = cli.run("replay", str(out), "-o", str(out))
    assert done.returncode == 1
    assert "different; the file's samples are not those that it was made with" in done.stdout.decode()
    assert cli.run("replay", str(out)).returncode == 0


@pytest.mark.parametrize("size", [0.5, 0.9])
def test_a_flac_file_that_ends_in_the_middle_is_different(cli: Cli, tmp_path: Path, size: float) -> None:
    """A fetch that was cut off leaves the receipt, and too few samples."""
    out = tmp_path / "a.flac"
    assert cli.run("say", *FAST, "-o", str(out), "He stood.").returncode == 0
    data = out.read_bytes()
    out.write_bytes(data[: int(len(data) * size)])
    assert cli.run("replay", str(out)).returncode == 1


def test_flac_without_an_engine_is_compared_by_its_receipt(cli: Cli, tmp_path: Path) -> None:
    """An installation that only speaks through a daemon says what it could not look at, and what that needs."""
    out = tmp_path / "a.flac"
    assert cli.run("say", *FAST, "-o", str(out), "He stood.").returncode == 0
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    (hidden / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "found = util.find_spec\n"
        "util.find_spec = lambda name, package=None: None if name == 'soundfile' else found(name, package)\n"
    )
    path = cli.env.get("PYTHONPATH", "")
    cli.env["PYTHONPATH"] = f"{hidden}:{path}"
    try:
        done = cli.run("replay", str(out))
    finally:
        cli.env["PYTHONPATH"] = path
    assert done.returncode == 0
    assert "identical, by the receipt alone: comparing the samples of a FLAC file needs soundfile" in str(
        done.stdout
    )


def test_a_file_that_was_edited_is_noticed(cli: Cli, tmp_path: Path) -> None:
    """Inspect compares a WAV's samples with its receipt; replay says when the result is another one."""
    out = tmp_path / "a.wav"
    assert cli.run("say", *FAST, "--seed", "5", "-o", str(out), "He stood.").returncode == 0
    data = bytearray(out.read_bytes())
    data[1_000:1_002] = struct.pack("<h", 12_345)
    out.write_bytes(data)
    assert "CHANGED since it was made" in cli.run("inspect", str(out)).stdout.decode()
    out.write_bytes(data.replace(b'"seed": 5', b'"seed": 6'))
    done = cli.run("replay", str(out))
    assert done.returncode == 1
    assert "different" in done.stdout.decode()


def test_a_text_that_was_kept_out_is_passed_again(cli: Cli, tmp_path: Path) -> None:
    """--no-receipt-text keeps the words out of the file; replay takes them, and no others."""
    for suffix in ("wav", "opus"):
        out = tmp_path / f"a.{suffix}"
        done = cli.run("say", *FAST, "--no-receipt-text", "-o", str(out), "A secret plan.")
        assert done.returncode == 0
        assert b"secret" not in out.read_bytes()
        assert b"pass it with --text" in cli.run("replay", str(out)).stderr
        assert b"not the one" in cli.run("replay", str(out), "--text", "A secret plot.").stderr
        assert cli.run("replay", str(out), "--text", "A secret plan.").returncode == verdict_on(out)[0]


def test_a_recording_without_a_name_is_passed_again(cli: Cli, recording: str, tmp_path: Path) -> None:
    """What was made with --ref-audio needs the recording for its replay; another one is named as the cause."""
    out = tmp_path / "a.wav"
    own = ("--ref-audio", recording, "--ref-text", TRANSCRIPT)
    assert cli.run("say", *FAST, *own, "-o", str(out), "He stood on the right.").returncode == 0
    assert b"pass it with --ref-audio" in cli.run("replay", str(out)).stderr
    assert cli.run("replay", str(out), "--ref-audio", recording).returncode == 0
    done = cli.run("replay", str(out), "--ref-audio", recording, "--ref-text", "Some call me nature.", "--json")
    verdict = json.loads(done.stdout)
    assert (done.returncode, verdict["identical"]) == (1, False)
    assert any("recording or transcript" in line for line in verdict["changed"])


def test_a_file_of_several_requests_is_made_again(cli: Cli, anna: Path, tmp_path: Path) -> None:
    """Voices by tags and pauses between them: each part has its receipt, and replay makes all of it."""
    assert anna.exists()
    text = "He stood. [pause 200ms] She ran. [anna] They walked on."
    for suffix, parts in (("wav", 5), ("opus", 5)):  # with a pause between the speakers
        out = tmp_path / f"a.{suffix}"
        assert cli.run("say", *FAST, "-o", str(out), text).returncode == 0
        made = json.loads(cli.run("inspect", "--json", str(out)).stdout)
        assert len(made) == parts
        assert 0 < made[1]["silence"] < 4_800  # heard for 200 ms with what is quiet before and after it
        assert made[4]["voice"] == "anna"
        again = tmp_path / "again.wav"
        done = cli.run("replay", str(out), "-o", str(again))
        assert (done.returncode, done.stdout.decode()) == verdict_on(out)
        if suffix == "wav":
            assert again.read_bytes() == out.read_bytes()


def test_a_batch_s_files_have_receipts(cli: Cli, anna: Path, tmp_path: Path) -> None:
    """Each file of a batch can be inspected and replayed; a replaced voice makes its lines again."""
    assert anna.exists()
    (tmp_path / "lines.jsonl").write_text('{"text": "He stood.", "voice": "anna"}\n{"text": "She ran."}\n')
    batch = ("batch", str(tmp_path / "lines.jsonl"), "-d", str(tmp_path / "out"))
    assert cli.run(*batch, *FAST).returncode == 0
    for name in ("0001.wav", "0002.wav"):
        assert cli.run("replay", str(tmp_path / "out" / name)).returncode == 0
    assert receipt_in(cli, tmp_path / "out" / "0001.wav")["voice"] == "anna"
    assert cli.run("voices", "set", "anna", "--text", "Some call me nature.").returncode == 0
    status = [json.loads(line)["status"] for line in cli.run(*batch, *FAST).stdout.splitlines()]
    assert sorted(status) == ["done", "skipped"]


def test_a_wav_in_a_pipe_has_no_receipt(cli: Cli, tmp_path: Path) -> None:
    """Nothing follows the samples of a WAV whose length is not known; inspect says so."""
    out = tmp_path / "a.wav"
    out.write_bytes(cli.run("say", *FAST, "He stood.").stdout)
    done = cli.run("inspect", str(out))
    assert done.returncode == 65
    assert b"carries no receipt" in done.stderr


def test_a_voice_without_a_preview_says_why(cli: Cli, home: Path, recording: str) -> None:
    """A model that the daemon does not know costs the preview, with a line, and not the voice."""
    done = cli.run("voices", "add", "b", recording, "--text", TRANSCRIPT, "-m", "nowhere")
    assert done.returncode == 0, home
    assert b"no preview: unknown model 'nowhere'" in done.stderr
    assert json.loads(cli.run("voices", "show", "b", "--json").stdout)["preview_bytes"] is None
