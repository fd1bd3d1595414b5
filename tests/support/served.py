"""`coindex serve` as a process of its own, on a free port of loopback."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import contextmanager

START_SECONDS = 90
READY = "serving "


class Served:
    """A running server: its address, its process, what it said on stderr so far."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | environment,
        )
        self.said = []
        threading.Thread(target=lambda: self.said.extend(self.process.stderr), daemon=True).start()
        self.address = self._address()

    def _address(self):
        line = []
        reader = threading.Thread(target=lambda: line.append(self.process.stdout.readline()), daemon=True)
        reader.start()
        reader.join(START_SECONDS)
        if not line or not line[0].startswith(READY):
            self.kill()
            raise AssertionError(f"the server did not start: {''.join(self.said)}")
        return line[0].removeprefix(READY).strip()

    @property
    def port(self):
        return int(self.address.rstrip("/").rpartition(":")[2])

    def stop(self):
        """SIGTERM, and the exit code that follows."""
        self.process.terminate()
        return self.process.wait(START_SECONDS)

    def kill(self):
        """SIGKILL to all of its processes."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(START_SECONDS)


@contextmanager
def served(store, *options, port=0, **environment):
    """`coindex serve` of a store, killed at the end of the block where it still runs."""
    command = [sys.executable, "-m", "coindex", "serve", "--port", str(port), "--store", str(store.folder), *options]
    server = Served(command, environment)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            server.kill()
