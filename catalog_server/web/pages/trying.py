"""`/try`: the served release answers a photo, which is not stored."""

import base64
from dataclasses import dataclass

from flask import render_template, request

from catalog_server.accounts.accounts import Role
from catalog_server.curation.encoding import thumbnail
from catalog_server.curation.uploads import ONE_PHOTO, photo_anew
from catalog_server.web.agreement import Summary, overlay, summary
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.security import needs, takes
from catalog_server.web.state import state
from coindex.errors import PhotoError
from coindex.photo import load_photo
from coindex.recognizer import Candidate, RecognizedCoin
from coindex.relief import TURNS


@dataclass(frozen=True)
class _Comparison:
    """A candidate's reference compared with the photo's coin: the angle in degrees, and where the two agree, as a
    picture (a data URL) and in words."""

    angle: float
    overlay: str
    agree: Summary


@dataclass(frozen=True, eq=False)
class _Shown:
    """One coin of the answer: its picture (a data URL), and the comparison of each candidate, None without a second
    look."""

    coin: RecognizedCoin
    picture: str
    candidates: tuple[tuple[Candidate, _Comparison | None], ...]


@pages.get("/try")
@needs(Role.CURATOR)
def try_it() -> str:
    return render_template("try.html")


@pages.post("/try")
@takes(ONE_PHOTO)
@needs(Role.CURATOR)
def answer() -> str | tuple[str, int]:
    file = request.files.get("photo")
    try:
        if file is None or not file.filename:
            raise PhotoError("no photo was sent; choose one")
        data = photo_anew(file.read())
    except PhotoError as error:
        return render_template("try.html", problem=error.reason), 422
    photo = load_photo(data)
    found = state().curator.answer(photo)
    if found is None:
        return render_template("try.html", problem="Nothing is published yet. Publish the catalogue first."), 409
    size = {"width": photo.width, "height": photo.height}
    coins = [_shown(coin) for coin in found.coins]
    return render_template("try.html", answer=found, coins=coins, picture=_data_url(data, "image/jpeg"), **size)


def _shown(coin: RecognizedCoin) -> _Shown:
    picture = _data_url(thumbnail(coin.encoded.picture), "image/webp")
    return _Shown(coin, picture, tuple((each, _compared(coin, each)) for each in coin.candidates))


def _compared(coin: RecognizedCoin, candidate: Candidate) -> _Comparison | None:
    cells = coin.agreement(candidate)
    if cells is None or candidate.angle is None:
        return None
    turn = round(candidate.angle * TURNS / 360)
    return _Comparison(candidate.angle, _data_url(overlay(cells, turn), "image/png"), summary(cells, turn))


def _data_url(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
