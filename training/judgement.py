"""What an epoch's net is judged by: its figures, and the pictures that show where it fails."""

import base64
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from coindex.metrics import RECALL_AT, recall_at
from coindex.resize import resize
from training.sources import CoinPicture
from training.views import plain_view

__all__ = [
    "Confusion",
    "EmbeddingMap",
    "Judgement",
    "Overlay",
    "RetrievalJudgement",
    "Returned",
    "View",
    "WorstQuery",
    "embedding_map",
    "judge_retrieval",
    "overlays",
    "read_judgement",
    "readable",
    "right_ranks",
]

WORST_QUERIES = 12
OF_ONE_CLASS = 3
"""Worst queries of one class, at most: the second dozen of the same failure teaches nothing."""

RETURNED = 3
CONFUSIONS = 10

THUMBNAIL = 96
"""Side in pixels of a coin in a report."""

OVERLAY = 192
"""Side in pixels of a scene in a report."""

QUALITY = 75

HIT, MISSED, TOO_MUCH = (46, 160, 110), (240, 170, 30), (215, 50, 60)
"""Colours of pixels that are coin and were found, are coin and were not, and were found and are none."""


class View(Protocol):
    """Makes a coin what the net sees: uint8 (size, size, 3)."""

    def __call__(self, coin: CoinPicture, *, size: int) -> NDArray[np.uint8]: ...


@dataclass(frozen=True)
class Returned:
    """A class that the catalogue answered with: its nearest reference's picture, and the cosine to the query."""

    label: str
    picture: str
    similarity: float


@dataclass(frozen=True)
class WorstQuery:
    """A query, as photographed and as the net sees it; the `rank` of its class (None: not in the catalogue)."""

    label: str
    photo: str
    cutout: str
    rank: int | None
    right: Returned | None
    returned: tuple[Returned, ...]


@dataclass(frozen=True)
class Confusion:
    """`count` of the `queries` of class `truth` were answered with class `answer`; with a reference of each."""

    truth: str
    answer: str
    count: int
    queries: int
    truth_picture: str
    answer_picture: str


@dataclass(frozen=True)
class EmbeddingMap:
    """Embeddings in a plane: `points` are (x, y, index into `labels`, whether a query); `share` of the spread shown."""

    labels: tuple[str, ...]
    points: tuple[tuple[float, float, int, bool], ...]
    share: float


@dataclass(frozen=True)
class RetrievalJudgement:
    """Queries against a catalogue of unseen classes.

    `recall` by rank as a string; `cosine` means of the queries' nearest `right` and nearest `wrong` reference.
    """

    name: str
    queries: int
    references: int
    classes: int
    recall: dict[str, float]
    cosine: dict[str, float]
    confusions: tuple[Confusion, ...]
    worst: tuple[WorstQuery, ...]
    map: EmbeddingMap


@dataclass(frozen=True)
class Overlay:
    """A scene with its mask's hits and errors in colour; `place` is best, median or worst."""

    place: str
    iou: float
    picture: str


@dataclass(frozen=True)
class Judgement:
    """`figures` go into the history; the rest is for people to look at."""

    figures: dict[str, Any]
    retrievals: tuple[RetrievalJudgement, ...] = ()
    overlays: tuple[Overlay, ...] = ()
    ious: tuple[float, ...] = field(default=())
    """IoU of each validation scene."""


def read_judgement(document: Mapping[str, Any]) -> Judgement:
    """A judgement from its JSON document.

    Raises:
        KeyError: If it is none.
        TypeError: If it is none.
    """
    return Judgement(
        dict(document["figures"]),
        tuple(_read_retrieval(each) for each in document["retrievals"]),
        tuple(Overlay(**each) for each in document["overlays"]),
        tuple(document["ious"]),
    )


def right_ranks(
    similar: NDArray[np.float32], queries: Sequence[CoinPicture], catalog: Sequence[CoinPicture]
) -> list[int | None]:
    """Rank from 1 of each query's class among the classes by nearest reference; None where the catalogue lacks it.

    `similar` (queries, references) holds cosines. Equal ones keep the catalogue's order.
    """
    ranks: list[int | None] = []
    for row, query in zip(similar, queries, strict=True):
        nearest = list(_nearest_by_class(row, catalog))
        ranks.append(nearest.index(query.label) + 1 if query.label in nearest else None)
    return ranks


def judge_retrieval(
    name: str,
    queries: Sequence[CoinPicture],
    catalog: Sequence[CoinPicture],
    query_embeddings: NDArray[np.float32],
    catalog_embeddings: NDArray[np.float32],
    *,
    view: View = plain_view,
) -> RetrievalJudgement:
    """Recall of `queries` in `catalog` by embeddings of length 1, (n, d) and (m, d); with what went most wrong.

    `view` makes a coin what the net sees. The worst queries are those whose class comes latest, among equals those
    least like it compared with the answer; of each class `OF_ONE_CLASS` at most.
    """
    similar = query_embeddings @ catalog_embeddings.T
    ranks = right_ranks(similar, queries, catalog)
    own = np.array([[query.label == reference.label for reference in catalog] for query in queries])
    right, wrong = (np.where(those, similar, -1.0).max(axis=1) for those in (own, ~own))
    lateness = [len(catalog) + 1 if rank is None else rank for rank in ranks]
    order = sorted(range(len(queries)), key=lambda i: (-lateness[i], right[i] - wrong[i]))
    return RetrievalJudgement(
        name,
        len(queries),
        len(catalog),
        len({coin.label for coin in catalog}),
        {str(k): value for k, value in recall_at(ranks, RECALL_AT).items()},
        {"right": _mean(right[own.any(axis=1)]), "wrong": _mean(wrong[(~own).any(axis=1)])},
        _confusions(similar, queries, catalog),
        tuple(
            _worst(queries[i], ranks[i], similar[i], catalog, view)
            for i in _few_of_a_class([i for i in order if ranks[i] != 1], queries)[:WORST_QUERIES]
        ),
        embedding_map(
            [coin.label for coin in (*catalog, *queries)],
            np.concatenate([catalog_embeddings, query_embeddings]),
            references=len(catalog),
        ),
    )


def embedding_map(labels: Sequence[str], embeddings: NDArray[np.float32], *, references: int) -> EmbeddingMap:
    """Embeddings (n, d) in the plane in which the means of their classes lie furthest apart.

    The first `references` are the catalogue's. Principal components of the class means (Pearson, *On lines and planes
    of closest fit*, 1901): those of all embeddings would show how light differs before how coins do.
    """
    names = sorted(set(labels))
    index = np.array([names.index(label) for label in labels])
    means = np.stack([embeddings[index == i].mean(axis=0) for i in range(len(names))])
    centre = means.mean(axis=0)
    _, spread, directions = np.linalg.svd(means - centre, full_matrices=False)
    plane = (embeddings - centre) @ directions[:2].T
    if plane.shape[1] < 2:  # a single class, or a single dimension
        plane = np.pad(plane, ((0, 0), (0, 2 - plane.shape[1])))
    variance = spread**2
    share = float(variance[:2].sum() / variance.sum()) if variance.sum() > 0 else 1.0
    points = tuple(
        (round(float(x), 4), round(float(y), 4), int(index[i]), i >= references) for i, (x, y) in enumerate(plane)
    )
    return EmbeddingMap(tuple(readable(name) for name in names), points, share)


def overlays(
    pictures: Sequence[NDArray[np.uint8]],
    found: Sequence[NDArray[np.bool_]],
    truth: Sequence[NDArray[np.bool_]],
    ious: Sequence[float],
    *,
    each: int = 4,
) -> tuple[Overlay, ...]:
    """The best, the median and the worst `each` of scenes (h, w, 3) with masks (h, w)."""
    order = np.argsort(np.asarray(ious), kind="stable").tolist()
    middle = max((len(order) - each) // 2, 0)
    chosen: dict[int, str] = {}
    for place, part in (
        ("worst", order[:each]),
        ("median", order[middle : middle + each]),
        ("best", order[: -each - 1 : -1]),
    ):
        for i in part:
            chosen.setdefault(i, place)
    return tuple(
        Overlay(place, float(ious[i]), _webp(_tinted(pictures[i], found[i], truth[i]), OVERLAY))
        for i, place in chosen.items()
    )


def readable(label: str) -> str:
    """The label of a `CoinPicture` as people read it."""
    parts = label.split("|")
    if len(parts) != 5:
        return " ".join(part for part in parts if part)
    country, currency, denomination, variant, side = parts
    return f"{' '.join(part for part in (country, denomination, currency, variant) if part)}, {side}"


def _few_of_a_class(order: Sequence[int], queries: Sequence[CoinPicture]) -> list[int]:
    seen: Counter[str] = Counter()
    kept = []
    for i in order:
        seen[queries[i].label] += 1
        if seen[queries[i].label] <= OF_ONE_CLASS:
            kept.append(i)
    return kept


def _nearest_by_class(row: NDArray[np.float32], catalog: Sequence[CoinPicture]) -> dict[str, int]:
    """Each class's nearest reference, nearest class first."""
    nearest: dict[str, int] = {}
    for i in np.argsort(-row, kind="stable"):
        nearest.setdefault(catalog[int(i)].label, int(i))
    return nearest


def _worst(
    query: CoinPicture, rank: int | None, row: NDArray[np.float32], catalog: Sequence[CoinPicture], view: View
) -> WorstQuery:
    nearest = _nearest_by_class(row, catalog)

    def returned(label: str) -> Returned:
        reference = nearest[label]
        return Returned(readable(label), _webp(catalog[reference].rgb, THUMBNAIL), float(row[reference]))

    return WorstQuery(
        readable(query.label),
        _webp(query.rgb, THUMBNAIL),
        _webp(view(query, size=THUMBNAIL), THUMBNAIL),
        rank,
        returned(query.label) if query.label in nearest else None,
        tuple(returned(label) for label in list(nearest)[:RETURNED]),
    )


def _confusions(
    similar: NDArray[np.float32], queries: Sequence[CoinPicture], catalog: Sequence[CoinPicture]
) -> tuple[Confusion, ...]:
    answers = [catalog[int(i)].label for i in similar.argmax(axis=1)]
    of_class = Counter(query.label for query in queries)
    pairs = Counter((query.label, answer) for query, answer in zip(queries, answers, strict=True))
    reference: dict[str, CoinPicture] = {}
    for coin in (*catalog, *queries):
        reference.setdefault(coin.label, coin)
    mistakes = sorted(
        ((-count, truth, answer) for (truth, answer), count in pairs.items() if truth != answer),
    )
    return tuple(
        Confusion(
            readable(truth),
            readable(answer),
            -negative,
            of_class[truth],
            _webp(reference[truth].rgb, THUMBNAIL),
            _webp(reference[answer].rgb, THUMBNAIL),
        )
        for negative, truth, answer in mistakes[:CONFUSIONS]
    )


def _tinted(picture: NDArray[np.uint8], found: NDArray[np.bool_], truth: NDArray[np.bool_]) -> NDArray[np.uint8]:
    tinted = picture.astype(np.float32)
    for colour, share, where in (
        (HIT, 0.35, found & truth),
        (MISSED, 0.75, truth & ~found),
        (TOO_MUCH, 0.75, found & ~truth),
    ):
        tinted[where] = (1 - share) * tinted[where] + share * np.asarray(colour, np.float32)
    return np.asarray(tinted + 0.5, np.uint8)


def _webp(picture: NDArray[np.uint8], side: int) -> str:
    """A picture as a data URI."""
    out = io.BytesIO()
    Image.fromarray(resize(picture, side, side)).save(out, "WEBP", quality=QUALITY)
    return f"data:image/webp;base64,{base64.b64encode(out.getvalue()).decode()}"


def _mean(values: NDArray[np.floating[Any]]) -> float:
    return float(values.mean()) if len(values) else 0.0


def _read_retrieval(document: Mapping[str, Any]) -> RetrievalJudgement:
    return RetrievalJudgement(
        **{
            **document,
            "confusions": tuple(Confusion(**each) for each in document["confusions"]),
            "worst": tuple(_read_worst(each) for each in document["worst"]),
            "map": EmbeddingMap(
                tuple(document["map"]["labels"]),
                tuple((x, y, label, query) for x, y, label, query in document["map"]["points"]),
                document["map"]["share"],
            ),
        }
    )


def _read_worst(document: Mapping[str, Any]) -> WorstQuery:
    right = document["right"]
    returned: Iterable[Mapping[str, Any]] = document["returned"]
    return WorstQuery(
        **{
            **document,
            "right": Returned(**right) if right else None,
            "returned": tuple(Returned(**each) for each in returned),
        }
    )
