"""One daemon from its start to its end; the only place where its parts are put together.

    place and lock -> sockets -> engines' supervisor -> broker -> serve -> drain -> stop

Every part gets its collaborators here. Signals only write their number into a socket pair.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from functools import partial
from typing import Final

import zmq

from f5ctl import __version__
from f5ctl.errors import BadRequestError, ConfigError
from f5d.broker import Broker
from f5d.config import Config
from f5d.dispatcher import Dispatcher
from f5d.engine.types import Configure
from f5d.fleet import Fleet
from f5d.jobs import JobTable
from f5d.model.catalog import catalog, resolve
from f5d.model.config import ModelSpec
from f5d.outbox import Outbox
from f5d.server import Server, public_socket
from f5d.socketfile import SocketPlace
from f5d.supervisor import ENGINE_COMMAND, Supervisor
from f5d.views import DaemonFacts
from f5d.voices import Voice, find_voice, voice_table

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)

log = logging.getLogger(__name__)


def run(config: Config, engine_command: Sequence[str] = ENGINE_COMMAND) -> None:
    """Serve until a `stop` request or a signal, then return.

    Raises:
        ConfigError: the socket cannot be had, or another daemon serves it.
    """
    specs = catalog({spec.name: spec for spec in config.models}, published=config.allowed_models == "all")
    allow_many_connections()
    voices = voice_table(config.voices)
    check_names(config, specs, voices)
    poller = zmq.Poller()
    with (
        SocketPlace(config.socket) as place,
        signals_as_bytes() as wakeup,
        zmq.Context() as context,
        public_socket(context) as router,
        closing(Supervisor(context, poller, place.engine_path, engine_command)) as supervisor,
    ):
        dispatcher = Dispatcher(
            JobTable(config.max_jobs),
            Fleet(config.max_loaded_models, config.keep_alive_s),
            supervisor,
            Outbox(router),
            partial(engine_settings, config, specs),
        )
        facts = DaemonFacts(os.getpid(), config.socket, time.monotonic(), config.model)
        broker = Broker(config, facts, specs, voices, dispatcher)
        server = Server(router, poller, wakeup, broker, dispatcher)
        try:
            server.bind(config.socket)
        except OSError as error:
            raise ConfigError(f"socket {config.socket} cannot be bound: {error.strerror}") from None
        log.info("f5d %s (pid %d) serves %s", __version__, facts.pid, config.socket)
        server.run()
        log.info("stopped")


def engine_settings(config: Config, specs: Mapping[str, ModelSpec], model: str) -> Configure:
    """Return the first message to an engine for `model`."""
    return Configure(
        model=specs[model],
        device=config.device,
        dtype=config.dtype,
        threads=config.threads,
        asr_model=config.asr_model,
        max_batch_frames=config.max_batch_frames,
        core_dumps=config.core_dumps == "on",
    )


def allow_many_connections() -> None:
    """Let this process open as many files as the system allows it: every connection is one."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # an unlimited hard limit that the kernel does not take
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def check_names(config: Config, specs: Mapping[str, ModelSpec], voices: Mapping[str, Voice]) -> None:
    """Refuse a configuration whose models or default voices do not exist."""
    try:
        resolve(config.model, specs)
        for spec in config.models:
            find_voice(spec.default_voice, voices)
    except BadRequestError as error:
        raise ConfigError(f"configuration: {error.message}") from None


@contextmanager
def signals_as_bytes() -> Iterator[socket.socket]:
    """Yield a socket that receives one byte, the number, for each signal of `SIGNALS`."""
    reader, writer = socket.socketpair()
    reader.setblocking(False)
    writer.setblocking(False)
    with reader, writer:
        previous_fd = signal.set_wakeup_fd(writer.fileno(), warn_on_full_buffer=False)
        previous = {number: signal.signal(number, _ignore) for number in SIGNALS}
        try:
            yield reader
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(previous_fd)


def _ignore(number: int, frame: object) -> None:
    """Do nothing: Python has already written the signal's number into the wakeup socket."""
