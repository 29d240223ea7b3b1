"""A device's failures, and whether f5d goes on after them. The worst is last: it ruins this process."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch

from f5d.model.memory import is_device_error, is_out_of_memory, release_cached
from gpu_sections import FAILED, daemons, serve_failing
from gpu_sections.lab import Counted, attempt, decibels, fault, mels

if TYPE_CHECKING:
    from f5d.model.dit import DiT
    from f5d.model.static_step import Recorder
    from gpu_sections.lab import Lab

SHORT_OF_ROWS = 11  # that shall not fit
ROOM_BYTES = 2**25
LEAST_DB = 50.0
TOLERANCE = 64  # of 32767
TEXT = "The quick brown fox jumps over the lazy dog."


def measure(lab: Lab) -> None:
    """Injure a device that recovers, then an engine's, then this process's own."""
    dit = lab.chosen(lab.weights())
    own = lab.spec(1)
    good = mels(lab.backend(dit), [own])[0]

    def still_right(backend: Counted) -> str:
        found = decibels(mels(backend, [own])[0], good)
        return f"{found:.0f} dB from before {'ok' if found >= LEAST_DB else FAILED}"

    if not lab.dry:
        memory_in_a_step(lab, dit, still_right)
    captures(lab, dit, still_right)
    print(daemons.missing() or injured_engine(lab))
    if not lab.dry:
        lost_device(lab, dit)


def memory_in_a_step(lab: Lab, dit: DiT, still_right: Callable[[Counted], str]) -> None:
    """Leave too little memory for a step, and give it back."""
    backend = lab.backend(dit)
    rows = [backend.open_row(lab.spec(seed)) for seed in range(SHORT_OF_ROWS)]
    lab.wait()
    torch.cuda.empty_cache()
    total = torch.cuda.mem_get_info()[1]
    torch.cuda.set_per_process_memory_fraction((torch.cuda.memory_reserved() + ROOM_BYTES) / total)
    print(f"- a step of {SHORT_OF_ROWS} rows without memory: {raised(lambda: backend.step(rows))}")
    release_cached()
    torch.cuda.set_per_process_memory_fraction(1.0)
    attempt("one row with memory again", lambda: still_right(backend), FAILED)


def captures(lab: Lab, dit: DiT, still_right: Callable[[Counted], str]) -> None:
    """Let recordings fail, and see that steps go on and that others are recorded."""
    spoiler = Spoiler(lab)
    backend = Counted(dit, spoiler)
    pair = [lab.spec(seed) for seed in (1, 2)]
    spoiler.spoils = True
    attempt("with a recording that is not allowed", lambda: still_right(backend), FAILED)
    mels(backend, pair)  # of several rows, recorded when it comes again
    print(f"- tried {spoiler.tried}, replayed {backend.replays} steps")
    spoiler.spoils = False
    attempt("then", lambda: still_right(backend), FAILED)
    other = [lab.spec(seed, lab.frames * 3 // 4) for seed in (1, 2, 3)]
    backend.begin_count()
    attempt("another shape", lambda: f"{mels(backend, other) and ''}{backend.replays} steps replayed")
    if backend.replays == 0:
        print(f"- {FAILED}: nothing is recorded after a recording that failed")
    if not lab.dry:
        current = torch.cuda.current_stream() == torch.cuda.default_stream()
        print(f"- the default stream is current: {'yes' if current else f'no {FAILED}'}")


class Spoiler:
    """A recorder that reads a value from the device in the middle of a recording, which none allows."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._recorder: Recorder = lab.recorder()
        self.spoils = False
        self.tried = 0

    def record(self, compute: Callable[[], None]) -> Callable[[], None]:
        """Record, or fail."""
        self.tried += 1

        def spoilt() -> None:
            compute()
            torch.zeros(1, device=self._lab.device).item()
            if self._lab.dry:
                raise RuntimeError("operation not permitted when stream is capturing")

        if not self.spoils:
            return self._recorder.record(compute)
        if self._lab.dry:
            spoilt()
        return self._recorder.record(spoilt)


def injured_engine(lab: Lab) -> str:
    """Let an engine's device fail under a job; return the line that says how the job ended."""
    with daemons.new_place() as place:
        mark = place.folder / "failed"
        os.environ[serve_failing.MARK] = str(mark)
        device = "cpu" if lab.dry else "cuda"
        config = f'model = "starter"\ndevice = "{device}"\nkeep_alive = -1\n'
        fields = {"voice": "rms", "nfe_step": 7, "seed": 1}
        with daemons.running(place, config, ("gpu_sections.serve_failing",)):
            struck = array("h", daemons.spoken(place, TEXT, **fields))
            if not mark.exists():
                return f"- {FAILED}: the device was never made to fail"
            calm = array("h", daemons.spoken(place, TEXT, **fields))
            with daemons.connected(place) as client:
                restarts = client.status()["counters"]["engine_restarts"]
        most = max(abs(a - b) for a, b in zip(struck, calm, strict=False))
        good = len(struck) == len(calm) > 0 and most <= TOLERANCE and restarts == 1
        line = f"{restarts} engine ended, its job went on; from one undisturbed it differs by {most} of 32767"
        return f"- a device that fails under a job: {line} {'ok' if good else FAILED}"


def lost_device(lab: Lab, dit: DiT) -> None:
    """Spoil this process's own context."""
    backend = lab.backend(dit)
    row = backend.open_row(lab.spec(1))
    backend.step([row])
    print(f"- an index out of range: {raised(lambda: serve_failing.fail(lab.device))}")
    print(f"- then a step: {raised(lambda: backend.step([row]))}")
    error = caught(lab.wait)
    good = error is not None and is_device_error(error)
    print(f"- known as the device's own failure, which ends an engine: {'yes' if good else f'no {FAILED}'}")


def raised(action: Callable[[], object]) -> str:
    """Return what an action raises, and what f5d takes it for."""
    error = caught(action)
    if error is None:
        return "nothing was raised"
    known = {"out of memory": is_out_of_memory, "device": is_device_error}
    kinds = [name for name, found in known.items() if found(error)]
    return f"{fault(error)} ({', '.join(kinds) or 'neither of memory nor of the device'})"


def caught(action: Callable[[], object]) -> Exception | None:
    """Return what an action raises."""
    try:
        action()
    except Exception as error:  # noqa: BLE001 - all kinds are looked at
        return error
    return None
