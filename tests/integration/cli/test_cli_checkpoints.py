"""Checkpoints as people have them, with the commands that people use."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import load_file, save_file

from f5d.commands import main as f5d_command

if TYPE_CHECKING:
    from tests.integration.cli.conftest import Cli

STARTER = Path(__file__).parents[3] / "f5d" / "starter"
VOICE_TEXT = (STARTER / "voices" / "rms_0.txt").read_text().strip()
QUICK = ("--seed", "1", "--nfe-step", "2")
TABLE = """[models.{name}]
checkpoint = "{checkpoint}"
vocab = "{starter}/vocab.txt"
architecture = "starter"
vocoder = "{starter}/vocoder"
reference_gap = " "
default_voice = "rms"
"""


def wrapped(prefix: str) -> dict[str, torch.Tensor]:
    """Return the starter's weights under other names."""
    held = load_file(STARTER / "model.safetensors")
    return {f"{prefix}{key.removeprefix('ema_model.')}": value for key, value in held.items()}


def test_a_compiled_model_in_capitals_speaks_as_the_plain_one(fresh: Cli, tmp_path: Path) -> None:
    """Wrapped, renamed or beside stale weights: through the daemon the samples are the plain model's."""
    save_file(wrapped("module._orig_mod."), tmp_path / "WRAPPED.SAFETENSORS")
    training = {"ema_model_state_dict": wrapped("module."), "model_state_dict": wrapped("_orig_mod.")}
    for value in training["ema_model_state_dict"].values():
        value.mul_(0.5)
    torch.save(training, tmp_path / "both.safetensors")
    tables = [
        TABLE.format(name="plain", checkpoint=STARTER / "model.safetensors", starter=STARTER),
        TABLE.format(name="wrapped", checkpoint="WRAPPED.SAFETENSORS", starter=STARTER),
        TABLE.format(name="raw", checkpoint="both.safetensors", starter=STARTER) + "ema = false\n",
        TABLE.format(name="averaged", checkpoint="both.safetensors", starter=STARTER),
    ]
    config = tmp_path / "f5d.toml"
    config.write_text("\n".join(tables))
    fresh.env["F5D_CONFIG"] = str(config)
    spoken = {}
    for name in ("plain", "wrapped", "raw", "averaged"):
        done = fresh.run("say", "-m", name, *QUICK, "--output-raw", "Hello there.")
        spoken[name] = done.stdout if done.returncode == 0 else done.stderr
    assert len(spoken["plain"]) > 20_000
    assert spoken["wrapped"] == spoken["raw"] == spoken["plain"]
    assert spoken["averaged"] != spoken["plain"]
    facts = json.loads(fresh.run("info", "--json", "raw").stdout)
    assert (facts["weights"], facts["ema"], facts["format"]) == (["ema", "plain"], False, "torch")
    shown = fresh.run("info", "averaged").stdout.decode()
    assert "weights        ema and plain" in shown


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 5\n", "is a Git LFS pointer"),
        (b"", "is empty"),
        (b"\x20\0\0\0\0\0\0\0{", "its header is cut off"),
        (None, "does not exist"),
    ],
)
def test_an_unreadable_checkpoint_is_bad_input(
    cli: Cli, tmp_path: Path, content: bytes | None, line: str
) -> None:
    """`f5ctl info` says what the file is and exits with 65, as its page says."""
    path = tmp_path / "model.safetensors"
    if content is not None:
        path.write_bytes(content)
    done = cli.run("info", "--checkpoint", str(path))
    assert done.returncode == 65, done.stderr
    assert done.stderr.decode().count("\n") == 1
    assert line in done.stderr.decode()


def test_infer_takes_either_set(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """`f5d infer --no-ema` speaks with the weights themselves, and says so where there are none."""
    checkpoint, out = tmp_path / "model.pt", tmp_path / "out.wav"
    torch.save({"ema_model_state_dict": wrapped("")}, checkpoint)
    command = [
        *(sys.executable, "-m", "f5d", "infer", "--no-ema", "-c", str(checkpoint)),
        *("-v", str(STARTER / "vocab.txt"), "--architecture", "starter", "--vocoder", str(STARTER / "vocoder")),
        *("-r", str(STARTER / "voices" / "rms_0.wav"), "--ref-text", VOICE_TEXT, *QUICK, "-o", str(out)),
        *("-t", "Hello there."),
    ]
    with pytest.raises(SystemExit) as refused:  # the command in this process, where torch is imported
        f5d_command.main(command[3:], prog_name="f5d")
    assert refused.value.code == 70
    assert "holds EMA weights alone" in capfd.readouterr().err
    assert not out.exists()
    torch.save({"ema_model_state_dict": wrapped(""), "model_state_dict": wrapped("module.")}, checkpoint)
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert out.stat().st_size > 20_000
