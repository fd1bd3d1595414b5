"""What is served, and what was before it, read back from a store's folder of releases."""

import contextlib
import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from tuf.api.exceptions import RepositoryError

from catalog_server import signing
from catalog_server.store import Store
from coindex.catalog import CatalogState, CoinRecord
from coindex.catalog.fresh import Fresh, read_fresh
from coindex.catalog.packs import PackEntry, Release, SplitRelease, parse_release
from coindex.catalog.pointer import WHOLE
from coindex.catalog.release import (
    MANIFEST_NAME,
    ReleaseContents,
    ReleaseManifest,
    Target,
    Validation,
    in_pack,
    manifest_name,
    parse_manifest,
)
from coindex.catalog.shard import read_shard
from coindex.catalog.state import merge_rows, parse_records, records_bytes, written_records
from coindex.disk import file_sha256
from coindex.errors import CatalogError, CoindexError, StoreError
from coindex.sync import rules
from coindex.sync.metadata import SignedTargets, read_targets

__all__ = [
    "MIN_RECALL",
    "EarlierStates",
    "PublishedRelease",
    "ServedSpace",
    "current_index",
    "earlier_parts",
    "earlier_releases",
    "is_whole",
    "parts_of",
    "published_release",
    "published_releases",
    "published_state",
    "read_manifest",
    "read_release",
    "read_target",
    "readable_index",
    "release_bytes",
    "served_manifest",
    "served_release",
    "served_space",
    "state_of",
    "targets_folder",
]

MIN_RECALL = 0.999
"""A release whose graphs find the nearest row less often than this is published only against a reason given."""


@dataclass(frozen=True)
class PublishedRelease:
    """A release, its files by name, and the manifests of its parts: its own, or those of its packs."""

    manifest: Release
    targets: Mapping[str, Target]
    parts: tuple[ReleaseManifest, ...]

    @property
    def full_bytes(self) -> int:
        """What a phone without a catalogue fetches, of the recommended space."""
        return release_bytes(self.targets, self.manifest, self.parts)

    @property
    def delta_bytes(self) -> Mapping[int, int]:
        """The bytes of the deltas, by the version that they lead from, newest first; of all packs together."""
        found: Counter[int] = Counter()
        for part in self.parts:
            found.update({delta.version: self.targets[delta.name].length for delta in part.deltas})
        return dict(sorted(found.items(), reverse=True))

    @property
    def validation(self) -> Validation | None:
        """How it was measured, where there are packs the worst of them."""
        found = [part.validation for part in self.parts if part.validation]
        return min(found, key=lambda validation: validation.recall_at_1, default=None)

    @property
    def packs(self) -> tuple[PackEntry, ...]:
        """The packs, none where it is whole."""
        return self.manifest.packs if isinstance(self.manifest, SplitRelease) else ()


def current_index(store: Store) -> SignedTargets | None:
    """What is served, or None before the first release. Raises `StoreError` for damaged metadata."""
    served = signing.current(store.releases)
    return read_targets(served.root_bytes, served.targets_bytes) if served and served.targets else None


def release_bytes(targets: Mapping[str, Target], release: Release, parts: Iterable[ReleaseManifest]) -> int:
    """What a device without a catalogue fetches of a release with all its packs."""
    wanted = {MANIFEST_NAME, *(pack.manifest for pack in getattr(release, "packs", ()))}
    for part in parts:
        wanted |= {*part.files} - {delta.name for delta in part.deltas}
    return sum(targets[name].length for name in wanted)


def served_manifest(store: Store, index: SignedTargets) -> Release:
    """The `release.json` of a served release."""
    return read_release(store, index, MANIFEST_NAME)


def published_release(store: Store, release: Release, index: SignedTargets) -> PublishedRelease:
    """A release with the manifests of its parts. Raises `CatalogError` and `OSError` where one is damaged or gone."""
    return PublishedRelease(release, index.targets, parts_of(store, release, index))


def published_releases(store: Store) -> tuple[PublishedRelease, ...]:
    """The releases whose files are still there to go back to, newest first."""
    found = []
    for release, index in earlier_releases(store):
        with contextlib.suppress(CoindexError, OSError, KeyError):
            found.append(published_release(store, release, index))
    return tuple(found)


def published_state(store: Store, version: int, *, known: Iterable[CoinRecord] = ()) -> CatalogState:
    """The catalogue's state in an earlier release; records that are `known` need not be parsed.

    Raises:
        StoreError: If the release or its files are gone.
    """
    for release, index in earlier_releases(store):
        if release.version == version:
            state = state_of(store, release, index, known=known)
            if state is not None:
                return state
    raise StoreError(f"release {version}: it or files of it are not there any more; a backup may have them")


def targets_folder(store: Store) -> Path:
    """Where the files of all releases lie."""
    return store.releases / "targets"


class ServedSpace:
    """The part of the served release that is of one space, as far as its files are whole: what is damaged is made new.
    `name` is that of its manifest."""

    def __init__(self, folder: Path, index: SignedTargets, name: str, manifest: ReleaseManifest) -> None:
        self.index, self.name, self.manifest = index, name, manifest
        self._folder = folder

    def files(self, names: Iterable[str]) -> Iterator[tuple[Target, bytes]]:
        """Those of the named files that are whole."""
        for name in names:
            target = self.index.targets.get(name)
            with contextlib.suppress(OSError):
                data = (self._folder / target.stored_name).read_bytes() if target else b""
                if target and len(data) == target.length and hashlib.sha256(data).hexdigest() == target.sha256:
                    yield target, data

    def holds(self, names: Iterable[str]) -> bool:
        """Whether all of the named files are whole."""
        found = [self.index.targets.get(name) for name in names]
        return all(target is not None and is_whole(self._folder / target.stored_name, target) for target in found)


def readable_index(store: Store) -> SignedTargets | None:
    """What is served, None where that is nothing, or damaged."""
    with contextlib.suppress(CoindexError):
        return current_index(store)
    return None


def served_space(store: Store, index: SignedTargets | None, space_id: str, pack_id: str = WHOLE) -> ServedSpace | None:
    """What is served of a space, or of a pack in it; None where there is nothing of the format of today."""
    try:
        found = _manifest_of(store, index, space_id, pack_id) if index else None
    except (CoindexError, OSError, KeyError):  # an older format, or damage: all is made again
        return None
    return ServedSpace(targets_folder(store), index, *found) if index and found else None


def served_release(store: Store, index: SignedTargets | None, space_id: str) -> Release | None:
    """What the `release.json` of a space says that is served; None where there is none of the format of today."""
    with contextlib.suppress(CoindexError, OSError, KeyError):
        for name in (MANIFEST_NAME, manifest_name(space_id)):
            if index and name in index.targets:
                release = read_release(store, index, name)
                if release.space_id == space_id:
                    return release
    return None


def earlier_releases(store: Store) -> Iterator[tuple[Release, SignedTargets]]:
    """The releases whose metadata and `release.json` are there, newest first, each as it was signed last; of the space
    that was recommended."""
    seen = set()
    for index in _signed(store):
        with contextlib.suppress(CoindexError, OSError, KeyError):
            release = read_release(store, index, MANIFEST_NAME)
            if release.version not in seen:
                seen.add(release.version)
                yield release, index


def earlier_parts(store: Store, space_id: str, pack_id: str = WHOLE) -> Iterator[tuple[ReleaseManifest, SignedTargets]]:
    """The manifests of a space, or of a pack in it, in the releases that had it, newest first."""
    seen = set()
    for index in _signed(store):
        with contextlib.suppress(CoindexError, OSError, KeyError):
            _, manifest = _manifest_of(store, index, space_id, pack_id) or (None, None)
            if manifest and manifest.version not in seen:
                seen.add(manifest.version)
                yield manifest, index


def parts_of(store: Store, release: Release, index: SignedTargets) -> tuple[ReleaseManifest, ...]:
    """The manifests of a release's packs, or its own. Raises `CatalogError` and `OSError`."""
    if isinstance(release, ReleaseManifest):
        return (release,)
    return tuple(read_manifest(store, index, pack.manifest) for pack in release.packs)


def state_of(
    store: Store, release: Release, index: SignedTargets, *, known: Iterable[CoinRecord] = ()
) -> CatalogState | None:
    """The state of an earlier release, all packs together; None where files of it are gone. Records that are `known`
    need not be parsed."""
    try:
        earlier = EarlierStates(store, known)
        states = [earlier.of(part, index) for part in parts_of(store, release, index)]
        whole = [state for state in states if state is not None]
        records = {class_id: record for state in whole for class_id, record in state.records.items()}
        rows = merge_rows(state.rows for state in whole)
    except (CoindexError, OSError, KeyError):
        return None
    return CatalogState(release.space_id, rows, records) if len(whole) == len(states) else None


class EarlierStates:
    """The states of parts of earlier releases. A file that several of them have is read, compared with its hash and
    parsed once, and of coin records those alone are parsed that no other release has, nor `known`."""

    def __init__(self, store: Store, known: Iterable[CoinRecord] = ()) -> None:
        self._store = store
        self._files: dict[tuple[str, str], Any] = {}
        self._records = {record.written: record for record in known}

    def of(self, manifest: ReleaseManifest, index: SignedTargets) -> CatalogState | None:
        """The state of a part, None where its files are gone or damaged."""
        targets, most = index.targets, manifest.rows
        try:
            fresh = Fresh.none()
            if manifest.fresh:
                fresh = self._once(targets, manifest.fresh, partial(read_fresh, name=manifest.fresh, most=most))
            shards = (self._once(targets, name, partial(read_shard, name=name)) for name in manifest.shards)
            records = self._once(targets, manifest.records, self._parse)
            return rules.check_contents(ReleaseContents(manifest, tuple(shards), fresh, records))
        except (CoindexError, OSError, KeyError):
            return None

    def packs_of_classes(self, release: PublishedRelease) -> dict[int, str]:
        """In which pack of a release each of its classes is, by class id; nothing where it has none, or files of it are
        gone or damaged."""
        try:
            records = [self._once(release.targets, part.records, self._parse) for part in release.parts]
        except (CoindexError, OSError, KeyError):
            return {}
        packs = zip(release.packs, records, strict=True) if release.packs else ()
        return {class_id: pack.pack_id for pack, found in packs for class_id in found}

    def _once(self, targets: Mapping[str, Target], name: str, parse: Callable[[bytes], Any]) -> Any:
        key = (name, targets[name].sha256)
        if key not in self._files:
            self._files[key] = parse(read_target(self._store, targets[name]))
        return self._files[key]

    def _parse(self, data: bytes) -> dict[int, CoinRecord]:
        """As `parse_records`, which reads what is new; what all come to is compared with the file."""
        written = written_records(data)
        new = parse_records(b"[" + b",".join(each for each in written if each not in self._records) + b"]")
        self._records |= {record.written: record for record in new.values()}
        found = {record.class_id: record for record in (self._records[each] for each in written)}
        if records_bytes(found.values()) != data:
            raise CatalogError("its coin records are not in canonical form; publish the catalogue again")
        return found


def read_manifest(store: Store, index: SignedTargets, name: str) -> ReleaseManifest:
    """The manifest of a release that is whole, or of a pack. Raises `CatalogError` where it is damaged."""
    return parse_manifest(read_target(store, index.targets[name]))


def read_release(store: Store, index: SignedTargets, name: str) -> Release:
    """A `release.json`. Raises `CatalogError` where it is damaged."""
    return parse_release(read_target(store, index.targets[name]))


def _signed(store: Store) -> Iterator[SignedTargets]:
    """What was signed, as far as it is there, newest first."""
    served, folder = signing.current(store.releases), signing.metadata_folder(store.releases)
    if served is None or served.targets is None:
        return
    for version in range(served.targets.version, 0, -1):
        with contextlib.suppress(CoindexError, OSError, KeyError, RepositoryError):
            yield read_targets(served.root_bytes, (folder / f"{version}.targets.json").read_bytes())


def _manifest_of(store: Store, index: SignedTargets, space_id: str, pack_id: str) -> tuple[str, ReleaseManifest] | None:
    """The manifest of a space, or of a pack in it, with its name; None where a release has none."""
    for release in (MANIFEST_NAME, manifest_name(space_id)):
        if (name := in_pack(release, pack_id)) in index.targets:
            manifest = read_manifest(store, index, name)
            if manifest.space_id == space_id:
                return name, manifest
    return None


def read_target(store: Store, target: Target) -> bytes:
    """A file of a release.

    Raises:
        CatalogError: If it is damaged.
    """
    data = (targets_folder(store) / target.stored_name).read_bytes()
    if hashlib.sha256(data).hexdigest() != target.sha256:
        raise CatalogError(f"{target.stored_name}: damaged")
    return data


def is_whole(path: Path, target: Target) -> bool:
    """Whether a file is what the signed metadata say of it."""
    return path.is_file() and path.stat().st_size == target.length and file_sha256(path) == target.sha256
