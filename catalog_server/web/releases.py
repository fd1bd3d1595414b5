"""Releases as static files, for devices, apps and caches: a WSGI application without Flask.

It serves only exact names: TUF metadata under `metadata/`, targets under `targets/`. Only `timestamp.json` ever changes
under its name; caches can keep all other files for ever. Every file has a strong ETag of its content, and a client can
request a part. A client that accepts gzip and wants a complete file gets the `.gz` file beside it, if there is one.
Anyone may read every file, also apps of other origins.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING

from catalog_server.publishing.precompress import COMPRESSED
from coindex.catalog.release import PLAIN_NAME

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

__all__ = ["PREFIX", "ROUTE", "FilePart", "ReleaseFiles"]

PREFIX = "/releases/"

ROUTE = "coindex.route"
"""The key of the route in the environment of a request, for logs and metrics."""

METADATA = re.compile(r"[1-9][0-9]{0,9}\.(root|targets|snapshot)\.json")
CHANGING_NAME = "timestamp.json"
TARGET = re.compile(rf"([0-9a-f]{{64}})\.{PLAIN_NAME.pattern}")
LONGEST_TARGET = 64 + 1 + 100

IMMUTABLE = "public, max-age=31536000, immutable"
CHANGING = "no-cache"
"""Caches can keep it, and must ask the server before they use it."""

SMALL = 1 << 18
"""Files up to a quarter of a megabyte are answered from memory."""

SMALL_FILES = 256
CHUNK = 1 << 16

RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))", re.IGNORECASE)
ETAG = re.compile(r'(W/)?("[^"]*")')

Header = tuple[str, str]

FOR_ANYONE: tuple[Header, ...] = (
    ("Access-Control-Allow-Origin", "*"),
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("X-Content-Type-Options", "nosniff"),
)
FOR_SCRIPTS: tuple[Header, ...] = (("Access-Control-Expose-Headers", "Content-Range, ETag"),)
PREFLIGHT: tuple[Header, ...] = (
    ("Access-Control-Allow-Methods", "GET, HEAD"),
    ("Access-Control-Allow-Headers", "If-Match, If-None-Match, If-Range, Range"),
    ("Access-Control-Max-Age", "86400"),
)


class ReleaseFiles:
    """The WSGI application for paths below `/releases/`.

    Args:
        folder: The folder of the store's releases.
    """

    def __init__(self, folder: Path) -> None:
        self._metadata, self._targets = str(folder / "metadata"), str(folder / "targets")
        # A replaced file gets another entry, because its time, size and inode differ.
        self._read = lru_cache(maxsize=SMALL_FILES)(_read_small)

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        kind, _, name = environ["PATH_INFO"].removeprefix(PREFIX).partition("/")
        environ[ROUTE] = f"{PREFIX}{kind}/" if kind in ("metadata", "targets") else PREFIX
        method = environ["REQUEST_METHOD"]
        if method == "OPTIONS":
            return _short(environ, start_response, HTTPStatus.NO_CONTENT, PREFLIGHT)
        if method not in ("GET", "HEAD"):
            return _short(environ, start_response, HTTPStatus.METHOD_NOT_ALLOWED, (("Allow", "GET, HEAD, OPTIONS"),))
        found = self._find(kind, name, environ)
        if found is None:
            # A device requests the next root at each sync: it can exist tomorrow.
            return _short(environ, start_response, HTTPStatus.NOT_FOUND, (("Cache-Control", CHANGING),))
        return _send(found, environ, start_response, body=method == "GET")

    def _find(self, kind: str, name: str, environ: "WSGIEnvironment") -> "_File | None":
        if kind == "metadata":
            changing = name == CHANGING_NAME
            if changing or METADATA.fullmatch(name):
                return self._open(f"{self._metadata}/{name}", None, environ, changing=changing)
        elif kind == "targets" and len(name) <= LONGEST_TARGET and not name.endswith(COMPRESSED):
            match = TARGET.fullmatch(name)
            if match:
                return self._open(f"{self._targets}/{name}", match[1], environ, changing=False)
        return None

    def _open(self, path: str, sha256: str | None, environ: "WSGIEnvironment", *, changing: bool) -> "_File | None":
        found = self._look(path, sha256, changing=changing)
        if found is None or changing or "HTTP_RANGE" in environ or not _accepts_gzip(environ):
            return found
        return self._look(path + COMPRESSED, f"{found.tag}-gzip", changing=False, encoding="gzip") or found

    def _look(self, path: str, tag: str | None, *, changing: bool, encoding: str | None = None) -> "_File | None":
        """An existing file. Its tag is the hash of its content if none is given."""
        try:
            stat = os.stat(path)  # noqa: PTH116 - on the way of every request
            if tag is not None and stat.st_size > SMALL:
                return _File(path, stat.st_size, tag, None, changing, encoding)
            return self._read(path, tag, changing, encoding, stat.st_mtime_ns, stat.st_size, stat.st_ino)
        except OSError:
            return None


class _File:
    """A file to send: its length in bytes, the content of its ETag, and its bytes if it is small."""

    __slots__ = ("data", "headers", "length", "path", "quoted", "tag", "whole")

    def __init__(
        self, path: str, length: int, tag: str, data: bytes | None, changing: bool, encoding: str | None
    ) -> None:
        self.path, self.length, self.tag, self.data = path, length, tag, data
        self.quoted = f'"{tag}"'
        is_json = path.removesuffix(COMPRESSED if encoding else "").endswith(".json")
        self.headers: tuple[Header, ...] = (
            ("ETag", self.quoted),
            ("Cache-Control", CHANGING if changing else IMMUTABLE),
            ("Vary", "Accept-Encoding"),
            *((("Content-Encoding", encoding),) if encoding else ()),
            *FOR_ANYONE,
            *FOR_SCRIPTS,
        )
        self.whole: tuple[Header, ...] = (
            ("Content-Type", "application/json" if is_json else "application/octet-stream"),
            ("Accept-Ranges", "bytes"),
            *self.headers,
        )


def _send(file: _File, environ: "WSGIEnvironment", start_response: "StartResponse", *, body: bool) -> Iterable[bytes]:
    tag = file.quoted
    wanted = environ.get("HTTP_IF_MATCH")
    if wanted is not None and not _names(wanted, tag, weakly=False):
        return _short(environ, start_response, HTTPStatus.PRECONDITION_FAILED, (("ETag", tag),))
    known = environ.get("HTTP_IF_NONE_MATCH")
    if known is not None and _names(known, tag, weakly=True):
        start_response(_line(HTTPStatus.NOT_MODIFIED), list(file.headers))
        return []
    status, first, last, extra = HTTPStatus.OK, 0, file.length - 1, list[Header]()
    asked = environ.get("HTTP_RANGE") if body and environ.get("HTTP_IF_RANGE", tag) == tag else None
    part = _part(asked, file.length) if asked else None
    if part is not None:
        first, last = part
        if first > last:
            unmet = (("ETag", tag), ("Content-Range", f"bytes */{file.length}"), *FOR_SCRIPTS)
            return _short(environ, start_response, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, unmet)
        status, extra = HTTPStatus.PARTIAL_CONTENT, [("Content-Range", f"bytes {first}-{last}/{file.length}")]
    length = last - first + 1
    headers = [("Content-Length", str(length)), *extra, *file.whole]
    if not body:
        start_response(_line(status), headers)
        return []
    if file.data is not None:
        start_response(_line(status), headers)
        return [file.data[first : last + 1]]
    start_response(_line(status), headers)
    return FilePart(file.path, first, length)


class FilePart:
    """A part of a file, read in chunks unless the server sends it itself.

    Args:
        path: The file.
        first: The first byte.
        length: The number of bytes.
    """

    def __init__(self, path: str, first: int, length: int) -> None:
        self.path, self.first, self.length = path, first, length

    def __iter__(self) -> Iterator[bytes]:
        left = self.length
        with open(self.path, "rb") as file:  # noqa: PTH123 - as fast as it can be
            file.seek(self.first)
            while left and (chunk := file.read(min(CHUNK, left))):
                left -= len(chunk)
                yield chunk


def _part(asked: str, length: int) -> tuple[int, int] | None:
    """The first and last byte of a range. First is after last if the file has none of them. None for ranges that may be
    ignored: several ranges, other units, and malformed ones."""
    match = RANGE.fullmatch(asked.strip())
    if not match:
        return None
    start, end, suffix = match.groups()
    if suffix is not None:
        return (max(length - int(suffix), 0), length - 1) if int(suffix) and length else (1, 0)
    first, last = int(start), int(end) if end else length - 1
    if end and last < first:
        return None
    return (first, min(last, length - 1)) if first < length else (1, 0)


def _names(field: str, tag: str, *, weakly: bool) -> bool:
    """Whether an `If-Match` or `If-None-Match` names a strong tag."""
    if field.strip() == "*":
        return True
    return any(found == tag and (weakly or not weak) for weak, found in ETAG.findall(field))


def _accepts_gzip(environ: "WSGIEnvironment") -> bool:
    for entry in environ.get("HTTP_ACCEPT_ENCODING", "").split(","):
        coding, _, weight = entry.partition(";")
        if coding.strip().lower() == "gzip":
            return not re.fullmatch(r"\s*q=0(\.0*)?\s*", weight)
    return False


def _short(
    environ: "WSGIEnvironment", start_response: "StartResponse", status: HTTPStatus, headers: Iterable[Header]
) -> Iterable[bytes]:
    """An answer with only its status."""
    if status is HTTPStatus.NO_CONTENT:
        start_response(_line(status), [*headers, *FOR_ANYONE])
        return []
    body = f"{status.phrase}\n".encode()
    kind = ("Content-Type", "text/plain; charset=utf-8")
    start_response(_line(status), [kind, ("Content-Length", str(len(body))), *headers, *FOR_ANYONE])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]


@lru_cache(maxsize=32)
def _line(status: HTTPStatus) -> str:
    return f"{status.value} {status.phrase}"


def _read_small(path: str, tag: str | None, changing: bool, encoding: str | None, *_: int) -> _File:
    data = Path(path).read_bytes()
    return _File(path, len(data), tag or hashlib.sha256(data).hexdigest(), data, changing, encoding)
