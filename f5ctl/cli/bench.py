"""`f5ctl bench`: how fast the daemon speaks here, alone and for many."""

from __future__ import annotations

from typing import Final

import click

from f5ctl.bench import SENTENCES, Crowd, crowd, speak_timed
from f5ctl.bench_plot import bars, svg
from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Settings, Verb, common_options, offer, option
from f5ctl.commandline import FILE
from f5ctl.errors import OutputError
from f5ctl.printing import emit, emit_json, emit_lines, emit_table
from f5ctl.progress import StatusLine, left

HEADER: Final = ("CLIENTS", "REQUESTS", "AUDIO S/S", "RTF", "FIRST AUDIO P50", "P95", "WHOLE P50", "P95")


@click.command(cls=Verb, examples="f5ctl bench\nf5ctl bench --clients 1,8,32 --requests 64 --plot bench.svg")
@option("--clients", metavar="LIST", default="1,2,4,8", help="Numbers of clients at once (1,2,4,8).")
@option("--requests", type=click.IntRange(1, 10_000), metavar="N", default=16, help="For each of them (16).")
@option("--seconds", type=click.FloatRange(1, 3600), metavar="S", default=60.0, help="At most for each (60).")
@option("--plot", metavar="FILE", type=FILE, help="Draw it as an SVG; - draws it here, in 80 columns.")
@option("--json", "as_json", is_flag=True, help="Print the table as one line of JSON.")
@option("-v", "--voice", metavar="NAME", shell_complete=offer("voices"), help="The voice.")
@option("-m", "--model", metavar="NAME", shell_complete=offer("models"), help="The model.")
@option("--nfe-step", type=click.IntRange(1, 128), metavar="N", help="ODE steps; the model's default.")
@common_options
@click.pass_obj
def bench(
    settings: Settings,
    /,
    *,
    clients: str,
    requests: int,
    seconds: float,
    plot: str | None,
    as_json: bool,
    **fields: str | int | None,
) -> None:
    """Measure latency, time to first audio and throughput by the number of clients.

    Speaks short English sentences and keeps nothing. What else the daemon does is in the figures.
    """
    levels = _levels(clients)
    with StatusLine(quiet=settings.quiet) as line:
        with connect(settings, line, start=True) as client:
            line.show("warming up")
            speak_timed(client, SENTENCES[0], **fields)
        crowds = []
        for number, level in enumerate(levels):
            line.show(f"{level} clients, at most {left(seconds * (len(levels) - number))}")
            crowds.append(crowd(settings.socket, level, max(requests, level), seconds, **fields))
    if as_json:
        emit_json([dict(zip(_KEYS, _figures(one), strict=True)) for one in crowds])
    else:
        emit_table(list(HEADER), [_cells(one) for one in crowds])
    if plot == "-":
        emit_lines("\n".join(["", *bars(crowds)]), to_stderr=as_json)
    elif plot:
        try:
            with open(plot, "w", encoding="utf-8") as file:
                file.write(svg(crowds))
        except OSError as error:
            raise OutputError(f"cannot write {plot}: {error.strerror}") from None
        emit(f"drawn in {plot}", to_stderr=True)


_KEYS: Final = (
    "clients",
    "requests",
    "audio_s_per_s",
    "rtf",
    "first_audio_p50_s",
    "first_audio_p95_s",
    "total_p50_s",
    "total_p95_s",
)


def _levels(clients: str) -> list[int]:
    try:
        levels = [int(number) for number in clients.split(",")]
    except ValueError:
        levels = []
    if not levels or not all(1 <= level <= 1000 for level in levels):
        raise click.UsageError(f"--clients is {clients!r}; it is a list of numbers from 1 to 1000, as 1,2,4,8")
    return levels


def _figures(one: Crowd) -> tuple[float, ...]:
    first, total = one.first_audio_s, one.total_s
    rate = one.audio_rate
    return (one.clients, len(one.spoken), rate, 1 / rate, first(50), first(95), total(50), total(95))


def _cells(one: Crowd) -> list[str]:
    clients, requests, rate, rtf, *times = _figures(one)
    return [str(clients), str(requests), f"{rate:.2f}", f"{rtf:.3f}", *(f"{time_s:.2f} s" for time_s in times)]
