"""The files of a release: each on the shelf under its content's hash, taken over from what is served, or made.

What is taken over and what is made, `catalog_server.publishing.compaction` decides.
"""

import contextlib
import hashlib
import io
import json
import re
import struct
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.curation.relief_maps import chosen_rows
from catalog_server.publishing.compaction import compact, compact_packs
from catalog_server.publishing.served import ServedSpace, is_whole
from catalog_server.store import PhotoRow, ReliefRow
from coindex.catalog import Rows
from coindex.catalog.document import canonical
from coindex.catalog.fresh import FRESH_NAME, Fresh, write_fresh
from coindex.catalog.pointer import WHOLE
from coindex.catalog.release import (
    MANIFEST_NAME,
    RECORDS_NAME,
    ReleaseRelief,
    ReliefPackName,
    Target,
    in_pack,
    manifest_name,
    models_index_name,
    relief_pack_name,
    thumbnail_pack_name,
)
from coindex.catalog.relief_pack import ReliefPack, read_pack, write_pack
from coindex.catalog.shard import Shard, build_shard, read_shard, write_shard
from coindex.disk import write_whole
from coindex.errors import CatalogError, ModelError
from coindex.models import INDEX_NAME, ModelFile, ModelIndex

__all__ = ["Layout", "Names", "Shelf", "lay_out", "shelve_models", "shelve_relief", "shelve_thumbnails"]


PICTURE = b".webp"
DIRECTORY_END = struct.Struct("<10xHIIH")
"""Of a ZIP: how many files, the bytes of their directory, where it begins, and those of a comment."""
ENTRY_HEAD = 46
ENTRY = re.compile(rb"PK\x01\x02.{26}\0{4}.{12}(\d+)\.webp", re.DOTALL)
"""An entry of that directory without extra field and comment, as packs of thumbnails have them."""


@dataclass(frozen=True)
class Names:
    """What files are called that differ from space to space, and from pack to pack: plainly for the recommended space,
    by its id for any other; what a pack has for itself by the pack's id too, where there is one."""

    space_id: str
    recommended: bool
    pack_id: str = WHOLE

    @property
    def manifest(self) -> str:
        """The manifest."""
        return self.of_pack(MANIFEST_NAME if self.recommended else manifest_name(self.space_id))

    @property
    def records(self) -> str:
        """The coin records."""
        return self.of_pack(RECORDS_NAME)

    @property
    def models_index(self) -> str:
        """The index of the models."""
        return INDEX_NAME if self.recommended else models_index_name(self.space_id)

    @property
    def fresh(self) -> str:
        """The fresh rows."""
        return self.of_pack(FRESH_NAME if self.recommended else f"fresh-{self.space_id}.coinfresh")

    def delta(self, version: int) -> str:
        """The delta from a release."""
        return self.of_pack(f"delta-{'' if self.recommended else f'{self.space_id}-'}from-{version}.coindelta")

    def of_pack(self, name: str) -> str:
        """A file's name in the pack."""
        return in_pack(name, self.pack_id)

    def net(self, file: str) -> str:
        """A net whose own name another space has taken."""
        path = PurePath(file)
        return f"{path.stem}-{self.space_id}{path.suffix}"


class Shelf:
    """Puts files under their content's hash, and remembers them as the targets of a release."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.targets: dict[str, Target] = {}
        self.new_bytes = 0

    def add(self, name: str, data: bytes) -> str:
        """Write a file, unless it lies there whole. Returns its name."""
        target = Target(name, len(data), hashlib.sha256(data).hexdigest())
        path = self._folder / target.stored_name
        if not is_whole(path, target):
            write_whole(path, data)
            self.new_bytes += target.length
        self.targets[name] = target
        return name

    def add_all(self, files: Iterable[tuple[str, bytes]]) -> tuple[str, ...]:
        """Write files, in this order. Returns their names."""
        return tuple(self.add(name, data) for name, data in files)

    def keep(self, target: Target) -> str:
        """Take over a file that lies there, whole. Returns its name."""
        self.targets[target.name] = target
        return target.name


@dataclass(frozen=True, eq=False)
class Layout:
    """The shards of a release with their files' names, and what is fresh beside them."""

    shards: tuple[Shard, ...]
    names: tuple[str, ...]
    fresh: Fresh
    fresh_name: str | None


def lay_out(served: ServedSpace | None, rows: Rows, names_of: Names, shelf: Shelf) -> Layout:
    """Keep or build the shards, and shelve them with the fresh rows."""
    old = _readable_shards(served) if served else []
    compaction = compact([shard.rows for _, shard in old], rows)
    shards, names = [], []
    for number in compaction.kept:
        target, shard = old[number]
        shards.append(shard)
        names.append(shelf.keep(target))
    for part in compaction.built:
        shard = build_shard(part)
        data = write_shard(shard)
        shards.append(shard)
        names.append(shelf.add(f"shard-{hashlib.sha256(data).hexdigest()[:12]}.coinshard", data))
    fresh_name = shelf.add(names_of.fresh, write_fresh(compaction.fresh)) if len(compaction.fresh) else None
    return Layout(tuple(shards), tuple(names), compaction.fresh, fresh_name)


def shelve_models(folder: Path, index: ModelIndex, names: Names, shelf: Shelf) -> tuple[str, ...]:
    """The models of a space. A net that another space has under the same name goes by the space's id, in the index
    too."""
    document = json.loads((folder / INDEX_NAME).read_bytes())
    nets = []
    for role, net in index.nets.items():
        data = _read_net(folder / net.file, net)
        taken = shelf.targets.get(net.file)
        name = net.file if taken in (None, Target(net.file, net.bytes, net.sha256)) else names.net(net.file)
        document["models"][role]["file"] = name
        nets.append((name, data))
    renamed = [name for name, _ in nets] != [net.file for net in index.nets.values()]
    written = canonical(document) if renamed else (folder / INDEX_NAME).read_bytes()
    return shelf.add_all([(names.models_index, written), *nets])


def shelve_thumbnails(
    session: Session, served: ServedSpace | None, row_ids: NDArray[np.uint32], names_of: Names, shelf: Shelf
) -> tuple[str, ...]:
    """Keep or make the packs of thumbnails. A row's picture is given once, so a pack is known by its row ids."""
    old = [(target, _pictured(data)) for target, data in served.files(served.manifest.thumbnails)] if served else []
    packs = compact_packs([ids for _, ids in old], row_ids)
    names = {int(old[number][1][0]): shelf.keep(old[number][0]) for number in packs.kept}
    for ids in packs.built:
        name = names_of.of_pack(thumbnail_pack_name(int(ids[0]), int(ids[-1])))
        names[int(ids[0])] = shelf.add(name, _thumbnail_pack(session, ids))
    return tuple(names[first] for first in sorted(names))


def shelve_relief(
    session: Session,
    served: Iterable[ServedSpace],
    relief_id: str,
    references: int,
    within: NDArray[np.uint32],
    names_of: Names,
    shelf: Shelf,
) -> ReleaseRelief | None:
    """Keep or make the packs of relief maps, of so many references a class, of the rows `within`; None where there are
    no maps. A row's map is made once, so a pack is known by its row ids."""
    row_ids = chosen_rows(session, relief_id, references)
    row_ids = row_ids[np.isin(row_ids, within)]
    if not len(row_ids):
        return None
    old = next((_readable_packs(part, relief_id) for part in served if _has_relief(part, relief_id)), [])
    packs = compact_packs([pack.row_ids for _, pack in old], row_ids)
    names = {old[number][0].name: len(old[number][1].row_ids) for number in packs.kept}
    for number in packs.kept:
        shelf.keep(old[number][0])
    for ids in packs.built:
        data = write_pack(relief_id, _maps(session, relief_id, ids))
        names[shelf.add(names_of.of_pack(relief_pack_name(relief_id, int(ids[0]), int(ids[-1]))), data)] = len(ids)
    found = (ReliefPackName(name, maps) for name, maps in names.items())
    return ReleaseRelief(relief_id, tuple(sorted(found, key=lambda pack: pack.span)))


def _has_relief(served: ServedSpace, relief_id: str) -> bool:
    return served.manifest.relief is not None and served.manifest.relief.relief_id == relief_id


def _readable_packs(served: ServedSpace, relief_id: str) -> list[tuple[Target, ReliefPack]]:
    packs = []
    for target, data in served.files(served.manifest.relief_packs):
        with contextlib.suppress(CatalogError):  # an older format: its maps go into a new pack
            packs.append((target, read_pack(data, name=target.name, relief_id=relief_id)))
    return packs


def _maps(session: Session, relief_id: str, row_ids: NDArray[np.uint32]) -> dict[int, bytes]:
    within = ReliefRow.row_id.between(int(row_ids[0]), int(row_ids[-1]))
    query = select(ReliefRow.row_id, ReliefRow.map).where(ReliefRow.relief_id == relief_id, within)
    wanted = set(row_ids.tolist())
    return {row.row_id: row.map for row in session.execute(query) if row.row_id in wanted}


def _readable_shards(served: ServedSpace) -> list[tuple[Target, Shard]]:
    shards = []
    for target, data in served.files(served.manifest.shards):
        with contextlib.suppress(CatalogError):  # an older format: its rows go into a new shard
            shards.append((target, read_shard(data, name=target.name)))
    return shards


def _read_net(path: Path, net: ModelFile) -> bytes:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); export the models again") from None
    if len(data) != net.bytes or hashlib.sha256(data).hexdigest() != net.sha256:
        raise ModelError(f"{path}: not the file that {INDEX_NAME} describes; export the models again")
    return data


def _pictured(pack: bytes) -> NDArray[np.uint32]:
    """The rows of a pack. Those that are made here have the plainest of directories, which is read at once: of 20,000
    pictures in 10 ms, where `zipfile` takes 130 ms; of 100,000 in 50 ms in place of 450 ms, at each publish."""
    *_, size, start, comment = DIRECTORY_END.unpack(pack[-DIRECTORY_END.size :])
    names = ENTRY.findall(pack, start) if not comment and start + size + DIRECTORY_END.size == len(pack) else []
    if sum(ENTRY_HEAD + len(name) + len(PICTURE) for name in names) != size:
        with zipfile.ZipFile(io.BytesIO(pack)) as archive:
            names = [name.removesuffix(PICTURE.decode()).encode() for name in archive.namelist()]
    return np.array(names).astype(np.uint32)


def _thumbnail_pack(session: Session, row_ids: NDArray[np.uint32]) -> bytes:
    """The pack of these rows."""
    wanted = set(row_ids.tolist())
    within = PhotoRow.row_id.between(int(row_ids[0]), int(row_ids[-1]))
    query = select(PhotoRow.row_id, PhotoRow.thumbnail).where(~PhotoRow.retired, within).order_by(PhotoRow.row_id)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for row in session.execute(query):
            if row.row_id not in wanted:  # another pack's
                continue
            # A fixed date and system: the same thumbnails give the same bytes.
            entry = zipfile.ZipInfo(f"{row.row_id}.webp", date_time=(1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            archive.writestr(entry, row.thumbnail)
    return out.getvalue()
