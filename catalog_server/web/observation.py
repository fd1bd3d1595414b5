"""Logs and metrics of every request, around the complete application with its release files."""

import itertools
import logging
import re
import secrets
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask, request

from catalog_server.web.prometheus import Metrics
from catalog_server.web.releases import PREFIX, ROUTE

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["REQUEST_ID", "Observed", "name_routes"]

log = logging.getLogger(__name__)

REQUEST_ID = "coindex.request_id"
GIVEN_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
NOT_MODIFIED = "304"
UNKNOWN = "(none)"
"""The route of unknown paths. The paths themselves must not become labels."""


def name_routes(app: Flask) -> None:
    """Record for each request of an application which route answers it."""

    @app.before_request
    def name() -> None:
        if request.url_rule is not None:
            request.environ[ROUTE] = request.url_rule.rule


class Observed:
    """A WSGI application that gives each request an id, counts it, and logs it.

    Requests for release files and answers that nothing changed are logged at `debug`, because there are so many. All
    others are logged at `info`. The id is sent back with the answer.

    Args:
        application: The application behind it.
        metrics: The counters.
        trusted: Whether to take the id from the proxy's `X-Request-Id`.
    """

    def __init__(self, application: "WSGIApplication", metrics: Metrics, *, trusted: bool = False) -> None:
        self._application, self._metrics, self._trusted = application, metrics, trusted
        self._process, self._numbers = secrets.token_hex(6), itertools.count()

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        began = time.perf_counter()
        given = environ.get("HTTP_X_REQUEST_ID", "") if self._trusted else ""
        request_id = given if given and GIVEN_ID.fullmatch(given) else f"{self._process}-{next(self._numbers)}"
        environ[REQUEST_ID] = request_id
        status_code, length = "500", 0

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], object]:
            nonlocal status_code, length
            status_code = status[:3]
            for name, value in headers:
                if name == "Content-Length":
                    length = int(value)
                    break
            headers.append(("X-Request-Id", request_id))
            return start_response(status, headers, exc_info) if exc_info else start_response(status, headers)

        try:
            # The result is returned unchanged: Granian sends a file part of its own kind without Python.
            return self._application(environ, start)
        finally:
            self._tell(environ, request_id, status_code, length, time.perf_counter() - began)

    def _tell(self, environ: "WSGIEnvironment", request_id: str, status: str, length: int, seconds: float) -> None:
        route, method = environ.get(ROUTE, UNKNOWN), environ["REQUEST_METHOD"]
        sent = 0 if method == "HEAD" or status == NOT_MODIFIED else length
        self._metrics.observe(route=route, method=method, status=status, seconds=seconds, sent=sent)
        level = logging.DEBUG if route.startswith(PREFIX) or status == NOT_MODIFIED else logging.INFO
        if log.isEnabledFor(level):
            fields = {
                "request": request_id,
                "method": method[:16],
                "route": route,
                "status": int(status),
                "bytes": sent,
                "ms": round(seconds * 1000, 2),
            }
            log.log(level, "request", extra={"fields": fields})
