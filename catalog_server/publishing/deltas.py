"""The deltas of a release: from the last releases to it, where they save enough."""

import itertools
from collections.abc import Iterable

from catalog_server.publishing.served import EarlierStates, earlier_parts
from catalog_server.publishing.shelf import Names, Shelf
from catalog_server.store import Store
from coindex.catalog import CatalogState
from coindex.catalog.delta import delta_between, write_delta
from coindex.catalog.release import ReleaseDelta

__all__ = ["shelve_deltas"]

RELEASES_WITH_DELTAS = 20
"""A phone that syncs daily is never further behind; one that is fetches what differs of the shards."""

DELTA_SHARE = 0.5
"""A delta is offered where it has at most this share of the bytes of shards, fresh rows and records together. Whether
it saves enough is for the device to say: one that has followed deltas for long holds older shards than the release."""


def shelve_deltas(
    store: Store, state: CatalogState, reached: str, catalog_files: Iterable[str], names: Names, shelf: Shelf
) -> tuple[ReleaseDelta, ...]:
    """Deltas from the last releases to a state, whose hash is `reached`, newest first, that are worth their bytes.
    `catalog_files` are those on the shelf that a delta saves: shards, fresh rows and records."""
    states, earlier = EarlierStates(store, state.records.values()), earlier_parts(store, state.space_id, names.pack_id)
    most = DELTA_SHARE * sum(shelf.targets[name].length for name in catalog_files)
    deltas, seen = [], {reached}
    for manifest, index in itertools.islice(earlier, RELEASES_WITH_DELTAS):
        before = None if manifest.state_hash in seen else states.of(manifest, index)
        if before is None:
            continue
        seen.add(manifest.state_hash)
        data = write_delta(delta_between(before, state, hashes=(manifest.state_hash, reached)))
        if len(data) <= most:
            name = shelf.add(names.delta(manifest.version), data)
            deltas.append(ReleaseDelta(manifest.state_hash, manifest.version, name))
    return tuple(deltas)
