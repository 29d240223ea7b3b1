"""`f5ctl info`: what a model or a checkpoint file holds."""

from __future__ import annotations

import os

import click

from f5ctl.cli.base.model_facts import print_info
from f5ctl.cli.base.settings import Verb, common_options, offer, option
from f5ctl.commandline import FILE
from f5ctl.errors import BadRequestError
from f5ctl.helper import MODEL_DESK, ask_once


@click.command(
    cls=Verb,
    examples="f5ctl info starter\nf5ctl info --checkpoint model_last.safetensors --vocab vocab.txt",
)
@click.argument("model", required=False, shell_complete=offer("models"))
@option("--checkpoint", metavar="FILE", type=FILE, help="A checkpoint that is no model of f5d yet.")
@option("--vocab", metavar="FILE", type=FILE, help="Its vocab.txt, to see whether they fit.")
@option(
    "--architecture",
    metavar="NAME",
    type=FILE,
    help="What it ought to be; a name or a YAML; else what it is.",
)
@option("--json", "as_json", is_flag=True, help="Print everything as a line of JSON.")
@common_options
def info(
    model: str | None, *, checkpoint: str | None, vocab: str | None, architecture: str | None, as_json: bool
) -> int:
    """Show what MODEL or a checkpoint FILE holds, and whether f5d can speak with it.

    Exits with 65 when it cannot.
    """
    if model is not None and checkpoint is not None:
        raise click.UsageError("MODEL and --checkpoint exclude each other")
    if checkpoint is None and (vocab or architecture):
        raise click.UsageError("--vocab and --architecture belong to --checkpoint")
    if vocab is not None and not os.path.isfile(vocab):
        raise BadRequestError("bad_parameter", f"{vocab} does not exist")
    if architecture is not None and os.path.exists(architecture):
        architecture = os.path.abspath(architecture)
    facts = ask_once(
        MODEL_DESK,
        do="info",
        model=model,
        checkpoint=checkpoint and os.path.abspath(checkpoint),
        vocab=vocab and os.path.abspath(vocab),
        architecture=architecture,
    )
    return print_info(facts, as_json=as_json)
