"""The one door to the network."""

import random
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import chain
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import requests

from coindex.disk import DISK, Disk
from coindex.errors import NotServed, ReleaseRejected, SyncError

__all__ = ["Fetcher", "RequestsFetcher"]

EXAMPLE = "http://127.0.0.1:8000"

CHUNK = 1 << 14
"""A transfer that breaks loses the piece it was in: small enough for a bad connection to get on all the same."""


class Fetcher(Protocol):
    """Gets files from a server by their path below its address."""

    def get(self, path: str, *, most: int) -> bytes:
        """A small file, whole. Raises `SyncError`, `NotServed` where the server has none, and `ReleaseRejected` where
        it is longer than `most` bytes."""
        ...

    def download(self, path: str, partial: Path, *, length: int, progress: Callable[[int], None]) -> int:
        """Bring `partial` to `length` bytes, going on after what it already holds; to make it durable is the caller's.

        `progress` is told the bytes of each piece, and a negative number where it starts over. Returns the bytes that
        came over the network. Raises `SyncError`, leaving what came so far, and `ReleaseRejected` where the server's
        file is shorter or longer.
        """
        ...


PATIENCE = 60.0
"""The longest that a server may have a device wait between two tries, in seconds; who asks for more is given up for
now."""


PAGE = re.compile(rb"\s*<(!doctype|html|head|body|\?xml|!--)", re.IGNORECASE)
"""How a page for people begins: no file of a release begins so."""

SIGN_IN = 511
"""Network Authentication Required (RFC 6585): the network's answer, not the server's."""


class _OtherRangeError(Exception):
    """The server sends another part of a file than was asked for."""


class _TransferError(Exception):
    """A transfer that may succeed when tried again, `after` so many seconds at least."""

    def __init__(self, why: str, after: float = 0) -> None:
        super().__init__(why)
        self.after = after


class RequestsFetcher:
    """HTTP(S) by requests, through the proxies of the environment.

    A broken transfer is tried again up to `attempts` times without progress, after `backoff` seconds and then twice as
    long each time, more or less by a random part, so that the phones that one failure cut off do not all come back at
    once; a server that says when to come back (Retry-After) is not asked before. A resumed transfer asks by Range for
    the rest alone; where another part comes, as from some caches, it is fetched whole, once. Raises `SyncError` for an
    address that is none.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout: tuple[float, float] = (10, 30),
        attempts: int = 4,
        backoff: float = 0.5,
        sleep: Callable[[float], None] = time.sleep,
        jitter: Callable[[], float] = lambda: random.uniform(0.5, 1.5),
        disk: Disk = DISK,
    ) -> None:
        self._base = _address(url)
        self._timeout, self._attempts, self._backoff, self._sleep = timeout, attempts, backoff, sleep
        self._jitter, self._disk = jitter, disk
        self._session = requests.Session()
        # Lengths and hashes are of the files as stored: nothing may be compressed on the way.
        self._session.headers["Accept-Encoding"] = "identity"

    def get(self, path: str, *, most: int) -> bytes:
        """A small file, whole: see `Fetcher.get`."""
        waits = self._waits()
        while True:
            try:
                with self._open(path) as (_, pieces):
                    data = bytearray()
                    for piece in pieces:
                        data += piece
                        if len(data) > most:
                            raise ReleaseRejected(f"{self._base}/{path}: longer than {most} bytes, not read further")
                    return bytes(data)
            except _TransferError as error:
                self._wait(waits, path, error)

    def download(self, path: str, partial: Path, *, length: int, progress: Callable[[int], None]) -> int:
        """A file of any size, onto what `partial` already holds: see `Fetcher.download`."""
        transferred, furthest, waits, mistaken = 0, 0, self._waits(), False
        while (offset := self._disk.size(partial) or 0) < length:
            if offset > furthest:
                furthest, waits = offset, self._waits()
            try:
                with self._open(path, offset) as (resumed, pieces):
                    if offset and not resumed:
                        self._restart(partial, offset, progress)
                        offset = 0
                    for piece in pieces:
                        offset += len(piece)
                        transferred += len(piece)
                        if offset > length:
                            raise ReleaseRejected(f"{self._base}/{path}: longer than {length} bytes, as is signed")
                        self._disk.append(partial, piece)
                        progress(len(piece))
                if offset < length:
                    raise _TransferError(f"ended after {offset} of {length} bytes")
            except _OtherRangeError:
                if mistaken:
                    raise SyncError(
                        f"{self._base}/{path}: the server answers with another range than asked for, again; a cache "
                        "between may be at fault: sync over another network, or ask the server's operator"
                    ) from None
                mistaken = True
                self._restart(partial, offset, progress)
            except _TransferError as error:
                self._wait(waits, path, error)
        return transferred

    def _restart(self, partial: Path, offset: int, progress: Callable[[int], None]) -> None:
        """Drop what came so far."""
        self._disk.write(partial, b"")
        progress(-offset)

    @contextmanager
    def _open(self, path: str, offset: int = 0) -> Iterator[tuple[bool, Iterator[bytes]]]:
        """The pieces of a file's body, and whether they start at `offset` rather than at 0."""
        url = f"{self._base}/{path}"
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        try:
            with self._session.get(url, headers=headers, stream=True, timeout=self._timeout) as response:
                status = response.status_code
                if status == SIGN_IN:
                    raise _sign_in_page(url)
                if status == 429 or status >= 500:
                    raise _TransferError(f"the server answers {status} {response.reason}", _retry_after(response))
                if status == 416:
                    raise ReleaseRejected(f"{url}: shorter than is signed")
                if status in (403, 404, 410):
                    # Object stores and their caches answer 403 where nothing is, to whom they may not list what is.
                    raise NotServed(
                        f"{url}: not there ({status} {response.reason}); is it a coindex server, and has it published "
                        "a release?"
                    )
                if status not in (200, 206):
                    raise SyncError(f"{url}: the server answers {status} {response.reason}")
                resumed = status == 206
                if resumed and not response.headers.get("Content-Range", "").startswith(f"bytes {offset}-"):
                    raise _OtherRangeError
                pieces = response.iter_content(CHUNK)
                first = next(pieces, b"")
                if not resumed and PAGE.match(first):
                    raise _sign_in_page(url)
                yield resumed, chain([first] if first else [], pieces)
        except requests.RequestException as error:
            if isinstance(error, ValueError):  # what requests finds wrong with an address
                raise SyncError(f"{url}: not an address ({error}); give one such as {EXAMPLE}") from None
            raise _TransferError(_reason(error)) from error

    def _waits(self) -> Iterator[float]:
        return iter([self._backoff * 2**attempt for attempt in range(self._attempts - 1)])

    def _wait(self, waits: Iterator[float], path: str, error: _TransferError) -> None:
        seconds = next(waits, None)
        if error.after > PATIENCE:
            raise SyncError(f"{self._base}/{path}: {error}, and asks to come back in {error.after:.0f} s; sync then")
        if seconds is None:
            raise SyncError(f"{self._base}/{path}: {error}; check the address and the connection, then sync again")
        self._sleep(max(seconds * self._jitter(), error.after))


def _address(url: str) -> str:
    """A server's address without a slash at its end. Raises `SyncError` for what is none."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:  # half an IPv6 address, a port that is none, a label that is too long
        sound = False
    if not sound or re.search(r"[\s\\\x00-\x1f]", url):
        raise SyncError(f"{url!r} is not an address, nor a file that is there; give an address such as {EXAMPLE}")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise SyncError(
            f"{url!r} has more than an address: leave out what follows {'?' if '?' in url else '#'}, so that it is one "
            f"such as {EXAMPLE}"
        )
    return url.rstrip("/")


def _sign_in_page(url: str) -> SyncError:
    return SyncError(
        f"{url}: a page for people came instead of a file: the network shows a sign-in page, or this is no coindex "
        "server; sign in to the network, or check the address, then sync again"
    )


def _retry_after(response: requests.Response) -> float:
    """The seconds that a busy server asks for, as a number or as a date; 0 where it does not say."""
    said = response.headers.get("Retry-After", "")
    if said.isdecimal():
        return float(said)
    try:
        then = parsedate_to_datetime(said)
    except ValueError:
        return 0
    return max((then - datetime.now(UTC if then.tzinfo else None)).total_seconds(), 0)


def _reason(error: requests.RequestException) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return f"the server's certificate or TLS is not accepted ({error})"
    if isinstance(error, requests.Timeout):
        return "the server does not answer in time"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy cannot be reached"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server"
    return str(error)
