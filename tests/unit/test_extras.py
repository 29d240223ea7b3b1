"""Which packages each extra brings, and what is said where one is missing."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import pytest

from f5ctl.errors import ConfigError
from f5ctl.extras import EXTRAS, missing, require, upstream_file

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[2]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CORE = {"click", "msgpack", "msgspec", "prometheus-client", "pyzmq", "rich", "tomli"}


def names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=;\[ ]", requirement)[0] for requirement in requirements}


def test_the_core_stays_small() -> None:
    """Without an extra, f5d brings what a client speaks and draws with, and nothing else."""
    assert names(PROJECT["dependencies"]) == CORE


def test_a_line_names_what_the_extra_brings() -> None:
    """What is looked for is what pyproject.toml installs, extra by extra."""
    stated = {name: names(PROJECT["optional-dependencies"][name]) - {"f5d"} for name in EXTRAS}
    assert {name: set(packages) for name, packages in EXTRAS.items()} == stated


def test_with_everything_installed_nothing_is_missing() -> None:
    """In the tests' environment every extra is there, under its packages' names."""
    assert {name: missing(name) for name in EXTRAS} == {name: [] for name in EXTRAS}
    require("engine", "f5d serve")
    assert upstream_file("infer/examples/vocab.txt")
    assert upstream_file("infer/examples/no.txt") is None


def test_what_is_missing_is_one_line_with_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line names the first missing package and how to install the extra; the exit status is 78."""
    monkeypatch.setattr(sys, "path", [str(ROOT)])  # an environment of nothing but this checkout
    monkeypatch.delitem(sys.modules, "f5_tts", raising=False)
    with pytest.raises(ConfigError) as caught:
        require("upstream", "a story")
    line = "a story needs f5-tts, which is not installed here: install f5d with its extra upstream,"
    assert caught.value.message == f"{line} in its checkout: pip install -c constraints.txt '.[upstream]'"
    assert caught.value.exit_status == 78
