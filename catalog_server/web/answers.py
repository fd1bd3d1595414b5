"""Answers that who has them already need not fetch again."""

from flask import Response, request

__all__ = ["conditional"]


def conditional(data: bytes, mimetype: str, cache_control: str) -> Response:
    """Bytes with an ETag of their content; 304 to who has them already."""
    response = Response(data, mimetype=mimetype)
    response.add_etag()
    response.headers["Cache-Control"] = cache_control
    response.make_conditional(request)
    return response
