"""gunicorn's threaded worker with a short way for release files, which are most of what phones ask for.

On a connection that is kept open, a plain `GET` or `HEAD` below `/releases/` is answered where it is noticed: by the
same WSGI application, without a thread for it. The request is looked at before it is taken from the socket, and
whatever is not exactly of the expected form is left there for gunicorn, so nothing is parsed by two rules.
"""

import os
import socket
import time
from collections.abc import Iterable
from email.utils import formatdate
from functools import lru_cache
from typing import IO, Any

from gunicorn.workers.gthread import ThreadWorker

from catalog_server.web.releases import PREFIX

__all__ = ["ReleaseWorker", "read_plain_request"]

LONGEST = 4096
"""Bytes of a request that goes the short way; phones send about 300."""

END = b"\r\n\r\n"
STARTS = (f"GET {PREFIX}".encode(), f"HEAD {PREFIX}".encode())

UNUSUAL = frozenset(
    ("CONTENT_LENGTH", "TRANSFER_ENCODING", "TE", "TRAILER", "EXPECT", "UPGRADE", "HTTP2_SETTINGS", "CONNECTION")
)
"""Fields that speak of a body, another protocol or the connection's end; gunicorn knows what they mean."""


def read_plain_request(head: bytes) -> dict[str, Any] | None:
    """The WSGI environment of one whole request for a release file, None where it is anything else.

    It is one alone, with nothing after its head; its path needs no decoding; no field stands twice, is folded or
    unusual.
    """
    if not head.startswith(STARTS) or head.find(END) != len(head) - len(END):
        return None
    try:
        line, *fields = head[: -len(END)].decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        return None
    method, _, rest = line.partition(" ")
    path, _, version = rest.partition(" ")
    if version != "HTTP/1.1" or not path.replace("/", "").replace(".", "").replace("-", "").replace("_", "").isalnum():
        return None
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path}
    for field in fields:
        name, colon, value = field.partition(":")
        if not colon or not name.replace("-", "").isalnum():
            return None
        key = name.upper().replace("-", "_")
        if key in UNUSUAL and not (key == "CONNECTION" and value.strip().lower() == "keep-alive"):
            return None
        if f"HTTP_{key}" in environ or not value.isprintable():
            return None
        environ[f"HTTP_{key}"] = value.strip()
    return environ if "HTTP_HOST" in environ else None


class ReleaseWorker(ThreadWorker):  # type: ignore[misc]
    """A `gthread` worker that answers plain requests for release files on kept connections by itself."""

    def on_client_socket_readable(self, conn: Any, client: socket.socket) -> None:
        """Answer a plain request at once; leave every other to the threads."""
        if self.alive and not self.cfg.is_ssl and self._answer(conn, client):
            return
        super().on_client_socket_readable(conn, client)

    def _answer(self, conn: Any, client: socket.socket) -> bool:
        """Whether the request was one for the short way, and so is dealt with."""
        try:
            head = client.recv(LONGEST, socket.MSG_PEEK)
        except OSError:
            return False
        environ = read_plain_request(head)
        if environ is None:
            return False
        client.recv(len(head))
        # The rest of the deque stays sorted by the time at which a connection is closed for its silence.
        self.keepalived_conns.remove(conn)
        answer = _Answer()
        environ |= {"wsgi.file_wrapper": answer.take_file, "REMOTE_ADDR": str(conn.client[0])}
        try:
            body = self.wsgi(environ, answer.start)
            left = answer.send(client, body)
        except OSError:
            left = None
        if left is None:
            self.poller.unregister(client)
            self.nr_conns -= 1
            answer.close()
            conn.close()
        elif left:
            self.poller.unregister(client)
            future = self.tpool.submit(answer.send_rest, client)
            future.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))
        else:
            conn.set_timeout()
            self.keepalived_conns.append(conn)
        return True


class _Answer:
    """An answer on its way: bytes that are still to be sent, and after them a part of a file."""

    def __init__(self) -> None:
        self._head, self._bytes = b"", b""
        self._file: IO[bytes] | None = None
        self._offset = self._count = 0

    def start(self, status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> None:
        fields = "".join([f"{name}: {value}\r\n" for name, value in headers])
        self._head = f"HTTP/1.1 {status}\r\nServer: coindex\r\nDate: {_date(int(time.time()))}\r\n{fields}\r\n".encode(
            "latin-1"
        )

    def take_file(self, file: IO[bytes], _: int) -> Iterable[bytes]:
        self._file, self._offset = file, file.tell()
        self._count = os.fstat(file.fileno()).st_size - self._offset
        return ()

    def send(self, client: socket.socket, body: Iterable[bytes]) -> bool:
        """Send what the connection takes at once. Returns whether something is left."""
        self._bytes = self._head + b"".join(body)
        more = socket.MSG_MORE if self._count else 0
        try:
            while self._bytes:
                self._bytes = self._bytes[client.send(self._bytes, more) :]
            while self._count:
                self._sent(os.sendfile(client.fileno(), self._descriptor, self._offset, self._count))
        except BlockingIOError:
            return True
        self.close()
        return False

    def send_rest(self, client: socket.socket) -> bool:
        """Send what is left, waiting for the client, in a thread. Returns that the connection may be kept."""
        client.setblocking(True)
        try:
            client.sendall(self._bytes)
            while self._count:
                self._sent(os.sendfile(client.fileno(), self._descriptor, self._offset, self._count))
        except OSError:
            return False
        finally:
            self.close()
        return True

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @property
    def _descriptor(self) -> int:
        assert self._file is not None
        return self._file.fileno()

    def _sent(self, count: int) -> None:
        if not count:
            raise ConnectionAbortedError("the file ended before its length")
        self._offset += count
        self._count -= count


@lru_cache(maxsize=1)
def _date(second: int) -> str:
    """The time as HTTP writes it, made once a second."""
    return formatdate(second, usegmt=True)
