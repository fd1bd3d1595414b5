"""How often the browser's recogniser and `coindex` answer alike: the same files, catalogue and models."""

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from support.recognizer_page import RecognizerPage

from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import Rows
from coindex.codes import quantise
from coindex.cutout import cut_out
from coindex.models import Models
from coindex.photo import load_photo
from coindex.pipeline import EncodedCoin, embed_turned, encode_photo
from coindex.relief import pack_map
from coindex.relief_ranking import SecondLook, look_again, sureness
from coindex_synthetic import (
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
from coindex_synthetic.dataset import SIDES

FIRST_TYPE, TYPES = 7_300, 12
COIN_PIXELS = 256
SIZES = ((1024, 768), (900, 1200), (2400, 1800))
"""Of scenes: the last is decoded at half its size where it is a JPEG."""


@dataclass(frozen=True)
class Agreement:
    """Of `coins` that Python found in `photos`: in the same place in the browser, with the same first candidate, with
    the same code, with the same relief scores and angles of all candidates; and coins that only the browser found.
    `furthest` is the largest squared distance between two codes of one coin."""

    photos: int
    coins: int
    placed: int
    first: int
    codes: int
    reliefs: int
    known: int
    further: int
    furthest: int

    def __add__(self, other: "Agreement") -> "Agreement":
        sums = [a + b for a, b in zip(self._counts(), other._counts(), strict=True)]
        return Agreement(*sums, furthest=max(self.furthest, other.furthest))

    def _counts(self) -> tuple[int, ...]:
        return (self.photos, self.coins, self.placed, self.first, self.codes, self.reliefs, self.known, self.further)


NOTHING = Agreement(0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(frozen=True, eq=False)
class SmallCatalog:
    """Both sides of some invented coins, one studio picture each; class ids from 1 on, and of each row its map."""

    rows: Rows
    names: tuple[tuple[str, str], ...]
    """Of each class its coin and its side."""
    maps: Mapping[int, NDArray[np.int8]]

    def document(self) -> dict[str, Any]:
        """As `test/harness/worker.ts` takes it."""
        return {
            "rows": [
                {"row": int(row), "class": int(number), "code": code.tolist(), "map": _base64(self.maps[int(row)])}
                for row, number, code in zip(self.rows.row_ids, self.rows.class_ids, self.rows.codes, strict=True)
            ],
            "classes": [
                {"name": f"{coin}, {side}", "side": side, "coin": coin, "design": ""} for coin, side in self.names
            ],
        }


def drawn_catalog(models: Models) -> SmallCatalog:
    rng = np.random.default_rng(FIRST_TYPE)
    codes: list[NDArray[np.int8]] = []
    maps: list[NDArray[np.int8]] = []
    names: list[tuple[str, str]] = []
    for number, side in product(range(FIRST_TYPE, FIRST_TYPE + TYPES), SIDES):
        kind = coin_type(number)
        coin = render_coin(kind, side, size=COIN_PIXELS, specimen=Specimen(), lighting=studio_lighting(rng))
        cutout = cut_out(coin.rgb, coin.mask)
        embedding = embed_turned(cutout, models.embedder)
        codes.append(quantise(embedding[None], models.index.code_scale)[0])
        assert models.relief is not None
        maps.append(models.relief(cutout).map)
        names.append((f"{kind.country} {kind.denomination} #{number}", side))
    ids = np.arange(1, len(codes) + 1, dtype=np.uint32)
    return SmallCatalog(Rows(ids, ids, np.stack(codes)), tuple(names), dict(zip(ids.tolist(), maps, strict=True)))


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
    relief = models.index.relief
    assert relief is not None
    second = SecondLook(relief.look, relief.open_set, catalog.maps)
    mine = encode_photo(load_photo(path), models).coins
    theirs = page.ask("recognize", {"url": url})
    found = list(zip(theirs["coins"], theirs["codes"], strict=True))
    placed = first = same = reliefs = known = furthest = 0
    for coin in mine:
        match = next((each for each in found if _overlap(coin, each[0]["box"]) >= 0.8), None)
        if match is None:
            continue
        found.remove(match)
        answer, code = match
        hits = index.search(coin.code, max(5, relief.look.classes))
        ranking = look_again(index, coin.code, coin.relief, hits, second)
        sights = [(each.hit.class_id, each.sight) for each in ranking.candidates[:5]]
        seen = [(number, sight and sight.score, sight and sight.angle) for number, sight in sights]
        apart = int(((coin.code.astype(np.int64) - np.array(code)) ** 2).sum())
        placed += 1
        first += answer["candidates"][0]["coin"] == seen[0][0]
        same += apart == 0
        reliefs += [(each["coin"], each["relief"], each["angle"]) for each in answer["candidates"]] == seen
        evidence = ranking.evidence(rows=len(catalog.rows))
        known += answer["known"] == sureness(evidence, models.index.open_set, second)[0]
        furthest = max(furthest, apart)
    return Agreement(1, len(mine), placed, first, same, reliefs, known, len(found), furthest)


def _base64(values: NDArray[np.int8]) -> str:
    return base64.b64encode(pack_map(values)).decode()


def _overlap(coin: EncodedCoin, box: Sequence[int]) -> float:
    """Intersection over union of two boxes."""
    a = coin.box
    x, y, width, height = box
    across = min(a.x + a.width, x + width) - max(a.x, x)
    down = min(a.y + a.height, y + height) - max(a.y, y)
    both = max(across, 0) * max(down, 0)
    return both / (a.width * a.height + width * height - both)
