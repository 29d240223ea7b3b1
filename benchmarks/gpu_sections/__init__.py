"""The sections of benchmarks/gpu.py: one module each, whose `measure` prints lines of Markdown as it goes.

lab.py has the model, the rows and the clocks that they share. Imports nothing heavy: gpu.py reads this.
"""

from __future__ import annotations

from dataclasses import dataclass

FAILED = "FAILED"  # in a line that tells of something that came out wrong


@dataclass(frozen=True)
class Section:
    """How long a section may take, and what it tells."""

    limit_s: float
    tells: str


SECTIONS: dict[str, Section] = {  # the most telling first
    "machine": Section(45, "The device, the rates that others are shares of, and what is installed"),
    "operations": Section(80, "Each operation of a step by itself, and what could stand in its place"),
    "parity": Section(80, "Whether a row comes out the same however it is computed and whoever is beside it"),
    "fused": Section(60, "Fused steps against plain ones: how near, and how much faster"),
    "batches": Section(80, "Batches of one length and of mixed ones: where the time goes, what is replayed"),
    "profile": Section(40, "Kernels of a step by time, and the time in which the device waits for the host"),
    "crowd": Section(80, "The scheduler, the model and the vocoder with clients that ask again at once"),
    "recording": Section(45, "What recording steps costs, in time and in memory"),
    "cold": Section(60, "From the start of a process to its first audio"),
    "errors": Section(50, "A device's failures, and whether f5d goes on after them"),
    "daemon": Section(100, "A real daemon, its engine and its clients"),
    "upstream": Section(60, "The f5-tts package's own sampler in the same process"),
    "fp8": Section(40, "8-bit products: how near, how fast"),
}
