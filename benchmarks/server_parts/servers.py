"""The servers that are measured, as processes of their own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from catalog_server.store import Store

START_SECONDS = 60.0


class Server:
    """`coindex serve` as a process group of its own."""

    def __init__(self, store: Path, *options: str, port: int = 0) -> None:
        command = [sys.executable, "-m", "coindex", "serve", "--store", str(store), "--port", str(port)]
        self.process = subprocess.Popen(
            [*command, "--log-level", "error", *options], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().removeprefix("serving ").strip()
        if not self.address:
            raise SystemExit("the server did not start; its reason stands above")
        self.port = int(self.address.rstrip("/").rpartition(":")[2])

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@contextmanager
def coindex(store: Store) -> Iterator[tuple[int, int]]:
    """The catalogue server on its port, and its process."""
    server = Server(store.folder, "--workers", str(os.cpu_count() or 1))
    try:
        yield server.port, server.process.pid
    finally:
        server.stop()


@contextmanager
def nginx(store: Store, folder: Path) -> Iterator[tuple[int, int]]:
    """nginx that serves the releases of a store as `deploy/nginx.conf` has it, without TLS and log."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(
        f"""
        daemon off; worker_processes auto; pid {folder}/pid; error_log {folder}/error.log;
        events {{ worker_connections 1024; }}
        http {{
          access_log off; sendfile on; tcp_nopush on; gzip_static on; keepalive_requests 1000000;
          open_file_cache max=10000 inactive=60s; open_file_cache_valid 5s;
          client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
          uwsgi_temp_path {folder}; scgi_temp_path {folder};
          server {{ listen 127.0.0.1:{port}; location /releases/ {{ alias {store.releases}/; }} }}
        }}
        """
    )
    # Its workers are somebody else where it is started by root, and the store is the owner's alone.
    user = ["-g", "user root;"] if os.getuid() == 0 else []
    process = subprocess.Popen(["nginx", "-c", str(config), *user], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing answers on port {port}")
