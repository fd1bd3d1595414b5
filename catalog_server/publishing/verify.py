"""Whether a store's photos and what it serves are sound: hashes, signatures, and the release as a phone sees it."""

import tempfile
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from catalog_server.publishing.folder_fetcher import FolderFetcher
from catalog_server.publishing.served import (
    current_index,
    is_whole,
    read_manifest,
    read_release,
    read_target,
    served_manifest,
    targets_folder,
)
from catalog_server.store import PhotoRow, Store
from coindex.catalog import state_hash
from coindex.catalog.delta import read_delta
from coindex.catalog.packs import Release
from coindex.catalog.pointer import metadata_folder as device_metadata
from coindex.catalog.release import MANIFEST_NAME, RELEASE_FILE, ReleaseContents, ReleaseManifest, read_contents
from coindex.catalog.shard import load_graph
from coindex.disk import DISK
from coindex.errors import CatalogError, CoindexError, StoreError
from coindex.models import load_nets, read_index, try_nets
from coindex.progress import Progress, no_progress
from coindex.sync import rules
from coindex.sync.metadata import SignedTargets
from coindex.sync.trust import refresh

__all__ = ["VerifyReport", "release_problems", "verify"]


@dataclass(frozen=True)
class VerifyReport:
    """What a verification looked at, and every problem that it found; `unpublished` says that the store's catalogue
    is not the one served."""

    photos: int
    targets: int
    version: int | None
    unpublished: bool
    problems: tuple[str, ...]


def verify(store: Store, *, progress: Progress = no_progress) -> VerifyReport:
    """Check every photo file and everything that is served against its hash, and the release as a phone would."""
    with store.reading() as session:
        photos = sorted(set(session.scalars(select(PhotoRow.photo_sha256))))
        state = store.state(session)
    problems = []
    for done, sha256 in enumerate(photos, start=1):
        try:
            store.photos.get(sha256)
        except StoreError as error:
            problems.append(str(error))
        progress(done, len(photos))
    index = None
    try:
        index = current_index(store)
        problems += release_problems(store, index) if index else []
    except CoindexError as error:
        problems.append(str(error))
    served = None if problems or not index else served_manifest(store, index)
    return VerifyReport(
        photos=len(photos),
        targets=len(index.targets) if index else 0,
        version=served.version if served else None,
        unpublished=state is not None and not problems and (served is None or served.state_hash != state_hash(state)),
        problems=tuple(problems),
    )


def release_problems(store: Store, index: SignedTargets) -> list[str]:
    """Every problem of what is served: files, metadata, and what they say of each other."""
    folder, problems = targets_folder(store), []
    try:
        with tempfile.TemporaryDirectory(prefix="coindex-verify-") as home:
            # As a phone would that pinned the first root.
            device_metadata(Path(home)).mkdir()
            refresh(FolderFetcher(store.folder), Path(home), root=None, trust=None, disk=DISK)
    except CoindexError as error:
        problems.append(str(error))
    for target in index.targets.values():
        path = folder / target.stored_name
        if not is_whole(path, target):
            problems.append(f"{path}: missing or damaged; bring it back from a backup, or publish again")
    if problems:
        return problems

    try:
        rules.check_targets(index)
        releases = {name: read_release(store, index, name) for name in index.targets if RELEASE_FILE.fullmatch(name)}
        for name, release in releases.items():
            space_id = release.space_id if name != MANIFEST_NAME else None
            rules.check_space(release, releases[MANIFEST_NAME], space_id)
            _check_release(store, index, release)
    except CoindexError as error:
        return [str(error)]
    return []


def _check_release(store: Store, index: SignedTargets, release: Release) -> None:
    """Whether a release is what it says, and each of its packs. Raises `CoindexError`."""
    if isinstance(release, ReleaseManifest):
        _check_part(store, index, release)
        return
    lacking = [pack.manifest for pack in release.packs if pack.manifest not in index.targets]
    if lacking:
        raise CatalogError(f"release {release.version} lacks {', '.join(lacking)}; publish again")
    contents = []
    for pack in release.packs:
        manifest = read_manifest(store, index, pack.manifest)
        rules.check_pack(index, release, pack, manifest)
        contents.append(_check_part(store, index, manifest))
    rules.joint_hash(release, contents)


def _check_part(store: Store, index: SignedTargets, manifest: ReleaseManifest) -> ReleaseContents:
    """The files of a manifest, which give what it says. Raises `CoindexError`."""

    def read(name: str) -> bytes:
        return read_target(store, index.targets[name])

    rules.check_files(index, manifest)
    models = targets_folder(store) / index.targets[manifest.models_index].stored_name
    nets = read_index(models)
    rules.check_models(index, manifest, nets)
    try_nets(load_nets(nets, lambda net: targets_folder(store) / index.targets[net.file].stored_name))
    if (relief := manifest.relief) is not None:
        for pack in relief.packs:
            rules.check_relief_pack(relief, pack, read(pack.name))
    contents = read_contents(manifest, read)
    rules.check_contents(contents)
    for shard in contents.shards:
        load_graph(shard)
    for delta in manifest.deltas:
        found = read_delta(read(delta.name), name=delta.name)
        if (found.from_hash, found.to_hash) != (delta.from_hash, manifest.state_hash):
            raise CatalogError(f"{delta.name}: leads from or to another state than {MANIFEST_NAME} says")
    return contents
