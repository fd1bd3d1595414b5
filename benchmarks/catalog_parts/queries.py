"""The codes that are measured, and what an exact search answers."""

import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog_parts.sizes import RANKED, SCALE, SEED
from coindex.codes import quantise, squared_distances
from coindex_synthetic.embeddings import draw_embeddings


def prepare(folder: Path, given: Path | None, rows: int, queries: int) -> dict[str, Any]:
    if given:
        with np.load(given) as file:
            codes, class_ids = file["codes"], file["class_ids"].astype(np.uint32)
            asked, asked_classes = file["queries"], file["query_class_ids"].astype(np.uint32)
        order = np.concatenate([np.arange(0, len(asked), 2), np.arange(1, len(asked), 2)])
        asked, asked_classes = asked[order], asked_classes[order]
        choosing = len(asked) - len(asked) // 2
    else:
        drawn = draw_embeddings(rows, 2 * queries, seed=SEED)
        codes = np.concatenate(
            [quantise(drawn.rows[start : start + 65_536], SCALE) for start in range(0, rows, 65_536)]
        )
        asked, class_ids, asked_classes = quantise(drawn.queries, SCALE), drawn.class_ids, drawn.query_class_ids
        choosing = queries
    near_rows, near_classes, first = exact_answers(codes, class_ids, asked)
    for name, array in {
        "codes": codes,
        "class_ids": class_ids,
        "queries": asked,
        "query_class_ids": asked_classes,
        "near_rows": near_rows,
        "near_classes": near_classes,
    }.items():
        np.save(folder / f"{name}.npy", array)
    (folder / "choosing").write_text(str(choosing))
    return {
        "rows": len(codes),
        "classes": len(np.unique(class_ids)),
        "queries": len(asked) - choosing,
        "codes": given.name if given else "drawn",
        "exact_right_class": float((first == asked_classes)[choosing:].mean()),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, one thread used",
    }


def exact_answers(
    codes: NDArray[np.int8], class_ids: NDArray[np.uint32], queries: NDArray[np.int8]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.uint32]]:
    """Distances int64 (q, 10) of the nearest rows and (q, 10) of the nearest classes, fewer where there are fewer, and
    the class (q,) of the nearest row. All rows are looked at, class by class."""
    order = np.argsort(class_ids, kind="stable")
    numbers, starts = np.unique(class_ids[order], return_index=True)
    ends = np.append(starts[1:], len(codes))
    near_rows, near_classes, first = [], [], []
    for start in range(0, len(queries), 250):
        asked, rows, classes = queries[start : start + 250], [], []
        begin = 0
        while begin < len(numbers):
            # Whole classes, about 2**16 rows of them.
            end = max(begin + 1, int(np.searchsorted(ends, starts[begin] + 2**16)))
            block = order[starts[begin] : ends[end - 1]]
            distances = squared_distances(asked, codes[block])
            rows.append(_smallest(distances))
            classes.append(np.minimum.reduceat(distances, starts[begin:end] - starts[begin], axis=1))
            begin = end
        of_classes = np.concatenate(classes, axis=1)
        near_rows.append(_smallest(np.concatenate(rows, axis=1)))
        near_classes.append(_smallest(of_classes))
        first.append(numbers[of_classes.argmin(axis=1)])
    return (
        np.concatenate(near_rows).astype(np.int64),
        np.concatenate(near_classes).astype(np.int64),
        np.concatenate(first),
    )


def _smallest(distances: NDArray[np.int32]) -> NDArray[np.int32]:
    count = min(RANKED, distances.shape[1])
    return np.sort(np.partition(distances, count - 1, axis=1)[:, :count], axis=1)
