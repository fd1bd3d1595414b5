"""The largest body of a request, by its route and by whether its sender is known. Larger ones are rejected unread."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import TYPE_CHECKING

from flask import Flask, Response, abort, after_this_request, request
from werkzeug.exceptions import HTTPException

from catalog_server.web.security import limits_of

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment

__all__ = ["REFUSAL", "BodyLimits", "Limit", "Refusal", "tell_refusals"]

REFUSAL = "coindex.refusal"
"""The key of the `Refusal` in the environment of a request whose body is rejected."""


class Refusal(Exception):
    """A rejected body.

    Args:
        status: The status of the answer.
        words: The text of the answer.
        retry_after: The seconds after which to try again, None for never.
    """

    def __init__(self, status: HTTPStatus, words: str, *, retry_after: int | None = None) -> None:
        super().__init__(words)
        self.status, self.words, self.retry_after = status, words, retry_after


@dataclass(frozen=True)
class Limit:
    """The largest body in bytes: `most` from known senders, `strangers` from all others."""

    most: int
    strangers: int
    is_known: bool = False

    @property
    def allowed(self) -> int:
        """The largest body from this sender."""
        return self.most if self.is_known else self.strangers

    @property
    def refusal(self) -> Refusal:
        """The answer to a larger body."""
        if self.allowed < self.most:
            return Refusal(
                HTTPStatus.UNAUTHORIZED,
                "your session has ended, or the API token is not valid; sign in and try again",
            )
        words = f"the request is too large: this address accepts at most {_size(self.allowed)}"
        return Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, words)


class BodyLimits:
    """The limits of an application's routes.

    Args:
        app: The application.
        is_known: Whether a request has a valid session or API token.
    """

    NAME = "coindex.body_limits"
    """The name among the application's extensions."""

    def __init__(self, app: Flask, is_known: Callable[["WSGIEnvironment"], bool]) -> None:
        self._app, self._is_known = app, is_known
        self._routes = app.url_map.bind("")

    def of(self, environ: "WSGIEnvironment") -> Limit:
        """The limit of a request, as if its sender were unknown."""
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        try:
            endpoint, _ = self._routes.match(path, environ["REQUEST_METHOD"])
        except HTTPException:
            endpoint = ""
        limits = limits_of(self._app.view_functions.get(endpoint))
        return Limit(limits.content_bytes, limits.strangers)

    def checked(self, environ: "WSGIEnvironment", limit: Limit) -> Limit:
        """The limit after looking up the sender in the store."""
        return replace(limit, is_known=self._is_known(environ))


def tell_refusals(app: Flask) -> None:
    """Answer requests whose body was rejected, before anything else handles them."""

    @app.before_request
    def refuse() -> None:
        refusal = request.environ.get(REFUSAL)
        if not isinstance(refusal, Refusal):
            return
        if refusal.retry_after is not None:
            seconds = str(refusal.retry_after)

            @after_this_request
            def later(response: Response) -> Response:
                response.headers["Retry-After"] = seconds
                return response

        abort(refusal.status.value, refusal.words)


def _size(count: int) -> str:
    return f"{count >> 20} MB" if count >= 1 << 20 else f"{count >> 10} kB"
