"""How far is too far: the distance at which a match stops being one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coindex.codes import squared_distances
from coindex.manifest import CoinClass
from coindex.models import OpenSet

__all__ = ["CodedPhoto", "calibrate", "fit_logistic"]


@dataclass(frozen=True, eq=False)
class CodedPhoto:
    """A labelled photo's code int8 (64,)."""

    label: CoinClass
    code: NDArray[np.int8]


def calibrate(pairs: Sequence[tuple[Sequence[CodedPhoto], Sequence[CodedPhoto]]]) -> OpenSet:
    """Fit confidence to catalogues and queries of unseen classes.

    Each query is asked twice: of the whole catalogue, where the nearest row is a success if its class is right, and of
    the catalogue without the query's coin, where nothing is right. The threshold is where the share of
    right answers that it accepts exceeds the share of strangers most (Youden, *Cancer* 1950).
    """
    distances, right = [], []
    known, strangers = [], []
    for catalog, queries in pairs:
        codes = np.stack([photo.code for photo in catalog])
        for query in queries:
            distance = squared_distances(query.code[None], codes)[0]
            nearest = int(distance.argmin())
            distances.append(int(distance[nearest]))
            right.append(catalog[nearest].label.matches(query.label))
            if right[-1]:
                known.append(distances[-1])
            others = [i for i, photo in enumerate(catalog) if photo.label.coin != query.label.coin]
            if others:
                distances.append(int(distance[others].min()))
                right.append(False)
                strangers.append(distances[-1])
    midpoint, slope = fit_logistic(np.array(distances, np.float64), np.array(right, np.float64))
    return OpenSet(_youden(np.array(known), np.array(strangers)), round(midpoint, 1), round(slope, 8))


def _youden(known: NDArray[np.int64], strangers: NDArray[np.int64]) -> int:
    """The distance at which acceptance of `known` (n,) exceeds that of `strangers` (m,) most; the least such."""
    limits = np.unique(known)
    accepted = [np.searchsorted(np.sort(group), limits, side="right") / len(group) for group in (known, strangers)]
    return int(limits[int((accepted[0] - accepted[1]).argmax())])


def fit_logistic(distances: NDArray[np.float64], right: NDArray[np.float64]) -> tuple[float, float]:
    """Midpoint and slope of 1 / (1 + exp(slope · (d - midpoint))) by maximum likelihood (Platt, 1999), Newton's method.

    Raises `ValueError` where all are right or all wrong: then there is no midpoint.
    """
    if right.min() == right.max():
        raise ValueError("calibration needs right and wrong answers")
    mean, spread = distances.mean(), distances.std() or 1.0
    x = np.stack([np.ones_like(distances), (distances - mean) / spread], axis=1)
    weights = np.zeros(2)
    for _ in range(50):
        probability = 1 / (1 + np.exp(np.clip(-x @ weights, -50, 50)))
        # A little ridge keeps the slope finite where distances separate perfectly.
        gradient = x.T @ (right - probability) - 1e-2 * weights
        hessian = (x * (probability * (1 - probability))[:, None]).T @ x + 1e-2 * np.eye(2)
        step = np.linalg.solve(hessian, gradient)
        weights += step
        if np.abs(step).max() < 1e-10:
            break
    return float(mean - spread * weights[0] / weights[1]), float(-weights[1] / spread)
