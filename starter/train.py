"""Step 3, the acoustic model: `python -m starter.train` trains it, or goes on where it stopped.

The text side learns its part alone first (`--spelling-steps`), which costs a sixth as much.
"""

from __future__ import annotations

import json
import signal
import time
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import click
import torch
import torch.multiprocessing

from .batches import Batch, collate, rows_of
from .network import ARCHITECTURE, Network
from .paths import RUN, SPEECH
from .rows import EVENNESS, LETTERS, PHONE_COUNT, Library, RowMaker
from .speech import read_shards
from .team import Team
from .trainer import Clock, Trainer, start_output

CHECKPOINT_S: Final = 120.0
VALIDATION_EVERY: Final = 250
VALIDATION_SEED: Final = 999


def wait_while(pause_file: Path | None) -> None:
    """Return once the file is gone; the trainer makes room for others so."""
    while pause_file is not None and pause_file.exists():
        time.sleep(1.0)


def load_libraries(folder: Path) -> tuple[Library, Library]:
    """Return every shard but the last, and the last alone, for validation."""
    shards = list(read_shards(folder))
    training, validation = Library(), Library()
    for wave, clips in shards[:-1]:
        training.add(wave, clips)
    validation.add(*shards[-1])
    training.close()
    validation.close()
    return training, validation


def validate(trainer: Trainer, batches: list[Batch]) -> dict[str, Any]:
    """Return the averaged network's losses on fixed batches."""
    with torch.no_grad():
        found = [torch.stack(trainer.losses(batch, averaged=True)) for batch in batches]
    flow, letters, frames = torch.stack(found).mean(0).tolist()
    return {"validation": {"flow": flow, "letters": letters, "frames": frames}}


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to train and how."""

    steps: int
    cool_share: float
    spelling_steps: int
    evenness: float
    focus: float
    minutes: float
    cool_minutes: float
    peak: float
    start: Path | None
    compiled: bool
    pause_file: Path | None


def train(rank: int, team: Team, plan: Plan) -> None:
    """Train as member `rank` of a team until the plan's steps are done; member 0 writes log and checkpoints."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # sent when the parent dies; background jobs ignore it
    torch.set_num_threads(1)
    team.rank = rank
    library, held_back = load_libraries(SPEECH)
    library.focus = plan.focus
    maker = RowMaker(library, evenness=plan.evenness)
    clock = Clock(time.monotonic() + 60 * plan.minutes, 60 * plan.cool_minutes) if plan.minutes else None
    trainer = Trainer(plan.steps, plan.cool_share, team, clock, peak=plan.peak)
    checks = [
        collate(rows_of(step, RowMaker(held_back, evenness=plan.evenness), VALIDATION_SEED))
        for step in range(4)
    ]
    start_output(trainer.network, torch.cat([batch.mel.flatten(0, 1) for batch in checks]).mean(0))
    if plan.start is not None:
        trainer.start_from(plan.start)
    trainer.load(RUN)
    if plan.compiled:
        trainer.compile()
    saved = time.monotonic()
    with (RUN / "log.jsonl").open("a", buffering=1) if rank == 0 else nullcontext() as log:
        while trainer.spelled < plan.spelling_steps:
            wait_while(plan.pause_file)
            loss = trainer.spell(maker)
            if log is not None and trainer.spelled % 25 == 0:
                log.write(json.dumps({"spelled": trainer.spelled, "letters": loss}) + "\n")
        rate = 1.0
        while trainer.step < plan.steps and rate > 0:
            wait_while(plan.pause_file)
            losses = trainer.learn(collate(rows_of(trainer.step, maker, 0, rank=rank, size=team.size)))
            rate = losses.rate
            if log is None:
                continue
            if trainer.step % 10 == 0:
                line = {"step": trainer.step, **asdict(losses), "skipped": trainer.skipped}
                log.write(json.dumps(line | {"at_s": round(time.time())}) + "\n")
            if trainer.step % VALIDATION_EVERY == 0:
                log.write(json.dumps({"step": trainer.step, **validate(trainer, checks)}) + "\n")
            if time.monotonic() - saved > CHECKPOINT_S or trainer.step == plan.steps or rate == 0:
                trainer.save(RUN)
                saved = time.monotonic()


@click.command()
@click.option("--steps", default=4_500, show_default=True)
@click.option("--cool-share", default=0.45, show_default=True, help="Last share of the steps: rate falls to 0.")
@click.option("--spelling-steps", default=450, show_default=True)
@click.option("--evenness", default=EVENNESS, show_default=True, help="Of the targets' timing; 0: their own.")
@click.option("--focus", default=0.0, show_default=True, help="Share of shifted speakers' rows given up.")
@click.option("--minutes", default=0.0, help="End this run after so long, whatever the steps (0: do not).")
@click.option("--cool-minutes", default=40.0, show_default=True, help="Of these, how long the rate falls.")
@click.option("--peak", default=1.0, show_default=True, help="Factor of all learning rates.")
@click.option("--start", type=click.Path(path_type=Path), help="Begin with the weights of an export.")
@click.option("--compiled/--eager", default=True, show_default=True, help="A third faster, with g++.")
@click.option("--processes", default=2, show_default=True, help="One a core; 1 or 2.")
@click.option("--pause-file", type=click.Path(path_type=Path), help="Wait while this file exists.")
def main(processes: int, **options: Any) -> None:
    """Train until `--steps` steps are done; losses go to work/run/log.jsonl."""
    RUN.mkdir(parents=True, exist_ok=True)
    network = Network(ARCHITECTURE, len(LETTERS), PHONE_COUNT)
    team = Team(processes, sum(value.numel() for value in network.parameters()))
    torch.multiprocessing.spawn(  # type: ignore[attr-defined, no-untyped-call]
        train, (team, Plan(**options)), nprocs=processes
    )


if __name__ == "__main__":
    main()
