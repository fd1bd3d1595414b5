"""Measures of answers, as pure functions of arrays. Tests, training, evaluation and benchmarks share them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "RECALL_AT",
    "ReliabilityBin",
    "auroc",
    "box_iou",
    "calibration_error",
    "false_accept_rate",
    "match_boxes",
    "recall_at",
    "recall_by_distance",
    "reliability",
]

RECALL_AT = (1, 2, 5, 10, 20)
"""The ranks at which the article of 2021 reports recall."""


def recall_at(first_right: Sequence[int | None], ranks: Sequence[int] = RECALL_AT) -> dict[int, float]:
    """Share of queries whose first right answer stands at rank k or before, for each k in `ranks`.

    `first_right` holds a rank from 1 a query, None where no answer is right.

    Raises:
        ValueError: If there are no queries.
    """
    if not first_right:
        raise ValueError("recall of no queries is undefined")
    return {k: sum(rank is not None and rank <= k for rank in first_right) / len(first_right) for k in ranks}


def recall_by_distance(found: NDArray[np.integer[Any]], exact: NDArray[np.integer[Any]], k: int) -> NDArray[np.float64]:
    """Share (q,) of each query's `k` nearest that a search found, counted by distance so that ties are never misses.

    `found` (q, m) and `exact` (q, n) are distances, ascending, of the search and of an exact one. Of the first k found
    a hit is each that is no further than the k-th exact one (Aumüller et al., ANN-Benchmarks, 2020, without their
    tolerance: distances here are integers). Where fewer than k exist, k is their number.

    Raises:
        ValueError: If k is below 1, the numbers of queries differ, or there is nothing to find.
    """
    if k < 1 or len(found) != len(exact) or not exact.shape[1]:
        raise ValueError(f"recall at {k} of {found.shape} against {exact.shape} distances is undefined")
    k = min(k, exact.shape[1])
    return np.asarray((found[:, :k] <= exact[:, k - 1 : k]).sum(axis=1) / k)


def auroc(known: NDArray[np.floating[Any]], unknown: NDArray[np.floating[Any]]) -> float:
    """Probability that a known query scores above an unknown one; ties count half (Mann-Whitney U).

    `known` (n,) and `unknown` (m,) are scores, higher for known.

    Raises:
        ValueError: If either is empty.
    """
    if not len(known) or not len(unknown):
        raise ValueError("AUROC needs known and unknown queries")
    ordered = np.sort(unknown)
    below = np.searchsorted(ordered, known, side="left")
    not_above = np.searchsorted(ordered, known, side="right")
    return float((below + not_above).mean() / 2 / len(unknown))


def false_accept_rate(
    known: NDArray[np.floating[Any]], unknown: NDArray[np.floating[Any]], *, accepted: float = 0.95
) -> float:
    """Share of unknown queries (m,) accepted by the threshold that accepts the share `accepted` of known ones (n,).

    Raises:
        ValueError: If there are no known or no unknown queries.
    """
    if not len(known) or not len(unknown):
        raise ValueError("the rate needs known and unknown queries")
    needed = int(np.ceil(accepted * len(known)))
    threshold = np.sort(known)[::-1][needed - 1]
    return float((unknown >= threshold).mean())


@dataclass(frozen=True)
class ReliabilityBin:
    """Answers of like confidence: how many, their share of all weight, mean confidence and the share that is right."""

    count: int
    weight: float
    confidence: float
    right: float


def reliability(
    confidence: NDArray[np.floating[Any]],
    right: NDArray[np.bool_],
    *,
    weights: NDArray[np.floating[Any]] | None = None,
    bins: int = 10,
) -> tuple[ReliabilityBin, ...]:
    """Answers (n,) with their confidence in [0, 1] in `bins` equal ranges of it; ranges without answers are left out.

    Args:
        confidence: (n,), in [0, 1].
        right: Which answers are right, bool (n,).
        weights: What each answer counts, (n,); by default all count the same.

    Raises:
        ValueError: If there are no answers.
    """
    if not len(confidence):
        raise ValueError("reliability of no answers is undefined")
    weights = np.ones(len(confidence)) if weights is None else weights / weights.sum() * len(weights)
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    found = []
    for number in np.unique(place):
        here = place == number
        share = weights[here] / weights[here].sum()
        found.append(
            ReliabilityBin(
                int(here.sum()),
                float(weights[here].sum() / weights.sum()),
                float((confidence[here] * share).sum()),
                float((right[here] * share).sum()),
            )
        )
    return tuple(found)


def calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Mean distance between confidence and share right over the bins (ECE; Guo et al., ICML 2017, equation 3)."""
    return sum(each.weight * abs(each.confidence - each.right) for each in bins)


def box_iou(a: NDArray[np.floating[Any]], b: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """Intersection over union (n, m) of boxes (n, 4) and (m, 4): x, y, width, height."""
    a, b = np.asarray(a, np.float64).reshape(-1, 4), np.asarray(b, np.float64).reshape(-1, 4)
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, :2] + a[:, None, 2:], b[None, :, :2] + b[None, :, 2:])
    overlap = np.clip(high - low, 0, None).prod(axis=2)
    union = a[:, 2:].prod(axis=1)[:, None] + b[:, 2:].prod(axis=1)[None, :] - overlap
    return np.asarray(overlap / np.maximum(union, 1e-9))


def match_boxes(
    found: NDArray[np.floating[Any]], truth: NDArray[np.floating[Any]], *, threshold: float = 0.5
) -> tuple[tuple[int, int, float], ...]:
    """One-to-one pairs (found, truth, IoU) with IoU ≥ `threshold`, taken greedily from the largest IoU down."""
    iou = box_iou(found, truth)
    pairs, used_found, used_truth = [], set(), set()
    for flat in np.argsort(-iou, axis=None, kind="stable"):
        i, j = divmod(int(flat), iou.shape[1])
        if iou[i, j] < threshold:
            break
        if i not in used_found and j not in used_truth:
            pairs.append((i, j, float(iou[i, j])))
            used_found.add(i)
            used_truth.add(j)
    return tuple(pairs)
