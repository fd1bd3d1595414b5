"""Deltas: the changed rows between two catalogue states, kilobytes in place of a release's megabytes."""

import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.packing import frame, inflated, pack_ascending, unframe, unpack_ascending
from coindex.catalog.sections import MAX_COUNT, Sections, pack_rows, section
from coindex.catalog.state import (
    MAX_RECORD_BYTES,
    CatalogState,
    CoinRecord,
    Rows,
    merge_rows,
    parse_records,
    records_bytes,
    state_hash,
)
from coindex.errors import CatalogError, SpaceMismatch

__all__ = [
    "FORMAT_VERSION",
    "WHOLE",
    "Delta",
    "apply_delta",
    "changed_records",
    "changed_rows",
    "delta_between",
    "join_deltas",
    "read_delta",
    "write_delta",
]

MAGIC = b"COINDELT"
FORMAT_VERSION = 1
HASH_BYTES = 32
COUNTS = struct.Struct("<IIII")
"""Removed rows, added rows, dropped records, bytes of the records' JSON."""

MAX_RECORDS_BYTES = 2**28
"""A million coin records take about 150 MB. A delta that claims more is damaged or forged."""

WHOLE = "sync again, which downloads the complete release"
"""The advice for a delta that does not fit."""


@dataclass(frozen=True, eq=False)
class Delta:
    """The changes from the state of `from_hash` to that of `to_hash`. Removals come before additions.

    Attributes:
        from_hash: The state hash before.
        to_hash: The state hash after.
        removed: The ids of removed rows, uint32 (n,), ascending.
        added: The added rows. A changed row is in `removed` and in `added`.
        dropped: The class ids whose records are removed, ascending.
        records: New or changed records by class id.

    Raises:
        CatalogError: If ids do not ascend, or a record is both dropped and added.
    """

    from_hash: str
    to_hash: str
    removed: NDArray[np.uint32]
    added: Rows
    dropped: tuple[int, ...]
    records: Mapping[int, CoinRecord]

    def __post_init__(self) -> None:
        if not (self.removed[1:] > self.removed[:-1]).all():
            raise CatalogError("removed row ids must ascend without repeats")
        if list(self.dropped) != sorted(set(self.dropped)):
            raise CatalogError("dropped class ids must ascend without repeats")
        both = self.records.keys() & set(self.dropped)
        if both:
            raise CatalogError(f"the record of class {min(both)} is both dropped and added")


def delta_between(old: CatalogState, new: CatalogState, *, hashes: tuple[str, str] | None = None) -> Delta:
    """The smallest delta from one state to another.

    Args:
        old: The state before.
        new: The state after, of the same embedding space.
        hashes: The state hashes of both, if they are known already.

    Raises:
        SpaceMismatch: If their codes cannot be compared.
    """
    if old.space_id != new.space_id:
        raise SpaceMismatch(
            f"no delta leads from space {old.space_id} to space {new.space_id}; download the complete release"
        )
    from_hash, to_hash = hashes or (state_hash(old), state_hash(new))
    gone, came = changed_rows(old.rows, new.rows), changed_rows(new.rows, old.rows)
    return Delta(
        from_hash=from_hash,
        to_hash=to_hash,
        removed=old.rows.row_ids[gone],
        added=Rows(new.rows.row_ids[came], new.rows.class_ids[came], new.rows.codes[came]),
        dropped=tuple(sorted(old.records.keys() - new.records.keys())),
        records={key: record for key, record in new.records.items() if not _is_same(old.records.get(key), record)},
    )


def join_deltas(first: Delta, second: Delta) -> Delta | None:
    """The smallest delta over two that follow each other, or None if they do not tell it.

    A row or a record that both change can be again as it was before the first. Deltas do not tell what was before.

    Args:
        first: The changes before.
        second: The changes after, from the state that the first leads to.

    Raises:
        CatalogError: If the second starts from another state.
    """
    if first.to_hash != second.from_hash:
        raise CatalogError(f"a delta starts from state {second.from_hash[:12]}…, not from {first.to_hash[:12]}…")
    rows, others = (np.union1d(delta.removed, delta.added.row_ids) for delta in (first, second))
    if len(np.intersect1d(rows, others)) or {*first.dropped, *first.records} & {*second.dropped, *second.records}:
        return None
    return Delta(
        from_hash=first.from_hash,
        to_hash=second.to_hash,
        removed=np.union1d(first.removed, second.removed),
        added=merge_rows([first.added, second.added]),
        dropped=tuple(sorted((*first.dropped, *second.dropped))),
        records={**first.records, **second.records},
    )


def apply_delta(state: CatalogState, delta: Delta) -> CatalogState:
    """Apply a delta. `state` does not change.

    Args:
        state: The state of `delta.from_hash`.
        delta: The changes.

    Returns:
        The state of `delta.to_hash`.

    Raises:
        CatalogError: If the delta starts from another state, or does not lead to the state that it names.
    """
    found = state_hash(state)
    if found != delta.from_hash:
        raise CatalogError(f"the delta starts from state {delta.from_hash[:12]}…, not from {found[:12]}…; {WHOLE}")
    lacking = delta.removed[~np.isin(delta.removed, state.rows.row_ids)]
    if len(lacking):
        raise CatalogError(f"the delta removes row {lacking[0]}, which does not exist; {WHOLE}")
    left = merge_rows([state.rows], without=delta.removed.tolist())
    after = CatalogState(state.space_id, merge_rows([left, delta.added]), changed_records(state.records, delta))
    reached = state_hash(after)
    if reached != delta.to_hash:
        raise CatalogError(f"the delta leads to state {reached[:12]}…, not to {delta.to_hash[:12]}…; {WHOLE}")
    return after


def changed_records(records: Mapping[int, CoinRecord], delta: Delta) -> dict[int, CoinRecord]:
    """The coin records after a delta.

    Args:
        records: The records before, by class id.
        delta: The changes.

    Raises:
        CatalogError: If the delta drops a record that does not exist.
    """
    lacking = [key for key in delta.dropped if key not in records]
    if lacking:
        raise CatalogError(f"the delta drops the record of class {lacking[0]}, which does not exist; {WHOLE}")
    changed = {**records, **delta.records}
    for key in delta.dropped:
        del changed[key]
    return changed


def write_delta(delta: Delta) -> bytes:
    """The delta as a file of format version 1."""
    records = records_bytes(delta.records.values())
    payload = (
        bytes.fromhex(delta.from_hash)
        + bytes.fromhex(delta.to_hash)
        + COUNTS.pack(len(delta.removed), len(delta.added), len(delta.dropped), len(records))
        + section(pack_ascending(delta.removed))
        + pack_rows(delta.added)
        + section(pack_ascending(np.array(delta.dropped, np.uint32)))
        + section(min(zlib.compress(records, 9), records, key=len))
    )
    return frame(MAGIC, FORMAT_VERSION, payload)


def read_delta(data: bytes, *, name: str = "delta", most: int = MAX_COUNT, classes: int | None = None) -> Delta:
    """Read a delta file.

    Args:
        data: The bytes of the file.
        name: The file's name, for error messages.
        most: The most rows that the delta may remove, and the most that it may add.
        classes: The number of classes after the delta, if it is known. It bounds the records.

    Raises:
        CatalogError: If the file is damaged, of a newer format (the message says which), or has more rows. Nothing is
            unpacked then.
    """
    parts = Sections(unframe(MAGIC, FORMAT_VERSION, data, name=name))
    try:
        from_hash, to_hash = (bytes(parts.take(HASH_BYTES)).hex() for _ in range(2))
        removed, added, dropped = parts.count(most), parts.count(most), parts.count()
        records_length = parts.number()
        if classes is not None and records_length > 2 + classes * MAX_RECORD_BYTES:
            raise CatalogError(f"its records claim {records_length} bytes, for {classes} classes")
        delta = Delta(
            from_hash=from_hash,
            to_hash=to_hash,
            removed=unpack_ascending(parts.section(), removed),
            added=parts.rows(added),
            dropped=tuple(unpack_ascending(parts.section(), dropped).tolist()),
            records=parse_records(_records(parts.section(), records_length)),
        )
        parts.end()
    except CatalogError as error:
        raise CatalogError(f"{name}: {error}; sync again, or publish the catalogue again") from None
    return delta


def changed_rows(rows: Rows, others: Rows) -> NDArray[np.intp]:
    """Positions of the rows that `others` does not have, or has with another class or code."""
    _, mine, theirs = np.intersect1d(rows.row_ids, others.row_ids, assume_unique=True, return_indices=True)
    same = (rows.class_ids[mine] == others.class_ids[theirs]) & (rows.codes[mine] == others.codes[theirs]).all(axis=1)
    changed = np.ones(len(rows), bool)
    changed[mine[same]] = False
    return np.flatnonzero(changed)


def _is_same(old: CoinRecord | None, new: CoinRecord) -> bool:
    return old is new or old == new


def _records(data: memoryview, length: int) -> bytes:
    """The records' JSON. It is stored uncompressed if its length is the stated one, otherwise deflated."""
    if len(data) == length:
        return bytes(data)
    if length > MAX_RECORDS_BYTES:
        raise CatalogError(f"its records claim {length} bytes; at most {MAX_RECORDS_BYTES} are allowed")
    raw = inflated(data, length)
    if len(raw) != length:
        raise CatalogError(f"its records have {len(raw)} bytes, it states {length}")
    return raw
