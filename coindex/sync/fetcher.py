"""Downloads: the only module of a sync that uses the network."""

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
"""Bytes of one piece. A broken transfer loses its last piece, so pieces are small enough for a bad connection."""


class Fetcher(Protocol):
    """Gets files from a server by their path below its address."""

    def get(self, path: str, *, most: int) -> bytes:
        """Download a small file completely.

        Args:
            path: The file's path below the server's address.
            most: The most bytes that the file may have.

        Raises:
            NotServed: If the server does not have the file.
            ReleaseRejected: If the file is longer than `most`.
            SyncError: If the file cannot be downloaded.
        """
        ...

    def download(self, path: str, partial: Path, *, length: int, progress: Callable[[int], None]) -> int:
        """Download a file of any size, and go on after what `partial` already holds.

        The caller must make `partial` durable.

        Args:
            path: The file's path below the server's address.
            partial: The file to append to.
            length: The bytes that the file has.
            progress: Called with the bytes of each piece, and with a negative number when the download starts over.

        Returns:
            The bytes that came over the network.

        Raises:
            ReleaseRejected: If the server's file is shorter or longer.
            SyncError: If the download fails. `partial` keeps what came so far.
        """
        ...


PATIENCE = 60.0
"""The longest wait between two tries, in seconds. If the server asks for more, the sync ends and says so."""


PAGE = re.compile(rb"\s*<(!doctype|html|head|body|\?xml|!--)", re.IGNORECASE)
"""The start of an HTML page. No file of a release starts like this."""

SIGN_IN = 511
"""Network Authentication Required (RFC 6585): the answer comes from the network, not from the server."""


class _OtherRangeError(Exception):
    """The server sent another part of a file than the one requested."""


class _TransferError(Exception):
    """A transfer that can succeed when it is tried again, `after` at least so many seconds."""

    def __init__(self, why: str, after: float = 0) -> None:
        super().__init__(why)
        self.after = after


class RequestsFetcher:
    """Downloads over HTTP(S) with `requests`, through the proxies of the environment.

    A broken transfer is tried again. The wait doubles each time and has a random factor, so that the phones that one
    failure interrupted do not all return at once. A server's Retry-After is respected. A resumed transfer requests only
    the rest (Range). Some caches send another part then: the file is downloaded completely, once.

    Args:
        url: The server's address.
        timeout: Seconds to connect, and between two reads.
        attempts: Tries without any progress before the transfer fails.
        backoff: Seconds before the second try.
        sleep: Waits for so many seconds.
        jitter: Gives the random factor of a wait.
        disk: The file system that downloads are written to.

    Raises:
        SyncError: If `url` is not an address.
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
        # The signed lengths and hashes are those of the stored files: nothing may compress them on the way.
        self._session.headers["Accept-Encoding"] = "identity"

    def get(self, path: str, *, most: int) -> bytes:
        """Download a small file completely: see `Fetcher.get`.

        Raises:
            NotServed: If the server does not have the file.
            ReleaseRejected: If the file is longer than `most`.
            SyncError: If the file cannot be downloaded.
        """
        waits = self._waits()
        while True:
            try:
                with self._open(path) as (_, pieces):
                    data = bytearray()
                    for piece in pieces:
                        data += piece
                        if len(data) > most:
                            raise ReleaseRejected(f"{self._base}/{path}: longer than the {most} bytes that are allowed")
                    return bytes(data)
            except _TransferError as error:
                self._wait(waits, path, error)

    def download(self, path: str, partial: Path, *, length: int, progress: Callable[[int], None]) -> int:
        """Append a file of any size to what `partial` already holds: see `Fetcher.download`.

        Raises:
            ReleaseRejected: If the server's file is longer than `length`.
            NotServed: If the server does not have the file.
            SyncError: If the file cannot be downloaded.
        """
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
                            raise ReleaseRejected(f"{self._base}/{path}: longer than the signed {length} bytes")
                        self._disk.append(partial, piece)
                        progress(len(piece))
                if offset < length:
                    raise _TransferError(f"ended after {offset} of {length} bytes")
            except _OtherRangeError:
                if mistaken:
                    raise SyncError(
                        f"{self._base}/{path}: the server sent another range than requested, twice; a cache on the way "
                        "may be the cause: sync over another network, or ask the server's operator"
                    ) from None
                mistaken = True
                self._restart(partial, offset, progress)
            except _TransferError as error:
                self._wait(waits, path, error)
        return transferred

    def _restart(self, partial: Path, offset: int, progress: Callable[[int], None]) -> None:
        """Discard what came so far."""
        self._disk.write(partial, b"")
        progress(-offset)

    @contextmanager
    def _open(self, path: str, offset: int = 0) -> Iterator[tuple[bool, Iterator[bytes]]]:
        """Whether the file's body starts at `offset` rather than at 0, and its pieces."""
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
                    raise ReleaseRejected(f"{url}: shorter than its signed length")
                if status in (403, 404, 410):
                    # Object stores answer 403 for a missing file if the client may not list the folder.
                    raise NotServed(
                        f"{url}: not found ({status} {response.reason}); check that this is a coindex server, and that "
                        "it has published a release"
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
            if isinstance(error, ValueError):  # requests raises it for a wrong address
                raise SyncError(f"{url}: not an address ({error}); use one such as {EXAMPLE}") from None
            raise _TransferError(_reason(error)) from error

    def _waits(self) -> Iterator[float]:
        return iter([self._backoff * 2**attempt for attempt in range(self._attempts - 1)])

    def _wait(self, waits: Iterator[float], path: str, error: _TransferError) -> None:
        seconds = next(waits, None)
        if error.after > PATIENCE:
            raise SyncError(f"{self._base}/{path}: {error}; sync again in {error.after:.0f} s, as the server asks")
        if seconds is None:
            raise SyncError(f"{self._base}/{path}: {error}; check the address and the connection, then sync again")
        self._sleep(max(seconds * self._jitter(), error.after))


def _address(url: str) -> str:
    """A server's address without a slash at its end. Raises `SyncError` if it is not an address."""
    try:
        parts = urlsplit(url)
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        (parts.hostname or "").encode("idna")
    except ValueError:  # half an IPv6 address, a wrong port, a label that is too long
        sound = False
    if not sound or re.search(r"[\s\\\x00-\x1f]", url):
        raise SyncError(f"{url!r} is neither an address nor an existing file; use an address such as {EXAMPLE}")
    if parts.query or parts.fragment or url.endswith(("?", "#")):
        raise SyncError(
            f"{url!r} is longer than an address: remove {'?' if '?' in url else '#'} and what follows it, "
            f"as in {EXAMPLE}"
        )
    return url.rstrip("/")


def _sign_in_page(url: str) -> SyncError:
    return SyncError(
        f"{url}: a web page came instead of a file: the network shows a sign-in page, or this is not a coindex server; "
        "sign in to the network, or check the address, then sync again"
    )


def _retry_after(response: requests.Response) -> float:
    """The seconds that a busy server asks to wait, sent as a number or as a date; 0 if it does not say."""
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
        return f"the server's certificate or TLS is not trusted ({error})"
    if isinstance(error, requests.Timeout):
        return "the server does not answer in time"
    if isinstance(error, requests.exceptions.ProxyError):
        return "the proxy cannot be reached"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "the connection broke"
    if isinstance(error, requests.ConnectionError):
        return "no connection to the server"
    return str(error)
