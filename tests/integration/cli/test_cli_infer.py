"""`f5d infer`, in process and through a real daemon."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile

import f5d
from f5d.commands import main as f5d_command

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Cli

STARTER = Path(f5d.__file__).parent / "starter"
MODEL = ("--checkpoint", f"{STARTER}/model.safetensors", "--vocab", f"{STARTER}/vocab.txt")
SHAPE = ("--architecture", f"{STARTER}/dit.json", "--vocoder", f"{STARTER}/vocoder")
VOICE_TEXT = (STARTER / "voices" / "rms_0.txt").read_text().strip()
VOICE = ("--ref-audio", f"{STARTER}/voices/rms_0.wav", "--ref-text", VOICE_TEXT)
QUICK = ("--nfe-step", "2", "--seed", "1")
CONFIG = f"""[models.mine]
checkpoint = "{STARTER}/model.safetensors"
vocab = "{STARTER}/vocab.txt"
architecture = "{STARTER}/dit.json"
vocoder = "{STARTER}/vocoder"
"""


def infer(cli: Cli, *flags: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "f5d", "infer", *flags]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=300, check=False, env=cli.env | environment
    )


def test_the_same_sentence_with_and_without_the_service(fresh: Cli, tmp_path: Path) -> None:
    """One-shot and through the daemon a checkpoint says the same, sample for sample but for rounding."""
    config = tmp_path / "f5d.toml"
    config.write_text(CONFIG)
    said = ("--text", "Hello there.", *VOICE, *QUICK)
    alone = infer(fresh, *MODEL, *SHAPE, *said, "--output", f"{tmp_path}/alone.wav")
    assert (alone.returncode, alone.stdout) == (0, ""), alone.stderr
    served = infer(
        fresh, *MODEL, *said, "--output", f"{tmp_path}/served.wav", "--use-service", F5D_CONFIG=str(config)
    )
    assert (served.returncode, served.stdout) == (0, ""), served.stderr
    waves = [soundfile.read(tmp_path / f"{name}.wav")[0] for name in ("alone", "served")]
    assert len(waves[0]) == len(waves[1]) > 12_000
    assert np.abs(waves[0] - waves[1]).max() <= 1e-2  # the daemon may have other threads


@pytest.mark.parametrize(
    ("flags", "status", "line"),
    [
        (("--text", "x", *VOICE, "--output", "OUT.wav"), 2, "--checkpoint is missing"),
        ((*MODEL, "--text", "x", *VOICE), 2, "--output is missing"),
        ((*MODEL, *SHAPE, "--text", " ", *VOICE, "--output", "OUT.wav"), 65, "text is empty"),
        ((*MODEL, *SHAPE, "--text", "x", *VOICE, *QUICK, "--output", "OUT.xyz"), 2, "no known audio suffix"),
        (
            (*MODEL, *SHAPE, "--text", "x", *VOICE, "--speed", "9", "--output", "OUT.wav"),
            2,
            "'--speed': 9; the",
        ),
        (
            ("--checkpoint", "/no/such", *MODEL[2:], "--text", "x", *VOICE, "--output", "OUT.wav"),
            65,
            "/no/such",
        ),
        ((*MODEL, "--text", "x", *VOICE, "--output", "OUT.wav", "--use-service"), 78, "[models.NAME]"),
    ],
)
def test_wrong_flags_get_one_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], flags: tuple[str, ...], status: int, line: str
) -> None:
    """What is wrong is named in the last line, and no file is left."""
    placed = [flag.replace("OUT", str(tmp_path / "out")) for flag in flags]
    with pytest.raises(SystemExit) as ended:  # the command in this process, where torch is imported once
        f5d_command.main(["infer", *placed], prog_name="f5d")
    assert ended.value.code == status
    assert line in capfd.readouterr().err.splitlines()[-1]
    assert list(tmp_path.iterdir()) == []
