"""How often the browser's recogniser and `coindex` answer alike: the same files, catalogue and models."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from recognizer_page import RecognizerPage

from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import Rows
from coindex.codes import quantise
from coindex.cutout import cut_out
from coindex.models import Models
from coindex.open_set import evidence
from coindex.photo import load_photo
from coindex.pipeline import EncodedCoin, embed_turned, encode_photo
from coindex.synthetic import (
    EVALUATION_SEVERITY,
    HELD_OUT_FAMILIES,
    Specimen,
    background,
    coin_type,
    compose_scene,
    phone_lighting,
    render_coin,
    studio_lighting,
)
from coindex.synthetic.dataset import SIDES

FIRST_TYPE, TYPES = 7_300, 12
COIN_PIXELS = 256
SIZES = ((1024, 768), (900, 1200), (2400, 1800))
"""Of scenes: the last is decoded at half its size where it is a JPEG."""


@dataclass(frozen=True)
class Agreement:
    """Of `coins` that Python found in `photos`: in the same place in the browser, with the same first candidate, with
    the same code; and coins that only the browser found. `furthest` is the largest squared distance between two codes
    of one coin."""

    photos: int
    coins: int
    placed: int
    first: int
    codes: int
    known: int
    further: int
    furthest: int

    def __add__(self, other: "Agreement") -> "Agreement":
        sums = [a + b for a, b in zip(self._counts(), other._counts(), strict=True)]
        return Agreement(*sums, furthest=max(self.furthest, other.furthest))

    def _counts(self) -> tuple[int, ...]:
        return (self.photos, self.coins, self.placed, self.first, self.codes, self.known, self.further)


NOTHING = Agreement(0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class SmallCatalog:
    """Both sides of some invented coins, one studio picture each; class ids from 1 on."""

    rows: Rows
    names: tuple[tuple[str, str], ...]
    """Of each class its coin and its side."""

    def document(self) -> dict[str, Any]:
        """As `test/harness/worker.ts` takes it."""
        return {
            "rows": [
                {"row": int(row), "class": int(number), "code": code.tolist()}
                for row, number, code in zip(self.rows.row_ids, self.rows.class_ids, self.rows.codes, strict=True)
            ],
            "classes": [{"name": f"{coin}, {side}", "side": side, "coin": coin} for coin, side in self.names],
        }


def drawn_catalog(models: Models) -> SmallCatalog:
    rng = np.random.default_rng(FIRST_TYPE)
    codes: list[NDArray[np.int8]] = []
    names: list[tuple[str, str]] = []
    for number, side in product(range(FIRST_TYPE, FIRST_TYPE + TYPES), SIDES):
        kind = coin_type(number)
        coin = render_coin(kind, side, size=COIN_PIXELS, specimen=Specimen(), lighting=studio_lighting(rng))
        embedding = embed_turned(cut_out(coin.rgb, coin.mask), models.embedder)
        codes.append(quantise(embedding[None], models.index.code_scale)[0])
        names.append((f"{kind.country} {kind.denomination} #{number}", side))
    ids = np.arange(1, len(codes) + 1, dtype=np.uint32)
    return SmallCatalog(Rows(ids, ids, np.stack(codes)), tuple(names))


def draw_scenes(folder: Path, count: int, *, first: int = 0) -> Iterable[Path]:
    """Phone-like scenes of one to four of the catalogue's coins, each second one a PNG, the others JPEGs."""
    for number in range(first, first + count):
        rng = np.random.default_rng([FIRST_TYPE, number])
        width, height = SIZES[number // 2 % len(SIZES)]
        kinds = rng.integers(FIRST_TYPE, FIRST_TYPE + TYPES, 1 + number % 4)
        sides = rng.integers(0, 2, len(kinds))
        coins = [
            render_coin(
                coin_type(int(kind)), SIDES[side], size=COIN_PIXELS, specimen=Specimen(), lighting=phone_lighting(rng)
            )
            for kind, side in zip(kinds, sides, strict=True)
        ]
        family = HELD_OUT_FAMILIES[number % len(HELD_OUT_FAMILIES)]
        ground = background(family, width=width, height=height, rng=rng)
        several = (len(coins), len(coins))
        settings = replace(EVALUATION_SEVERITY, coins=several, coin_width=(0.1, 0.45), jpeg_quality=None)
        scene = compose_scene([(coin.rgb, coin.mask) for coin in coins], ground, settings=settings, rng=rng).rgb
        path = folder / f"scene-{number}.{'png' if number % 2 else 'jpg'}"
        Image.fromarray(scene).save(path, **({"compress_level": 1} if number % 2 else {"quality": 85}))
        yield path


def compare(page: RecognizerPage, path: Path, url: str, models: Models, catalog: SmallCatalog) -> Agreement:
    """One photo, answered by both; `page` has loaded the same models and catalogue."""
    index = CatalogIndex.from_rows(catalog.rows)
    mine = encode_photo(load_photo(path), models).coins
    theirs = page.ask("recognize", {"url": url})
    found = list(zip(theirs["coins"], theirs["codes"], strict=True))
    placed = first = same = known = furthest = 0
    for coin in mine:
        match = next((each for each in found if _overlap(coin, each[0]["box"]) >= 0.8), None)
        if match is None:
            continue
        found.remove(match)
        answer, code = match
        hits = index.search(coin.code, 5)
        apart = int(((coin.code.astype(np.int64) - np.array(code)) ** 2).sum())
        placed += 1
        first += answer["candidates"][0]["coin"] == hits[0].class_id
        same += apart == 0
        known += answer["known"] == models.index.open_set.known(evidence(hits, rows=len(catalog.rows)))
        furthest = max(furthest, apart)
    return Agreement(1, len(mine), placed, first, same, known, len(found), furthest)


def _overlap(coin: EncodedCoin, box: Sequence[int]) -> float:
    """Intersection over union of two boxes."""
    a = coin.box
    x, y, width, height = box
    across = min(a.x + a.width, x + width) - max(a.x, x)
    down = min(a.y + a.height, y + height) - max(a.y, y)
    both = max(across, 0) * max(down, 0)
    return both / (a.width * a.height + width * height - both)
