"""Bytes of a reference's relief map on the wire, and how long one takes to read."""

import importlib.util
import io
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from catalog_parts.sizes import SEED
from catalog_server.curation.encoding import thumbnail
from coindex.catalog.relief_pack import MAX_MAPS, PackedMaps, PackFile, write_pack
from coindex.cutout import cut_out
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, read_index
from coindex.relief import MAP_BYTES, pack_map
from coindex.relief_net import LiteRTReliefNet
from coindex.resize import resize
from coindex_synthetic.coins import coin_type
from coindex_synthetic.rendering import random_specimen, render_coin, studio_lighting

RELIEF = "0" * 16
GREY_SIDE, GREY_QUALITY = 64, 80
"""The picture of a cutout that maps could be made from instead, were lossy pictures decoded alike everywhere."""


def measure_reliefs(maps: Path | None, count: int) -> dict[str, Any]:
    """Bytes a map by method, of maps in an .npz (`maps` uint8 (n, 1024), packed) or of so many drawn coins; and the
    microseconds that reading one takes, the first of a group and one more of it. Pictures are measured of drawn coins
    alone."""
    pictures: dict[str, float] = {}
    if maps is None:
        packed, pictures = _drawn(count)
    else:
        packed = [row.tobytes() for row in np.load(maps)["maps"]]
    packs = [dict(enumerate(packed[start : start + MAX_MAPS], 1)) for start in range(0, len(packed), MAX_MAPS)]
    methods: dict[str, Callable[[Mapping[int, bytes]], int]] = {
        "coindex": lambda pack: len(write_pack(RELIEF, pack)),
        "as they are": lambda pack: MAP_BYTES * len(pack),
        "zlib, each map": lambda pack: sum(len(zlib.compress(each, 9)) for each in pack.values()),
        "zlib, a pack": lambda pack: len(zlib.compress(b"".join(pack.values()), 9)),
    }
    if importlib.util.find_spec("zstandard"):
        import zstandard

        methods["zstd 19, a pack"] = lambda pack: len(zstandard.compress(b"".join(pack.values()), 19))
    sizes = {name: sum(map(size, packs)) / len(packed) for name, size in methods.items()} | pictures
    first, further = _reading(packs)
    return {
        "maps": len(packed),
        "of": "drawn coins" if maps is None else str(maps),
        "bytes": [{"method": name, "bytes_per_map": each} for name, each in sizes.items()],
        "read_first_us": first,
        "read_further_us": further,
    }


def _drawn(count: int) -> tuple[list[bytes], dict[str, float]]:
    """Packed maps of drawn coins, and the mean bytes of their pictures."""
    index = read_index(DEFAULT_FOLDER / INDEX_NAME)
    if index.relief is None:
        raise FileNotFoundError(f"{DEFAULT_FOLDER}: these models have no relief net to make maps with")
    net = LiteRTReliefNet(DEFAULT_FOLDER / index.relief.net.file)
    rng = np.random.default_rng(SEED)
    maps, grey, colour = [], 0, 0
    for number in range(count):
        kind, specimen, light = coin_type(SEED + number), random_specimen(rng), studio_lighting(rng)
        coin = render_coin(kind, "reverse", size=256, specimen=specimen, lighting=light)
        cutout = cut_out(coin.rgb, coin.mask)
        maps.append(pack_map(net(cutout).map))
        grey += _webp(resize(np.ascontiguousarray(cutout[:, :, :1]), GREY_SIDE, GREY_SIDE))
        colour += len(thumbnail(coin.rgb))
    pictures = {f"grey WebP, {GREY_SIDE} pixels": grey / count, "thumbnail, colour WebP": colour / count}
    return maps, pictures


def _webp(picture: np.ndarray[Any, np.dtype[np.uint8]]) -> int:
    out = io.BytesIO()
    Image.fromarray(picture.reshape(GREY_SIDE, GREY_SIDE)).save(out, "WEBP", quality=GREY_QUALITY, method=6)
    return out.tell()


def _reading(packs: Sequence[Mapping[int, bytes]]) -> tuple[float, float]:
    """Median microseconds of reading the first map of a group, and a further one."""
    data = write_pack(RELIEF, packs[0])
    maps = PackedMaps(RELIEF, [PackFile("pack", 1, MAX_MAPS, lambda: data, lambda start, end: data[start:end])])
    maps.get(1)
    first, further = [], []
    for row in range(17, len(packs[0]) + 1):
        began = time.perf_counter()
        maps.get(row)
        (first if row % 16 == 1 else further).append(1e6 * (time.perf_counter() - began))
    return float(np.median(first)), float(np.median(further))
