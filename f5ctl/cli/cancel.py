"""`f5ctl cancel`: end jobs that someone started."""

from __future__ import annotations

import click

from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.settings import Settings, Verb, common_options
from f5ctl.client import new_id
from f5ctl.protocol import Cancel


@click.command(
    cls=Verb, examples="f5ctl cancel all\nf5ctl cancel $(f5ctl status --json | jq -r '.jobs[0].job')"
)
@click.argument("job")
@common_options
@click.pass_obj
def cancel(settings: Settings, job: str) -> None:
    """Cancel JOB, a name in `f5ctl status`, or all jobs."""
    with connect(settings) as client:
        client.call(Cancel(new_id(), job=job))
