"""What the native core takes and gives beside Python, in one run: its stages, whole answers, the exact scan, its size.

    python benchmarks/native.py [--quick] [--json FILE]
    python benchmarks/native.py --scenes 400 --photos FOLDER --most 400

One thread; times are of the processor. The nets are the same functions for both, and their time is counted apart.
`--scenes` and `--photos` count the answers that are alike: the same boxes, codes, candidates with their relief scores
and angles, known and confidence.
"""

# ruff: noqa: E402 (the binding and the device's folder lie beside what they serve)

import argparse
import ctypes
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
NATIVE = ROOT / "mobile_assets" / "native"
sys.path[:0] = [str(NATIVE / "python"), str(ROOT / "tests" / "support")]

from coindex_native import Coin, Library, NativeError, Nets
from native_device import make_device
from support.web_agreement import draw_scenes, drawn_catalog

from coindex.catalog import open_catalog
from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import CoinRecord, Rows
from coindex.cutout import cut_out, take_square
from coindex.errors import PhotoError
from coindex.models import DEFAULT_FOLDER, Models, load_models
from coindex.photo import load_photo
from coindex.recognizer import Answer, Recognizer
from coindex.relief import QueryRelief, net_input, query_relief, unroll
from coindex.relief_net import LiteRTReliefNet
from coindex.resize import resize
from coindex.segmentation import Box, regions

REPEATS = 25

ROWS_A_CLASS = 100
"""Of the scan: so many that the records' texts hardly count beside the rows."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--build", type=Path, metavar="FOLDER", help="what CMake built; by default it is built")
    parser.add_argument("--rows", type=int, help="rows of the scan")
    parser.add_argument("--scenes", type=int, default=0, metavar="N", help="compare answers to N drawn scenes")
    parser.add_argument("--photos", type=Path, metavar="FOLDER", help="compare answers to the photographs below FOLDER")
    parser.add_argument("--most", type=int, default=400, help="photographs, spread evenly over the folder")
    options = parser.parse_args()
    cv2.setNumThreads(1)
    if options.build is None and shutil.which("cmake") is None:
        print("no cmake here: the native core cannot be built, and is not measured")
        return
    folder = options.build or built()
    library, models = Library(folder / "programs" / "libcoindex_steps.so"), load_models(DEFAULT_FOLDER)
    report: dict[str, Any] = {"processor": processor(), "library_bytes": stripped_size(folder / "libcoindex.so")}
    print(f"{report['processor']}; stripped library: {report['library_bytes']:,} bytes")
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        device(home, models)
        if not options.scenes and not options.photos:
            report["stages"] = stages(library, models)
            report["photo"] = whole_photo(library, models, home, quick=options.quick)
            report["scan"] = scan(library, models, options.rows or (50_000 if options.quick else 1_000_000))
        if options.scenes:
            with tempfile.TemporaryDirectory() as folder:
                report["scenes"] = alike(library, models, home, draw_scenes(Path(folder), options.scenes))
        if options.photos:
            paths = photos_below(options.photos)
            step = max(len(paths) // options.most, 1)
            report["photographs"] = alike(library, models, home, paths[::step][: options.most])
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")


def built() -> Path:
    """The folder of what CMake builds for this machine."""
    folder = NATIVE / "build" / "host"
    for command in (
        ["cmake", "-S", str(NATIVE), "-B", str(folder)],
        ["cmake", "--build", str(folder), "-j", str(os.cpu_count() or 1)],
    ):
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def stripped_size(library: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / library.name
        subprocess.run(["strip", "-o", str(copy), str(library)], check=True)
        return copy.stat().st_size


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), "unknown processor")


def device(home: Path, models: Models) -> None:
    """A device with both sides of some invented coins."""
    drawn = drawn_catalog(models)
    records = {
        n: CoinRecord(n, "xx", "coin", coin, "", side, coin, "") for n, (coin, side) in enumerate(drawn.names, 1)
    }
    make_device(home, drawn.rows, records, maps=dict(drawn.maps))


def quickest(*works: Callable[[], Any], repeats: int = REPEATS) -> list[float]:
    """The least milliseconds of this thread's processor time that each took, in turns: a busy machine hardly counts."""
    least = [float("inf")] * len(works)
    for _ in range(repeats):
        for place, work in enumerate(works):
            began = time.thread_time()
            work()
            least[place] = min(least[place], (time.thread_time() - began) * 1000)
    return least


def told(name: str, python: float, native: float) -> dict[str, float]:
    print(f"{name:34} Python {python:9.2f} ms   native {native:9.2f} ms   ratio {native / python:.2f}")
    return {"python_ms": round(python, 3), "native_ms": round(native, 3)}


def stages(library: Library, models: Models) -> dict[str, dict[str, float]]:
    rng = np.random.default_rng(5)
    photo = cv2.GaussianBlur(rng.integers(0, 256, (756, 1008, 3)).astype(np.uint8), (0, 0), 2)
    crop = Box(200, 150, 420, 420)
    mask = np.zeros((256, 256), np.uint8)
    cv2.ellipse(mask, (128, 127), (98, 90), 20, 0, 360, 255, -1)
    rgb = resize(take_square(photo, crop), 256, 256)
    far = cv2.distanceTransform(mask, cv2.DIST_L2, 5)
    logits = np.stack([far - 1, far - 25], axis=2).astype(np.float32)
    whole = (0, 0, 1008, 1008)
    window = (crop.x, crop.y, crop.width, crop.height)
    pairs: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        "resize 1008 → 256": (
            lambda: resize(photo, 256, 256, canvas=(1008, 1008)),
            lambda: library.resize(photo, whole, 256, 256),
        ),
        "resize a crop of 420 → 256": (
            lambda: resize(take_square(photo, crop), 256, 256),
            lambda: library.resize(photo, window, 256, 256),
        ),
        "regions": (lambda: regions(logits), lambda: library.regions(logits)),
        "cutout": (lambda: cut_out(rgb, mask), lambda: library.cut_out(rgb, mask)),
    }
    return {name: told(name, *quickest(*works)) for name, works in pairs.items()}


class Timed:
    """A net, and the milliseconds spent in it."""

    def __init__(self, net: Callable[..., Any]) -> None:
        self._net, self.ms = net, 0.0

    def __call__(self, pixels: Any) -> Any:
        began = time.thread_time()
        out = self._net(pixels)
        self.ms += (time.thread_time() - began) * 1000
        return out


def raw_relief(models: Models) -> Callable[..., Any]:
    """The relief net from its picture uint8 (64, 304, 1) to its int8 numbers."""
    assert isinstance(models.relief, LiteRTReliefNet)
    return models.relief._net.numbers


class TimedRelief:
    """The relief of a cutout, whose net is the one given."""

    def __init__(self, models: Models, net: Callable[..., Any]) -> None:
        assert isinstance(models.relief, LiteRTReliefNet)
        self._net, self._zero_point = net, models.relief._zero_point

    def __call__(self, cutout: NDArray[np.uint8]) -> QueryRelief:
        return query_relief(self._net(net_input(unroll(cutout))), self._zero_point)


def whole_photo(library: Library, models: Models, home: Path, *, quick: bool) -> dict[str, Any]:
    """A 12-megapixel JPEG to its answer; decoding is Pillow's for both and apart, as are the nets."""
    with tempfile.TemporaryDirectory() as folder:
        [scene] = draw_scenes(Path(folder), 1, first=4)
        path = Path(folder) / "photo.jpg"
        Image.open(scene).convert("RGB").resize((4032, 3024), Image.Resampling.LANCZOS).save(path, quality=90)
        photo = load_photo(path)
        detailed = photo.in_detail() if photo.in_detail else None
    if detailed is not None:
        object.__setattr__(photo, "in_detail", lambda: detailed)  # decoded once, for both
    segmenter, embedder = Timed(models.segmenter), Timed(models.embedder)
    relief = Timed(raw_relief(models))
    nets = Nets.of(segmenter, embedder, relief)
    recognizer = Recognizer(open_catalog(home), Models(models.index, segmenter, embedder, TimedRelief(models, relief)))
    outside: dict[str, float] = {"python": float("inf"), "native": float("inf")}
    total = dict(outside)
    coins = 0
    with library.open(home) as catalog:

        def native() -> int:
            return len(catalog.recognize(photo, nets))

        def python() -> int:
            return len(recognizer.recognize(photo).coins)

        for _ in range(3 if quick else REPEATS):
            for name, work in (("python", python), ("native", native)):
                segmenter.ms = embedder.ms = relief.ms = 0.0
                began = time.thread_time()
                coins = work()
                took = (time.thread_time() - began) * 1000
                total[name] = min(total[name], took)
                outside[name] = min(outside[name], took - segmenter.ms - embedder.ms - relief.ms)
    return {
        "coins": coins,
        "outside_the_nets": told(f"12 Mpx, {coins} coins, outside the nets", outside["python"], outside["native"]),
        "whole": told("12 Mpx, with the nets", total["python"], total["native"]),
    }


def scan(library: Library, models: Models, count: int) -> dict[str, Any]:
    """The exact search of many rows, one thread, and the memory that the opened catalogue takes."""
    rng = np.random.default_rng(6)
    ids = np.arange(1, count + 1, dtype=np.uint32)
    codes = np.clip(np.rint(rng.normal(0, 30, (count, 64))), -127, 127).astype(np.int8)
    rows = Rows(ids, (ids - 1) // ROWS_A_CLASS + 1, codes)
    records = {
        n: CoinRecord(n, "xx", "coin", str(n), "", "obverse", "", "") for n in np.unique(rows.class_ids).tolist()
    }
    queries = [codes[place] for place in rng.integers(0, count, 20)]
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        make_device(home, rows, records)
        index = CatalogIndex.from_rows(rows, exact_below=count + 1)
        before = resident()
        with library.open(home) as catalog:
            grown = resident() - before
            alike = sum(
                [(hit.class_id, hit.row_id, hit.distance) for hit in catalog.search(query, 5)]
                == [(hit.class_id, hit.row_id, hit.distance) for hit in index.search(query, 5)]
                for query in queries
            )
            python, native = quickest(
                lambda: index.search(queries[0], 5), lambda: catalog.search(queries[0], 5), repeats=REPEATS
            )
    per_row = grown / count
    print(f"{alike} of {len(queries)} searches alike; {per_row:.0f} bytes a row resident, records included")
    return {"rows": count, **told(f"exact scan of {count:,} rows", python, native), "alike": alike,
            "resident_bytes_a_row_with_records": round(per_row, 1)}  # fmt: skip


def resident() -> int:
    """Bytes of this process in memory, after what is free was given back."""
    ctypes.CDLL(None).malloc_trim(0)
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def photos_below(folder: Path) -> list[Path]:
    """The photographs in a folder and those below, links followed."""
    found = (Path(place) / name for place, _, names in os.walk(folder, followlinks=True) for name in names)
    return sorted(path for path in found if path.suffix.lower() in (".jpg", ".jpeg", ".png", ".webp"))


def alike(library: Library, models: Models, home: Path, paths: Iterable[Path]) -> dict[str, int]:
    """How many photos both answer alike."""
    recognizer = Recognizer(open_catalog(home), models)
    nets = Nets.of(models.segmenter, models.embedder, raw_relief(models))
    photos = same = coins = 0
    differing: list[str] = []
    with library.open(home) as catalog:
        for path in paths:
            try:
                photo = load_photo(path)
            except PhotoError as error:
                print(f"left out: {error}", file=sys.stderr)
                continue
            expected = facts(recognizer.recognize(photo))
            try:
                mine = native_facts(catalog.recognize(photo, nets))
            except NativeError as error:
                mine = [str(error)]
            photos, coins = photos + 1, coins + len(expected)
            same += mine == expected
            if mine != expected:
                differing.append(path.name)
            if photos % 20 == 0:
                print(f"{photos} so far, {same} alike", file=sys.stderr, flush=True)
    print(f"{same} of {photos} photos answered alike, {coins} coins" + (f"; not {differing[:5]}" if differing else ""))
    return {"photos": photos, "alike": same, "coins": coins}


def facts(answer: Answer) -> list[Any]:
    return [
        (
            (coin.box.x, coin.box.y, coin.box.width, coin.box.height),
            coin.encoded.code.tolist(),
            coin.known,
            round(coin.confidence, 12),
            [
                (each.coin, each.row_id, each.distance, each.relief, each.relief_row, each.angle)
                for each in coin.candidates
            ],
            coin.codes_alone,
        )
        for coin in answer.coins
    ]


def native_facts(coins: Iterable[Coin]) -> list[Any]:
    return [
        (
            coin.box,
            coin.code.tolist(),
            coin.known,
            round(coin.confidence, 12),
            [
                (each.class_id, each.row_id, each.distance, each.relief, each.relief_row, each.angle)
                for each in coin.candidates
            ],
            coin.codes_alone,
        )
        for coin in coins
    ]


if __name__ == "__main__":
    main()
