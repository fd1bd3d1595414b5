"""An order of rows in which neighbours in space have near numbers, so that links between them pack small."""

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.state import Rows
from coindex.codes import LIMIT

__all__ = ["locality_order"]

LEAF = 8
"""The most classes that are sorted by one direction, without halving them again."""

SAMPLED = 4096
"""The most classes that the direction of a group is computed from."""

ROUNDS = 16
"""Power iterations. The direction can be approximate, as long as the classes spread along it."""


def locality_order(rows: Rows) -> NDArray[np.uint32]:
    """The order of rows: class after class, similar classes near each other, and within a class by row id.

    The classes, represented by their mean codes, are halved across the direction in which they spread most. Each half
    is halved again (a principal direction tree; Boley, 1998). All sums are of whole numbers that floats represent
    exactly, so equal rows give an equal order on every machine.

    Args:
        rows: The rows of a shard.

    Returns:
        Positions in `rows`, uint32 (n,).
    """
    if not len(rows):
        return np.zeros(0, np.uint32)
    by_class = np.argsort(rows.class_ids, kind="stable")
    _, starts, sizes = np.unique(rows.class_ids[by_class], return_index=True, return_counts=True)
    sums = np.add.reduceat(rows.codes[by_class], starts, axis=0, dtype=np.int64)
    order = _tree_order((sums // sizes[:, None]).astype(np.float32))
    # Row i of the result is the i-th of the classes' runs laid end to end in the new order.
    sizes = sizes[order]
    shifts = np.repeat(starts[order] - np.concatenate([[0], np.cumsum(sizes)[:-1]]), sizes)
    return np.asarray(by_class[np.arange(len(rows)) + shifts], np.uint32)


def _tree_order(means: NDArray[np.float32]) -> NDArray[np.int64]:
    done, waiting = [], [np.arange(len(means))]
    while waiting:
        group = waiting.pop()
        along = means[group] @ _direction(means[group])
        group = group[np.argsort(along, kind="stable")]
        if len(group) <= LEAF:
            done.append(group)
        else:
            half = len(group) // 2
            waiting += [group[half:], group[:half]]
    return np.concatenate(done)


def _direction(means: NDArray[np.float32]) -> NDArray[np.float32]:
    """An approximation of the first principal direction, in whole numbers within ±127."""
    sample = means[:: -(-len(means) // SAMPLED)].astype(np.float64)
    sample -= np.floor(sample.sum(axis=0) / len(sample))
    covariance = sample.T @ sample
    direction = covariance[np.diag(covariance).argmax()]
    for _ in range(ROUNDS):
        longest = np.abs(direction).max()
        if not longest:
            break
        direction = np.rint(direction / longest * LIMIT)
        along, direction = direction, covariance @ direction
    else:
        return np.asarray(along, np.float32)
    return np.zeros(means.shape[1], np.float32)
