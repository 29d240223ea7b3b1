"""The f5d command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import f5d
from f5ctl import __version__
from f5d.commands import main


def test_version() -> None:
    """`f5d --version` prints the version of the package."""
    result = CliRunner().invoke(main, ["--version"])
    assert (result.exit_code, result.output.split()[-1]) == (0, __version__)


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            ["--config", "/nonexistent.toml"],
            "f5d: error: config /nonexistent.toml cannot be read: No such file or directory",
        ),
        (["--device", "tpu"], "f5d: error: --device: device is 'tpu'; it can be auto, cpu, cuda or cuda:N"),
        (["--max-jobs", "0"], "f5d: error: --max-jobs: max_jobs is 0; the limit is 1 to 1000"),
        (["--keep-alive", "-1", "--model", "gpt"], "f5d: error: configuration: unknown model 'gpt'"),
    ],
)
def test_a_wrong_configuration_is_one_line_and_78(arguments: list[str], line: str) -> None:
    """What is wrong with the configuration is said in one line; the exit status is 78."""
    result = CliRunner().invoke(main, ["serve", *arguments])
    assert result.exit_code == 78
    assert result.stderr.startswith(line)
    assert len(result.stderr.splitlines()) == 1


def test_without_arguments_there_is_help() -> None:
    """`f5d` alone shows its help page, as `f5ctl` does."""
    result = CliRunner().invoke(main, [])
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == CliRunner().invoke(main, ["--help"]).stdout


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["status"], "f5d has no verb 'status': it is f5ctl status (see f5d --help)"),
        (["srve"], "f5d has no verb 'srve'; did you mean serve? (see f5d --help)"),
        (["serve", "--prot", "x"], "f5d serve has no option '--prot' (see f5d serve --help)"),
        (["serve", "--dty=y"], "f5d serve has no option '--dty'; did you mean --dtype? (see f5d serve --help)"),
        (["infer", "inof"], "f5d infer has no verb 'inof'; did you mean info? (see f5d infer --help)"),
        (["infer"], "--text is missing (see f5d infer --help)"),
    ],
)  # fmt: skip
def test_wrong_usage_is_one_line_and_2(arguments: list[str], line: str) -> None:
    """What is spelled wrong is told with what was probably meant; the exit status is 2."""
    done = subprocess.run(
        [sys.executable, "-m", "f5d", *arguments], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"f5d: error: {line}\n")


def test_a_model_without_its_voice_is_refused(tmp_path: Path) -> None:
    """A default voice that does not exist is found at the start, not by the first request."""
    config = tmp_path / "f5d.toml"
    config.write_text('[models.m]\ncheckpoint = "m.safetensors"\ndefault_voice = "nobody"')
    result = CliRunner().invoke(main, ["serve", "--config", str(config)])
    assert result.exit_code == 78
    assert "unknown voice 'nobody'" in result.stderr


def test_a_configuration_is_checked_without_a_daemon(tmp_path: Path) -> None:
    """`f5d check-config` prints ok and what it found, and with 78 each fault in a line, not the first alone."""
    config = tmp_path / "f5d.toml"
    config.write_text('max_jobs = 3\n[voices.mine]\naudio = "f5d.toml"\ntext = "x"')
    result = CliRunner().invoke(main, ["check-config", "--config", str(config)])
    assert result.exit_code == 0
    assert result.output.splitlines()[:2] == ["ok", f"file     {config}"]
    assert "mine" in result.output.splitlines()[-1]
    wrong = 'max_jobs = 0\nmax_job = 1\n[defaults]\nspeed = 9\n[voices.a]\naudio = "no.wav"\n[models.m]'
    config.write_text(wrong)
    result = CliRunner().invoke(main, ["check-config", "--config", str(config)])
    assert (result.exit_code, result.stdout) == (78, "")
    starts = ("max_jobs is 0", "unknown key 'max_job'", "[defaults] speed is 9", "[models.m]", "[voices.a]")
    for line, start in zip(result.stderr.splitlines(), starts, strict=True):
        assert line.startswith(f"f5d: error: {config}: {start}")
    served = CliRunner().invoke(main, ["serve", "--config", str(config)])
    assert served.stderr.splitlines()[0].endswith("(and 4 more: f5d check-config tells all)")


def test_the_package_offers_its_interface_lazily() -> None:
    """The in-process classes are named by the package; anything else is an AttributeError."""
    assert set(f5d.__all__) <= set(dir(f5d))
    with pytest.raises(AttributeError, match="has no attribute 'nonsense'"):
        _ = f5d.nonsense  # type: ignore[attr-defined]
