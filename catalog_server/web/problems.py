"""Errors for machines: RFC 9457 problem details for everything below `/api/`."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, NoReturn

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from coindex.errors import (
    AccountError,
    Busy,
    CatalogError,
    CoindexError,
    ModelError,
    NoCoinFound,
    PhotoError,
    PhotoTooLarge,
    StaleChange,
    StoreError,
)

__all__ = ["PROBLEM", "problem_response", "refuse", "tell_problems"]

PROBLEM = "application/problem+json"

STATUS_OF: tuple[tuple[type[CoindexError], HTTPStatus], ...] = (
    (PhotoTooLarge, HTTPStatus.REQUEST_ENTITY_TOO_LARGE),
    (NoCoinFound, HTTPStatus.UNPROCESSABLE_ENTITY),
    (PhotoError, HTTPStatus.UNSUPPORTED_MEDIA_TYPE),
    (StaleChange, HTTPStatus.CONFLICT),
    (AccountError, HTTPStatus.UNPROCESSABLE_ENTITY),
    (StoreError, HTTPStatus.CONFLICT),
    (CatalogError, HTTPStatus.CONFLICT),
    (Busy, HTTPStatus.CONFLICT),
    (ModelError, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""What the store refuses is at odds with what it holds: taken labels, things retired already, stale revisions."""


def problem_response(status: HTTPStatus, detail: str | None, **more: Any) -> Response:
    """A problem document."""
    document = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail or "", **more}
    return Response(json.dumps(document, ensure_ascii=False), status=status.value, content_type=PROBLEM)


def refuse(errors: Mapping[str, str]) -> NoReturn:
    """Refuse a request whose fields are wrong, each named with what was expected."""
    told = "; ".join(f"{field}: {error}" for field, error in errors.items())
    listed = [{"field": field, "detail": error} for field, error in errors.items()]
    abort(problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, told, errors=listed))


def tell_problems(app: Flask, page: Callable[[HTTPStatus, str | None], tuple[str, int]]) -> None:
    """Make every error below `/api/` a problem document, that of a path which does not exist as well, and every other
    one a `page`."""

    @app.errorhandler(HTTPException)
    def problem(error: HTTPException) -> Response | HTTPException | tuple[str, int]:
        if error.response is not None:  # it answers for itself
            return error
        if not request.path.startswith("/api/"):
            return page(HTTPStatus(error.code or 500), error.description)
        response = problem_response(HTTPStatus(error.code or 500), error.description)
        # What the error itself has to say, such as the methods that are allowed.
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response

    @app.errorhandler(CoindexError)
    def refused(error: CoindexError) -> Response:
        found = next((status for kind, status in STATUS_OF if isinstance(error, kind)), None)
        if found is None or not request.path.startswith("/api/"):
            raise error
        return problem_response(found, str(error))
