"""The web server: releases as static files, a page that shows the catalogue, its status for machines, and answers to
photos where it was given an engine."""

import re
from dataclasses import asdict
from http import HTTPStatus
from typing import Any

from flask import Flask, Response, abort, current_app, jsonify, render_template, request, send_file
from sqlalchemy import func, select
from werkzeug.exceptions import HTTPException

from catalog_server.identify import Identifier
from catalog_server.publisher import current_index, served_manifest, targets_folder
from catalog_server.store import CoinRow, PhotoRow, Store
from coindex.catalog.release import PLAIN_NAME
from coindex.catalog.state import MAX_ID
from coindex.errors import CoindexError, PhotoError, PhotoTooLarge

__all__ = ["MAX_PHOTO_BYTES", "create_app"]

COINS_PER_PAGE = 60
TARGET = re.compile(rf"([0-9a-f]{{64}})\.{PLAIN_NAME.pattern}")

MAX_PHOTO_BYTES = 32 << 20
"""A phone's largest JPEG, of 108 megapixels, takes about 30 MB."""

IMMUTABLE = "public, max-age=31536000, immutable"
"""For what lies under its content's hash: it never changes."""

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def create_app(store: Store, *, identifier: Identifier | None = None) -> Flask:
    """The application that serves a store; with an `identifier` it answers photos too. Everything it offers is
    read-only."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_PHOTO_BYTES
    if identifier is not None:
        app.post("/api/v1/identify")(lambda: jsonify(_identify(identifier)))

    @app.get("/releases/metadata/current.json")
    def release_index() -> Response:
        path = store.releases / "metadata" / "current.json"
        if not path.is_file():
            abort(404, "no release is published yet")
        return _conditional(path.read_bytes(), "application/json", "no-cache")

    @app.get("/releases/targets/<name>")
    def release_target(name: str) -> Response:
        match = TARGET.fullmatch(name)
        path = targets_folder(store) / name
        if not match or not path.is_file():
            abort(404, "no such file in any release")
        response = send_file(path.resolve(), mimetype="application/octet-stream", etag=match[1], conditional=True)
        response.headers["Cache-Control"] = IMMUTABLE
        return response

    @app.get("/api/v1/catalog")
    def catalog_status() -> Response:
        return jsonify(_status(store))

    @app.get(f"/thumbnails/<int(max={MAX_ID}):row_id>.webp")
    def thumbnail(row_id: int) -> Response:
        with store.reading() as session:
            picture = session.scalar(select(PhotoRow.thumbnail).where(PhotoRow.row_id == row_id, ~PhotoRow.retired))
        if picture is None:
            abort(404, "no such photo in the catalogue")
        return _conditional(picture, "image/webp", "public, max-age=3600")

    @app.get("/healthz")
    def health() -> Response:
        with store.reading() as session:
            session.scalar(select(func.count(CoinRow.class_id)))
        return Response("ok\n", mimetype="text/plain")

    @app.get("/")
    def front_page() -> str:
        status = _status(store)
        pages = max(1, -(-status["store"]["classes"] // COINS_PER_PAGE))
        page = min(max(1, request.args.get("page", 1, type=int)), pages)
        coins = _coins(store, page)
        return render_template("catalog.html", status=status, coins=coins, page=page, pages=pages, url=request.host_url)

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

    @app.after_request
    def secure(response: Response) -> Response:
        response.headers.update(SECURITY_HEADERS)
        return response

    return app


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


def _conditional(data: bytes, mimetype: str, cache_control: str) -> Response:
    """Bytes with an ETag of their content; 304 to who has them already."""
    response = Response(data, mimetype=mimetype)
    response.add_etag()
    response.headers["Cache-Control"] = cache_control
    response.make_conditional(request)
    return response


def _status(store: Store) -> dict[str, Any]:
    """What is served, and what the store holds."""
    index = current_index(store)
    release = None
    if index:
        manifest = asdict(served_manifest(store, index))
        names = ("version", "created", "space_id", "state_hash", "rows", "classes")
        release = {name: manifest[name] for name in names}
        deltas = {delta["name"] for delta in manifest["deltas"]}
        release["bytes"] = sum(target.length for name, target in index.targets.items() if name not in deltas)
    with store.reading() as session:
        rows = session.scalar(select(func.count(PhotoRow.row_id)).where(~PhotoRow.retired))
        classes = session.scalar(select(func.count(CoinRow.class_id)).where(~CoinRow.retired))
        return {
            "release": release,
            "store": {"rows": rows, "classes": classes, "space_id": store.space_id(session)},
        }


def _coins(store: Store, page: int) -> list[dict[str, Any]]:
    """The coins of one page, each with the row of its first photo and its number of photos."""
    photos = func.count(PhotoRow.row_id)
    query = (
        select(CoinRow, photos, func.min(PhotoRow.row_id))
        .join(PhotoRow)
        .where(~CoinRow.retired, ~PhotoRow.retired)
        .group_by(CoinRow.class_id)
        .order_by(CoinRow.country, CoinRow.currency, CoinRow.class_id)
    )
    with store.reading() as session:
        found = session.execute(query.limit(COINS_PER_PAGE).offset((page - 1) * COINS_PER_PAGE)).all()
        return [{**asdict(coin.record), "photos": count, "row_id": row_id} for coin, count, row_id in found]
