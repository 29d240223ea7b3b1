"""One daemon from its start to its end; the only place where its parts are put together.

    place and lock, or systemd's socket -> engines' supervisor -> requests -> serve -> drain -> stop

Every part gets its collaborators here.
"""

from __future__ import annotations

import logging
import os
import resource
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, closing, nullcontext, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import zmq

from f5ctl import __version__
from f5ctl.errors import ConfigError
from f5ctl.places import with_temporary
from f5d.broker.answers import DaemonFacts
from f5d.broker.dispatcher import Dispatcher
from f5d.broker.fleet import Fleet
from f5d.broker.front import Front
from f5d.broker.jobs import JobTable
from f5d.broker.loop import Loop
from f5d.broker.outbox import Outbox
from f5d.broker.quotas import connections_for
from f5d.broker.requests import Requests
from f5d.broker.reserve import is_wanted
from f5d.broker.service_status import ServiceStatus
from f5d.broker.socket_watch import SocketWatch
from f5d.broker.supervisor import ENGINE_COMMAND, PATIENCE, Patience, Supervisor
from f5d.catalog.models import PUBLISHED, catalog, resolve
from f5d.catalog.spec import ModelSpec
from f5d.catalog.voices import Voice, VoiceTable, find_voice
from f5d.config import Config, Faults, one_line_for_any_fault, unchangeable
from f5d.engine.types import Configure
from f5d.system import journal
from f5d.system.sdnotify import Notifier, inherited_socket
from f5d.system.signals import Signals
from f5d.system.socketfile import InheritedPlace, SocketPlace

log = logging.getLogger(__name__)


def run(
    config: Config,
    engine_command: Sequence[str] = ENGINE_COMMAND,
    read_config: Callable[[], Config] | None = None,
    *,
    on_demand: bool = False,
    log_to: int | None = None,
    patience: Patience = PATIENCE,
) -> None:
    """Serve until a `stop` request or a signal, then return; SIGHUP takes what `read_config` returns.

    `on_demand` tells clients that one of them started this daemon, and may put another in its place; `log_to`
    is the descriptor of the log from when it serves.

    Raises:
        ConfigError: the socket cannot be had, or another daemon serves it.
    """
    names = known_names(config)
    most_connections = connections_for(open_files())
    inherited = inherited_socket()
    poller = zmq.Poller()
    with (
        InheritedPlace(inherited) if inherited else SocketPlace(config.socket) as place,
        Signals() as signals,
        Notifier() as notifier,
        zmq.Context() as context,
        closing(Front(most_connections)) as front,
        closing(Supervisor(context, poller, place.engine_path, engine_command, patience)) as supervisor,
    ):
        dispatcher = Dispatcher(
            JobTable(config.max_jobs),
            Fleet(config.max_loaded_models, config.keep_alive_s),
            supervisor,
            Outbox(front),
            partial(engine_settings, config, names.specs),
            keep_spare=is_wanted(config.spare),
        )
        facts = DaemonFacts(os.getpid(), place.socket_path, time.monotonic(), config.model, on_demand)
        requests = Requests(config, facts, names.specs, names.voices, dispatcher)
        status = ServiceStatus(notifier, dispatcher)
        reloader = Reloader(config, names.specs, read_config, requests, dispatcher, status)
        loop = Loop(
            front,
            poller,
            signals,
            requests,
            dispatcher,
            service_status=status,
            watch=SocketWatch(place, requests.drain),
            reload=reloader.reload,
        )
        front.listen(place.listen())
        if log_to is not None:
            journal.move(log_to, config.log_level)
        os.environ.update(with_temporary(str(Path(place.engine_path(0)).parent)))
        if on_demand:
            supervisor.start_spare(time.monotonic())  # for the job that the client is about to send
        log.info("f5d %s (pid %d) serves %s", __version__, facts.pid, place.socket_path)
        with _metrics(config.metrics_address, place.socket_path):
            status.ready()
            loop.run()
        log.info("stopped")


def _metrics(address: str, socket_path: str) -> AbstractContextManager[None]:
    if address == "off":
        return nullcontext()
    from f5d.system.metrics_listener import metrics_listener

    return metrics_listener(address, socket_path)


@dataclass(frozen=True, slots=True)
class Names:
    """What the names of a configuration stand for."""

    specs: Mapping[str, ModelSpec]
    voices: Mapping[str, Voice]


@one_line_for_any_fault()
def known_names(config: Config) -> Names:
    """Return the models and voices of a configuration, or refuse one whose own names do not exist."""
    wanted = config.model.lower()
    published = [name for name in PUBLISHED if config.allowed_models == "all" or name.lower() == wanted]
    specs = catalog({spec.name: spec for spec in config.models}, published=published)
    voices = VoiceTable(config.voices)
    faults = Faults()
    with faults.one("configuration: "):
        resolve(config.model, specs)
    for spec in config.models:
        with faults.one(f"configuration: [models.{spec.name}]: default_voice: "):
            find_voice(spec.default_voice, voices)
    faults.refuse()
    return Names(specs, voices)


@dataclass(slots=True)
class Reloader:
    """Takes a changed configuration while jobs are running; owns the one in force."""

    config: Config
    specs: Mapping[str, ModelSpec]  # also models that are gone from the configuration while jobs need them
    read_config: Callable[[], Config] | None
    requests: Requests
    dispatcher: Dispatcher
    service_status: ServiceStatus

    def reload(self, now: float) -> None:
        """Read the configuration again and go on with it; one that is wrong changes nothing."""
        self.service_status.reloading(now)
        try:
            fresh = self.config if self.read_config is None else self.read_config()
            self._adopt(fresh, known_names(fresh), now)
        except ConfigError as error:
            log.error("the configuration was not reloaded, the old one stays: %s", error.message)  # noqa: TRY400
        finally:
            self.service_status.ready()

    def _adopt(self, fresh: Config, names: Names, now: float) -> None:
        dispatcher = self.dispatcher
        for key in unchangeable(self.config, fresh):
            log.warning("%s cannot change while the daemon runs; restart it", key)
        needed = {job.model for job in dispatcher.jobs.work} | set(dispatcher.fleet.slots)
        kept = {model: spec for model, spec in self.specs.items() if model in needed}
        self.config, self.specs = fresh, {**kept, **names.specs}
        journal.set_level(fresh.log_level)
        dispatcher.jobs.limit = fresh.max_jobs
        dispatcher.fleet.limit = fresh.max_loaded_models
        dispatcher.reserve.want(now, wanted=is_wanted(fresh.spare))
        dispatcher.fleet.keep_alive_s = fresh.keep_alive_s
        dispatcher.reconfigure(partial(engine_settings, fresh, self.specs), names.specs)
        self.requests.adopt(fresh, names.specs, names.voices)
        log.info("the configuration was reloaded; %d jobs go on", len(dispatcher.jobs.work))


def engine_settings(config: Config, specs: Mapping[str, ModelSpec], model: str) -> Configure:
    """Return the first message to an engine for `model`."""
    return Configure(
        model=specs[model],
        device=config.device,
        dtype=config.dtype,
        threads=config.threads,
        asr_model=config.asr_model,
        max_batch_frames=config.max_batch_frames,
        pronunciation=config.pronunciation,
        core_dumps=config.core_dumps == "on",
    )


def open_files() -> int:
    """Let this process open as many files as the system allows it, and return how many: a connection is one."""
    _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # an unlimited hard limit that the kernel does not take
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return sys.maxsize if soft == resource.RLIM_INFINITY else soft
