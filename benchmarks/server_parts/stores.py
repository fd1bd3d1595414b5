"""Stores of drawn embeddings."""

from pathlib import Path
from typing import Any

import numpy as np

from catalog_server.curation.encoding import thumbnail
from catalog_server.store import CodeRow, CoinRow, PhotoRow, SpaceRow, Store, now, open_store
from coindex.codes import quantise
from coindex.manifest import LABEL_FIELDS, CoinClass
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, read_index
from coindex_synthetic.embeddings import draw_embeddings
from server_parts.sizes import SEED


def drawn_store(folder: Path, rows: int, *, seed: int = SEED) -> Store:
    """A store of drawn embeddings in the space of the shipped models; twenty photos a class."""
    index = read_index(DEFAULT_FOLDER / INDEX_NAME)
    drawn = draw_embeddings(rows, 0, seed=seed)
    codes = quantise(drawn.rows, index.code_scale)
    store = open_store(folder, create=True)
    with store.changing() as session:
        session.add(SpaceRow(space_id=index.space_id, state="current", created=now()))
        for class_id in np.unique(drawn.class_ids).tolist():
            session.add(_drawn_coin(class_id))
        session.flush()
        for row_id, (class_id, code) in enumerate(zip(drawn.class_ids.tolist(), codes, strict=True), start=1):
            session.add(_drawn_photo(row_id, class_id, index.space_id, code))
            if row_id % 5_000 == 0:
                session.flush()
                session.expunge_all()
    return store


def add_drawn_rows(store: Store, count: int) -> None:
    """As many rows more, of the first classes."""
    index = read_index(DEFAULT_FOLDER / INDEX_NAME)
    codes = quantise(draw_embeddings(count, 0, seed=SEED + 1).rows, index.code_scale)
    with store.changing() as session:
        last = max(session.query(PhotoRow.row_id).order_by(PhotoRow.row_id.desc()).first() or (0,))
        for number, code in enumerate(codes, start=1):
            session.add(_drawn_photo(last + number, 1 + number % 10, index.space_id, code))


def _drawn_coin(class_id: int) -> CoinRow:
    label = CoinClass("Utopia", f"mark {class_id // 100}", str(class_id), "", "obverse")
    fields = {name: getattr(label, name) for name in LABEL_FIELDS}
    return CoinRow(class_id=class_id, **fields, name=label.name, design="", created=now(), updated=now(), revision=1)


def _drawn_photo(row_id: int, class_id: int, space_id: str, code: Any) -> PhotoRow:
    shade = np.full((96, 96, 3), row_id % 251, np.uint8)
    shade[:: 1 + row_id % 7] = class_id % 241
    return PhotoRow(
        row_id=row_id,
        class_id=class_id,
        photo_sha256=f"{row_id:064x}",
        source=f"{row_id}.jpg",
        specimen="",
        year="",
        thumbnail=thumbnail(shade) if row_id <= 200 else b"RIFF" + row_id.to_bytes(4, "little") * 300,
        created=now(),
        codes=[CodeRow(space_id=space_id, code=code.tobytes())],
    )
