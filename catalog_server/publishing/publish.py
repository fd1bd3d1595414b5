"""From the store to a release: files first, each under its content's hash, then the signed metadata that name them.

What a release takes over from the one before and what it builds, `catalog_server.publishing.compaction` decides.
"""

import itertools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from catalog_server import signing
from catalog_server.curation.encoding import keep_models
from catalog_server.curation.packs import pack_names, parted
from catalog_server.curation.relief_maps import complete_maps
from catalog_server.publishing.clock import check_clock
from catalog_server.publishing.parts import (
    Packed,
    SpacePart,
    complete,
    is_still,
    prepare,
    references_of,
    require_space,
    shelve_shared,
)
from catalog_server.publishing.precompress import precompress
from catalog_server.publishing.prune import prune
from catalog_server.publishing.served import earlier_releases, readable_index, release_bytes, targets_folder
from catalog_server.publishing.shelf import Names, Shelf
from catalog_server.store import ReleaseRow, Store
from catalog_server.store.audit import cli_actor, record
from coindex.catalog import CatalogState
from coindex.catalog.packs import Release, SplitRelease
from coindex.catalog.release import ReleaseManifest, Target, Validation
from coindex.errors import CoindexError, StoreError
from coindex.models import INDEX_NAME, read_index
from coindex.progress import Progress, no_progress
from coindex.sync.metadata import SignedTargets

__all__ = ["PublishReport", "publish"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class PublishReport:
    """What a publish did: the release that is now served, whether it is new, the bytes of the files that are, and of
    all that a phone without a catalogue fetches; its deltas; how many rows have a relief map; how its graphs were
    measured, the worst of them where there are several packs; and why it was published if they did not find enough.
    `packs` is how many there are, 0 where it is whole. `root_fingerprint` is what phones may compare,
    `new_keys` the folder of keys that were made."""

    version: int
    changed: bool
    rows: int
    classes: int
    state_hash: str
    new_bytes: int
    total_bytes: int
    deltas: int
    maps: int
    ef: int
    recall_at_1: float | None
    override: str | None
    packs: int = 0
    root_fingerprint: str = ""
    new_keys: str | None = None


def publish(
    store: Store,
    models: Path,
    *,
    override: str | None = None,
    actor: str | None = None,
    keys: Path | None = None,
    passphrase: str | None = None,
    relief_references: int | None = None,
    progress: Progress = no_progress,
) -> PublishReport:
    """Publish the store's catalogue with the models of a folder, unless that is what is served already.

    `actor` is who publishes, by default the user of this machine. `relief_references` is how many photos a class have a
    relief map in the release, by default as many as the models look at. Those that are missing are made first, which
    `progress` is told of.

    The first publish of a store makes the keys that sign it, in the folder `keys`. The timestamp is replaced last and
    at once: phones see the old release or the new one. What is published already is signed again where its time is half
    over; of earlier releases goes what no delta leads from (`prune`).

    Raises:
        StoreError: If the catalogue is empty, the disk cannot be written, or keys cannot sign; unless `override` says
            why it may be, also if the clock cannot be right or graphs find too little (see `MIN_RECALL`).
        SpaceMismatch: If models and codes do not belong together.
        ModelError: If models are damaged or cannot be run.
    """
    if override is not None and not override.strip():
        raise StoreError("an override needs a reason, which the release will carry; give one")
    keys = signing.default_keys(store.folder) if keys is None else keys
    try:
        targets_folder(store).mkdir(parents=True, exist_ok=True)
        with store.exclusive("publishing"):
            for space_id, folder in _models_folders(store, models).items():
                found = read_index(folder / INDEX_NAME)
                require_space(found, space_id, folder)
                complete_maps(store, folder, references_of(found, relief_references), progress=progress)
            signer = _Keys(store, keys, passphrase)
            report = _publish(store, models, relief_references, override, signer, actor or cli_actor())
    except OSError as error:
        raise StoreError(f"{store.releases}: {error.strerror}; what is served is unchanged") from error
    return report


@dataclass(frozen=True)
class _Keys:
    """The keys that sign a store's releases, opened when there is something to sign."""

    store: Store
    folder: Path
    passphrase: str | None

    def sign(self, targets: Mapping[str, Target]) -> str | None:
        """Make targets what is served; the folder of the keys where they were made for it."""
        made = signing.begin(self.store.releases, self.folder, passphrase=self.passphrase)
        precompress(targets_folder(self.store) / target.stored_name for target in targets.values())
        signing.publish_targets(self.store.releases, self._ring(), targets)
        precompress(signing.metadata_folder(self.store.releases).glob("*.targets.json"))
        return str(self.folder) if made else None

    def renew(self) -> None:
        """Sign again what is half over."""
        signing.renew(self.store.releases, self._ring())

    def _ring(self) -> signing.KeyRing:
        ring = signing.read_keys(self.folder, passphrase=self.passphrase)
        if ring is None:
            raise StoreError(f"{self.folder}: no keys here to sign with; --keys or COINDEX_KEYS names their folder")
        return ring


def _models_folders(store: Store, models: Path) -> dict[str, Path]:
    """The folders of the models of the spaces that a release is made for, the recommended one first."""
    with store.reading() as session:
        spaces = store.published_spaces(session)
    return {space_id: store.models_folder(space_id) if number else models for number, space_id in enumerate(spaces)}


def _publish(
    store: Store, models: Path, references: int | None, override: str | None, keys: _Keys, actor: str
) -> PublishReport:
    shelf = Shelf(targets_folder(store))
    if override is None:
        check_clock(store, datetime.now(UTC))
    with store.reading() as session:
        recorded = session.scalar(select(func.max(ReleaseRow.version))) or 0
        index = readable_index(store)
        spaces: list[SpacePart] = []
        for space_id in store.published_spaces(session):
            state = store.state(session, space_id)
            if state is not None:
                names = Names(space_id, recommended=not spaces)
                folder = models if names.recommended else store.models_folder(space_id)
                spaces.append(prepare(store, folder, names, state, _packs(session, state), index, shelf))
        if not spaces:
            raise StoreError(f"{store.folder}: the catalogue is empty; import photos before publishing")
        shared = shelve_shared(session, spaces, references, shelf)
    keep_models(store, models)
    if index and spaces[0].served and is_still(index, spaces, shelf):
        keys.renew()
        return _report(store, spaces[0].served, spaces[0].served_parts, shelf, served=index)
    version = max(recorded, *(found.version for found, _ in _newest(store)), 0) + 1
    releases = [complete(store, space, version, shared, override, shelf) for space in spaces]
    release, manifests = releases[0]
    new_keys = _release(store, release, _worst(manifests), shelf.targets, keys, actor)
    try:
        prune(store)
    except (OSError, CoindexError):  # it is published; what stays too long does no harm
        log.warning("files of earlier releases could not be removed; the next publish tries again", exc_info=True)
    return _report(store, release, manifests, shelf, new_keys=new_keys)


def _packs(session: Session, state: CatalogState) -> list[Packed]:
    """The packs in which a state is published; none where it is whole."""
    names = pack_names(session)
    return [(pack_id, names[pack_id], classes) for pack_id, classes in parted(session, state.records).items()]


def _worst(manifests: Sequence[ReleaseManifest]) -> Validation | None:
    """How the part was measured that was measured worst."""
    found = [manifest.validation for manifest in manifests if manifest.validation]
    return min(found, key=lambda validation: validation.recall_at_1, default=None)


def _newest(store: Store) -> list[tuple[Release, SignedTargets]]:
    """The newest of them, if any."""
    return list(itertools.islice(earlier_releases(store), 1))


def _release(
    store: Store,
    release: Release,
    validation: Validation | None,
    targets: Mapping[str, Target],
    keys: _Keys,
    actor: str,
) -> str | None:
    """Record a release, then let it be seen: a crash between the two costs a version number, never one given twice."""
    with store.changing() as session:
        session.add(
            ReleaseRow(
                version=release.version,
                created=release.created,
                space_id=release.space_id,
                state_hash=release.state_hash,
                rows=release.rows,
                classes=release.classes,
                recall_at_1=validation.recall_at_1 if validation else None,
                override=validation.override if validation else None,
            )
        )
        told = {"rows": release.rows, "classes": release.classes}
        reason = {"reason": validation.override} if validation and validation.override else {}
        packs = {"packs": list(release.pack_ids)} if isinstance(release, SplitRelease) else {}
        record(session, actor=actor, action="publish", subject=f"release:{release.version}", **told, **reason, **packs)
    return keys.sign(targets)


def _report(
    store: Store,
    release: Release,
    manifests: Sequence[ReleaseManifest],
    shelf: Shelf,
    *,
    served: SignedTargets | None = None,
    new_keys: str | None = None,
) -> PublishReport:
    """What was done; `served` is what stays, where nothing changed."""
    targets = {**(served.targets if served else {}), **shelf.targets}
    validation = _worst(manifests)
    reliefs = [manifest.relief for manifest in manifests if manifest.relief]
    return PublishReport(
        version=release.version,
        changed=served is None,
        rows=release.rows,
        classes=release.classes,
        state_hash=release.state_hash,
        new_bytes=shelf.new_bytes,
        total_bytes=release_bytes(targets, release, manifests),
        deltas=sum(len(manifest.deltas) for manifest in manifests),
        maps=sum(pack.maps for relief in reliefs for pack in relief.packs),
        ef=max(manifest.ef for manifest in manifests),
        recall_at_1=validation.recall_at_1 if validation else None,
        override=validation.override if validation else None,
        packs=len(release.packs) if isinstance(release, SplitRelease) else 0,
        root_fingerprint=signing.fingerprints(store.releases)[0],
        new_keys=new_keys,
    )
