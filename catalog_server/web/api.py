"""`/api/v1/`: the catalogue's status and answers to photos, for machines; errors as RFC 9457 problem details."""

from http import HTTPStatus
from typing import Any

from flask import Blueprint, Flask, Response, abort, current_app, jsonify, request
from werkzeug.exceptions import HTTPException

from catalog_server.identify import Identifier
from catalog_server.store import Store
from catalog_server.web.status import catalog_status
from coindex.errors import CoindexError, PhotoError, PhotoTooLarge

__all__ = ["MAX_PHOTO_BYTES", "api", "tell_problems"]

MAX_PHOTO_BYTES = 32 << 20
"""A phone's largest JPEG, of 108 megapixels, takes about 30 MB."""


def api(store: Store, identifier: Identifier | None) -> Blueprint:
    """Everything below `/api/v1/`; with an `identifier` it answers photos too."""
    blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
    if identifier is not None:
        blueprint.post("/identify", endpoint="identify")(lambda: jsonify(_identify(identifier)))

    @blueprint.get("/catalog")
    def status() -> Response:
        return jsonify(catalog_status(store))

    return blueprint


def tell_problems(app: Flask) -> None:
    """Make every error below `/api/` a problem document, that of a path which does not exist as well."""

    @app.errorhandler(HTTPException)
    def problem(error: HTTPException) -> Response | HTTPException:
        if not request.path.startswith("/api/"):
            return error
        status = HTTPStatus(error.code or 500)
        document = {
            "type": "about:blank",
            "title": status.phrase,
            "status": status,
            "detail": error.description,
        }
        response = jsonify(document)
        response.status_code, response.mimetype = status, "application/problem+json"
        # What the error itself has to say, such as the methods that are allowed.
        for name, value in error.get_headers():
            if name.lower() not in ("content-type", "content-length"):
                response.headers[name] = value
        return response


def _identify(identifier: Identifier) -> dict[str, Any]:
    """The coins in a photo that comes as the body, or as the one file of a form."""
    if (request.content_length or 0) > MAX_PHOTO_BYTES:
        abort(413, f"{request.content_length} bytes; a photo may have {MAX_PHOTO_BYTES}, send a smaller copy")
    if request.mimetype == "multipart/form-data":
        files = list(request.files.values())
        if len(files) != 1:
            abort(400, f"the form has {len(files)} files; send one photo")
        photo, name = files[0].read(), files[0].filename or "photo"
    else:
        photo, name = request.get_data(cache=False), "photo"
    if not photo:
        abort(400, "no photo: send an image file as the body, or as the one file of a form")
    try:
        answer = identifier.identify(photo, name=name)
    except PhotoTooLarge as error:
        abort(413, str(error))
    except PhotoError as error:
        abort(415, str(error))
    except CoindexError:
        current_app.logger.exception("a photo could not be answered")
        abort(500, "the server cannot answer photos now; its log says why")
    if answer is None:
        abort(503, "no release is published yet; there are answers after `coindex catalog publish`")
    return answer
