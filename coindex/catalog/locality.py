"""An order of rows in which neighbours in space are near in number: what makes links between them small to write."""

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.state import Rows
from coindex.codes import LIMIT

__all__ = ["locality_order"]

LEAF = 8
"""Classes that are put in order by one direction alone, without halving them further."""

SAMPLED = 4096
"""Classes by which the direction of a larger group is found."""

ROUNDS = 16
"""Power iterations: the direction need not be the principal one exactly, only a long one."""


def locality_order(rows: Rows) -> NDArray[np.uint32]:
    """Positions in `rows`, uint32 (n,): class after class, alike classes near each other, each class by row id.

    The classes, by their mean codes, are halved across the direction in which they spread most, and each half again
    (a principal direction tree; Boley, 1998). All sums are of whole numbers that floats hold exactly: equal rows give
    an equal order whatever the machine adds first.
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
    """About the first principal direction, in whole numbers within ±127."""
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
