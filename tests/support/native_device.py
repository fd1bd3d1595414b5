"""A device's folder with a catalogue of given rows and this checkout's models, made without a server."""

import hashlib

from coindex.catalog.fresh import FRESH_NAME, Fresh, write_fresh
from coindex.catalog.pointer import Layout, Pointer, target_path, targets_folder, write_pointer
from coindex.catalog.release import ReleaseManifest, ReleaseRelief, ReliefPackName, Target, relief_pack_name
from coindex.catalog.relief_pack import write_pack
from coindex.catalog.shard import build_shard, live_rows, write_shard
from coindex.catalog.state import CatalogState, records_bytes, state_hash
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, read_index
from coindex.relief import pack_map

__all__ = ["make_device"]

MAPS_A_PACK = 20
"""Few, so that small catalogues have several packs."""


def make_device(home, rows, records, *, fresh=None, open_set=None, graph=False, models=DEFAULT_FOLDER, maps=None):
    """Write the folder `home`; `records` by class id; `fresh` a `Fresh` over the rows; `maps` int8 (8, 32, 8) by row
    id, in packs of at most `MAPS_A_PACK`. Returns its manifest."""
    fresh = fresh or Fresh.none()
    index = read_index(models / INDEX_NAME)
    shard = build_shard(rows, graph=graph)
    live = live_rows([shard], fresh.rows, fresh.tombstones.tolist())
    state = CatalogState(index.space_id, live, records)
    nets = [net.file for net in index.nets.values()]
    contents = {name: (models / name).read_bytes() for name in (INDEX_NAME, *nets)}
    contents |= {"rows.coinshard": write_shard(shard), "records.json": records_bytes(records.values())}
    if len(fresh):
        contents[FRESH_NAME] = write_fresh(fresh)
    relief, packs = relief_of(index, maps) if maps else (None, {})
    contents |= packs
    manifest = ReleaseManifest(
        version=1,
        created="2026-01-01T00:00:00Z",
        space_id=index.space_id,
        code_scale=index.code_scale,
        open_set=open_set,
        models=(INDEX_NAME, *nets),
        shards=("rows.coinshard",),
        fresh=FRESH_NAME if len(fresh) else None,
        records="records.json",
        thumbnails=(),
        deltas=(),
        state_hash=state_hash(state),
        rows=len(live),
        classes=len(records),
        ef=50,
        validation=None,
        relief=relief,
        facts=any(record.facts for record in records.values()),
    )
    contents["release.json"] = manifest.to_bytes()
    targets = {name: Target(name, len(data), hashlib.sha256(data).hexdigest()) for name, data in contents.items()}
    targets_folder(home).mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        target_path(home, targets[name]).write_bytes(data)
    layout = Layout(
        manifest.state_hash,
        (targets["rows.coinshard"],),
        targets.get(FRESH_NAME),
        targets["records.json"],
    )
    own = {name: targets[name] for name in (INDEX_NAME, *nets, *packs, "release.json")}
    write_pointer(home, Pointer(1, own, layout))
    return manifest


def relief_of(index, maps):
    """What a manifest says of relief maps by row id, and their packs by name."""
    relief_id, rows = index.relief.relief_id, sorted(maps)
    names, packs = [], {}
    for start in range(0, len(rows), MAPS_A_PACK):
        part = rows[start : start + MAPS_A_PACK]
        name = relief_pack_name(relief_id, part[0], part[-1])
        names.append(ReliefPackName(name, len(part)))
        packs[name] = write_pack(relief_id, {row: pack_map(maps[row]) for row in part})
    return ReleaseRelief(relief_id, tuple(names)), packs
