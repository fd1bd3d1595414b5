"""The deltas of a release: from the last releases to it, where they save enough."""

import contextlib
import itertools
from collections.abc import Iterable

from catalog_server.publishing.served import EarlierStates, ServedSpace, earlier_parts
from catalog_server.publishing.shelf import Names, Shelf
from catalog_server.store import Store
from coindex.catalog import CatalogState
from coindex.catalog.delta import Delta, delta_between, join_deltas, read_delta, write_delta
from coindex.catalog.release import ReleaseDelta, ReleaseManifest
from coindex.errors import CatalogError
from coindex.sync.metadata import SignedTargets

__all__ = ["shelve_deltas"]

RELEASES_WITH_DELTAS = 20
"""A phone that syncs daily is never further behind; one that is fetches what differs of the shards."""

DELTA_SHARE = 0.5
"""A delta is offered where it has at most this share of the bytes of shards, fresh rows and records together. Whether
it saves enough is for the device to say: one that has followed deltas for long holds older shards than the release."""


def shelve_deltas(
    store: Store,
    state: CatalogState,
    reached: str,
    served: ServedSpace | None,
    catalog_files: Iterable[str],
    names: Names,
    shelf: Shelf,
) -> tuple[ReleaseDelta, ...]:
    """Deltas from the last releases to a state, whose hash is `reached`, newest first, that are worth their bytes.
    `served` is the last of these releases, `catalog_files` are those on the shelf that a delta saves: shards, fresh
    rows and records."""
    states, earlier = EarlierStates(store, state.records.values()), earlier_parts(store, state.space_id, names.pack_id)

    def between(manifest: ReleaseManifest, index: SignedTargets) -> Delta | None:
        before = states.of(manifest, index)
        return delta_between(before, state, hashes=(manifest.state_hash, reached)) if before else None

    last = between(served.manifest, served.index) if served else None
    led = _led_through(served, last) if served and last else {}
    most = DELTA_SHARE * sum(shelf.targets[name].length for name in catalog_files)
    deltas, seen = [], {reached}
    for manifest, index in itertools.islice(earlier, RELEASES_WITH_DELTAS):
        if manifest.state_hash in seen:
            continue
        delta = led.get(manifest.state_hash) or between(manifest, index)
        if delta is None:
            continue
        seen.add(manifest.state_hash)
        data = write_delta(delta)
        if len(data) <= most:
            name = shelf.add(names.delta(manifest.version), data)
            deltas.append(ReleaseDelta(manifest.state_hash, manifest.version, name))
    return tuple(deltas)


def _led_through(served: ServedSpace, last: Delta) -> dict[str, Delta]:
    """The deltas that the served release tells, by the state that they lead from: that from itself, which is `last`,
    and those that it offers, each joined with that. So an earlier state is read only where both change one row or
    record."""
    led = {last.from_hash: last}
    for target, data in served.files(offered.name for offered in served.manifest.deltas):
        with contextlib.suppress(CatalogError):  # an older format, or not what the manifest says: the states tell it
            delta = join_deltas(read_delta(data, name=target.name), last)
            if delta is not None:
                led.setdefault(delta.from_hash, delta)
    return led
