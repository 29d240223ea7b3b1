"""The engine process: its start, its model, its end; its work is in f5d/engine/loop.py.

One process serves one model on one device for its life. Before it is told which, it imports what every model
needs, so that one that is started early has the longest part of a start behind it. It ends when the broker
says so, when the broker is gone (its stdin reaches end of file), or when it fails in a way that may have
spoilt the device; the broker then starts another and sends the unfinished jobs again.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import threading
import time
from typing import TYPE_CHECKING

import zmq

from f5ctl.errors import F5Error
from f5d.engine import types
from f5d.engine.loop import EngineLoop, memory_bytes
from f5d.engine.preparation import Forker, Preparation
from f5d.engine.pulse import Pulse, take_stdout
from f5d.engine.recogniser import Recogniser
from f5d.engine.scheduler import Scheduler
from f5d.system import journal

if TYPE_CHECKING:  # torch is imported after the environment is set and its stdin is watched
    from f5d.engine.synthesizer import Synthesizer


def serve(socket: zmq.Socket[bytes], pulse: Pulse | None = None) -> int:
    """Load the model that the first message names, then serve jobs; return the exit status."""
    forker = Forker()
    import f5d.engine.synthesizer  # torch with it: the longest part of a start
    import f5d.model.load  # noqa: F401

    if pulse is not None and not socket.poll(0):
        pulse.rest()
    configure = types.unpack_to_engine(socket.recv())
    if pulse is not None:
        pulse.work()
    if not isinstance(configure, types.Configure):
        return 0
    if not configure.core_dumps:
        for pid in (os.getpid(), forker.pid):  # texts and voices of users would be in one
            resource.prlimit(pid, resource.RLIMIT_CORE, (0, 0))
    started_s = time.monotonic()
    try:
        synthesizer, loaded = _load(configure, started_s)
    except F5Error as error:
        socket.send(types.pack(types.LoadFailed(error.code, error.message)))
        return 1
    except Exception as error:
        from f5d.model.memory import is_out_of_memory

        if not is_out_of_memory(error):
            raise
        line = f"model {configure.model.name} does not fit into memory"
        socket.send(types.pack(types.LoadFailed("model_error", line)))
        return 1
    forker.configure(synthesizer.settings)
    socket.send(types.pack(loaded))
    scheduler = Scheduler(configure.max_batch_frames or synthesizer.budget_frames)
    preparation = Preparation(
        forker,
        Recogniser(configure.asr_model, loaded.device, loaded.dtype, configure.threads),
        synthesizer.task,
    )
    EngineLoop(socket, synthesizer, scheduler, preparation, pulse).run()
    preparation.close()
    return 0


def _load(configure: types.Configure, started_s: float) -> tuple[Synthesizer, types.Loaded]:
    import torch

    from f5d.catalog.models import fetch
    from f5d.engine.synthesizer import Synthesizer
    from f5d.model.load import load_model, pick_device, pick_dtype

    device = pick_device(configure.device)
    pick_dtype(configure.dtype, device)  # before anything is fetched
    if device.startswith("cuda"):
        torch.cuda.set_device(torch.device(device).index or 0)  # no stray context on another
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False  # sums of halves stay float32
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    model = load_model(
        fetch(configure.model),
        device=configure.device,
        dtype=configure.dtype,
        threads=configure.threads or None,
        record=True,
    )
    loaded = types.Loaded(
        device=model.device,
        dtype=model.dtype,
        memory_bytes=memory_bytes(model.device),
        parameter_count=model.parameter_count,
        model_hash=model.model_hash,
        load_s=time.monotonic() - started_s,
    )
    return Synthesizer(model, configure.pronunciation), loaded


def _exit_with_broker() -> None:
    """End this process as soon as the broker's end of our stdin closes, whatever the engine is doing."""
    while os.read(sys.stdin.fileno(), 4096):
        pass
    os._exit(0)


def main() -> None:
    """Connect to the broker's socket, named by the one argument, and serve."""
    # Threads that spin at OpenMP's barriers run five times slower once anything else wants a core.
    # Read when torch loads its OpenMP runtime, hence here.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # cuDNN's plans, 200 KiB each, are kept for 10,000 shapes otherwise; likewise read once.
    os.environ.setdefault("TORCH_CUDNN_V8_API_LRU_CACHE_LIMIT", "256")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a terminal's Ctrl-C is for the broker, which drains
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # systemd signals the whole group; likewise
    journal.configure("info")
    threading.Thread(target=_exit_with_broker, daemon=True).start()
    pulse = Pulse(take_stdout())
    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
        socket.connect(f"ipc://{sys.argv[1]}")
        status = serve(socket, pulse)
        socket.close(linger=1000)
    sys.exit(status)


if __name__ == "__main__":
    main()
