"""What `f5ctl bench --plot` draws of a measurement: an SVG, or bars of characters for a terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from f5ctl.bench import Crowd

MOST_STEPS: Final = 5  # of an axis
_WIDTH, _HEIGHT, _SIDE, _TOP, _BOTTOM = 640, 400, 64, 56, 56
_COLUMNS: Final = 56  # of a terminal's 80: the label and the number stand beside it


class Measure(NamedTuple):
    """Something that was measured of each number of clients."""

    what: str
    unit: str
    colour: str
    of: Callable[[Crowd], float]


TITLE: Final = "f5ctl bench: throughput and time to first audio"
MEASURES: Final = (
    Measure("throughput", "seconds of audio per second", "#1f77b4", lambda one: one.audio_rate),
    Measure("time to first audio, 95th percentile", "seconds", "#d95f02", lambda one: one.first_audio_s(95)),
)


def ticks(most: float) -> list[float]:
    """Return the round numbers of an axis that goes from 0 to `most` at least, six of them or fewer."""
    most = most or 1.0
    power = 10.0 ** math.floor(math.log10(most / MOST_STEPS))
    step = next(power * round_ for round_ in (1, 2, 5, 10) if power * round_ * MOST_STEPS >= most)
    return [step * number for number in range(max(1, math.ceil(most / step - 1e-9)) + 1)]


def bars(crowds: Sequence[Crowd]) -> Iterator[str]:
    """Yield the lines of a drawing that is at most 80 columns wide."""
    yield TITLE
    for measure in MEASURES:
        values = [measure.of(one) for one in crowds]
        axis = ticks(max(values))
        numbers = [" "] * (_COLUMNS + 8)
        for tick in axis:
            label, place = f"{tick:g}", round(_COLUMNS * tick / axis[-1])
            numbers[place : place + len(label)] = label
        yield from ("", f"{measure.what} ({measure.unit})", f"clients  {''.join(numbers).rstrip()}")
        line = ["─"] * (_COLUMNS + 1)
        for tick in axis:
            line[round(_COLUMNS * tick / axis[-1])] = "┬"
        yield f"         {''.join(line)}"
        for one, value in zip(crowds, values, strict=True):
            yield f"{one.clients:>7}  {'█' * round(_COLUMNS * value / axis[-1]) or '▏'} {value:.2f}"


def svg(crowds: Sequence[Crowd]) -> str:
    """Return an SVG: a curve for each measure over the number of clients, each with its own axis."""
    step = (_WIDTH - 2 * _SIDE) / max(1, len(crowds) - 1)
    places = [_SIDE + step * index for index in range(len(crowds))]
    right, bottom = _WIDTH - _SIDE, _HEIGHT - _BOTTOM
    size = f'width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">',
        f"<title>{TITLE}</title>",
        '<rect width="100%" height="100%" fill="white"/>',
        _text(_WIDTH / 2, 24, TITLE, 'font-size="15"'),
        *_axis(crowds, MEASURES[0], x=_SIDE, outwards=-1),
        *_axis(crowds, MEASURES[1], x=right, outwards=1),
        f'<path d="M{_SIDE} {_TOP}V{bottom}H{right}V{_TOP}" fill="none" stroke="black"/>',
    ]
    for place, one in zip(places, crowds, strict=True):
        lines.append(f'<path d="M{place:.1f} {bottom}v5" stroke="black"/>')
        lines.append(_text(place, bottom + 19, str(one.clients)))
    lines.append(_text(_WIDTH / 2, _HEIGHT - 14, "clients at once"))
    for measure in MEASURES:
        values = [measure.of(one) for one in crowds]
        points = [
            (place, _height(value, ticks(max(values)))) for place, value in zip(places, values, strict=True)
        ]
        shown = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        lines.append(f'<polyline points="{shown}" fill="none" stroke="{measure.colour}" stroke-width="2"/>')
        lines += (f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="{measure.colour}"/>' for x, y in points)
    return "\n".join([*lines, "</svg>", ""])


def _axis(crowds: Sequence[Crowd], measure: Measure, *, x: int, outwards: int) -> Iterator[str]:
    """Yield a measure's axis: its ticks with numbers, and what it is, upright beside them."""
    axis = ticks(max(measure.of(one) for one in crowds))
    side = 'text-anchor="end"' if outwards < 0 else 'text-anchor="start"'
    fill = f'fill="{measure.colour}"'
    for tick in axis:
        y = _height(tick, axis)
        yield f'<path d="M{x} {y:.1f}h{5 * outwards}" stroke="black"/>'
        if outwards < 0:
            yield f'<path d="M{x} {y:.1f}H{_WIDTH - _SIDE}" stroke="#dddddd"/>'
        yield _text(x + 9 * outwards, y + 4, f"{tick:g}", f"{side} {fill}")
    middle, beside = (_TOP + _HEIGHT - _BOTTOM) / 2, x + 48 * outwards
    turned = f'transform="rotate({90 * outwards} {beside} {middle})" {fill}'
    yield _text(beside, middle, f"{measure.what} ({measure.unit})", turned)


def _height(value: float, axis: Sequence[float]) -> float:
    return _HEIGHT - _BOTTOM - (_HEIGHT - _BOTTOM - _TOP) * value / axis[-1]


def _text(x: float, y: float, text: str, more: str = "") -> str:
    anchor = "" if "text-anchor" in more else ' text-anchor="middle"'
    return f'<text x="{x:.1f}" y="{y:.1f}"{anchor} {more}>{text}</text>'
