"""The tables of docs/python.md against the code."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Final

import pytest

from f5ctl.parameters import PARAMETERS
from f5d import F5TTSInference, F5TTSInferenceService

PAGE: Final = (Path(__file__).parents[2] / "docs" / "python.md").read_text()


def section(heading: str) -> str:
    return PAGE.split(f"\n### {heading}\n")[1].split("\n#")[0]


def rows(heading: str) -> dict[str, tuple[str, str]]:
    """Return name -> (default, range) of the table under a heading."""
    table = [line.split("|")[1:5] for line in section(heading).splitlines() if line.startswith("| `")]
    return {name.strip(" `"): (default.strip(" `"), limits.strip()) for name, default, limits, _ in table}


@pytest.mark.parametrize("heading", ["F5TTSInference", "F5TTSInference.generate"])
def test_every_parameter_has_its_default_and_range(heading: str) -> None:
    """The table has the parameters in their order, their defaults, and the bounds that are checked."""
    function = F5TTSInference.generate if heading.endswith("generate") else F5TTSInference.__init__
    table = rows(heading)
    parameters = dict(inspect.signature(function).parameters)
    del parameters["self"]
    assert list(table) == list(parameters)
    for name, parameter in parameters.items():
        default, limits = table[name]
        assert default == ("" if parameter.default is parameter.empty else repr(parameter.default)), name
        if name in PARAMETERS and PARAMETERS[name].bound:
            assert limits == str(PARAMETERS[name].bound), name


def test_the_service_has_its_methods() -> None:
    """Every public method of the service stands in its table, and no other."""
    named = set(re.findall(r"`(\w+)\(", section("F5TTSInferenceService"))) - {"get_inference_service"}
    named |= set(re.findall(r", `(\w+)\(", section("F5TTSInferenceService")))
    public = {name for name in vars(F5TTSInferenceService) if not name.startswith("_")}
    assert named == public - {"get_instance"}
