"""The way from Granian's asynchronous interface (RSGI) to the WSGI application.

A request's body is received here, before a thread is taken for it and within the limit of its route, so a client that
sends slowly costs a connection and no thread. Files of releases are answered in the event loop, and large ones are sent
by Granian itself.
"""

import asyncio
import io
import logging
import sys
import tempfile
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from typing import IO, TYPE_CHECKING, Any, Protocol

from catalog_server.web.bodies import REFUSAL, BodyLimits, Refusal
from catalog_server.web.releases import PREFIX, FilePart

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication, WSGIEnvironment

__all__ = ["Door", "Scope"]

log = logging.getLogger(__name__)

IN_MEMORY = 1 << 16
"""Bytes of a body that are kept in memory; a larger one lies on the disk until its request has ended."""

BODY_GRACE_SECONDS = 10.0
LEAST_RATE = 8 << 10
"""Bytes a second that a client must send on average, after the grace."""

DISCARD_SECONDS = 30.0
"""How long a refused body is read and thrown away: a client that still sends may not see its answer."""

LARGE_BODIES = 16
"""Bodies on the disk at once, of each process and of each kind of sender: strangers cannot keep curators out."""

WAITING = 1024
"""Requests in a thread or waiting for one; more are told to come back."""

RETRY_SECONDS = 5

Header = tuple[str, str]
Answer = tuple[int, list[Header], Iterable[bytes]]


class Scope(Protocol):
    """A request's head, as RSGI gives it."""

    http_version: str
    server: str
    client: str
    scheme: str
    method: str
    path: str
    query_string: str
    authority: str | None
    headers: Any


class Door:
    """The RSGI application of one process.

    Args:
        application: The WSGI application, called in one of `threads` threads.
        limits: What a route takes.
        headers: Sent with every answer.
    """

    def __init__(
        self,
        application: "WSGIApplication",
        limits: BodyLimits,
        *,
        threads: int,
        headers: tuple[Header, ...] = (),
    ) -> None:
        self._application, self._limits = application, limits
        self._headers = (*headers, ("server", "coindex"))
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")
        self._waiting = 0
        self._large = {True: 0, False: 0}

    async def __rsgi__(self, scope: Scope, protocol: Any) -> None:
        """Answer one request."""
        environ = environ_of(scope)
        if environ["PATH_INFO"].startswith(PREFIX) and not _has_body(environ):
            # From memory or with a single look at the disk: quicker than a thread could be woken.
            self._send(protocol, self._call(environ))
            return
        body: IO[bytes] = tempfile.SpooledTemporaryFile(IN_MEMORY)  # noqa: SIM115 - closed below
        try:
            if _has_body(environ):
                await self._receive(environ, protocol, body)
            environ["wsgi.input"] = body
            self._send(protocol, await self._answer(environ))
        finally:
            body.close()

    def close(self) -> None:
        """Wait for the threads to end."""
        self._threads.shutdown()

    async def _answer(self, environ: "WSGIEnvironment") -> Answer:
        if self._waiting >= WAITING:
            environ[REFUSAL] = _busy("the server has too much to do; try again in some seconds")
            return self._call(environ)
        self._waiting += 1
        try:
            answer: Answer = await self._in_thread(self._call, environ)
            return answer
        finally:
            self._waiting -= 1

    async def _in_thread(self, function: Any, *arguments: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *arguments)

    def _call(self, environ: "WSGIEnvironment") -> Answer:
        """What the application answers; its body read whole, but for a part of a file."""
        started: list[tuple[int, list[Header]]] = []

        def start(status: str, headers: list[Header], exc_info: Any = None) -> Any:
            started.append((int(status[:3]), headers))

        environ.setdefault("wsgi.input", io.BytesIO())
        try:
            body = self._application(environ, start)
            if not isinstance(body, FilePart):
                try:
                    body = [b"".join(body)]
                finally:
                    getattr(body, "close", lambda: None)()
        except Exception:
            log.exception("a request could not be answered")
            return (
                500,
                [("content-type", "text/plain; charset=utf-8")],
                [b"the server made an error; its log says it\n"],
            )
        status, headers = started[-1]
        if REFUSAL in environ:
            headers.append(("connection", "close"))
        return status, headers, body

    def _send(self, protocol: Any, answer: Answer) -> None:
        status, headers, body = answer
        headers = [(name.lower(), value) for name, value in headers] + list(self._headers)
        if isinstance(body, FilePart):
            protocol.response_file_range(status, headers, body.path, body.first, body.first + body.length)
            return
        data = b"".join(body)
        if data:
            protocol.response_bytes(status, headers, data)
        else:
            protocol.response_empty(status, headers)

    async def _receive(self, environ: "WSGIEnvironment", protocol: Any, body: IO[bytes]) -> None:
        """Read a body as far as its route and its sender allow; for one that is refused, the environment says why."""
        limit = self._limits.of(environ)
        if limit.strangers < limit.most and _announced(environ, limit.most) > limit.strangers:
            limit = await self._in_thread(self._limits.checked, environ, limit)
        chunks = aiter(_timed(protocol))
        kept, is_large = 0, False
        try:
            if _announced(environ, 0) > limit.allowed:
                raise limit.refusal
            async for chunk in chunks:
                kept += len(chunk)
                if kept > limit.allowed:
                    raise limit.refusal
                if kept > IN_MEMORY and not is_large:
                    if self._large[limit.is_known] >= LARGE_BODIES:
                        raise _busy("the server receives too many files now; try again in some seconds")
                    self._large[limit.is_known] += 1
                    is_large = True
                body.write(chunk)
            if kept < _announced(environ, 0):
                raise Refusal(HTTPStatus.BAD_REQUEST, "the body ended before its length; send it again")
        except Refusal as refusal:
            environ[REFUSAL] = refusal
        except TimeoutError:
            environ[REFUSAL] = Refusal(HTTPStatus.REQUEST_TIMEOUT, "the body came too slowly; send it again")
        except OSError as error:
            log.error("a request's body cannot be kept: %s", error)
            environ[REFUSAL] = _busy("the server has no room for this now; tell who keeps it")
        finally:
            if is_large:
                self._large[limit.is_known] -= 1
        if REFUSAL in environ:
            body.seek(0)
            body.truncate()
            kept = 0
            if environ[REFUSAL].status is not HTTPStatus.REQUEST_TIMEOUT and "HTTP_EXPECT" not in environ:
                await _discard(chunks)
        environ["CONTENT_LENGTH"] = str(kept)
        body.seek(0)


def environ_of(scope: Scope) -> "WSGIEnvironment":
    """The WSGI environment (PEP 3333) of a request, without its body.

    Fields whose name has an underscore are dropped: to WSGI `X_Forwarded_For` and `X-Forwarded-For` are one.
    """
    server, _, port = scope.server.rpartition(":")
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": scope.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": scope.path.encode("utf-8", "replace").decode("latin-1"),
        "QUERY_STRING": scope.query_string.encode("utf-8", "replace").decode("latin-1"),
        "SERVER_NAME": server.strip("[]"),
        "SERVER_PORT": port,
        "SERVER_PROTOCOL": f"HTTP/{scope.http_version}",
        "REMOTE_ADDR": scope.client.rpartition(":")[0].strip("[]"),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope.scheme,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for name, value in scope.headers.items():
        if "_" in name:
            continue
        key = name.upper().replace("-", "_")
        if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            key = f"HTTP_{key}"
        if key in environ:
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        environ[key] = value
    if scope.authority:
        environ["HTTP_HOST"] = scope.authority
    return environ


def _has_body(environ: "WSGIEnvironment") -> bool:
    return environ.get("CONTENT_LENGTH", "0") != "0" or "HTTP_TRANSFER_ENCODING" in environ


def _announced(environ: "WSGIEnvironment", unsaid: int) -> int:
    """Bytes of the body as its head says; `unsaid` where it says none."""
    length = environ.get("CONTENT_LENGTH", "")
    return int(length) if length.isascii() and length.isdigit() else unsaid


async def _timed(protocol: Any) -> AsyncIterator[bytes]:
    """The chunks of a body. Raises `TimeoutError` where its sender is slower than it must be."""
    loop = asyncio.get_running_loop()
    chunks = aiter(protocol)

    async def chunk() -> bytes:
        found: bytes = await anext(chunks)
        return found

    deadline = loop.time() + BODY_GRACE_SECONDS
    while True:
        try:
            async with asyncio.timeout_at(deadline):
                found = await chunk()
        except StopAsyncIteration:
            return
        deadline += len(found) / LEAST_RATE
        yield found


async def _discard(chunks: AsyncIterator[bytes]) -> None:
    """Read what still comes, for a while, and keep none of it."""
    try:
        async with asyncio.timeout(DISCARD_SECONDS):
            async for _ in chunks:
                pass
    except TimeoutError:
        pass


def _busy(words: str) -> Refusal:
    return Refusal(HTTPStatus.SERVICE_UNAVAILABLE, words, retry_after=RETRY_SECONDS)
