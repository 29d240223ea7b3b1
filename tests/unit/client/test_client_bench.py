from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from f5ctl.bench import percentile

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.client.conftest import FakeDaemon, Here


@pytest.mark.parametrize(("percent", "value"), [(0, 1), (50, 2), (75, 3), (76, 4), (95, 4), (100, 4)])
def test_percentiles_are_values_that_were_seen(percent: float, value: float) -> None:
    """The smallest value that so many percent do not exceed; nothing in between is made up."""
    assert percentile([3, 1, 4, 2], percent) == value


def test_every_level_does_its_requests(here: Here, daemon: FakeDaemon, tmp_path: Path) -> None:
    """Each number of clients speaks all requests once; the plot is a drawing with both curves."""
    plot = tmp_path / "b.svg"
    done = here.run("bench", "--clients", "1,3", "--requests", "6", "--json", "--plot", str(plot))
    assert done.returncode == 0, done.stderr
    rows = json.loads(done.stdout)
    assert [(row["clients"], row["requests"]) for row in rows] == [(1, 6), (3, 6)]
    assert all(row["audio_s_per_s"] > 0 and row["total_p95_s"] >= row["total_p50_s"] > 0 for row in rows)
    assert len([request for request in daemon.seen if request["type"] == "say"]) == 1 + 6 + 6
    drawing = ET.parse(plot).getroot()  # noqa: S314 - our own
    assert len(list(drawing.iter("{http://www.w3.org/2000/svg}polyline"))) == 2


def test_a_failure_ends_the_measurement(here: Here, daemon: FakeDaemon) -> None:
    """A request that fails gives its line and status, and no table."""
    daemon.fails = ("unknown_voice", "unknown voice 'x'")
    done = here.run("bench", "--requests", "2")
    assert (done.returncode, done.stdout) == (65, b"")


@pytest.mark.parametrize("clients", ["0", "1,x", "", "1001"])
def test_wrong_levels_are_refused(here: Here, clients: str) -> None:
    """The value and what it may be stand in the line."""
    done = here.run("bench", "--clients", clients)
    assert done.returncode == 2
    assert b"a list of numbers from 1 to 1000" in done.stderr
