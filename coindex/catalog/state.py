"""The state of a catalogue, independent of how it is stored: reference rows and the coins that they show."""

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from json.encoder import encode_basestring
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.document import Fields, canonical, parse_json
from coindex.codes import DIMENSIONS
from coindex.errors import CatalogError
from coindex.facts import Facts, checked_facts, facts_document
from coindex.manifest import LABEL_FIELDS, SIDES, CoinClass

__all__ = [
    "MAX_ID",
    "MAX_RECORD_BYTES",
    "CatalogState",
    "CoinRecord",
    "Rows",
    "merge_rows",
    "parse_records",
    "records_bytes",
    "state_hash",
    "written_records",
]

MAX_ID = 2**32 - 1
"""Row and class ids are uint32."""

MAX_RECORD_BYTES = 2**15
"""A record's eight fields of 200 characters and its facts take less. It bounds the size of all records together."""

RECORD = b'{"class_id":'

WRITE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode
"""Text, lists, whole numbers and names of ASCII letters as RFC 8785 has them, at a tenth of the time."""
ALIKE = 1e-4, 1e15
"""Between these Python and RFC 8785 write numbers with a fraction alike, but for the .0 of whole ones."""

ROW = np.dtype([("row", "<u4"), ("class", "<u4"), ("code", "i1", (DIMENSIONS,))])


@dataclass(frozen=True)
class CoinRecord:
    """One class: one side of a coin.

    Attributes:
        class_id: The class id, 1 or more.
        country: The country, as in manifests.
        currency: The currency.
        denomination: The denomination.
        variant: The variant, such as a commemorative issue; it can be empty.
        side: `obverse`, `reverse` or `unknown`.
        name: The coin as people read it, without the side.
        design: A name that classes with the same picture share; empty for a picture of its own.
        facts: Facts of the coin, the same for all its sides.
    """

    class_id: int
    country: str
    currency: str
    denomination: str
    variant: str
    side: str
    name: str
    design: str
    facts: Facts = field(default_factory=dict)

    @property
    def label(self) -> CoinClass:
        """The class as a manifest names it."""
        return CoinClass(*(getattr(self, name) for name in LABEL_FIELDS))

    def document(self) -> dict[str, Any]:
        """The entry of `records.json`."""
        document: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "facts"}
        return {**document, "facts": facts_document(self.facts)} if self.facts else document

    @cached_property
    def written(self) -> bytes:
        """The entry of `records.json` as canonical JSON: made once, since a catalogue's are asked for many times."""
        facts = f'"facts":{_written_facts(self.facts)},' if self.facts else ""
        country, currency, denomination, design = map(
            encode_basestring, (self.country, self.currency, self.denomination, self.design)
        )
        name, side, variant = map(encode_basestring, (self.name, self.side, self.variant))
        return (
            f'{{"class_id":{self.class_id},"country":{country},"currency":{currency},"denomination":{denomination},'
            f'"design":{design},{facts}"name":{name},"side":{side},"variant":{variant}}}'
        ).encode()


@dataclass(frozen=True, eq=False)
class Rows:
    """Reference photos.

    Attributes:
        row_ids: uint32 (n,), ascending without repeats.
        class_ids: uint32 (n,).
        codes: int8 (n, 64), within ±127.

    Raises:
        CatalogError: If an array has another shape, dtype, order or range.
    """

    row_ids: NDArray[np.uint32]
    class_ids: NDArray[np.uint32]
    codes: NDArray[np.int8]

    def __post_init__(self) -> None:
        n = len(self.row_ids)
        for part, dtype, shape in (
            (self.row_ids, np.uint32, (n,)),
            (self.class_ids, np.uint32, (n,)),
            (self.codes, np.int8, (n, DIMENSIONS)),
        ):
            if part.dtype != dtype or part.shape != shape:
                raise CatalogError(f"rows have {part.dtype} {part.shape}, expected {np.dtype(dtype)} {shape}")
        if n and not (self.row_ids[1:] > self.row_ids[:-1]).all():
            raise CatalogError("row ids must ascend without repeats")
        if n and self.codes.min() == -128:
            raise CatalogError("a code holds -128; codes lie in ±127")

    def __len__(self) -> int:
        return len(self.row_ids)

    @staticmethod
    def of(row_ids: Iterable[int], class_ids: Iterable[int], codes: NDArray[np.int8]) -> "Rows":
        """Rows from columns in any order, sorted by row id.

        Args:
            row_ids: The row ids.
            class_ids: The class id of each row.
            codes: The code of each row, int8 (n, 64).

        Raises:
            CatalogError: If a row id is repeated, or a code has -128.
        """
        rows, classes = np.array([*row_ids], np.uint32), np.array([*class_ids], np.uint32)
        order = np.argsort(rows, kind="stable")
        return Rows(rows[order], classes[order], np.asarray(codes, np.int8).reshape(-1, DIMENSIONS)[order])

    @staticmethod
    def none() -> "Rows":
        """No rows."""
        return Rows.of((), (), np.zeros((0, DIMENSIONS), np.int8))

    def packed(self) -> bytes:
        """72 bytes a row: little-endian u32 row id, u32 class id, 64 × int8."""
        table = np.zeros(len(self), ROW)
        table["row"], table["class"], table["code"] = self.row_ids, self.class_ids, self.codes
        return table.tobytes()

    @staticmethod
    def unpack(data: bytes) -> "Rows":
        """Read the bytes of `packed`.

        Args:
            data: 72 bytes a row.

        Raises:
            CatalogError: If the bytes are damaged.
        """
        if len(data) % ROW.itemsize:
            raise CatalogError(f"{len(data)} bytes are not a multiple of {ROW.itemsize}, the bytes of a row")
        table = np.frombuffer(data, ROW)
        return Rows(
            table["row"].astype(np.uint32),
            table["class"].astype(np.uint32),
            np.ascontiguousarray(table["code"]),
        )


@dataclass(frozen=True, eq=False)
class CatalogState:
    """A complete catalogue.

    Attributes:
        space_id: The embedding space.
        rows: The reference photos.
        records: The coin records by class id.

    Raises:
        CatalogError: If the class of a row has no record, or a record is under another class id.
    """

    space_id: str
    rows: Rows
    records: Mapping[int, CoinRecord]

    def __post_init__(self) -> None:
        wrong = [key for key, record in self.records.items() if key != record.class_id]
        if wrong:
            raise CatalogError(f"the record under class {wrong[0]} is of class {self.records[wrong[0]].class_id}")
        lacking = [int(key) for key in np.unique(self.rows.class_ids) if int(key) not in self.records]
        if lacking:
            raise CatalogError(
                f"{len(lacking)} classes have rows but no coin record; the first one is class {lacking[0]}"
            )


def state_hash(state: CatalogState) -> str:
    """The hash of a catalogue. Two devices have the same catalogue if their hashes are equal, whatever their files are.

    Args:
        state: The catalogue.

    Returns:
        SHA-256 (hex) over the space id in UTF-8, the packed rows sorted by row id, and the records as one canonical
        JSON list sorted by class id.
    """
    digest = hashlib.sha256(state.space_id.encode())
    digest.update(state.rows.packed())
    digest.update(records_bytes(state.records.values()))
    return digest.hexdigest()


def merge_rows(parts: Iterable[Rows], *, without: Collection[int] = ()) -> Rows:
    """The rows of all parts, sorted by row id.

    Args:
        parts: The rows to merge.
        without: The ids of rows to leave out.

    Raises:
        CatalogError: If an id is repeated.
    """
    kept = [part for part in parts if len(part)] or [Rows.none()]
    if len(kept) == 1 and not without:
        return kept[0]
    row_ids = np.concatenate([part.row_ids for part in kept])
    class_ids = np.concatenate([part.class_ids for part in kept])
    codes = np.concatenate([part.codes for part in kept])
    order = np.argsort(row_ids, kind="stable")
    order = order[~np.isin(row_ids[order], np.array([*without], np.uint32))]
    return Rows(row_ids[order], class_ids[order], codes[order])


def records_bytes(records: Iterable[CoinRecord]) -> bytes:
    """The content of `records.json`: the records as one canonical JSON list, sorted by class id."""
    return b"[" + b",".join(record.written for record in sorted(records, key=lambda record: record.class_id)) + b"]"


def written_records(data: bytes) -> list[bytes]:
    """The entries of a `records.json` as they are written. If `data` is no such file, they are bytes that no parser
    accepts."""
    return [RECORD + entry for entry in data[1 + len(RECORD) : -1].split(b"," + RECORD)]


def parse_records(data: bytes, *, classes: int | None = None) -> dict[int, CoinRecord]:
    """Read a `records.json`.

    Args:
        data: The bytes of the file.
        classes: The number of classes, if it is known. It is checked before the records are parsed.

    Returns:
        The records by class id.

    Raises:
        CatalogError: If `records_bytes` would not write these bytes, or there is another number of records.
    """
    try:
        # In canonical form each record starts with this, and nothing else does: in a string the quotes are escaped.
        found = data.count(RECORD)
        if classes is not None and (found != classes or len(data) > 2 + classes * MAX_RECORD_BYTES):
            raise ValueError(f"{found} records in {len(data)} bytes; expected {classes}")
        documents = parse_json(data)
        if not isinstance(documents, list):
            raise ValueError("the document must be a list")
        records = {record.class_id: record for record in map(_record, documents)}
        if records_bytes(records.values()) != data:
            raise ValueError("not in canonical form, or a class is listed twice")
    except ValueError as error:
        raise CatalogError(f"records.json: {error}; download the catalogue again") from None
    return records


def _written_facts(facts: Facts) -> str:
    document, (least, most) = facts_document(facts), ALIKE
    numbers = {name: fact for name, fact in facts.items() if isinstance(fact, float)}
    if not all(least <= abs(number) < most for number in numbers.values()):
        return canonical(document).decode()
    return WRITE(document | {name: int(number) for name, number in numbers.items() if number.is_integer()})


def _record(document: dict[str, Any]) -> CoinRecord:
    fields = Fields(document)
    side = fields.text("side")
    if side not in SIDES:
        raise ValueError(f"side {side!r} is not one of {', '.join(SIDES)}")
    return CoinRecord(
        class_id=fields.whole("class_id", least=1, most=MAX_ID),
        country=fields.text("country"),
        currency=fields.text("currency"),
        denomination=fields.text("denomination"),
        variant=fields.text("variant"),
        side=side,
        name=fields.text("name"),
        design=fields.text("design"),
        facts=checked_facts(document["facts"]) if "facts" in document else {},
    )
