"""The catalogue server, driven from outside as a person would: by its commands, each a process of its own."""

import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from coindex.errors import CoindexError

__all__ = ["run_coindex", "served"]

COINDEX = (sys.executable, "-m", "coindex")
"""The `coindex` command of this installation, whatever stands on the path."""

START_SECONDS = 60.0
"""The first start on a slow machine compiles every module."""

STOP_SECONDS = 15.0
READY = "serving "


def run_coindex(*arguments: str) -> str:
    """Run `coindex` with these arguments to its end and return its stdout; its stderr shows as it comes.

    An interruption ends it too.

    Raises:
        CoindexError: If it fails.
    """
    # In a session of its own a child does not get the terminal's Ctrl-C: it ends when this process says so.
    done = subprocess.run([*COINDEX, *arguments], stdout=subprocess.PIPE, text=True, start_new_session=True)
    if done.returncode:
        raise CoindexError(f"`coindex {' '.join(arguments)}` failed; see the reason above")
    return done.stdout


@contextmanager
def served(store: Path, *options: str) -> Iterator[str]:
    """The address of a server of this store with these options, on a free port; at the end of the block it has stopped.

    Raises:
        CoindexError: If it does not start, or if something still answers at its address afterwards.
    """
    process = subprocess.Popen(
        [*COINDEX, "serve", "--port", "0", "--store", str(store), *options],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        address = _address(process)
        yield address
    finally:
        _stop(process)
    if _answers(address):
        raise CoindexError(f"{address}: something still answers there after the server stopped")


def _address(process: "subprocess.Popen[str]") -> str:
    """What the server says once it listens."""
    lines: list[str] = []
    stdout = process.stdout
    assert stdout is not None
    reader = threading.Thread(target=lambda: lines.append(stdout.readline()), daemon=True)
    reader.start()
    reader.join(START_SECONDS)
    if not lines or not lines[0].startswith(READY):
        raise CoindexError(f"`coindex serve` did not start within {START_SECONDS:.0f} s; see the reason above")
    return lines[0].removeprefix(READY).strip()


def _stop(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except BaseException:  # too slow, or interrupted once more: nothing may be left behind either way
        process.kill()
        process.wait()
        raise
    finally:
        if process.stdout is not None:
            process.stdout.close()


def _answers(address: str) -> bool:
    parts = urlsplit(address)
    try:
        socket.create_connection((parts.hostname or "", parts.port or 80), timeout=1).close()
    except OSError:
        return False
    return True
