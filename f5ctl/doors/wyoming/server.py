"""The server: a session for every client, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys

from wyoming.error import Error

from f5ctl.doors.listening import passed_socket
from f5ctl.doors.wyoming.framing import MAX_PART_BYTES, BrokenMessageError, Wire
from f5ctl.doors.wyoming.options import Options
from f5ctl.doors.wyoming.place import Place, listener, standard_streams
from f5ctl.doors.wyoming.session import Session
from f5ctl.errors import F5Error


def serve(place: Place, options: Options, *, zeroconf: str | None = None) -> None:
    """Serve clients at `place`, or on systemd's socket, until SIGTERM or SIGINT.

    `zeroconf` is the name that the server is announced by in the local network.

    Raises:
        ConfigError: it cannot listen there.
    """
    with contextlib.suppress(asyncio.CancelledError):
        asyncio.run(_Server(options).run(place, zeroconf))


class _Server:
    def __init__(self, options: Options) -> None:
        self._options = options
        self._clients: set[asyncio.Task[None]] = set()

    async def run(self, place: Place, zeroconf: str | None) -> None:
        main = asyncio.current_task()
        if main is not None:
            for number in (signal.SIGTERM, signal.SIGINT):
                asyncio.get_running_loop().add_signal_handler(number, main.cancel)
        sock = passed_socket()
        if sock is None and place.kind == "stdio":
            await self._session(*await standard_streams(MAX_PART_BYTES))
            return
        is_own = sock is None
        sock = sock or listener(place)
        try:
            await self._listen(sock, zeroconf)
        finally:
            for task in self._clients:
                task.cancel()
            await asyncio.gather(*self._clients, return_exceptions=True)
            if is_own and place.kind == "unix":
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(place.path)

    async def _listen(self, sock: socket.socket, zeroconf: str | None) -> None:
        if sock.family == socket.AF_UNIX:
            server = await asyncio.start_unix_server(self._connected, sock=sock, limit=MAX_PART_BYTES)
        else:
            server = await asyncio.start_server(self._connected, sock=sock, limit=MAX_PART_BYTES)
        address = sock.getsockname()
        where = f"unix://{address}" if isinstance(address, str) else f"tcp://{address[0]}:{address[1]}"
        _tell(f"serves Wyoming on {where}")
        if zeroconf is not None:
            await _announce(address, zeroconf)
        await server.serve_forever()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._session(reader, writer))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer, self._options.patience_s)
        is_whole = False  # what was sent is worth waiting for
        try:
            if is_whole := len(self._clients) > self._options.most_clients:
                line = f"{self._options.most_clients} clients are served already; try again later"
                await wire.write(Error(text=line, code="overloaded").event())
                _tell(f"refused a client: {line}")
            else:
                await Session(wire, self._options).run()
                is_whole = True
        except BrokenMessageError as error:
            _tell(f"closed a client: {error}")
        except OSError:
            pass  # it is gone
        except F5Error as error:
            _tell(f"closed a client: {error.message}")
        finally:
            wire.close(at_once=not is_whole)


async def _announce(address: object, name: str) -> None:
    from wyoming.zeroconf import HomeAssistantZeroconf

    if not isinstance(address, tuple):
        return
    host = None if address[0] in {"0.0.0.0", "::"} else address[0]  # noqa: S104 - it asks, it does not bind
    await HomeAssistantZeroconf(address[1], name=name or None, host=host).register_server()
    _tell("is announced by zeroconf")


def _tell(line: str) -> None:
    sys.stderr.write(f"f5ctl serve wyoming: {line}\n")
    sys.stderr.flush()
