"""Answers that a client need not download again."""

from flask import Response, request

__all__ = ["conditional"]


def conditional(data: bytes, mimetype: str, cache_control: str) -> Response:
    """An answer with an ETag of its content; 304 if the client has it already.

    Args:
        data: The body.
        mimetype: Its type.
        cache_control: The `Cache-Control` header.
    """
    response = Response(data, mimetype=mimetype)
    response.add_etag()
    response.headers["Cache-Control"] = cache_control
    response.make_conditional(request)
    return response
