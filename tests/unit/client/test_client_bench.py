from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

import pytest

from f5ctl.bench import Crowd, Spoken, percentile
from f5ctl.bench_plot import TITLE, bars, svg, ticks

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.client.conftest import FakeDaemon, Here


SVG = "{http://www.w3.org/2000/svg}"


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
    assert len(list(drawing.iter(f"{SVG}polyline"))) == 2


CROWDS = [
    Crowd(clients, 10.0, [Spoken(0.1 * clients, 1.0, 2.0)] * requests)
    for clients, requests in ((1, 7), (4, 21), (16, 36))
]  # of 1.4, 4.2 and 7.2 s of audio a second


def test_the_plot_says_what_it_shows() -> None:
    """It has a title, axes with their units and round numbers at their ticks, and lies within its page."""
    drawing = ET.fromstring(svg(CROWDS))  # noqa: S314 - our own
    texts = [element.text or "" for element in drawing.iter(f"{SVG}text")]
    assert texts[0] == TITLE
    assert "throughput (seconds of audio per second)" in texts
    assert "time to first audio, 95th percentile (seconds)" in texts
    assert "clients at once" in texts
    for tick in ("1", "4", "16", "0", "2", "6", "8", "0.5", "1.5"):
        assert tick in texts
    for element in drawing.iter(f"{SVG}text"):
        assert 0 < float(element.get("x") or 0) < 640
        assert 0 < float(element.get("y") or 0) < 400
    for line in drawing.iter(f"{SVG}polyline"):
        points = [tuple(map(float, point.split(","))) for point in (line.get("points") or "").split()]
        assert [round(x) for x, _y in points] == [64, 320, 576]
        assert all(56 <= y <= 344 for _x, y in points)
        assert points[0][1] > points[1][1] > points[2][1]  # what is more lies higher


def test_the_plot_on_a_terminal(here: Here, daemon: FakeDaemon) -> None:
    """`--plot -` draws bars of at most 80 columns below the table, with title, units, ticks and numbers."""
    drawn = list(bars(CROWDS))
    assert max(map(len, drawn)) <= 80
    assert drawn[0] == TITLE
    assert drawn[2:4] == [
        "throughput (seconds of audio per second)",
        f"clients  {'0':14}{'2':14}{'4':14}{'6':14}8",
    ]
    lengths = [line.count("█") for line in drawn[5:8]]
    assert lengths == [round(56 * rate / 8) for rate in (1.4, 4.2, 7.2)]
    assert drawn[7].endswith(" 7.20")
    done = here.run("bench", "--clients", "1,2", "--requests", "2", "--plot", "-")
    assert done.returncode == 0, done.stderr
    assert TITLE in done.stdout.decode()
    assert max(map(len, done.stdout.decode().splitlines())) <= 80
    assert daemon.seen


@pytest.mark.parametrize(
    ("most", "numbers"),
    [
        (0.0, [0, 0.2, 0.4, 0.6, 0.8, 1]), (0.3, [0, 0.1, 0.2, 0.3]), (1.01, [0, 0.5, 1, 1.5]),
        (7.3, [0, 2, 4, 6, 8]), (100, [0, 20, 40, 60, 80, 100]),
    ],
)  # fmt: skip
def test_the_numbers_of_an_axis_are_round(most: float, numbers: list[float]) -> None:
    """From zero to what is shown at least, in steps of 1, 2 or 5, and six of them at most."""
    assert ticks(most) == pytest.approx(numbers)


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
