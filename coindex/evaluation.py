"""How good the whole device path is on labelled photos: photo to answer, with the models a phone runs."""

import csv
import io
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.search import CatalogIndex, Hit
from coindex.catalog.state import Rows
from coindex.errors import CoindexError, ManifestError, NoCoinFound, PhotoError
from coindex.joint import Coin, search_together
from coindex.manifest import CoinClass, LabelledPhoto
from coindex.metrics import RECALL_AT, auroc, false_accept_rate, match_boxes, recall_at
from coindex.models import Models, load_models
from coindex.open_set import Evidence, ReliefEvidence, likeness
from coindex.photo import Photo, load_photo
from coindex.pipeline import box_in_photo, encode_photo
from coindex.progress import Progress, no_progress
from coindex.relief import QueryRelief
from coindex.relief_ranking import JointRanked, Ranked, Ranking, SecondLook, look_again, look_again_together, sureness
from coindex.segmentation import find_coins, find_in_detail

__all__ = [
    "RUNTIMES_GROUP",
    "SCENES_GROUP",
    "LabelledScene",
    "SceneMaker",
    "evaluate",
    "evaluate_scenes",
    "load_runtime",
    "load_scene_maker",
    "read_scenes",
]

RUNTIMES_GROUP = "coindex.runtimes"
"""The entry-point group of other runtimes: functions from a models folder to `Models`."""

SCENES_GROUP = "coindex.scenes"
"""The entry-point group of scene makers; `evaluation` is the one of `--as-scenes`."""

SceneMaker = Callable[[NDArray[np.uint8] | None, NDArray[np.uint8] | None, tuple[int, int]], NDArray[np.uint8]]
"""From a coin's picture uint8 (h, w, 3) and mask uint8 (h, w), both None where none was found, and a seed: a scene
uint8 (h, w, 3) that shows it."""

_Scene = Callable[[NDArray[np.uint8] | None, NDArray[np.uint8] | None], NDArray[np.uint8]]


@dataclass(frozen=True)
class LabelledScene:
    """A photo of several coins and the true boxes float (n, 4): x, y, width, height in its pixels."""

    path: Path
    boxes: NDArray[np.float64]


@dataclass(frozen=True)
class _Query:
    """One asked photo: its coin's code and relief, and every class, best first; none where no coin was found."""

    photo: LabelledPhoto
    code: NDArray[np.int8] | None
    relief: QueryRelief | None
    ranking: Ranking[Ranked]
    milliseconds: float

    @property
    def hits(self) -> tuple[Hit, ...]:
        """The nearest row of each class."""
        return tuple(each.hit for each in self.ranking.candidates)


@dataclass(frozen=True)
class _Answered:
    """One answer, to a photo or to those of a specimen: the rank of the right one, and the evidence for the first."""

    rank: int | None
    seen: Evidence | ReliefEvidence | None


@dataclass(frozen=True)
class _Catalogue:
    index: CatalogIndex
    labels: dict[int, CoinClass]
    designs: dict[int, str]
    second: SecondLook | None

    @property
    def coins(self) -> dict[int, Coin]:
        """The coin of each class, whatever its side."""
        return {number: label.coin for number, label in self.labels.items()}


def load_runtime(name: str, models: Path, *, threads: int = 1) -> Models:
    """The models of a folder in a runtime: `litert` runs the phone's own files, others are named by their packages.

    Raises:
        CoindexError: If there is no such runtime, or its package is missing; the message names the extra to install.
        ModelError: If a model is missing or damaged.
    """
    if name == "litert":
        return load_models(models, threads=threads)
    found = [entry for entry in entry_points(group=RUNTIMES_GROUP) if entry.name == name]
    if not found:
        known = ", ".join(["litert", *sorted(entry.name for entry in entry_points(group=RUNTIMES_GROUP))])
        raise CoindexError(f"no runtime named {name!r}; there are: {known}")
    try:
        load = found[0].load()
    except ModuleNotFoundError as error:
        raise CoindexError(
            f"runtime {name} needs the package {error.name}; install it with: pip install 'coindex[export]'"
        ) from None
    loaded: Models = load(models)
    return loaded


def load_scene_maker() -> SceneMaker:
    """The installed maker of evaluation scenes.

    Raises:
        CoindexError: If there is none.
    """
    found = entry_points(group=SCENES_GROUP, name="evaluation")
    if not found:
        raise CoindexError("--as-scenes needs a scene maker, and none is installed; reinstall coindex")
    maker: SceneMaker = next(iter(found)).load()
    return maker


def evaluate(
    catalog: Sequence[LabelledPhoto],
    queries: Sequence[LabelledPhoto],
    models: Models,
    *,
    unknown: Sequence[LabelledPhoto] = (),
    scenes: tuple[SceneMaker, int] | None = None,
    joint: bool = False,
    second_look: bool = True,
    skip_bad: bool = False,
    on_progress: Progress = no_progress,
) -> dict[str, Any]:
    """Recall of `queries` against `catalog`, the document that `coindex evaluate --json` prints.

    The largest coin of a photo is its coin; a query without one is a miss. `coin_recall` counts either side of the coin
    as right. With `joint` the photos of one specimen are answered together, by coin. With `scenes`, a maker and a seed,
    each query is first laid into a scene. Without `second_look` codes alone rank. `unknown` are queries whose coins are
    not in the catalogue.

    Raises:
        PhotoError: If a catalogue photo is bad, unless `skip_bad`.
        ManifestError: If an unknown query's coin is in the catalogue.
        NoCoinFound: If a catalogue photo shows no coin, unless `skip_bad`.
    """
    total = len(catalog) + len(queries) + len(unknown)
    known_coins = {photo.label.coin for photo in catalog}
    for photo in unknown:
        if photo.label.coin in known_coins:
            raise ManifestError(
                f"{photo.path} (line {photo.line}): {photo.label.name} is in the catalogue, so it cannot be an unknown "
                "query; choose another split"
            )
    built, skipped = _catalogue(catalog, models, second_look, skip_bad, lambda done: on_progress(done, total))

    def answered(photos: Sequence[LabelledPhoto], before: int) -> list[_Query]:
        rows = []
        for number, photo in enumerate(photos):
            try:
                rows.append(_query(photo, built, models, _numbered(scenes, number)))
            except PhotoError:
                if not skip_bad:
                    raise
                skipped.append(str(photo.path))
            on_progress(before + number + 1, total)
        return rows

    known = answered(queries, len(catalog))
    others = answered(unknown, len(catalog) + len(queries))
    if not known:
        raise PhotoError("none of the query photos can be read; check their files")
    answer = _together if joint else _one_by_one
    answers, refused = (answer(part, built) for part in (known, others))
    ranks = [each.rank for each in answers]
    designs, coins = (ranks, ranks) if joint else ([rank(each, built) for each in known] for rank in _WIDER)
    latency = [query.milliseconds for query in known]
    return {
        "queries": len(ranks),
        "classes": len(built.labels),
        "recall": _by_k(ranks),
        "design_recall": _by_k(designs),
        "coin_recall": _by_k(coins),
        "by_country": {} if joint else _by_country(known, ranks),
        "no_coin_found": sum(not query.hits for query in known),
        "second_look": built.second is not None,
        "open_set": _open_set(answers, refused, models, built.second),
        "latency_ms": {f"p{p}": round(float(np.percentile(latency, p)), 2) for p in (50, 95)},
        "models": {
            "space_id": models.index.space_id,
            "code_scale": models.index.code_scale,
            "segmenter": models.index.segmenter.file,
            "embedder": models.index.embedder.file,
            "bytes": sum(net.bytes for net in models.index.nets.values()),
        },
        "skipped": skipped,
    }


def read_scenes(path: Path) -> tuple[LabelledScene, ...]:
    """Scenes with their boxes from a CSV: columns `file` and `x, y, width, height`, or `cx, cy, r` for circles.

    Files are relative to the CSV.

    Raises:
        ManifestError: If a line is anything else; the message names it.
    """
    try:
        reader = csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""))
        rows = [(reader.line_num, row) for row in reader]
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such file; give a CSV of boxes or circles") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: cannot be read as CSV in UTF-8 ({error})") from None
    if not rows:
        raise ManifestError(f"{path}: no rows; its columns are file and x,y,width,height, or file and cx,cy,r")
    boxes: dict[Path, list[tuple[float, ...]]] = defaultdict(list)
    box: tuple[float, ...]
    for line, row in rows:
        try:
            if "cx" in row:
                cx, cy, r = (float(row[name]) for name in ("cx", "cy", "r"))
                box = (cx - r, cy - r, 2 * r, 2 * r)
            else:
                box = tuple(float(row[name]) for name in ("x", "y", "width", "height"))
            photo = path.parent / row["file"]
        except (KeyError, TypeError, ValueError) as error:
            raise ManifestError(
                f"{path}: line {line}: {error}; expected file and the numbers x,y,width,height, or cx,cy,r"
            ) from None
        if not photo.is_file():
            raise ManifestError(f"{path}: line {line}: photo {photo} does not exist")
        boxes[photo].append(box)
    return tuple(LabelledScene(photo, np.array(found)) for photo, found in boxes.items())


def evaluate_scenes(
    scenes: Sequence[LabelledScene], models: Models, *, on_progress: Progress = no_progress
) -> dict[str, Any]:
    """Precision, recall and F1 of found coins at box IoU 0.5, and the mean IoU of those found.

    Raises:
        PhotoError: If a scene cannot be read.
    """
    found_total, true_total, overlaps = 0, 0, []
    for done, scene in enumerate(scenes, 1):
        photo, found = find_in_detail(load_photo(scene.path), models.segmenter)
        boxes = [box_in_photo(photo, coin) for coin in found]
        coins = np.array([[box.x, box.y, box.width, box.height] for box in boxes], np.float64).reshape(-1, 4)
        pairs = match_boxes(coins, scene.boxes)
        found_total, true_total = found_total + len(coins), true_total + len(scene.boxes)
        overlaps += [iou for _, _, iou in pairs]
        on_progress(done, len(scenes))
    hits = len(overlaps)
    return {
        "scenes": len(scenes),
        "coins": true_total,
        "precision": hits / found_total if found_total else 0.0,
        "recall": hits / true_total if true_total else 0.0,
        "f1": 2 * hits / (found_total + true_total) if found_total + true_total else 0.0,
        "mean_iou": float(np.mean(overlaps)) if overlaps else 0.0,
    }


def _catalogue(
    photos: Sequence[LabelledPhoto],
    models: Models,
    second_look: bool,
    skip_bad: bool,
    on_progress: Callable[[int], None],
) -> tuple[_Catalogue, list[str]]:
    numbers: dict[CoinClass, int] = {}
    designs: dict[int, str] = {}
    maps: dict[int, NDArray[np.int8]] = {}
    codes: list[NDArray[np.int8]] = []
    class_ids, skipped = [], []
    for done, photo in enumerate(photos, 1):
        try:
            found = encode_photo(load_photo(photo.path), models, largest_only=True).coins
            if not found:
                raise NoCoinFound(
                    f"{photo.path}: no coin found in this catalogue photo; replace it, or pass --skip-bad"
                )
        except PhotoError:
            if not skip_bad:
                raise
            skipped.append(str(photo.path))
            continue
        number = numbers.setdefault(photo.label, len(numbers))
        designs[number] = photo.design
        if found[0].relief is not None:
            maps[len(codes)] = found[0].relief.map
        class_ids.append(number)
        codes.append(found[0].code)
        on_progress(done)
    if not codes:
        raise PhotoError("none of the catalogue photos can be read; check their files")
    rows = Rows(np.arange(len(codes), dtype=np.uint32), np.array(class_ids, np.uint32), np.stack(codes))
    labels = {number: label for label, number in numbers.items()}
    relief = models.index.relief
    second = SecondLook(relief.look, relief.open_set, maps) if relief and maps and second_look else None
    return _Catalogue(CatalogIndex.from_rows(rows), labels, designs, second), skipped


def _query(photo: LabelledPhoto, catalogue: _Catalogue, models: Models, scene: _Scene | None) -> _Query:
    loaded = None if scene is None else _as_scene(load_photo(photo.path), models, scene)
    began = time.perf_counter()
    coins = encode_photo(loaded or load_photo(photo.path), models, largest_only=True).coins
    code, relief = (coins[0].code, coins[0].relief) if coins else (None, None)
    ranking: Ranking[Ranked] = Ranking(())
    if code is not None:
        hits = catalogue.index.search(code, len(catalogue.labels))
        ranking = look_again(catalogue.index, code, relief, hits, catalogue.second)
    return _Query(photo, code, relief, ranking, (time.perf_counter() - began) * 1000)


def _numbered(scenes: tuple[SceneMaker, int] | None, number: int) -> _Scene | None:
    if scenes is None:
        return None
    maker, seed = scenes
    return lambda rgb, mask: maker(rgb, mask, (seed, number))


def _as_scene(photo: Photo, models: Models, scene: _Scene) -> Photo:
    """A scene of the photo's coin, cut out by the segmenter."""
    coins = find_coins(photo, models.segmenter)
    rgb = scene(coins[0].rgb, coins[0].mask) if coins else scene(None, None)
    height, width = rgb.shape[:2]
    return Photo(rgb, width, height)


def _rank(query: _Query, catalogue: _Catalogue) -> int | None:
    return _first(catalogue.labels[hit.class_id].matches(query.photo.label) for hit in query.hits)


def _design_rank(query: _Query, catalogue: _Catalogue) -> int | None:
    design = query.photo.design
    return _first(
        catalogue.labels[hit.class_id].matches(query.photo.label)
        or (design != "" and catalogue.designs[hit.class_id] == design)
        for hit in query.hits
    )


def _coin_rank(query: _Query, catalogue: _Catalogue) -> int | None:
    seen = dict.fromkeys(catalogue.labels[hit.class_id].coin for hit in query.hits)
    return _first(coin == query.photo.label.coin for coin in seen)


_WIDER = (_design_rank, _coin_rank)
"""What else counts as right: a class of the same design, either side of the coin."""


def _first(right: Iterable[bool]) -> int | None:
    return next((rank for rank, is_right in enumerate(right, 1) if is_right), None)


def _one_by_one(queries: Sequence[_Query], catalogue: _Catalogue) -> list[_Answered]:
    rows = len(catalogue.index.rows)
    return [_Answered(_rank(query, catalogue), query.ranking.evidence(rows=rows)) for query in queries]


def _together(queries: Sequence[_Query], catalogue: _Catalogue) -> list[_Answered]:
    """An answer a specimen, whose photos are those of one coin; a photo without a specimen stands alone."""
    specimens: dict[tuple[Coin, str], list[_Query]] = defaultdict(list)
    for number, query in enumerate(queries):
        specimens[query.photo.label.coin, query.photo.specimen or f"photo {number}"].append(query)
    answers = []
    for (coin, _), shots in specimens.items():
        found = [(query.code, query.relief) for query in shots if query.code is not None]
        ranking: Ranking[JointRanked] = Ranking(())
        if found:
            codes = [code for code, _ in found]
            reliefs = [relief for _, relief in found]
            hits = search_together(catalogue.index, catalogue.coins, codes, len(catalogue.labels))
            ranking = look_again_together(catalogue.index, catalogue.coins, codes, reliefs, hits, catalogue.second)
        seen = ranking.evidence(rows=len(catalogue.index.rows), photos=len(found))
        answers.append(_Answered(_first(each.coin == coin for each in ranking.candidates), seen))
    return answers


def _by_k(ranks: Sequence[int | None]) -> dict[str, float]:
    return {str(k): round(value, 4) for k, value in recall_at(ranks, RECALL_AT).items()}


def _by_country(queries: Sequence[_Query], ranks: Sequence[int | None]) -> dict[str, Any]:
    groups: dict[str, list[int | None]] = defaultdict(list)
    for query, rank in zip(queries, ranks, strict=True):
        groups[query.photo.label.country].append(rank)
    return {country: {"queries": len(group), "recall": _by_k(group)} for country, group in sorted(groups.items())}


def _open_set(
    known: Sequence[_Answered], unknown: Sequence[_Answered], models: Models, second: SecondLook | None
) -> dict[str, float | None]:
    """How well distance, or the score of the second look, tells the two apart, and what the models' own limit accepts
    of right answers and of others.

    Nothing found is nothing accepted.
    """

    def accepted(answers: Sequence[_Answered]) -> float | None:
        found = [sureness(each.seen, models.index.open_set, second)[0] for each in answers]
        return round(float(np.mean(found)), 4) if found else None

    report = {
        "auroc": None,
        "unknown_accepted_at_95": None,
        "right_accepted": accepted([each for each in known if each.rank == 1]),
        "unknown_accepted": accepted(unknown),
    }
    if unknown:
        scores = [np.array([likeness(each.seen) for each in part]) for part in (known, unknown)]
        report["auroc"] = round(auroc(*scores), 4)
        report["unknown_accepted_at_95"] = round(false_accept_rate(*scores), 4)
    return report
