"""The servers that answer connections: waitress in this process, gunicorn in several, cheroot where this process speaks
TLS. Each stops at SIGTERM or Ctrl-C by taking no new connections and letting the requests it has end.
"""

import contextlib
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from catalog_server.metrics import count_together
from catalog_server.settings import ServerKind, Settings
from catalog_server.tls import Certificate
from catalog_server.uploads import MAX_ARCHIVE_BYTES
from coindex.errors import SettingsError, StoreError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

__all__ = ["run"]

IDENT = "coindex"

MAX_BODY_BYTES = MAX_ARCHIVE_BYTES + (1 << 20)
"""The largest that any page takes, with its fields. The application bounds each request for itself and refuses in
words; this bounds what is stored on the disk before it is asked."""

TICK_SECONDS = 0.2
"""How soon a stopping server notices that its last request has ended."""

KEEP_ALIVE_SECONDS = 15
"""As long as a phone's sync takes to compare hashes between two files."""

Application = Callable[[], AbstractContextManager["WSGIApplication"]]
Ready = Callable[[str], None]
"""Told the server's address once it listens."""


def run(settings: Settings, application: Application, *, certificate: Certificate | None, ready: Ready) -> None:
    """Serve until SIGTERM or Ctrl-C. Raises `StoreError` where the address cannot be had, and `SettingsError` where the
    chosen server is not installed."""
    if settings.server is ServerKind.GUNICORN:
        _run_gunicorn(settings, application, certificate, ready)
        return
    with application() as app:
        if certificate is not None:
            _run_cheroot(settings, app, certificate, ready)
        else:
            _run_waitress(settings, app, ready)


def _run_waitress(settings: Settings, app: "WSGIApplication", ready: Ready) -> None:
    import waitress  # type: ignore[import-untyped]
    from waitress import wasyncore

    sockets: dict[int, Any] = {}
    with _told_where(settings):
        server = waitress.create_server(
            app,
            map=sockets,
            host=settings.host,
            port=settings.port,
            threads=settings.threads,
            ident=IDENT,
            max_request_body_size=MAX_BODY_BYTES,
        )
    with contextlib.closing(server), _stop_asked() as stop:
        stop.wake = next(each for each in sockets.values() if hasattr(each, "pull_trigger")).pull_trigger
        ready(_address(settings, _port_of(server)))
        while not stop.asked:
            wasyncore.loop(timeout=1, map=sockets, count=1)
        _drain_waitress(server, sockets, settings.stop_seconds)


def _drain_waitress(server: Any, sockets: dict[int, Any], seconds: float) -> None:
    """Let what was asked be answered, and what was answered be sent; waitress itself drops the second."""
    from waitress import wasyncore

    for each in list(sockets.values()):
        if getattr(each, "accepting", False):
            wasyncore.dispatcher.close(each)
    until = time.monotonic() + seconds
    while (channels := _channels(sockets)) and time.monotonic() < until:
        for channel in channels:
            channel.will_close = not (channel.requests or channel.total_outbufs_len)
        wasyncore.loop(timeout=TICK_SECONDS, map=sockets, count=1)
    server.task_dispatcher.shutdown()
    for channel in _channels(sockets):
        channel.handle_close()


def _channels(sockets: dict[int, Any]) -> list[Any]:
    """The connections among a server's sockets."""
    return [each for each in sockets.values() if hasattr(each, "total_outbufs_len")]


def _run_cheroot(settings: Settings, app: "WSGIApplication", certificate: Certificate, ready: Ready) -> None:
    from cheroot.ssl.builtin import BuiltinSSLAdapter
    from cheroot.wsgi import Server

    server = Server(
        (settings.host, settings.port),
        app,
        numthreads=settings.threads,
        server_name=IDENT,
        shutdown_timeout=settings.stop_seconds,
    )
    server.max_request_body_size = MAX_BODY_BYTES
    server.ssl_adapter = BuiltinSSLAdapter(str(certificate.chain), str(certificate.key))
    with _told_where(settings):
        server.prepare()
    # It waits for the requests that are under way, so it may not stand in a signal's handler.
    stopping = threading.Thread(target=server.stop, name="stopping")
    with _stop_asked() as stop:
        stop.wake = stopping.start
        ready(_address(settings, server.bind_addr[1], scheme="https"))
        server.serve()
        if stop.asked:
            stopping.join()


def _run_gunicorn(settings: Settings, application: Application, certificate: Certificate | None, ready: Ready) -> None:
    try:
        from gunicorn.app.base import BaseApplication
    except ModuleNotFoundError:
        raise SettingsError("server gunicorn is not installed; install it with: pip install 'coindex[scale]'") from None
    open_applications = ExitStack()

    class Gunicorn(BaseApplication):  # type: ignore[misc]
        def load_config(self) -> None:
            for name, value in _gunicorn_settings(settings, certificate).items():
                self.cfg.set(name, value)
            self.cfg.set("when_ready", tell)
            self.cfg.set("worker_exit", close)
            self.cfg.set("child_exit", forget)

        def load(self) -> "WSGIApplication":
            # In a process of its own, after the fork: connections and threads are not shared.
            return open_applications.enter_context(application())

    def tell(arbiter: Any) -> None:
        port = arbiter.LISTENERS[0].sock.getsockname()[1]
        ready(_address(settings, port, scheme="https" if certificate else "http"))

    def close(_: Any, __: Any) -> None:
        open_applications.close()

    def forget(_: Any, worker: Any) -> None:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]

    with tempfile.TemporaryDirectory(prefix="coindex-metrics-") as counted:
        count_together(Path(counted))
        try:
            Gunicorn().run()
        except SystemExit as ended:
            if ended.code:
                raise StoreError(
                    f"gunicorn ended with {ended.code}; its reason stands above; another --host or --port may help"
                ) from None


def _gunicorn_settings(settings: Settings, certificate: Certificate | None) -> dict[str, Any]:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": [f"{host}:{settings.port}"],
        "workers": settings.workers,
        "worker_class": "catalog_server.release_worker.ReleaseWorker",
        "threads": settings.threads,
        "keepalive": KEEP_ALIVE_SECONDS,
        "graceful_timeout": settings.stop_seconds,
        "timeout": 120,
        "proc_name": IDENT,
        "loglevel": "warning",
        "control_socket_disable": True,
        **({"certfile": str(certificate.chain), "keyfile": str(certificate.key)} if certificate else {}),
    }


class _Stop:
    """Whether a stop was asked for, and how to wake the server that must learn of it."""

    def __init__(self) -> None:
        self.asked = False
        self.wake: Callable[[], object] = lambda: None

    def ask(self, *_: Any) -> None:
        if not self.asked:
            self.asked = True
            self.wake()


@contextlib.contextmanager
def _stop_asked() -> Iterator[_Stop]:
    """Within the block SIGTERM and SIGINT ask for a stop instead of ending the process."""
    stop = _Stop()
    before = {number: signal.signal(number, stop.ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _told_where(settings: Settings) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise StoreError(
            f"cannot listen on {settings.host}, port {settings.port} ({error}); choose others with --host and --port"
        ) from None


def _port_of(server: Any) -> int:
    port = getattr(server, "effective_port", None)
    return int(server.effective_listen[0][1] if port is None else port)


def _address(settings: Settings, port: int, *, scheme: str = "http") -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"{scheme}://{host}:{port}/"
