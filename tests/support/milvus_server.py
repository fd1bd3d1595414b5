"""A real Milvus for tests: one that is named, or the standalone of the package `milvus` for the tests alone."""

import os
import socket
import subprocess
import tempfile
import time
from contextlib import closing, contextmanager

import pytest

NAMED = "COINDEX_TEST_MILVUS_URI"
PROGRAM = "COINDEX_TEST_MILVUS_SERVER"
PORTS = (
    "etcd",
    "root-coord",
    "proxy",
    "proxy-internal",
    "query-coord",
    "query-node",
    "index-coord",
    "index-node",
    "data-coord",
    "data-node",
)


@contextmanager
def milvus_server():
    """The address of a server; skips, with the reason, where there is none."""
    if named := os.environ.get(NAMED):
        yield named
        return
    program = os.environ.get(PROGRAM)
    if not program:
        pytest.skip(f"{NAMED} names no Milvus server, and {PROGRAM} no program `milvus-server`")
    ports = dict(zip(PORTS, _free_ports(len(PORTS)), strict=True))
    with tempfile.TemporaryDirectory(prefix="coindex-milvus-", ignore_cleanup_errors=True) as folder:
        options = [word for name, port in ports.items() for word in (f"--{name}-port", str(port))]
        command = [program, "--data", folder, *options]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                uri = f"http://127.0.0.1:{ports['proxy']}"
                _wait_for(uri, process)
                yield uri
            finally:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    process.kill()


def _free_ports(count):
    """Ports that nobody listens on now."""
    taken = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in taken]
    for each in taken:
        each.close()
    return ports


def _wait_for(uri, process, seconds=180):
    from pymilvus import MilvusClient
    from pymilvus.exceptions import MilvusException

    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"milvus-server ended with {process.returncode}")
        try:
            with closing(MilvusClient(uri, timeout=5)) as client:
                client.list_collections(timeout=5)
            return
        except MilvusException:
            time.sleep(1)
    raise RuntimeError(f"Milvus did not answer in {seconds} s")
