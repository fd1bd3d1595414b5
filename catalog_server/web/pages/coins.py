"""Coins and their photos: added, edited, retired, brought back; photos looked at before they are added."""

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from flask import Blueprint, Response, abort, flash, jsonify, redirect, render_template, request, url_for
from numpy.typing import NDArray
from sqlalchemy import select
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from catalog_server.accounts import Role
from catalog_server.audit import audit_entries
from catalog_server.curation import (
    NewPhoto,
    add_coin,
    add_photos,
    edit_coin,
    restore_coin,
    restore_photo,
    retire_coin,
    retire_photo,
)
from catalog_server.duplicates import NearRow, nearest_rows
from catalog_server.encoding import Encode, encode_file, thumbnail
from catalog_server.quality import CoinLook, warnings_of
from catalog_server.store import CoinRow, PhotoRow
from catalog_server.uploads import MAX_PHOTO_BYTES, ONE_PHOTO, photo_anew
from catalog_server.web.pages.curator import Curator
from catalog_server.web.security import needs, signed_in, takes
from coindex.catalog.state import MAX_ID
from coindex.cutout import SIZE, mask_box, square_around, take_square
from coindex.errors import CoindexError, PhotoError, StaleChange
from coindex.manifest import SIDES, CoinClass
from coindex.photo import load_photo
from coindex.pipeline import EncodedCoin
from coindex.resize import resize

__all__ = ["add_to"]

MAX_PHOTOS = 20
ALIKE = 3
"""Near-duplicates that a photo is shown with."""
LABEL = ("country", "currency", "denomination", "variant", "side")
CLASS_ID = f"<int(max={MAX_ID}):class_id>"
ROW_ID = f"<int(max={MAX_ID}):row_id>"


def add_to(blueprint: Blueprint, curator: Curator) -> None:
    """Everything that changes a coin."""
    store = curator.store

    @blueprint.get("/coins/new")
    @needs(Role.CURATOR)
    def new_coin() -> str:
        return _new_coin_page(curator, dict(request.args))

    @blueprint.post("/coins/new")
    @takes(MAX_PHOTOS * MAX_PHOTO_BYTES)
    @needs(Role.CURATOR)
    def add_coin_() -> AnyResponse | tuple[str, int]:
        try:
            photos = _photos(curator)
            label = CoinClass(*(request.form.get(name, "").strip() for name in LABEL))
            design = request.form.get("design", "").strip()
            class_id, added = add_coin(store, label, actor=signed_in().actor, design=design, photos=photos)
        except CoindexError as error:
            return _new_coin_page(curator, dict(request.form), problem=str(error)), 422
        flash(f"Added {label.name}, {label.side}, with {_photos_of(added.row_ids)}.", "good")
        return redirect(url_for("pages.coin", class_id=class_id), 303)

    @blueprint.post(f"/coins/{CLASS_ID}/photos")
    @takes(MAX_PHOTOS * MAX_PHOTO_BYTES)
    @needs(Role.CURATOR)
    def add_photos_(class_id: int) -> AnyResponse:
        added = add_photos(store, class_id, _photos(curator), actor=signed_in().actor)
        known = f" {added.already_there} were there already." if added.already_there else ""
        flash(f"Added {_photos_of(added.row_ids)}.{known}", "good")
        return _to_coin(class_id)

    @blueprint.post(f"/coins/{CLASS_ID}/edit")
    @needs(Role.CURATOR)
    def edit_coin_(class_id: int) -> AnyResponse | tuple[str, int]:
        yours = {name: request.form.get(name, "").strip() for name in (*LABEL, "design")}
        label = CoinClass(*(yours[name] for name in LABEL))
        try:
            edit_coin(
                store, class_id, revision=_revision(), actor=signed_in().actor, label=label, design=yours["design"]
            )
        except StaleChange as error:
            return _stale_page(curator, class_id, str(error), yours), 409
        flash("Saved.", "good")
        return _to_coin(class_id)

    @blueprint.post(f"/coins/{CLASS_ID}/retire")
    @needs(Role.CURATOR)
    def retire_coin_(class_id: int) -> AnyResponse:
        record, photos = retire_coin(store, class_id, actor=signed_in().actor, revision=_revision())
        flash(f"Retired {record.name}, {record.side}, with {photos} photos.", "good")
        return _to_coin(class_id)

    @blueprint.post(f"/coins/{CLASS_ID}/restore")
    @needs(Role.CURATOR)
    def restore_coin_(class_id: int) -> AnyResponse:
        record, photos = restore_coin(store, class_id, actor=signed_in().actor)
        flash(f"Brought back {record.name}, {record.side}, with {photos} photos.", "good")
        return _to_coin(class_id)

    @blueprint.post(f"/photos/{ROW_ID}/retire")
    @needs(Role.CURATOR)
    def retire_photo_(row_id: int) -> AnyResponse:
        retire_photo(store, row_id, actor=signed_in().actor)
        return _to_coin_of(curator, row_id)

    @blueprint.post(f"/photos/{ROW_ID}/restore")
    @needs(Role.CURATOR)
    def restore_photo_(row_id: int) -> AnyResponse:
        restore_photo(store, row_id, actor=signed_in().actor)
        return _to_coin_of(curator, row_id)

    @blueprint.post("/photos/check")
    @takes(ONE_PHOTO)
    @needs(Role.CURATOR)
    def check_photo() -> Response | tuple[Response, int]:
        file = request.files.get("photo")
        if file is None:
            abort(400, "no photo: send one as the field `photo`")
        try:
            return jsonify(_checked(curator, file.read()))
        except PhotoError as error:
            return jsonify({"problem": str(error).removeprefix("photo: ")}), 422


def _photos(curator: Curator) -> list[NewPhoto]:
    """The photos of the form, made anew and encoded. Raises `PhotoError` where there are none or too many, or naming
    the one that cannot be used."""
    files = [file for file in request.files.getlist("photos") if file.filename]
    if not 1 <= len(files) <= MAX_PHOTOS:
        raise PhotoError(f"{len(files)} photos were sent; choose 1 to {MAX_PHOTOS}")
    encoders = curator.encoders()
    return [_photo(number, file, encoders) for number, file in enumerate(files, start=1)]


def _photo(number: int, file: FileStorage, encoders: Mapping[str, Encode]) -> NewPhoto:
    try:
        data = photo_anew(file.read())
        encoded = encode_file(data, encoders)
    except PhotoError as error:
        raise PhotoError(f"photo {number}: {str(error).removeprefix('photo: ')}; nothing was added") from None
    given = {name: request.form.get(name, "").strip() for name in ("specimen", "year")}
    return NewPhoto(data, _shown_name(file.filename), encoded.thumbnail, encoded.codes, **given)


def _photos_of(row_ids: Sequence[int]) -> str:
    return "1 photo" if len(row_ids) == 1 else f"{len(row_ids)} photos"


def _shown_name(name: str | None) -> str:
    """A file's name to be shown to people, of what can be printed; it is nowhere a path."""
    last = (name or "photo").replace("\\", "/").rpartition("/")[2]
    return "".join(letter for letter in last if letter.isprintable())[:120] or "photo"


def _checked(curator: Curator, data: bytes) -> dict[str, Any]:
    """What a photo would become: the coin cut out, what speaks against it, and what is like it in the catalogue."""
    photo = load_photo(photo_anew(data))
    (encode,) = list(curator.encoders().values())[:1]
    coins = encode(photo).coins
    size = (photo.width, photo.height)
    looks = [CoinLook.of(coin.picture, _mask(coin), coin.box, size) for coin in coins]
    answer: dict[str, Any] = {
        "coins": len(coins),
        "warnings": [{"kind": each.kind, "text": each.text} for each in warnings_of(looks)],
        "picture": None,
        "alike": [],
    }
    if coins:
        picture = base64.b64encode(thumbnail(coins[0].picture)).decode()
        answer["picture"] = f"data:image/webp;base64,{picture}"
        answer["alike"] = [
            {
                "row_id": each.row_id,
                "class_id": each.class_id,
                "name": f"{each.name}, {each.side}",
                "distance": each.distance,
                "thumbnail": url_for("pages.thumbnail", row_id=each.row_id),
                "page": url_for("pages.coin", class_id=each.class_id),
            }
            for each in _near_duplicates(curator, coins[0].code)
        ]
    return answer


def _near_duplicates(curator: Curator, code: NDArray[np.int8]) -> list[NearRow]:
    with curator.store.reading() as session:
        space_id = curator.store.space_id(session)
        nearest = nearest_rows(session, space_id, code, k=ALIKE) if space_id else ()
    return [row for row in nearest if row.is_near_duplicate]


def _mask(coin: EncodedCoin) -> NDArray[np.uint8]:
    """A coin's mask uint8 (256, 256), in the pixels of its picture."""
    square = square_around(mask_box(coin.found.mask))
    return resize(take_square(np.repeat(coin.found.mask[:, :, None], 3, axis=2), square), SIZE, SIZE)[:, :, 0]


def _new_coin_page(curator: Curator, values: dict[str, str], *, problem: str | None = None) -> str:
    with curator.store.reading() as session:
        countries, currencies = (
            list(session.scalars(select(column).distinct().order_by(column)))
            for column in (CoinRow.country, CoinRow.currency)
        )
    page = {"values": values, "problem": problem, "sides": SIDES, "countries": countries, "currencies": currencies}
    return render_template("new_coin.html", **page)


def _stale_page(curator: Curator, class_id: int, stale: str, yours: dict[str, str]) -> str:
    with curator.store.reading() as session:
        row = session.get_one(CoinRow, class_id)
        changed = {name: value for name, value in yours.items() if value != getattr(row, name)}
        entries = audit_entries(session, subject=f"coin:{class_id}")
        page = {"coin": row, "photos": row.photos, "entries": entries, "sides": SIDES}
        return render_template("coin.html", **page, stale=stale, yours=changed)


def _revision() -> int:
    revision = request.form.get("revision", type=int)
    if revision is None:
        abort(400, "the form does not say which revision it is of; load the page again")
    return revision


def _to_coin(class_id: int) -> AnyResponse:
    return redirect(url_for("pages.coin", class_id=class_id), 303)


def _to_coin_of(curator: Curator, row_id: int) -> AnyResponse:
    with curator.store.reading() as session:
        return _to_coin(session.get_one(PhotoRow, row_id).class_id)
