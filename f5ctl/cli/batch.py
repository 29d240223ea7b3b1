"""`f5ctl batch`: a manifest in, a folder of audio out."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import Any, Final

import click

from f5ctl.batch.manifest import STYLES, Defaults, Line, read_manifest
from f5ctl.batch.report import BatchReport
from f5ctl.batch.runner import Policy, Runner
from f5ctl.batch.store import Store
from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.parameters import check_voice, parameters, priority, quality, steps, voice_options
from f5ctl.cli.base.settings import LongVerb, Settings, common_options, option
from f5ctl.cli.base.tags import check_tags, marks, tag_options
from f5ctl.errors import OutputError
from f5ctl.parameters import PRIORITIES
from f5ctl.speech.output import FORMATS, Format

EXIT_FAILED_LINES: Final = 1
_OF_LINES: Final = "Lines that do not say it"


@click.command(
    cls=LongVerb,
    options_metavar="[OPTIONS]",
    examples="f5ctl batch lines.txt -d out\njq -c '{text: .title}' news.json | f5ctl batch - -d out --jobs 16",
)
@click.argument("manifest", metavar="MANIFEST")
@option("-d", "--dir", "folder", metavar="DIR", required=True, section="Files", help="Where the files go.")
@option(
    "--as",
    "style",
    metavar="STYLE",
    type=click.Choice(STYLES),
    section="Files",
    help=f"MANIFEST is {', '.join(STYLES[:-1])} or {STYLES[-1]}, whatever its suffix.",
)
@option(
    "--format",
    "format_",
    metavar="NAME",
    type=click.Choice(FORMATS),
    default="wav",
    section="Files",
    help=f"Of outputs without a name: {' '.join(FORMATS)}.",
)
@option("--redo", is_flag=True, section="Files", help="Make every file again.")
@option(
    "-j",
    "--jobs",
    metavar="N",
    type=click.IntRange(1, 256),
    default=8,
    section="Work",
    help="Requests in flight (8).",
)
@option("--keep-going", is_flag=True, section="Work", help="Do the other lines when one has failed.")
@option(
    "--retry",
    metavar="N",
    type=click.IntRange(0, 100),
    default=2,
    section="Work",
    help="Tries after a failure that may pass (2).",
)
@tag_options("Files")
@priority("Work", "low")
@voice_options(_OF_LINES)
@quality(_OF_LINES)
@parameters("batch", usual=_OF_LINES, fine=_OF_LINES, told={"seed": "The root of the lines' own seeds."})
@common_options
@click.pass_obj
def batch(
    settings: Settings,
    /,
    *,
    manifest: str,
    folder: str,
    style: str | None,
    format_: Format,
    redo: bool,
    jobs: int,
    keep_going: bool,
    retry: int,
    no_tags: bool,
    strict_tags: bool,
    priority: str,
    quality: str | None,
    seed: int | None,
    **fields: Any,
) -> int:
    """Speak every line of MANIFEST into a file of its own in DIR.

    MANIFEST holds JSON objects, CSV with a header, or one text a line (- is stdin). What is complete
    and unchanged is skipped, so the same command goes on after an interruption.
    """
    fields["nfe_step"] = steps(quality, fields["nfe_step"])
    check_voice(fields["voice"], fields["ref_audio"], fields["ref_text"])
    check_tags(no_tags=no_tags, strict_tags=strict_tags)
    found = marks(settings, None, no_tags=no_tags, strict_tags=strict_tags)
    lines = read_manifest(manifest, style, Defaults(format_, fields, seed, found))
    policy = Policy(jobs=jobs, retry=retry, keep_going=keep_going, priority=PRIORITIES[priority])
    with Store(folder) as store:
        return _work(settings, store, lines, policy, redo=redo)


def _work(settings: Settings, store: Store, lines: list[Line], policy: Policy, *, redo: bool) -> int:
    """Make what is missing and return the exit status."""
    found = {line: None if redo else store.receipt(line) for line in lines}
    missing = [line for line in lines if found[line] is None]
    with BatchReport(missing, len(lines) - len(missing), quiet=settings.quiet) as report:
        for line, receipt in found.items():
            if receipt is not None:
                report.skipped(line, receipt)

        try:
            Runner(missing, store, policy, partial(connect, settings, start=True), report).run()
        finally:
            failed_path = None
            with contextlib.suppress(OutputError):  # a full disk; what stopped the batch is being told already
                if report.failures or report.is_complete:  # an interrupted batch keeps the list of before
                    failed_path = store.write_failed(report.failures)
            report.conclude(failed_path)
    return EXIT_FAILED_LINES if report.failures else 0
