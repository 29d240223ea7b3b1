"""The optional HTTP listener for Prometheus.

Its threads share nothing with the daemon's loop: each request asks through the daemon's own socket, as
any client does.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, start_http_server

from f5ctl.client import Client
from f5ctl.errors import ConfigError
from f5ctl.metrics import State, StateCollector

ANSWER_S = 5.0


@contextmanager
def metrics_listener(address: str, socket_path: str) -> Iterator[None]:
    """Serve the metrics of the daemon behind `socket_path` at http://ADDRESS/metrics meanwhile.

    Raises:
        ConfigError: nobody can listen there.
    """

    def ask() -> State:
        with Client(socket_path) as client:
            return client.status(silence_s=ANSWER_S)

    registry = CollectorRegistry()
    registry.register(StateCollector(ask))
    host, _, port = address.rpartition(":")
    try:
        server, thread = start_http_server(int(port), host.strip("[]"), registry)
    except (OSError, OverflowError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(f"metrics_address: cannot listen on {address}: {reason}") from None
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
