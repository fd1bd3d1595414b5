"""`/api/v1/`: everything that machines ask of the catalogue or change in it.

Reading needs no account. Changes are made with an API token (`Authorization: Bearer …`), of a curator, or of a
publisher where they concern releases. A browser's session is not taken here, so no page of another origin can change
anything.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import asdict
from http import HTTPStatus
from typing import Any, ParamSpec

from flask import Blueprint, Response, abort, current_app, g, jsonify, request, url_for
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog_server import curation
from catalog_server.accounts import Identity, Role, token_identity
from catalog_server.audit import audit_entries
from catalog_server.curation import NewPhoto
from catalog_server.encoding import Encode, encode_file
from catalog_server.identify import Identifier
from catalog_server.job_kinds import submit_publish
from catalog_server.jobs import Job, cancel_job, find_job, list_jobs
from catalog_server.store import CoinRow, PhotoRow, ReleaseRow, Store
from catalog_server.uploads import MAX_PHOTO_BYTES, photo_anew
from catalog_server.web.openapi import LABEL_LENGTH, LIMIT, MAX_LIMIT, openapi
from catalog_server.web.problems import problem_response, refuse
from catalog_server.web.status import catalog_status
from coindex.catalog.state import MAX_ID
from coindex.errors import CoindexError, PhotoError
from coindex.manifest import SIDES, CoinClass

__all__ = ["api"]

FILTERS = ("country", "currency", "denomination", "variant", "side", "design")
REQUIRED = ("country", "currency", "denomination", "side")
LABEL = (*REQUIRED, "variant")
MAX_REASON = 500

ANYONE = {"Access-Control-Allow-Origin": "*", "Cross-Origin-Resource-Policy": "cross-origin"}
"""Apps of other origins may read what anyone may."""

P = ParamSpec("P")


def api(store: Store, identifier: Identifier | None, encoders: Callable[[], Mapping[str, Encode]]) -> Blueprint:
    """Everything below `/api/v1/`; with an `identifier` it answers photos too. `encoders` gives how photos that are
    added are encoded, in each live space."""
    blueprint = Blueprint("api", __name__, url_prefix="/api/v1")
    _add_reading(blueprint, store, identifier)
    _add_coins(blueprint, store)
    _add_photos(blueprint, store, encoders)
    _add_publishing(blueprint, store)

    @blueprint.after_request
    def readable(response: Response) -> Response:
        if request.method in ("GET", "HEAD") and "Authorization" not in request.headers:
            response.headers.update(ANYONE)
            if response.status_code == HTTPStatus.OK:
                response.headers["Cache-Control"] = "no-cache"
                response.add_etag()
                response.make_conditional(request)
        else:
            response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint


def _add_reading(blueprint: Blueprint, store: Store, identifier: Identifier | None) -> None:
    document = openapi(identify=identifier is not None)
    if identifier is not None:
        blueprint.post("/identify", endpoint="identify")(lambda: jsonify(_identify(identifier)))

    @blueprint.get("/openapi.json")
    def description() -> Response:
        return jsonify(document)

    @blueprint.get("/catalog")
    def status() -> Response:
        return jsonify(catalog_status(store))

    @blueprint.get("/coins")
    def coins() -> Response:
        after, limit = _number("after", 0, least=0), _limit()
        if (wrong := _side(request.args.get("side", SIDES[0]))) is not None:
            refuse({"side": wrong})
        wanted = [getattr(CoinRow, name) == request.args[name] for name in FILTERS if name in request.args]
        query = select(CoinRow).where(~CoinRow.retired, CoinRow.class_id > after, *wanted).order_by(CoinRow.class_id)
        with store.reading() as session:
            found = list(session.scalars(query.limit(limit + 1)))
            counts = _photo_counts(session, found)
            listed = [_coin(coin, counts.get(coin.class_id, 0)) for coin in found[:limit]]
        return jsonify({"coins": listed, "next": listed[-1]["class_id"] if len(found) > limit else None})

    @blueprint.get("/coins/<int:class_id>")
    def coin(class_id: int) -> Response:
        return jsonify(_whole_coin(store, class_id))

    @blueprint.get("/releases")
    def releases() -> Response:
        before, limit = _number("before", MAX_ID, least=1), _limit()
        query = select(ReleaseRow).where(ReleaseRow.version < before).order_by(ReleaseRow.version.desc())
        with store.reading() as session:
            listed = [_release(row) for row in session.scalars(query.limit(limit + 1))]
        return jsonify({"releases": listed[:limit], "next": listed[limit - 1]["version"] if listed[limit:] else None})

    @blueprint.get("/releases/<int:version>")
    def release(version: int) -> Response:
        with store.reading() as session:
            row = session.get(ReleaseRow, version) if version <= MAX_ID else None
            if row is None:
                abort(404, f"there is no release {version}")
            return jsonify(_release(row))


def _add_coins(blueprint: Blueprint, store: Store) -> None:
    curator = functools.partial(_allowed, store, Role.CURATOR)

    @blueprint.post("/coins")
    @curator
    def add_coin() -> Response:
        given = _body(COIN_FIELDS, needed=REQUIRED)
        label = CoinClass(**{name: given.get(name, "") for name in LABEL})
        class_id, _ = curation.add_coin(store, label, actor=_actor(), design=given.get("design", ""))
        return _made(_whole_coin(store, class_id), url_for("api.coin", class_id=class_id))

    @blueprint.patch("/coins/<int:class_id>")
    @curator
    def edit_coin(class_id: int) -> Response:
        given = _body({**COIN_FIELDS, "revision": _positive}, needed=("revision",))
        old = _whole_coin(store, class_id)
        # Between this look and the change another edit may come; its revision then refuses this one.
        label = CoinClass(**{name: given.get(name, old[name]) for name in LABEL})
        curation.edit_coin(
            store, class_id, revision=int(given["revision"]), actor=_actor(), label=label, design=given.get("design")
        )
        return jsonify(_whole_coin(store, class_id))

    @blueprint.delete("/coins/<int:class_id>")
    @curator
    def retire_coin(class_id: int) -> Response:
        _whole_coin(store, class_id)
        revision = _number("revision", 0, least=1) or None
        curation.retire_coin(store, class_id, actor=_actor(), revision=revision)
        return jsonify(_whole_coin(store, class_id))

    @blueprint.post("/coins/<int:class_id>/restore")
    @curator
    def restore_coin(class_id: int) -> Response:
        _whole_coin(store, class_id)
        curation.restore_coin(store, class_id, actor=_actor())
        return jsonify(_whole_coin(store, class_id))

    @blueprint.get("/audit")
    @curator
    def audit() -> Response:
        before, limit = _number("before", 0, least=1) or None, _limit()
        with store.reading() as session:
            entries = [asdict(entry) for entry in audit_entries(session, before=before, limit=limit + 1)]
        return jsonify(
            {"entries": entries[:limit], "next": entries[limit - 1]["audit_id"] if entries[limit:] else None}
        )


def _add_photos(blueprint: Blueprint, store: Store, encoders: Callable[[], Mapping[str, Encode]]) -> None:
    curator = functools.partial(_allowed, store, Role.CURATOR)
    path = "/photos/<int:row_id>"

    @blueprint.post("/coins/<int:class_id>/photos")
    @curator
    def add_photo(class_id: int) -> Response:
        given = {name: request.args.get(name, "") for name in ("specimen", "year")}
        if wrong := {name: told for name, value in given.items() if (told := _text(value))}:
            refuse(wrong)
        _whole_coin(store, class_id)
        sent, _ = _photo_sent()
        data = photo_anew(sent)
        encoded = encode_file(data, encoders())
        photo = NewPhoto(data, "photo", encoded.thumbnail, encoded.codes, **given)
        added = curation.add_photos(store, class_id, [photo], actor=_actor())
        if not added.row_ids:
            abort(409, "the class has this photo already")
        return _made(_photo(store, added.row_ids[0]), url_for("api.coin", class_id=class_id))

    @blueprint.patch(path)
    @curator
    def edit_photo(row_id: int) -> Response:
        given = _body({"specimen": _text, "year": _text})
        _photo(store, row_id)
        curation.edit_photo(store, row_id, actor=_actor(), **given)
        return jsonify(_photo(store, row_id))

    @blueprint.delete(path)
    @curator
    def retire_photo(row_id: int) -> Response:
        _photo(store, row_id)
        curation.retire_photo(store, row_id, actor=_actor())
        return jsonify(_photo(store, row_id))

    @blueprint.post(f"{path}/restore")
    @curator
    def restore_photo(row_id: int) -> Response:
        _photo(store, row_id)
        curation.restore_photo(store, row_id, actor=_actor())
        return jsonify(_photo(store, row_id))


def _add_publishing(blueprint: Blueprint, store: Store) -> None:
    curator = functools.partial(_allowed, store, Role.CURATOR)
    publisher = functools.partial(_allowed, store, Role.PUBLISHER)

    @blueprint.post("/releases")
    @publisher
    def publish() -> Response:
        given = _body({"override": _reason}) if request.content_length else {}
        job_id = submit_publish(store, actor=_actor(), override=given.get("override"))
        response = _made(_job_document(_job(store, job_id)), url_for("api.job", job_id=job_id))
        response.status_code = HTTPStatus.ACCEPTED
        return response

    @blueprint.get("/jobs")
    @curator
    def jobs() -> Response:
        return jsonify({"jobs": [_job_document(each) for each in list_jobs(store, limit=_limit())]})

    @blueprint.get("/jobs/<int:job_id>")
    @curator
    def job(job_id: int) -> Response:
        return jsonify(_job_document(_job(store, job_id)))

    @blueprint.delete("/jobs/<int:job_id>")
    @curator
    def end_job(job_id: int) -> Response:
        kind = _job(store, job_id).kind
        if kind == "publish" and not _who().role.may(Role.PUBLISHER):
            abort(403, "publishing is a publisher's to cancel")
        cancel_job(store, job_id, actor=_actor())
        return jsonify(_job_document(_job(store, job_id)))


def _allowed(store: Store, role: Role, view: Callable[P, Response]) -> Callable[P, Response]:
    """A view for who holds a token of a role."""

    @functools.wraps(view)
    def checked(*args: P.args, **kwargs: P.kwargs) -> Response:
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        identity = token_identity(store, secret.strip()) if kind.lower() == "bearer" and secret.strip() else None
        if identity is None:
            response = problem_response(
                HTTPStatus.UNAUTHORIZED,
                "this needs a valid API token, sent as Authorization: Bearer …; `coindex catalog tokens add` makes one",
            )
            response.headers["WWW-Authenticate"] = 'Bearer realm="coindex"'
            return response
        if not identity.role.may(role):
            return problem_response(HTTPStatus.FORBIDDEN, f"this needs a {role}'s token, yours is a {identity.role}'s")
        g.identity = identity
        return view(*args, **kwargs)

    return checked


def _who() -> Identity:
    found: Identity = g.identity
    return found


def _actor() -> str:
    return _who().actor


def _identify(identifier: Identifier) -> dict[str, Any]:
    """The coins in a photo that comes as the body, or as the one file of a form."""
    photo, name = _photo_sent()
    try:
        answer = identifier.identify(photo, name=name)
    except PhotoError:
        raise
    except CoindexError:
        current_app.logger.exception("a photo could not be answered")
        abort(500, "the server cannot answer photos now; its log says why")
    if answer is None:
        abort(503, "no release is published yet; there are answers after `coindex catalog publish`")
    return answer


def _photo_sent() -> tuple[bytes, str]:
    """The bytes and the name of the one photo of a request."""
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
    return photo, name


Check = Callable[[Any], str | None]
"""What is wrong with a value, None where nothing is."""


def _body(fields: Mapping[str, Check], *, needed: tuple[str, ...] = ()) -> dict[str, Any]:
    """The fields of a JSON body. Refuses what is no object (400, 415), and by name what is wrong with fields (422)."""
    document = request.get_json()
    if not isinstance(document, dict):
        refuse({"body": "a JSON object is expected"})
    errors = {name: f"there is no such field; there are {', '.join(fields)}" for name in document if name not in fields}
    errors |= {name: "it is needed" for name in needed if name not in document}
    for name, check in fields.items():
        wrong = check(document[name]) if name in document else None
        if wrong is not None:
            errors[name] = wrong
    if errors:
        refuse(errors)
    return dict(document)


def _text(value: Any, most: int = LABEL_LENGTH) -> str | None:
    if not isinstance(value, str) or len(value) > most or not value.isprintable():
        return f"text of up to {most} characters that can be printed is expected"
    return None


def _reason(value: Any) -> str | None:
    return _text(value, MAX_REASON) or (None if value.strip() else "a reason is expected")


def _named(value: Any) -> str | None:
    return _text(value) or (None if value.strip() else "it is empty")


def _side(value: Any) -> str | None:
    return None if value in SIDES else f"one of {', '.join(SIDES)} is expected"


def _positive(value: Any) -> str | None:
    # To JSON 3.0 is the whole number 3.
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= MAX_ID or value % 1:
        return "a whole number from 1 on is expected"
    return None


COIN_FIELDS: Mapping[str, Check] = {
    "country": _named,
    "currency": _named,
    "denomination": _named,
    "variant": _text,
    "side": _side,
    "design": _text,
}


def _number(name: str, default: int, *, least: int, most: int = MAX_ID) -> int:
    """A whole number of the query."""
    if name not in request.args:
        return default
    text = request.args[name]
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and least <= int(text) <= most):
        refuse({name: f"a whole number from {least} to {most} is expected"})
    return int(text)


def _limit() -> int:
    return _number("limit", LIMIT, least=1, most=MAX_LIMIT)


def _made(document: dict[str, Any], where: str) -> Response:
    response = jsonify(document)
    response.status_code, response.headers["Location"] = HTTPStatus.CREATED, where
    return response


def _photo_counts(session: Session, coins: list[CoinRow]) -> dict[int, int]:
    ids = [coin.class_id for coin in coins]
    live = select(PhotoRow.class_id, func.count().label("photos")).where(PhotoRow.class_id.in_(ids), ~PhotoRow.retired)
    return {row.class_id: row.photos for row in session.execute(live.group_by(PhotoRow.class_id))}


def _coin(coin: CoinRow, photos: int) -> dict[str, Any]:
    state = {"retired": coin.retired, "revision": coin.revision, "created": coin.created, "updated": coin.updated}
    return {**asdict(coin.record), **state, "photo_count": photos}


def _whole_coin(store: Store, class_id: int) -> dict[str, Any]:
    """A class with its photos."""
    with store.reading() as session:
        coin = session.get(CoinRow, class_id) if class_id <= MAX_ID else None
        if coin is None:
            abort(404, f"there is no class {class_id}")
        live = sum(not photo.retired for photo in coin.photos)
        return {**_coin(coin, live), "photos": [_photo_document(photo) for photo in coin.photos]}


def _photo(store: Store, row_id: int) -> dict[str, Any]:
    with store.reading() as session:
        photo = session.get(PhotoRow, row_id) if row_id <= MAX_ID else None
        if photo is None:
            abort(404, f"there is no photo {row_id}")
        return _photo_document(photo)


def _photo_document(photo: PhotoRow) -> dict[str, Any]:
    names = ("row_id", "class_id", "photo_sha256", "specimen", "year", "retired", "created")
    return {name: getattr(photo, name) for name in names} | {"thumbnail": f"/thumbnails/{photo.row_id}.webp"}


def _release(row: ReleaseRow) -> dict[str, Any]:
    names = ("version", "created", "space_id", "state_hash", "rows", "classes", "recall_at_1", "override")
    return {name: getattr(row, name) for name in names}


def _job(store: Store, job_id: int) -> Job:
    found = find_job(store, job_id) if job_id <= MAX_ID else None
    if found is None:
        abort(404, f"there is no job {job_id}")
    return found


def _job_document(job: Job) -> dict[str, Any]:
    return asdict(job)
