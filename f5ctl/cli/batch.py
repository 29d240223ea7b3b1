"""`f5ctl batch`: a manifest in, a folder of audio out."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

import click

from f5ctl.batch.estimate import MOST_SHOWN, Estimate, answer, told
from f5ctl.batch.known import names_something, with_unknown_names
from f5ctl.batch.line import Line
from f5ctl.batch.manifest import Defaults, Manifest, read_manifest
from f5ctl.batch.many import ManyRunner
from f5ctl.batch.report import BatchReport
from f5ctl.batch.runner import Policy
from f5ctl.batch.shapes import STYLES, Style
from f5ctl.batch.store import Store, receipt_of
from f5ctl.cli.base.connecting import connect
from f5ctl.cli.base.parameters import check_voice, parameters, priority, quality, steps, voice_options
from f5ctl.cli.base.settings import LongVerb, Settings, common_options, option
from f5ctl.cli.base.tags import check_tags, marks, tag_options
from f5ctl.commandline import FILE, FOLDER
from f5ctl.errors import BadRequestError, OutputError
from f5ctl.parameters import PRIORITIES
from f5ctl.printing import emit, emit_json, emit_lines, warn
from f5ctl.protocol import Plan
from f5ctl.speech.output import FORMATS, Format

EXIT_FAILED_LINES: Final = 1
_OF_LINES: Final = "Lines that do not say it"


@click.command(
    cls=LongVerb,
    options_metavar="[OPTIONS]",
    examples="f5ctl batch lines.txt -d out\njq -c '{text: .title}' news.json | f5ctl batch - -d out --jobs 16",
)
@click.argument("manifest", metavar="MANIFEST", type=FILE)
@option(
    "-d", "--dir", "folder", metavar="DIR", type=FOLDER, required=True, section="Files", help="Where they go."
)
@option(
    "--as",
    "style",
    metavar="STYLE",
    type=click.Choice(STYLES),
    section="Files",
    help=f"Read MANIFEST as {', '.join(STYLES[:-1])} or {STYLES[-1]}.",
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
@option("--dry-run", is_flag=True, section="Files", help="Make nothing; tell hours, bytes, time and faults.")
@option(
    "-j",
    "--jobs",
    metavar="N",
    type=click.IntRange(1, 256),
    default=8,
    section="Work",
    help="Requests in flight (8).",
)
@option(
    "--keep-going", is_flag=True, section="Work", help="Do the other lines when one is wrong or has failed."
)
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
    style: Style | None,
    format_: Format,
    redo: bool,
    dry_run: bool,
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

    MANIFEST is JSON, a table with a header (CSV), name|text lines, or one text a line (- is stdin). What is
    complete and unchanged is skipped, so the same command goes on after an interruption.
    """
    fields["nfe_step"] = steps(quality, fields["nfe_step"])
    check_voice(fields["voice"], fields["ref_audio"], fields["ref_text"])
    check_tags(no_tags=no_tags, strict_tags=strict_tags)
    tags = marks(settings, None, no_tags=no_tags, strict_tags=strict_tags)
    found = read_manifest(manifest, style, Defaults(format_, fields, seed, folder, tags))
    for warning in found.warnings:
        warn(warning, quiet=settings.quiet)
    made = _made(folder, found.lines, redo=redo)
    missing = [line for line in found.lines if line not in made]
    if names_something(missing):
        with connect(settings, start=True) as client:
            found = with_unknown_names(found, missing, client.status())
    policy = Policy(jobs, retry, keep_going, PRIORITIES[priority])
    if dry_run:
        return _estimate(settings, folder, found, made, policy)
    if found.bad and not keep_going:
        if len(found.bad) == 1:
            raise BadRequestError(found.bad[0].code, found.bad[0].told)
        _tell_bad(found)
        raise _refusal(found)
    with Store(folder) as store:
        return _work(settings, store, found, made, policy)


def _made(folder: str, lines: list[Line], *, redo: bool) -> dict[Line, dict[str, Any]]:
    """Return the receipts of the lines that are complete, none with `redo`."""
    receipts = {} if redo else {line: receipt_of(folder, line) for line in lines}
    return {line: receipt for line, receipt in receipts.items() if receipt is not None}


def _work(
    settings: Settings,
    store: Store,
    manifest: Manifest,
    made: Mapping[Line, dict[str, Any]],
    policy: Policy,
) -> int:
    """Make what is missing and return the exit status."""
    missing = [line for line in manifest.lines if line not in made]
    others = len(made) + len(manifest.bad)
    with BatchReport(missing, others, store, quiet=settings.quiet) as report:
        for bad in manifest.bad:
            report.refused(bad)
        for line, receipt in made.items():
            report.skipped(line, receipt)

        try:
            again = partial(connect, settings, start=True)
            ManyRunner(missing, policy, again, report, defaults=manifest.defaults).run()
        finally:
            failed_path = None
            with contextlib.suppress(OutputError):  # a full disk; what stopped the batch is being told already
                if report.failures or report.is_complete:  # an interrupted batch keeps the list of before
                    failed_path = store.write_failed(report.failures)
            report.conclude(failed_path)
    return EXIT_FAILED_LINES if report.failures else 0


def _estimate(
    settings: Settings, folder: str, manifest: Manifest, made: Mapping[Line, dict[str, Any]], policy: Policy
) -> int:
    """Show what would be made, and return the exit status that making it would have."""
    _tell_bad(manifest)
    missing = [line for line in manifest.lines if line not in made]
    all_of_them = policy._replace(keep_going=True)
    with Estimate(len(missing), quiet=settings.quiet) as estimate:
        again = partial(connect, settings, start=True)
        ManyRunner(missing, all_of_them, again, estimate, Plan, defaults=manifest.defaults).run()
    for warning in estimate.warnings:
        warn(warning, quiet=settings.quiet)
    found = answer(estimate, manifest, skipped=len(made), folder=folder)
    if os.isatty(1):
        emit_lines("\n".join(told(found, estimate.device)))
    else:
        emit_json(found)
        for line in [] if settings.quiet else told(found, estimate.device):
            emit(f"f5ctl: {line}", to_stderr=True)
    if manifest.bad and not policy.keep_going:
        raise _refusal(manifest)
    return EXIT_FAILED_LINES if found["wrong"] else 0


def _tell_bad(manifest: Manifest) -> None:
    """Tell of the bad lines, the first ones one by one."""
    for bad in manifest.bad[:MOST_SHOWN]:
        emit(f"f5ctl: {bad.told}", to_stderr=True)


def _refusal(manifest: Manifest) -> BadRequestError:
    """Return the error that ends a call with bad lines, which have been told."""
    count, lines = len(manifest.bad), len(manifest.lines) + len(manifest.bad)
    shown = f" (the first {MOST_SHOWN} are above)" if count > MOST_SHOWN else ""
    are = f"{count} of {lines} lines of {manifest.name} {'are' if count > 1 else 'is'} wrong{shown}"
    return BadRequestError("bad_parameter", f"{are}; nothing was spoken; --keep-going speaks the others")
