"""The server that answers connections: Granian, which starts one process or several and watches over them.

It stops at SIGTERM or Ctrl-C by taking no new connections and letting the requests it has end. At SIGHUP it replaces
its processes one after the other, which read the certificate again.
"""

import asyncio
import logging
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

from granian.constants import HTTPModes, Interfaces, Loops, SSLProtocols
from granian.http import HTTP1Settings
from granian.server.mp import MPServer

from catalog_server.engines.identify import PHOTOS_AT_ONCE
from catalog_server.serving.door import Door
from catalog_server.serving.logs import configure_logging
from catalog_server.serving.service import serving
from catalog_server.serving.settings import Settings
from catalog_server.serving.tls import Certificate
from catalog_server.web.bodies import BodyLimits
from catalog_server.web.prometheus import count_together
from coindex.errors import CoindexError, StoreError

__all__ = ["run"]

log = logging.getLogger(__name__)

HEAD_SECONDS = 10
"""How long a connection may be silent, or its request's head incomplete, before it is closed."""

BUFFER_BYTES = 256 << 10
"""The most that a head may have, and of a body that is read at once: each read costs as much as a wake-up."""

CONNECTIONS = 1024
"""Open at once, in each process; further ones wait to be accepted."""

LOOK_SECONDS = 0.1
"""How soon it is noticed that the server answers."""

MARGIN_SECONDS = 5
"""After the seconds of a stop, before a process that has still not ended is killed."""

HSTS_SECONDS = 365 * 86400
LOCAL_HSTS_SECONDS = 86400
"""The certificate that is made here is for names that other services of the machine may have as well."""

Ready = Callable[[str], None]
"""Told the server's address once it answers."""


def run(settings: Settings, *, certificate: Certificate | None, ready: Ready) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Args:
        certificate: For TLS; None speaks plain HTTP.
        ready: Called with the server's address when it answers.

    Raises:
        StoreError: If the address is taken or not allowed.
        SystemExit: If a process cannot do its work. It has logged the reason.
    """
    with _claimed(settings) as (address, port), tempfile.TemporaryDirectory(prefix="coindex-metrics-") as counted:
        count_together(Path(counted))
        told, tell = multiprocessing.Pipe(duplex=False)
        server = _Server(
            "coindex",
            address=address,
            port=port,
            interface=Interfaces.RSGI,
            workers=settings.workers,
            loop=Loops.asyncio,
            # A connection of HTTP/2 that falls silent is never closed (2.8); nginx speaks it to phones.
            http=HTTPModes.http1,
            http1_settings=HTTP1Settings(header_read_timeout=HEAD_SECONDS * 1000, max_buffer_size=BUFFER_BYTES),
            websockets=False,
            backlog=CONNECTIONS,
            backpressure=CONNECTIONS,
            log_enabled=False,
            ssl_cert=certificate.chain if certificate else None,
            ssl_key=certificate.key if certificate else None,
            ssl_protocol_min=SSLProtocols.tls12,
            # Requests end, and then a job does.
            workers_kill_timeout=2 * settings.stop_seconds + MARGIN_SECONDS,
        )
        server.parent_end = tell
        host = f"[{settings.host}]" if ":" in settings.host else settings.host
        url = f"{'https' if certificate else 'http'}://{host}:{port}/"
        told_of = partial(_tell_when_answering, server, address, port, partial(ready, url))
        threading.Thread(target=told_of, name="ready", daemon=True).start()
        opened = partial(_open, settings, _hsts(certificate), told, tell)
        # An RSGI application is an object with `__rsgi__`; the type of the argument knows functions alone.
        server.serve(target_loader=opened, wrap_loader=False)  # type: ignore[arg-type]


class _Server(MPServer):
    """Granian's server, whose processes learn when they are to stop, or that it is gone, from a pipe that closes."""

    parent_end: Connection

    def signal_handler_interrupt(self, *_: object) -> None:
        self.parent_end.close()
        super().signal_handler_interrupt()  # type: ignore[no-untyped-call]


def _open(settings: Settings, headers: tuple[tuple[str, str], ...], told: Connection, tell: Connection) -> "_Process":
    """The application of one process, in that process."""
    tell.close()  # else this process would keep open what it waits for
    configure_logging(settings.log_format, settings.log_level)
    try:
        return _Process(settings, headers, told)
    except CoindexError as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        os._exit(1)


class _Process:
    """What answers in one process, from its start to its end."""

    def __init__(self, settings: Settings, headers: tuple[tuple[str, str], ...], told: Connection) -> None:
        self._settings, self._told, self._parent = settings, told, os.getppid()
        self._open = ExitStack()
        app = self._open.enter_context(serving(settings))
        limits: BodyLimits = app.extensions[BodyLimits.NAME]
        # Photos that wait for their answer have threads of their own.
        self._door = Door(app, limits, threads=settings.threads + PHOTOS_AT_ONCE, headers=headers)
        self._open.callback(self._door.close)
        self.__rsgi__ = self._door.__rsgi__

    def __rsgi_init__(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self._told.fileno(), self._stop, loop)

    def __rsgi_del__(self, _: asyncio.AbstractEventLoop) -> None:
        self._open.close()

    def _stop(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.remove_reader(self._told.fileno())
        if os.getppid() != self._parent:  # it was killed, and so sends none
            os.kill(os.getpid(), signal.SIGTERM)
        loop.call_later(self._settings.stop_seconds, self._end)

    def _end(self) -> None:
        """End although a client still has not taken its answer."""
        log.warning("a connection was cut: it was still open %d s after the stop", self._settings.stop_seconds)
        self._open.close()
        logging.shutdown()
        os._exit(0)


def _hsts(certificate: Certificate | None) -> tuple[tuple[str, str], ...]:
    if certificate is None:
        return ()
    seconds = LOCAL_HSTS_SECONDS if certificate.fingerprint else HSTS_SECONDS
    return (("strict-transport-security", f"max-age={seconds}"),)


@contextmanager
def _claimed(settings: Settings) -> Iterator[tuple[str, int]]:
    """The numeric address and the port to listen on, kept from other programs until the end of the block."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as alone:
            # Processes share the port by SO_REUSEPORT, so two servers could too: first see that nobody else has it.
            alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            alone.bind(place)
            address, port = alone.getsockname()[:2]
        claim = socket.socket(family, kind)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        claim.bind((address, port))
    except OSError as error:
        raise StoreError(
            f"cannot listen on {settings.host}, port {settings.port} ({error}); choose others with --host and --port"
        ) from None
    with claim:
        yield str(address), int(port)


def _tell_when_answering(server: _Server, address: str, port: int, ready: Callable[[], None]) -> None:
    """Wait until a process listens; from then on one that dies is replaced."""
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address, address)
    while True:
        with suppress(OSError), socket.create_connection((here, port), timeout=1):
            break
        time.sleep(LOOK_SECONDS)
    server.respawn_failed_workers = True
    ready()
