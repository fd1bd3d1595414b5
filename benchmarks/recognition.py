"""From a photo's file to the answer: how long each stage takes, and how much memory, beside the published system.

    python benchmarks/recognition.py
    python benchmarks/recognition.py --quick --json recognition.json

Every contender answers the same two JPEGs of one invented coin, on one thread and on two, each in a process of its own.
`outside` is what is left of the time when decoding, the nets and the search are taken off; `relief` is the second look,
its net and the comparing of one map a class. Formats that the models'
folder lacks are made first; --quick measures those alone that are there, or quickly made. `article` is the published
system: a U-Net on EfficientNet-b4 that looks twice, an EfficientNet-b0 that looks once. There are no trained weights of
it here: its nets run with random ones, for their time, and what they are taken to have answered is what the mobile nets
did. The last two columns say how many times as long as coindex-int8 a contender takes on as many threads: from the file
on, and from the decoded photo on. They depend on the processor: where it multiplies int8 four at a time (VNNI, the dot
product of ARMv8.2, in every phone since about 2018), int8 takes a third of float's time; where not, about the same.

A last table is of a photo of many coins, on one thread: `once` finds them once and outlines each once, as coindex does;
`twice` finds and outlines them in the small decoding and again in the larger one, as it did before. Each photo is
answered by both in turn.
"""

import argparse
import json
import multiprocessing
import platform
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from recognition_parts.contenders import (
    ARTICLES,
    CONTENDERS,
    FILES,
    NETS,
    OURS,
    SLOWLY_MADE,
    Encoded,
    Recorded,
    Replayed,
    Run,
    Timed,
    article_nets,
    encoded_as_the_article,
    encoded_once,
    encoded_twice,
    loaded,
)
from recognition_parts.photos import PHOTOS, SEED, drawn_many, drawn_photos
from rich.console import Console
from rich.table import Table

from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import Rows
from coindex.codes import DIMENSIONS, quantise
from coindex.commands.progress import progress_bar
from coindex.cutout import SIZE
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, Models, load_models, read_index
from coindex.photo import Photo, load_photo
from coindex.relief import MAP_SHAPE
from coindex.relief_ranking import SecondLook, look_again, sureness
from coindex.resize import resize
from coindex.segmentation import find_in_detail

DOT_PRODUCTS = ("avx512_vnni", "avx_vnni", "asimddp")
"""Processor flags of instructions that multiply int8 four at a time."""

CATALOGUE_ROWS = 10_000
CALIBRATION_PICTURES = 32
WARM_UP = 2
STAGES = ("decode", "segmenter", "embedder", "outside", "search", "relief")


@dataclass(frozen=True)
class Sizes:
    """How often each contender answers each photo, and on how many threads."""

    repeats: int
    threads: tuple[int, ...] = (1, 2)


FULL, QUICK = Sizes(30), Sizes(3, threads=(1,))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--checkpoints", type=Path, help="the folder of the float weights")
    parser.add_argument("--contenders", default=",".join(CONTENDERS), help="of " + ", ".join(CONTENDERS))
    parser.add_argument("--quick", action="store_true", help="one thread, few repeats, under a minute")
    parser.add_argument("--json", type=Path, help="write all figures there")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    checkpoints = options.checkpoints or Path(__file__).resolve().parents[1] / "training" / "checkpoints"
    names = options.contenders.split(",")
    if unknown := set(names) - set(CONTENDERS):
        parser.error(f"no contender named {', '.join(sorted(unknown))}; there are: {', '.join(CONTENDERS)}")
    if options.quick:
        names = [name for name in names if name not in SLOWLY_MADE or not _missing([name], options.models)]
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        with progress_bar("Preparing photos and nets"):
            _alone(_prepare, folder, options.models, checkpoints, names)
        runs = [Run(name, threads, sizes.repeats, folder, checkpoints) for threads in sizes.threads for name in names]
        rows: list[dict[str, Any]] = []
        with progress_bar("Measuring") as on_progress:
            for done, run in enumerate(runs, 1):
                rows += _alone(_measured, run)
                on_progress(done, len(runs))
    photos = {megapixels: [row for row in rows if row["photo_megapixels"] == megapixels] for megapixels in PHOTOS}
    for megapixels, answered in photos.items():
        _add_ratios(answered)
        _print(megapixels, answered)
    with progress_bar("Measuring many coins"):
        many = _alone(_many_coins, Run(OURS, 1, sizes.repeats, options.models, checkpoints))
    _print_many(many)
    processor = _processor()
    dot_products = processor["int8_dot_products"]
    print(f"{processor['name']}, int8 dot products: {'unknown' if dot_products is None else dot_products or 'none'}")
    if options.json:
        first, *others = ({"photo_megapixels": megapixels, "runs": runs} for megapixels, runs in photos.items())
        document = {**first, "other_photos": others, "many_coins": many, "processor": processor}
        options.json.write_text(json.dumps(document, indent=2) + "\n")


def _alone(function: Callable[..., Any], *arguments: Any) -> Any:
    """The function's answer, from a fresh process: what others loaded and used is none of its memory."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


# Before: the photos, the nets that are missing, and the mobile nets' answers.


def _prepare(folder: Path, models: Path, checkpoints: Path, names: Sequence[str]) -> None:
    for path in models.iterdir():
        if path.is_file():
            (folder / path.name).symlink_to(path.resolve())
    for megapixels, content in drawn_photos():
        (folder / f"{megapixels}.jpg").write_bytes(content)
        answers = Recorded(load_models(folder).segmenter)
        find_in_detail(load_photo(content), answers)
        np.save(folder / f"{megapixels}.npy", np.stack(answers.given))
    _make_missing(folder, checkpoints, _missing(names, folder))


def _missing(names: Iterable[str], folder: Path) -> list[str]:
    """The contenders that are a pair of files and lack one in the folder."""
    pairs = {name: [folder / f"{net}{FILES[name]}" for net in NETS] for name in names if name in FILES}
    return [name for name, paths in pairs.items() if not all(path.exists() for path in paths)]


def _make_missing(folder: Path, checkpoints: Path, missing: Sequence[str]) -> None:
    if not missing:
        return
    from export.nets import descriptions, read_nets
    from export.tflite import to_onnx, to_tflite

    nets, about = read_nets(checkpoints), descriptions(read_index(folder / INDEX_NAME).space_id)
    for contender in {"coindex-onnx", "article-onnx"} & set(missing):
        for name, net in (nets if contender == "coindex-onnx" else article_nets()).items():
            to_onnx(net, folder / f"{name}{FILES[contender]}", pixels=True)
    if not set(missing) & set(SLOWLY_MADE):
        return
    with tempfile.TemporaryDirectory() as made:
        for name in NETS:
            to_tflite(nets[name], _any_pictures(), Path(made), about[name])
        for path in Path(made).iterdir():
            if not (folder / path.name).exists():
                shutil.copyfile(path, folder / path.name)


def _any_pictures() -> NDArray[np.uint8]:
    """What int8 is calibrated with: that file is made with the others, and is not the one that is measured."""
    rng = np.random.default_rng(SEED)
    small = rng.integers(0, 256, (CALIBRATION_PICTURES, 8, 8, 3), np.uint8)
    pictures = np.stack([resize(picture, SIZE, SIZE) for picture in small])
    pictures[:, 0, 0], pictures[:, 0, 1] = 0, 255
    return pictures


# In a process of its own: one contender on one photo.


def _measured(run: Run) -> list[dict[str, Any]]:
    """A row for each photo, smallest photo first: the peak of memory can only rise."""
    cv2.setNumThreads(run.threads)
    nets, model_bytes = loaded(run)
    encode = encoded_as_the_article if run.name.startswith(ARTICLES) else encoded_once
    catalogue = _catalogue()
    rows = []
    for megapixels in sorted(PHOTOS):
        content = (run.folder / f"{megapixels}.jpg").read_bytes()
        models = nets
        if run.name.startswith(ARTICLES):
            models = replace(nets, segmenter=Replayed(nets.segmenter, np.load(run.folder / f"{megapixels}.npy")))
        answers = [_answered(content, models, encode, catalogue) for _ in range(WARM_UP + run.repeats)]
        figures = _figures([stages for stages, _ in answers[WARM_UP:]])
        rows.append(
            {
                "photo_megapixels": megapixels,
                "name": run.name,
                "threads": run.threads,
                **figures,
                "model_bytes": model_bytes,
                "peak_bytes": _peak_bytes(),
                "coins": answers[-1][1],
                "random_weights": run.name.startswith(ARTICLES),
            }
        )
    return rows


def _many_coins(run: Run) -> list[dict[str, Any]]:
    """A row a strategy, on the photo of many coins; both answer it in turn, so that both see the same machine."""
    cv2.setNumThreads(run.threads)
    models, _ = loaded(run)
    content, catalogue = drawn_many(), _catalogue()
    strategies = {"once": encoded_once, "twice": encoded_twice}
    stages: dict[str, list[dict[str, float]]] = {name: [] for name in strategies}
    rows = []
    for name, encode in strategies.items():
        segmenter, embedder = Recorded(models.segmenter), Recorded(models.embedder)
        coins = len(encode(load_photo(content), Models(models.index, segmenter, embedder)))
        runs = {"segmenter_runs": len(segmenter.given), "embedder_runs": len(embedder.given)}
        rows.append({"name": name, "threads": run.threads, "coins": coins, **runs})
    for _ in range(run.repeats):
        for name, encode in strategies.items():
            stages[name].append(_answered(content, models, encode, catalogue)[0])
    return [{**row, **_figures(stages[str(row["name"])])} for row in rows]


def _figures(stages: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """Quantiles of the whole, with and without decoding, and each stage's median."""
    totals = np.array([sum(took.values()) for took in stages])
    decoded = totals - [took["decode"] for took in stages]
    return {
        "p50_ms": float(np.percentile(totals, 50)),
        "p95_ms": float(np.percentile(totals, 95)),
        "decoded_p50_ms": float(np.percentile(decoded, 50)),
        "decoded_p95_ms": float(np.percentile(decoded, 95)),
        "stages_ms": {name: float(np.median([took[name] for took in stages])) for name in STAGES},
    }


def _answered(
    content: bytes,
    models: Models,
    encode: Callable[[Photo, Models], Encoded],
    catalogue: CatalogIndex,
) -> tuple[dict[str, float], int]:
    """Milliseconds of each stage, and how many coins were found."""
    segmenter, embedder = Timed(models.segmenter), Timed(models.embedder)
    relief: Any = Timed(models.relief) if models.relief else None
    second = None
    if models.index.relief and relief:
        second = SecondLook(models.index.relief.look, models.index.relief.open_set, _OneMap())
    began = time.perf_counter()
    photo = load_photo(content)
    decoded = time.perf_counter()
    found = encode(photo, Models(models.index, segmenter, embedder, relief))
    encoded = time.perf_counter()
    looking = 0.0
    for code, seen in found:
        hits = catalogue.search(code, second.look.classes if second else 8)
        looked = time.perf_counter()
        ranking = look_again(catalogue, code, seen, hits, second)
        sureness(ranking.evidence(rows=len(catalogue.rows)), models.index.open_set, second)
        looking += time.perf_counter() - looked
    searched = time.perf_counter()
    again = relief.seconds if relief else 0.0
    nets = segmenter.seconds + embedder.seconds + again
    seconds = (
        decoded - began,
        segmenter.seconds,
        embedder.seconds,
        encoded - decoded - nets,
        searched - encoded - looking,
        again + looking,
    )
    return {name: 1000 * value for name, value in zip(STAGES, seconds, strict=True)}, len(found)


class _OneMap:
    """Maps of a catalogue whose rows all have the same."""

    def __init__(self) -> None:
        self._map = np.random.default_rng(SEED).integers(-7, 8, MAP_SHAPE).astype(np.int8)

    def get(self, row_id: int, /) -> NDArray[np.int8]:
        return self._map


def _catalogue() -> CatalogIndex:
    rng = np.random.default_rng(SEED)
    ids = np.arange(CATALOGUE_ROWS, dtype=np.uint32)
    return CatalogIndex.from_rows(Rows(ids, ids, quantise(rng.normal(size=(CATALOGUE_ROWS, DIMENSIONS)), 254.0)))


def _peak_bytes() -> int:
    """The most memory that this process has held."""
    status = Path("/proc/self/status")
    if status.exists():
        # Linux hands ru_maxrss on from the process that started this one; this figure is its own.
        (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


# After: ratios and the table.


def _add_ratios(rows: Sequence[dict[str, Any]]) -> None:
    ours = {row["threads"]: row for row in rows if row["name"] == OURS}
    for row in rows:
        if row["threads"] in ours:
            beside = ours[row["threads"]]
            row["times_ours"] = row["p50_ms"] / beside["p50_ms"]
            row["times_ours_decoded"] = row["decoded_p50_ms"] / beside["decoded_p50_ms"]


def _print(megapixels: int, rows: Sequence[dict[str, Any]]) -> None:
    heads = (f"{megapixels} megapixels", "threads", "p50 ms", "p95", *STAGES, "outside/nets", "models MB", "peak MB")
    table = Table(*heads, "times", "decoded", caption="* random weights: its time is measured, not its answers")
    for row in rows:
        stages = row["stages_ms"]
        table.add_row(
            row["name"] + (" *" if row["random_weights"] else ""),
            str(row["threads"]),
            *(f"{row[name]:.1f}" for name in ("p50_ms", "p95_ms")),
            *(f"{stages[name]:.1f}" for name in STAGES),
            f"{stages['outside'] / (stages['segmenter'] + stages['embedder']):.2f}",
            f"{row['model_bytes'] / 1e6:.1f}",
            f"{row['peak_bytes'] / 1e6:.0f}",
            *(f"{row[name]:.1f}" if name in row else "" for name in ("times_ours", "times_ours_decoded")),
        )
    Console(width=max(Console().width, 160)).print(table)


def _print_many(rows: Sequence[dict[str, Any]]) -> None:
    heads = ("many coins", "coins", "segmenter runs", "embedder runs", "p50 ms", "p95", *STAGES, "looks", "times")
    table = Table(*heads, caption="looks: all but the embedder and the search; times: of the time that once takes")
    for row in rows:
        stages = row["stages_ms"]
        looks = row["p50_ms"] - stages["embedder"] - stages["search"]
        table.add_row(
            row["name"],
            *(str(row[name]) for name in ("coins", "segmenter_runs", "embedder_runs")),
            *(f"{row[name]:.1f}" for name in ("p50_ms", "p95_ms")),
            *(f"{stages[name]:.1f}" for name in STAGES),
            f"{looks:.1f}",
            f"{row['p50_ms'] / rows[0]['p50_ms']:.2f}",
        )
    Console(width=max(Console().width, 160)).print(table)


def _processor() -> dict[str, Any]:
    """The processor's name, and which of its instructions multiply int8 four at a time."""
    try:
        lines = [line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines()]
    except OSError:  # not Linux
        return {"name": platform.processor() or platform.machine(), "int8_dot_products": None}
    said = {key.strip(): value.strip() for key, _, value in reversed(lines)}
    flags = (said.get("flags") or said.get("Features") or "").split()
    return {
        "name": said.get("model name") or platform.machine(),
        "int8_dot_products": [flag for flag in DOT_PRODUCTS if flag in flags],
    }


if __name__ == "__main__":
    main()
