"""Bytes from one release to the next, by several methods."""

import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog_parts.contenders import Hnswlib
from catalog_parts.sizes import EF_CONSTRUCTION, SEED
from coindex.catalog.delta import apply_delta, delta_between, read_delta, write_delta
from coindex.catalog.shard import build_shard, write_shard
from coindex.catalog.state import CatalogState, CoinRecord, Rows, state_hash
from coindex.codes import DIMENSIONS

CHANGES = (0.001, 0.01, 0.05)
DELTA_ROWS = 20_000
"""Rows of the catalogue whose deltas are measured, unless all are asked for."""

BSDIFF_LIMIT = 2**26
"""bsdiff takes seventeen times its input as memory, and minutes for this much."""


def measure_deltas(folder: Path, rows: int | None) -> tuple[list[dict[str, Any]], list[str]]:
    """Bytes by change and method, and what was left out with its reason."""
    codes, class_ids = np.load(folder / "codes.npy"), np.load(folder / "class_ids.npy")
    rng = np.random.default_rng(SEED)
    count = min(len(codes), rows or DELTA_ROWS)
    deltas, left_out = [], []
    for change in CHANGES:
        changed = max(1, round(change * count))
        # What is there is a sample, so that a catalogue of 20,000 rows out of a million has as full classes as it had.
        taken = _some_classes(class_ids, count + changed)
        if len(taken) <= changed:
            left_out.append(f"{change:.1%}: too few rows")
            continue
        added = np.sort(rng.choice(len(taken), changed, replace=False))
        there = np.delete(taken, added)
        old = Rows(np.arange(len(there), dtype=np.uint32), class_ids[there], codes[there])
        gone = np.sort(rng.choice(len(old), changed, replace=False))
        new = changed_rows(old, gone, class_ids[taken[added]], codes[taken[added]])
        for method, size in _delta_sizes(old, new, gone):
            if isinstance(size, str):
                left_out.append(f"{change:.1%}, {method}: {size}")
            else:
                deltas.append({"change": change, "rows": len(old), "method": method, "bytes": size})
    return deltas, left_out


def _some_classes(class_ids: NDArray[np.uint32], count: int) -> NDArray[np.int64]:
    """About the first `count` rows, in whole classes: their positions, ascending."""
    if count >= len(class_ids):
        return np.arange(len(class_ids))
    numbers, sizes = np.unique(class_ids, return_counts=True)
    last = numbers[min(int(np.searchsorted(np.cumsum(sizes), count)), len(numbers) - 1)]
    return np.flatnonzero(class_ids <= last)[:count]


def changed_rows(old: Rows, gone: NDArray[np.int64], class_ids: NDArray[np.uint32], codes: NDArray[np.int8]) -> Rows:
    kept = np.delete(np.arange(len(old)), gone)
    fresh_ids = np.arange(len(old), len(old) + len(codes), dtype=np.uint32)
    return Rows(
        np.concatenate([old.row_ids[kept], fresh_ids]),
        np.concatenate([old.class_ids[kept], class_ids]),
        np.concatenate([old.codes[kept], codes]),
    )


def _delta_sizes(old: Rows, new: Rows, gone: NDArray[np.int64]) -> Iterator[tuple[str, int | str]]:
    before, after = _state(old, new), _state(new, old)
    ours = write_delta(delta_between(before, after))
    if state_hash(apply_delta(before, read_delta(ours))) != state_hash(after):
        raise AssertionError("the delta does not lead to the new state")
    yield "coindex", len(ours)
    shards = [write_shard(build_shard(rows)) for rows in (old, new)]
    indexes = _hnswlib_files(old, new, gone)
    for file, (was, becomes) in {"coindex shard": shards, "hnswlib-m16 index": indexes}.items():
        yield f"zstd --patch-from, {file}", zstd_patch(was, becomes)
        yield f"bsdiff, {file}", bsdiff(was, becomes)
        yield f"whole {file}", len(becomes)


def _state(rows: Rows, other: Rows) -> CatalogState:
    """A catalogue of the rows, whose coin records are those of both, so that a delta is of rows alone."""
    numbers = np.union1d(rows.class_ids, other.class_ids).tolist()
    records = {
        number: CoinRecord(number, "XX", "coin", str(number), "", "obverse", f"coin {number}", "") for number in numbers
    }
    return CatalogState("0" * 16, rows, records)


def _hnswlib_files(old: Rows, new: Rows, gone: NDArray[np.int64]) -> tuple[bytes, bytes]:
    import hnswlib

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "index"
        index = hnswlib.Index(space="l2", dim=DIMENSIONS)
        index.init_index(
            len(old), M=Hnswlib.links, ef_construction=EF_CONSTRUCTION, random_seed=SEED, allow_replace_deleted=True
        )
        index.add_items(old.codes.astype(np.float32), old.row_ids, num_threads=1)
        index.save_index(str(path))
        was = path.read_bytes()
        for row in old.row_ids[gone]:
            index.mark_deleted(int(row))
        came = new.row_ids >= len(old)
        index.add_items(new.codes[came].astype(np.float32), new.row_ids[came], num_threads=1, replace_deleted=True)
        index.save_index(str(path))
        return was, path.read_bytes()


def zstd_patch(old: bytes, new: bytes) -> int | str:
    """As `zstd -19 --long --patch-from` makes it: the old file is what the new one may refer to."""
    if importlib.util.find_spec("zstandard") is None:
        return "zstandard is not installed: pip install zstandard"
    import zstandard

    window = min((len(old) + len(new)).bit_length(), zstandard.WINDOWLOG_MAX)
    parameters = zstandard.ZstdCompressionParameters.from_level(19, window_log=window, enable_ldm=True)
    patch = zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    return len(zstandard.ZstdCompressor(dict_data=patch, compression_params=parameters).compress(new))


def bsdiff(old: bytes, new: bytes) -> int | str:
    if importlib.util.find_spec("bsdiff4") is None:
        return "bsdiff4 is not installed: pip install bsdiff4"
    if len(old) > BSDIFF_LIMIT:
        return f"{len(old) / 1e6:.0f} MB, of which bsdiff would take minutes and {17 * len(old) / 1e9:.0f} GB of memory"
    import bsdiff4

    return len(bsdiff4.diff(old, new))
