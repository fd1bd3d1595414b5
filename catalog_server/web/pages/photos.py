"""Photos of coins: read them from a form, check one before it is added, retire one and bring it back."""

import base64
import unicodedata
from collections.abc import Mapping
from typing import Any

import numpy as np
from flask import Response, abort, jsonify, redirect, request, url_for
from numpy.typing import NDArray
from werkzeug.datastructures import FileStorage
from werkzeug.wrappers import Response as AnyResponse

from catalog_server.accounts.accounts import Role
from catalog_server.curation.duplicates import NearRow, nearer_class, nearest_rows
from catalog_server.curation.encoding import Encode, encode_file, thumbnail
from catalog_server.curation.photo_warnings import CoinLook, warnings_of
from catalog_server.curation.photos import NewPhoto, restore_photo, retire_photo
from catalog_server.curation.uploads import ONE_PHOTO, photo_anew
from catalog_server.store import PhotoRow
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.pages.rendering import without_paths
from catalog_server.web.security import needs, signed_in, takes
from catalog_server.web.state import state
from coindex.catalog.state import MAX_ID
from coindex.codes import DIMENSIONS
from coindex.cutout import SIZE, mask_box, square_around, take_square
from coindex.errors import CoindexError, PhotoError
from coindex.photo import load_photo
from coindex.pipeline import EncodedCoin
from coindex.resize import resize
from coindex.text import shown

MAX_PHOTOS = 20
MAX_SHOWN_NAME = 120
ALIKE = 3
"""The most near-duplicates that are shown with a photo."""
ROW_ID = f"<int(max={MAX_ID}):row_id>"


class PhotosRefused(PhotoError):
    """Photos of a form that cannot be used: the reason for each, by its position from 0."""

    def __init__(self, reasons: Mapping[int, str]) -> None:
        told = "; ".join(f"photo {place + 1}: {reason}" for place, reason in reasons.items())
        super().__init__(f"{told}; nothing was added")
        self.reasons = dict(reasons)


@pages.post(f"/photos/{ROW_ID}/retire")
@needs(Role.CURATOR)
def retire_photo_(row_id: int) -> AnyResponse:
    retire_photo(state().store, row_id, actor=signed_in().actor)
    return _to_coin_of(row_id)


@pages.post(f"/photos/{ROW_ID}/restore")
@needs(Role.CURATOR)
def restore_photo_(row_id: int) -> AnyResponse:
    restore_photo(state().store, row_id, actor=signed_in().actor)
    return _to_coin_of(row_id)


@pages.post("/photos/check")
@takes(ONE_PHOTO)
@needs(Role.CURATOR)
def check_photo() -> Response | tuple[Response, int]:
    file = request.files.get("photo")
    if file is None:
        abort(400, "no photo: send one in the field `photo`")
    try:
        return jsonify(_checked(file.read(), request.form.get("class_id", type=int), _beside()))
    except PhotoError as error:
        return jsonify({"problem": error.reason}), 422


def sent_photos() -> list[NewPhoto]:
    """Read the photos of the form, re-encoded without metadata and with their codes.

    Raises:
        PhotoError: If there are none or too many.
        PhotosRefused: If some cannot be used. It names all of them.
    """
    files = [file for file in request.files.getlist("photos") if file.filename]
    if not 1 <= len(files) <= MAX_PHOTOS:
        raise PhotoError(f"{len(files)} photos were sent; choose 1 to {MAX_PHOTOS}")
    encoders, photos, reasons = state().curator.encoders(), list[NewPhoto](), dict[int, str]()
    for place, file in enumerate(files):
        try:
            photos.append(_photo(file, encoders))
        except PhotoError as error:
            reasons[place] = error.reason
    if reasons:
        raise PhotosRefused(reasons)
    return photos


def wants_json() -> bool:
    """Whether the page's script sent the form. The script keeps the photos if the form fails."""
    return request.accept_mimetypes.best == "application/json"


def refused_form(error: CoindexError) -> tuple[Response, int]:
    """The answer to the page's script after a failed form: the reason, and what is wrong with each photo."""
    reasons = error.reasons if isinstance(error, PhotosRefused) else {}
    told = "Some photos cannot be used. Nothing was added." if reasons else without_paths(str(error))
    return jsonify({"problem": told, "photos": reasons}), 422


def _photo(file: FileStorage, encoders: Mapping[str, Encode]) -> NewPhoto:
    data = photo_anew(file.read())
    encoded = encode_file(data, encoders)
    given = {name: request.form.get(name, "").strip() for name in ("specimen", "year")}
    return NewPhoto(data, _shown_name(file.filename), encoded.thumbnail, encoded.codes, maps=encoded.maps, **given)


def _shown_name(name: str | None) -> str:
    """A file's name to show, with unprintable characters escaped. It is never used as a path."""
    last = (name or "photo").replace("\\", "/").rpartition("/")[2]
    return shown(unicodedata.normalize("NFC", last))[:MAX_SHOWN_NAME] or "photo"


def _beside() -> NDArray[np.int8]:
    """The codes int8 (n, 64) of the form's other photos, from the answers to their checks."""
    try:
        sent = base64.b64decode(request.form.get("beside", ""), validate=True)
        return np.frombuffer(sent, np.int8).reshape(-1, DIMENSIONS)
    except ValueError:
        abort(400, "beside: expected the codes that this page gave")


def _checked(data: bytes, class_id: int | None, beside: NDArray[np.int8]) -> dict[str, Any]:
    """The check of a photo: the cut-out coin, warnings, and similar photos of the catalogue."""
    photo = load_photo(photo_anew(data))
    (encode,) = list(state().curator.encoders().values())[:1]
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
        answer["code"] = base64.b64encode(coins[0].code.tobytes()).decode()
        alike, nearer = _compared(coins[0].code, class_id, beside)
        answer["alike"] = [_shown_row(row) for row in alike]
        if nearer is not None and all(row.class_id != nearer.class_id for row in alike):
            text = f"It is nearer to {nearer.name}, {nearer.side}, than to the other photos of this side. Check it."
            answer["warnings"].append({"kind": "nearer", "text": text, **_shown_row(nearer)})
    return answer


def _shown_row(row: NearRow) -> dict[str, Any]:
    return {
        "row_id": row.row_id,
        "class_id": row.class_id,
        "name": f"{row.name}, {row.side}",
        "same": row.distance == 0,
        "thumbnail": url_for("pages.thumbnail", row_id=row.row_id),
        "page": url_for("pages.coin", class_id=row.class_id),
    }


def _compared(
    code: NDArray[np.int8], class_id: int | None, beside: NDArray[np.int8]
) -> tuple[list[NearRow], NearRow | None]:
    """The near-duplicates of a photo, and another class if the photo is nearer to it than to its own."""
    with state().store.reading() as session:
        space_id = state().store.space_id(session)
        if space_id is None:
            return [], None
        alike = [row for row in nearest_rows(session, space_id, code, k=ALIKE) if row.is_near_duplicate]
        return alike, nearer_class(session, space_id, code, class_id=class_id, beside=beside)


def _mask(coin: EncodedCoin) -> NDArray[np.uint8]:
    """A coin's mask, uint8 (256, 256), in the pixels of its picture."""
    square = square_around(mask_box(coin.found.mask))
    return resize(take_square(np.repeat(coin.found.mask[:, :, None], 3, axis=2), square), SIZE, SIZE)[:, :, 0]


def _to_coin_of(row_id: int) -> AnyResponse:
    with state().store.reading() as session:
        return redirect(url_for("pages.coin", class_id=session.get_one(PhotoRow, row_id).class_id), 303)
