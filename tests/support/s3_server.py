"""A real S3 server for tests, over a socket: one that is named, or moto's in a process of its own."""

import os
import socket
import subprocess
import sys
import time
import uuid
from contextlib import contextmanager, suppress

import pytest

NAMED = "COINDEX_TEST_S3_ENDPOINT"


@contextmanager
def s3_server():
    """The address of a server that takes the environment's keys; skips, with the reason, where there is none."""
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install coindex[s3]")
    if named := os.environ.get(NAMED):
        yield named
        return
    pytest.importorskip("moto", reason=f"{NAMED} names no server, and moto is not installed")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    code = "import sys; from moto.server import main; main(['-H', '127.0.0.1', '-p', sys.argv[1]])"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            _wait_for(port, process)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


@contextmanager
def bucket(endpoint):
    """The URL of a bucket that is made for the block; coindex reaches it by the environment, as an operator's does."""
    import s3fs

    keys = {"AWS_ACCESS_KEY_ID": "tests", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}
    with pytest.MonkeyPatch.context() as environment:
        for name, value in {**keys, "AWS_ENDPOINT_URL": endpoint}.items():
            environment.setenv(name, os.environ.get(name, value) if name in keys else value)
        name = f"coindex-{uuid.uuid4().hex}"
        files = s3fs.S3FileSystem(skip_instance_cache=True)
        files.mkdir(name)
        try:
            yield f"s3://{name}/photos"
        finally:
            s3fs.S3FileSystem.clear_instance_cache()
            with suppress(FileNotFoundError):
                files.rm(name, recursive=True)


def _wait_for(port, process, seconds=60):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(f"moto's server ended with {process.returncode}") from None
            time.sleep(0.1)
    raise RuntimeError(f"moto's server did not answer in {seconds} s")
