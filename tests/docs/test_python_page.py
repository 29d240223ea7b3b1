"""The tables of docs/python.md against the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Final

import pytest

from f5ctl.protocol import BOUNDS
from f5d import F5TTSInference, F5TTSInferenceService

PAGE: Final = (Path(__file__).parents[2] / "docs" / "python.md").read_text()
ROW: Final = re.compile(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*) \|$", re.MULTILINE)


def rows(heading: str) -> dict[str, tuple[str, str]]:
    """Return name -> (default, range) of the table under a heading."""
    section = PAGE.split(f"\n### {heading}\n")[1].split("\n#")[0]
    return {name: (default.strip("` "), limits.strip()) for name, default, limits, _ in ROW.findall(section)}


@pytest.mark.parametrize(
    ("heading", "function"),
    [("F5TTSInference", F5TTSInference.__init__), ("F5TTSInference.generate", F5TTSInference.generate)],
)
def test_every_parameter_has_its_default_and_range(heading: str, function: object) -> None:
    """The table has the parameters in their order, their defaults, and the bounds that are checked."""
    table = rows(heading)
    parameters = dict(inspect.signature(function).parameters)  # type: ignore[arg-type] # a function
    del parameters["self"]
    assert list(table) == list(parameters)
    for name, parameter in parameters.items():
        default, limits = table[name]
        assert default == ("" if parameter.default is parameter.empty else repr(parameter.default)), name
        if name in BOUNDS:
            assert limits == str(BOUNDS[name]), name


def test_the_service_has_its_methods() -> None:
    """Every public method of the service stands in its table, and no other."""
    section = PAGE.split("\n### F5TTSInferenceService\n")[1].split("\n#")[0]
    named = set(re.findall(r"`(\w+)\(", section)) - {"get_inference_service"}
    public = {name for name in vars(F5TTSInferenceService) if not name.startswith("_")}
    assert named == public - {"get_instance"}
