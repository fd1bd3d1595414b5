"""Every request and its answer, as logs and metrics see them: around the whole application, files of releases
included."""

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
"""The route of what no path answers: the paths that people try are no labels."""


def name_routes(app: Flask) -> None:
    """Let an application say for each request which of its routes answers it."""

    @app.before_request
    def name() -> None:
        if request.url_rule is not None:
            request.environ[ROUTE] = request.url_rule.rule


class Observed:
    """A WSGI application whose requests are given an id, counted, and logged: those for release files, and those
    whose answer is that nothing changed, at `debug`, since there are phones and browsers without number; all others at
    `info`.

    The id is the proxy's `X-Request-Id` where `trusted`, and goes back with the answer.
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
            # What comes back is handed on as it is: a server sends a file of its own kind without Python.
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
