"""Errors for machines: RFC 9457 problem details for all paths below `/api/`."""

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
"""The status of each error. The store's errors are conflicts: taken labels, things retired already, old revisions."""


def problem_response(status: HTTPStatus, detail: str | None, **more: Any) -> Response:
    """Make a problem document.

    Args:
        status: The status.
        detail: The message.
        **more: Further fields.
    """
    document = {"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail or "", **more}
    return Response(json.dumps(document, ensure_ascii=False), status=status.value, content_type=PROBLEM)


def refuse(errors: Mapping[str, str]) -> NoReturn:
    """Reject a request with wrong fields (422).

    Args:
        errors: The message of each field.
    """
    told = "; ".join(f"{field}: {error}" for field, error in errors.items())
    listed = [{"field": field, "detail": error} for field, error in errors.items()]
    abort(problem_response(HTTPStatus.UNPROCESSABLE_ENTITY, told, errors=listed))


def tell_problems(app: Flask, page: Callable[[HTTPStatus, str | None], tuple[str, int]]) -> None:
    """Answer every error below `/api/` with a problem document, and every other one with a page.

    Args:
        app: The application.
        page: Makes the page of a status and a message.
    """

    @app.errorhandler(HTTPException)
    def problem(error: HTTPException) -> Response | HTTPException | tuple[str, int]:
        if error.response is not None:  # it has its own answer
            return error
        if not request.path.startswith("/api/"):
            return page(HTTPStatus(error.code or 500), error.description)
        response = problem_response(HTTPStatus(error.code or 500), error.description)
        # Headers of the error itself, such as the allowed methods.
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
