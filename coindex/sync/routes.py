"""Routes from a device's files to a release's catalogue, or to a pack of it. The cheapest one is taken."""

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
"""How a device reached the release's catalogue: it had it already (`kept`), it applied a delta to its own shards
(`delta`), or it downloaded the release's shards, fresh rows and records (`full`)."""


@dataclass(frozen=True)
class Ways:
    """How a catalogue can be reached.

    Attributes:
        here: The intact layout on this device, None if there is none.
        delta: The delta from that layout to the release, None if no delta is cheaper.
        own: The layout of the release's own files.
        cost: The bytes of `own` that are missing here.
    """

    here: Layout | None
    delta: Target | None
    own: Layout
    cost: int

    def files(self, state_hash: str) -> tuple[Target, ...]:
        """The files that the cheapest route to this state needs."""
        if self.here and self.here.state_hash == state_hash:
            return ()
        return (self.delta,) if self.delta else self.own.files


@dataclass(frozen=True)
class Reached:
    """A verified layout, how the device reached it, and the bytes that this route saved."""

    layout: Layout
    route: Route
    saved: int


def find_ways(files: DeviceFiles, here: Layout | None, offered: SignedTargets, manifest: ReleaseManifest) -> Ways:
    """Find the routes from the layout on this device, if there is one.

    Args:
        files: The files on this device.
        here: The layout on this device; None if there is none.
        offered: The signed targets.
        manifest: The manifest to reach.
    """
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
    """Download what the cheapest route needs, and verify the catalogue.

    Args:
        files: The files of this sync.
        home: The device's folder.
        ways: The routes, as `find_ways` gives them.
        manifest: The manifest of the release, or of the pack.
        verified: Whether a layout that already has the release's state was verified before.
        disk: The file system.

    Raises:
        SyncError: If a file cannot be downloaded.
        ReleaseRejected: If the files do not give the release's state.
        CatalogError: If a file is damaged.
    """
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
            # A wrong delta does not make the release wrong: take the full route.
            pass
    files.fetch(own.files)
    named = {file.name: file for file in own.files}
    rules.check_contents(read_contents(manifest, lambda name: read_target(home, named[name], disk=disk)))
    return Reached(own, "full", 0)


def _follow(
    files: DeviceFiles, home: Path, here: Layout, file: Target, manifest: ReleaseManifest, disk: Disk
) -> Layout:
    """The layout after a delta: the same shards, with new fresh rows and records, which give the release's state."""
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
