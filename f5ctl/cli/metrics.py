"""`f5ctl metrics`: the daemon's counters for Prometheus."""

from __future__ import annotations

import click

from f5ctl.cli.base.settings import Settings, Verb, common_options
from f5ctl.client import Client
from f5ctl.printing import emit_lines


@click.command(
    cls=Verb,
    options_metavar="[OPTIONS]",
    examples="f5ctl metrics > /var/lib/node_exporter/f5d.prom",
)
@common_options
@click.pass_obj
def metrics(settings: Settings, /) -> None:
    """Print the daemon's counters, gauges and histograms as Prometheus text.

    Never starts a daemon. `metrics_address` in f5d.toml lets the daemon serve the same over HTTP.
    """
    from f5ctl.metrics import exposition

    with Client(settings.socket) as client:
        state = client.status()
    emit_lines(exposition(state).rstrip("\n"))
