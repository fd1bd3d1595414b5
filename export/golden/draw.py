"""The golden catalogue and the golden photos, drawn from seeds."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coindex.catalog.state import Rows
from coindex.codes import quantise
from coindex.cutout import cut_out
from coindex.photo import ORIENTATION_TAG
from coindex.pipeline import embed_turned
from coindex.relief_ranking import SecondLook
from coindex_synthetic import (
    EVALUATION_SEVERITY,
    RenderedCoin,
    SceneSettings,
    Side,
    Specimen,
    background,
    coin_type,
    compose_scene,
    render_coin,
    studio_lighting,
)
from coindex_synthetic.dataset import SIDES
from export.golden.nets import Catalogue, Nets

# What the catalogue holds and the photos show, by the seeds that draw it.
CATALOGUE_TYPES = (*range(7_100, 7_110), 7_111, 7_118)
HOLED, BIMETAL, HEPTAGON, PLAIN_ROUND, SQUARE = 7_118, 7_103, 7_100, 7_105, 7_102
UNLISTED = 7_120
"""A coin type that the catalogue lacks."""

SEED = 41
COIN_PIXELS = 320
FIRST_ROW, FIRST_CLASS = 11, 1
TWIN_ROW = 400
"""A row with the very code and map of another class's: equal distances and scores, told apart by row id alone."""

PLAIN = replace(
    EVALUATION_SEVERITY, noise=(0, 0), motion=0, blur=(0.7, 0.7), jpeg_quality=None, glare=0, tilt=0, brightness=(1, 1)
)
"""A clear photo: its PNG is small, and what a port gets wrong is not hidden by what a net finds hard."""

ONE = replace(PLAIN, coin_width=(0.5, 0.5))
SMALL_AND_TOUCHING = replace(PLAIN, coin_width=(0.09, 0.16), coins=(6, 6), touching=True, outside=True)
"""No coin has 48 net pixels, so that the enlarged look happens."""

TILTED = replace(ONE, tilt=50.0)
NO_COIN = replace(PLAIN, coins=(0, 0))
FROM_AFAR = replace(PLAIN, coin_width=(0.3, 0.3), blur=(2, 2))

LARGE_FROM_AFAR = replace(FROM_AFAR, coin_width=(0.27, 0.27))
MANY_AND_SMALL = replace(PLAIN, coin_width=(0.05, 0.08), coins=(6, 6), blur=(1, 1))


def drawn_catalogue(nets: Nets) -> Catalogue:
    """Both sides of each type in a studio's light, encoded from their drawings and true masks."""
    rng = np.random.default_rng([SEED, 0])
    coins: list[RenderedCoin] = []
    names: dict[int, str] = {}
    for seed, side in product(CATALOGUE_TYPES, SIDES):
        kind = coin_type(seed)
        coins.append(_struck(seed, side, rng))
        names[FIRST_CLASS + len(names)] = f"{kind.country} {kind.denomination}, {side}"
    cutouts = [cut_out(coin.rgb, coin.mask) for coin in coins]
    embeddings = np.stack([embed_turned(cutout, nets.models.embedder) for cutout in cutouts])
    codes = quantise(embeddings, nets.models.index.code_scale)
    row_ids = np.array([*range(FIRST_ROW, FIRST_ROW + len(codes)), TWIN_ROW], np.uint32)
    class_ids = np.array([*names, FIRST_CLASS], np.uint32)
    index = nets.models.index
    assert index.relief is not None and nets.models.relief is not None  # `load_golden_nets` saw to it
    maps = [nets.models.relief(cutout).map for cutout in cutouts]
    second = SecondLook(
        index.relief.look, index.relief.open_set, dict(zip(row_ids.tolist(), [*maps, maps[-1]], strict=True))
    )
    return Catalogue(Rows(row_ids, class_ids, np.concatenate([codes, codes[-1:]])), names, index.open_set, second)


def drawn_photos() -> Iterator[tuple[str, bytes]]:
    """The golden photos with their file names."""
    six = (PLAIN_ROUND, HEPTAGON, BIMETAL, SQUARE, HOLED, PLAIN_ROUND)
    yield "one-coin.png", png(_scene("paper", 400, 320, [HOLED], ONE, seed=1))
    yield "touching-coins.png", png(_scene("gradient", 640, 480, six, SMALL_AND_TOUCHING, seed=22))
    yield "tilted-coin.png", png(_scene("gradient", 400, 320, [BIMETAL], TILTED, seed=27))
    yield "cut-by-the-frame.png", png(_scene("gradient", 400, 320, [UNLISTED], ONE, seed=4)[:, 150:])
    yield "no-coin.png", png(_scene("cloth", 200, 150, [], NO_COIN, seed=5))
    yield "reduced.jpg", _jpeg(_scene("paper", 2560, 1920, [SQUARE], FROM_AFAR, seed=6))
    yield "turned.jpg", _jpeg(np.rot90(_scene("gradient", 400, 320, [HEPTAGON], ONE, seed=7)), orientation=6)
    # 3077 pixels become 770: one is 3.996, and the coin's right edge, at 385, lies at 1538.5 exactly.
    wider = _scene("gradient", 3400, 1900, [PLAIN_ROUND], LARGE_FROM_AFAR, seed=8)
    yield "fraction.jpg", _jpeg(wider[220 : 220 + 1533, 6 : 6 + 3077])
    # 801 × 257 at first and 1601 × 513 in detail; a strip has six parts to look at instead of nine.
    six = (PLAIN_ROUND, HEPTAGON, BIMETAL, SQUARE, HOLED, UNLISTED)
    yield "many-coins.jpg", _jpeg(_scene("gradient", 1601, 513, six, MANY_AND_SMALL, seed=12))


def _scene(
    family: str, width: int, height: int, types: Sequence[int], settings: SceneSettings, *, seed: int
) -> NDArray[np.uint8]:
    rng = np.random.default_rng([SEED, seed])
    coins = [_struck(kind, "obverse", rng) for kind in types]
    ground = background(family, width=width, height=height, rng=rng)
    return compose_scene([(coin.rgb, coin.mask) for coin in coins], ground, settings=settings, rng=rng).rgb


def _struck(seed: int, side: Side, rng: np.random.Generator) -> RenderedCoin:
    return render_coin(coin_type(seed), side, size=COIN_PIXELS, specimen=Specimen(), lighting=studio_lighting(rng))


def png(pixels: NDArray[np.uint8]) -> bytes:
    """Pixels, uint8 (h, w) or (h, w, 3), as the bytes of a PNG; the same bytes each time."""
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "PNG", optimize=True)
    return out.getvalue()


def _jpeg(pixels: NDArray[np.uint8], *, orientation: int = 1) -> bytes:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    out = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(out, "JPEG", quality=80, exif=exif)
    return out.getvalue()
