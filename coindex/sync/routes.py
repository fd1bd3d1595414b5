"""The ways in which a device comes to a release's catalogue, or to a pack of it, and the going of the cheapest."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from coindex.catalog.delta import changed_records, read_delta
from coindex.catalog.fresh import FRESH_NAME, write_fresh
from coindex.catalog.local import read_contents_of
from coindex.catalog.pointer import Layout, read_target
from coindex.catalog.release import RECORDS_NAME, ReleaseManifest, Target, read_contents
from coindex.catalog.state import records_bytes
from coindex.disk import Disk
from coindex.errors import CatalogError, ReleaseRejected
from coindex.sync import rules
from coindex.sync.files import DeviceFiles
from coindex.sync.metadata import SignedTargets

__all__ = ["Reached", "Route", "Ways", "find_ways", "lay_out"]

Route = Literal["kept", "delta", "full"]
"""How a device came to the release's catalogue: it had it already, it followed a delta over its own shards, or it took
the release's own shards, fresh rows and records."""


@dataclass(frozen=True)
class Ways:
    """How a catalogue can be reached: from the layout that is `here`, whole, None where there is none, perhaps by a
    `delta`; or as the release's `own` files, of which `cost` bytes are missing."""

    here: Layout | None
    delta: Target | None
    own: Layout
    cost: int

    def files(self, state_hash: str) -> tuple[Target, ...]:
        """The files that the cheapest way to this state takes."""
        if self.here and self.here.state_hash == state_hash:
            return ()
        return (self.delta,) if self.delta else self.own.files


@dataclass(frozen=True)
class Reached:
    """The layout that gives a catalogue, how the device came to it, and the bytes that this saved."""

    layout: Layout
    route: Route
    saved: int


def find_ways(files: DeviceFiles, here: Layout | None, offered: SignedTargets, manifest: ReleaseManifest) -> Ways:
    """How a catalogue can be reached from the layout that is here, if any."""
    own = rules.own_layout(offered, manifest)
    cost = sum(file.length for file in rules.missing_files(own.files, files.held))
    here = here if here and files.held.issuperset(here.files) else None
    if here and here.state_hash == manifest.state_hash:
        return Ways(here, None, own, cost)
    delta = rules.choose_delta(offered, manifest, here, cost=cost) if here else None
    return Ways(here, delta, own, cost)


def lay_out(
    files: DeviceFiles, home: Path, ways: Ways, manifest: ReleaseManifest, *, verified: bool, disk: Disk
) -> Reached:
    """Fetch what the cheapest way takes, and verify what it gives; what is here needs no more where it is `verified`.
    Raises `SyncError`, `ReleaseRejected` and `CatalogError`."""
    here, delta, own = ways.here, ways.delta, ways.own
    if here and here.state_hash == manifest.state_hash:
        if not verified:
            rules.check_contents(read_contents_of(home, here, manifest, disk=disk))
        return Reached(here, "kept", ways.cost)
    if here and delta:
        before = files.transferred
        try:
            layout = _follow(files, home, here, delta, manifest, disk)
            return Reached(layout, "delta", max(ways.cost - (files.transferred - before), 0))
        except (ReleaseRejected, CatalogError):
            # The release itself does not need its deltas to be right.
            pass
    files.fetch(own.files)
    named = {file.name: file for file in own.files}
    rules.check_contents(read_contents(manifest, lambda name: read_target(home, named[name], disk=disk)))
    return Reached(own, "full", 0)


def _follow(
    files: DeviceFiles, home: Path, here: Layout, file: Target, manifest: ReleaseManifest, disk: Disk
) -> Layout:
    """The layout after a delta: the same shards, fresh rows and records made anew, which give the release's state."""
    files.fetch([file])
    data = read_target(home, file, disk=disk)
    delta = read_delta(data, name=file.name, most=2 * rules.MAX_CHANGES, classes=manifest.classes)
    old = read_contents_of(home, here, manifest, disk=disk)
    row_ids = np.concatenate([np.zeros(0, np.uint32), *(shard.rows.row_ids for shard in old.shards)])
    fresh = old.fresh.after(delta, row_ids)
    rules.check_fresh(fresh)
    records = changed_records(old.records, delta)
    rules.check_contents(replace(old, fresh=fresh, records=records))
    return Layout(
        state_hash=manifest.state_hash,
        shards=here.shards,
        fresh=files.keep(FRESH_NAME, write_fresh(fresh)) if len(fresh) else None,
        records=files.keep(RECORDS_NAME, records_bytes(records.values())),
    )
