"""A stand-in engine: speaks f5d/engine/types.py over a real socket and "synthesises" constant samples.

Run as `tone_engine.py FOLDER PULSE_S SOCKET`. A job's text says how it behaves, word by word:

    segments=N   how many segments (default 1)      delay=S   seconds a segment takes
    die=K        crash the process before segment K  die_once=K  likewise, but only the first time
    die_encode=1 die at the first Encode            fail=CODE   fail the job with that code
    die_if_joined=1  die once, before a segment, when other jobs are here too
    samples=N    of a segment, if not SEGMENT_SAMPLES
    stop_once=K  stop the whole process before segment K, the first time

FOLDER holds `log.jsonl` (what the engine was told) and, written by a test, `loading.json`:
{"delay": S, "fail": [CODE, MESSAGE], "die": N (the first N incarnations die while loading)}.
Segment i is SEGMENT_SAMPLES samples of value i + 1; its carry is b"after i". With a file FOLDER/of_text that
holds a number N, its samples are of a value that text, voice, seed and speed decide, N for each character;
FOLDER/slow is a `delay`.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import Any

import zmq

from f5d.engine import types
from f5d.engine.pulse import Pulse, take_stdout

SEGMENT_SAMPLES = 2_400


class ToneEngine:
    """One incarnation of the stand-in."""

    def __init__(self, folder: Path, socket: zmq.Socket[bytes]) -> None:
        self.folder = folder
        self.socket = socket
        self.jobs: dict[str, tuple[types.Synthesize, dict[str, str], int]] = {}

    def note(self, what: str, **facts: Any) -> None:
        """Write down what the engine was told."""
        with (self.folder / "log.jsonl").open("a") as log:
            log.write(json.dumps({"pid": os.getpid(), "what": what, **facts}) + "\n")

    def once(self, name: str) -> bool:
        """Return True the first time that any incarnation asks."""
        try:
            (self.folder / name).touch(exist_ok=False)
        except FileExistsError:
            return False
        return True

    def die(self) -> None:
        """End like a crash; SIGKILL would be somebody else's doing."""
        os.kill(os.getpid(), signal.SIGSEGV)

    def send(self, message: types.FromEngine) -> None:
        """Send a message to the broker."""
        self.socket.send(types.pack(message))

    def load(self, configure: types.Configure) -> bool:
        """Load, or fail to, as the folder says."""
        self.note("configure", model=configure.model.name, device=configure.device, threads=configure.threads)
        path = self.folder / "loading.json"
        plan = json.loads(path.read_text()) if path.exists() else {}
        time.sleep(plan.get("delay", 0))
        if any(self.once(f"died-loading-{n}") for n in range(plan.get("die", 0))):
            self.die()
        if "fail" in plan:
            self.send(types.LoadFailed(*plan["fail"]))
            return False
        self.send(types.Loaded("cpu", "float32", 1_000, 42, "tone", 0.0123456))
        return True

    def serve(self) -> None:
        """Work until told to shut down."""
        while True:
            while self.socket.poll(0 if self.jobs else None):
                message = types.unpack_to_engine(self.socket.recv())
                if isinstance(message, types.Shutdown):
                    self.note("shutdown")
                    return
                self.take(message)
            for job in list(self.jobs):
                self.step(job)

    def take(self, message: types.ToEngine) -> None:
        """Act on one message."""
        if isinstance(message, types.Synthesize):
            orders = dict(word.split("=", 1) for word in message.text.split() if "=" in word)
            carry, first = message.carry.decode(), message.first_segment
            self.note(
                "synthesize",
                job=message.job,
                first=first,
                carry=carry,
                with_=list(self.jobs),
                text=message.text,
                priority=message.priority,
            )
            assert carry == (f"after {first - 1}" if first else ""), carry
            if "fail" in orders:
                self.send(types.Failed(message.job, orders["fail"], "as the text says"))
                return
            self.jobs[message.job] = (message, orders, first)
            segments = int(orders.get("segments", 1))
            text = message.reference.text or "transcribed"
            texts = tuple(f"part {index}" for index in range(segments))
            self.send(types.Planned(message.job, segments, text, "voice-hash", ("a warning",), texts))
        elif isinstance(message, types.Predict):
            self.send(types.Predicted(message.job, "ref", "voice-hash", (message.text,), (1.0,), 0.1, 0.0))
        elif isinstance(message, types.Encode):
            self.note("encode", job=message.job, encoding=message.encoding, size=len(message.pcm))
            if (self.folder / "die-encode").exists() and self.once("died-encode"):
                self.die()
            self.send(types.Encoded(message.job, message.encoding.encode() + message.pcm))
        elif isinstance(message, types.Cancel):
            self.note("cancel", job=message.job)
            if self.jobs.pop(message.job, None):
                self.send(types.Cancelled(message.job))

    def step(self, name: str) -> None:
        """Make one segment of a job."""
        message, orders, index = self.jobs[name]
        slow = self.folder / "slow"  # as a text's `delay`, of every text
        time.sleep(float(orders.get("delay", 0) or (slow.exists() and slow.read_text()) or 0))
        if orders.get("die") == str(index) or (
            orders.get("die_once") == str(index) and self.once(f"died-{name}")
        ):
            self.die()
        if orders.get("stop_once") == str(index) and self.once(f"stopped-{name}"):
            os.kill(os.getpid(), signal.SIGSTOP)
        if "die_if_joined" in orders and len(self.jobs) > 1 and self.once("died-joined"):
            self.die()
        value, count = index + 1, int(orders.get("samples", SEGMENT_SAMPLES))
        if (rate := self.folder / "of_text").exists():
            voice = f"{message.parameters.seed} {message.parameters.speed} {message.reference.text}"
            value = zlib.crc32(f"{message.text} {voice}".encode())
            count = int(rate.read_text()) * len(message.text)
        pcm = (value % 2**16).to_bytes(2, "little") * count
        self.send(types.Segment(name, index, pcm, f"after {index}".encode(), 0.01))
        self.jobs[name] = (message, orders, index + 1)
        if index + 1 >= int(orders.get("segments", 1)):
            del self.jobs[name]
            self.send(types.Finished(name))


def exit_with_broker() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)


def main() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pulse = Pulse(take_stdout(), float(sys.argv[2]))
    pulse.work()
    threading.Thread(target=exit_with_broker, daemon=True).start()
    folder, path = Path(sys.argv[1]), sys.argv[3]
    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
        socket.connect(f"ipc://{path}")
        engine = ToneEngine(folder, socket)
        configure = types.unpack_to_engine(socket.recv())
        if isinstance(configure, types.Configure) and engine.load(configure):
            engine.serve()
        socket.close(linger=500)


if __name__ == "__main__":
    main()
