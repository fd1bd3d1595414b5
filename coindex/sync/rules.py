"""The rules by which a release may replace the catalogue of a device, as functions without any I/O.

- The signed metadata names `release.json`, `models.json`, and every file that `release.json` names.
- Names are plain. The length of each file is bounded, and so is their sum. (Names and single lengths are checked when
  the metadata is read.)
- A release is never older than the one on the device. A release of the same version has the same targets as those on
  the device. The signed metadata has versions of its own, which do not matter here. If the root has revoked every key
  that could sign the release on the device, its number no longer counts: a thief of the keys can have made it as high
  as he liked.
- A device that stays on its space follows `release-<space id>.json`, or `release.json` if that is of the space. The
  file must be of that space and of the same release as `release.json`. If there is no such file, the space has ended.
- Of a release in packs, a device takes the packs that it was told to take, or all. Each pack's manifest is of the same
  release, and has the rows, classes, bytes and state hash that `release.json` states. No row and no class is in two
  packs. All packs together have the release's state hash.
- The models are of the release's space and code scale. Each net is a target of the stated length and hash.
- Packs of relief maps are downloaded only for models that can compare them. Then they are of the models' relief id.
  Each pack has as many maps as the manifest states, of rows within the range in its name.
- The stated numbers of rows and classes are possible in so many bytes. So the unpacked size is bounded by the download.
- Shards, fresh rows and records give the stated state hash and the stated numbers of rows and classes. This holds for
  the release's own files and for those that a device made with a delta.
- A delta is applied if it starts from the device's state, is smaller than the missing files of the release, and leaves
  no more fresh rows than `MAX_CHANGES`.

Each `check_` function raises `ReleaseRejected` if a rule is broken.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

from coindex.catalog.fresh import Fresh
from coindex.catalog.packs import PackEntry, Release, SplitRelease
from coindex.catalog.pointer import Layout, Pointer
from coindex.catalog.release import (
    MANIFEST_NAME,
    ReleaseContents,
    ReleaseManifest,
    ReleaseRelief,
    ReliefPackName,
    Target,
    manifest_name,
)
from coindex.catalog.relief_pack import read_pack
from coindex.catalog.state import CatalogState, merge_rows, state_hash
from coindex.errors import CatalogError, ReleaseRejected, SyncError
from coindex.models import INDEX_NAME, ModelIndex
from coindex.sync.metadata import SignedTargets

__all__ = [
    "ALL",
    "MAX_CHANGES",
    "MAX_RELEASE_BYTES",
    "check_contents",
    "check_files",
    "check_follows",
    "check_fresh",
    "check_models",
    "check_pack",
    "check_relief_pack",
    "check_sizes",
    "check_space",
    "check_targets",
    "choose_delta",
    "chosen_packs",
    "companions",
    "joint_hash",
    "missing_files",
    "name_of_space",
    "own_layout",
    "pack_bytes",
]

ALL = "all"
"""Stands for all packs that a release has, now and later."""

MAX_RELEASE_BYTES = 4 * 2**30
"""A million rows with thumbnails take about 3 GB."""

FEW_ROWS, LEAST_ROW_BYTES = 10_000, 8
"""A packed row takes about 60 bytes, because codes hardly compress. Only rows that are all alike take far fewer."""

MAX_CHANGES = 20_000
"""Fresh rows and tombstones that a device collects over its shards before it downloads new ones. They are twice as many
as a release itself leaves, so that a compaction does not make every device download at once. They are few enough that
scanning them costs about as much as the search of a large graph."""


def check_targets(offered: SignedTargets) -> None:
    """Check that a device may start to download what a server offers.

    Raises:
        ReleaseRejected: If a file that every release has is not named, or all files together are too large.
    """
    for name in (MANIFEST_NAME, INDEX_NAME):
        if name not in offered.targets:
            raise ReleaseRejected(f"the server's signed metadata does not name {name}; publish it again")
    total = sum(target.length for target in offered.targets.values())
    if total > MAX_RELEASE_BYTES:
        raise ReleaseRejected(
            f"the release has {total / 1e9:.1f} GB; at most {MAX_RELEASE_BYTES / 1e9:.1f} GB are allowed"
        )


def check_follows(trusted: Pointer | None, offered: SignedTargets, release: Release) -> None:
    """Check that an offered release may follow the one on the device, `trusted`, which is None if there is none.

    Raises:
        ReleaseRejected: If the offered release is older, or is another release under the same number.
    """
    if trusted is None or _is_revoked(trusted, offered):
        return
    if release.version < trusted.version:
        raise ReleaseRejected(
            f"the server offers release {release.version}, older than release {trusted.version} on this device; "
            "ask its operator, or use another --home for another catalogue"
        )
    same = all(offered.targets.get(name) == held for name, held in trusted.targets.items())
    if release.version == trusted.version and not same:
        raise ReleaseRejected(
            f"the server's release {release.version} is not the release {trusted.version} on this device; "
            "ask its operator, or use another --home for another catalogue"
        )


def check_files(offered: SignedTargets, manifest: ReleaseManifest) -> None:
    """Check that every file of a catalogue is offered, and that together they can hold the stated rows.

    Raises:
        ReleaseRejected: If a file is not offered, or the files are too small for the rows.
    """
    lacking = [name for name in manifest.files if name not in offered.targets]
    if lacking:
        raise ReleaseRejected(f"release {manifest.version} lacks {', '.join(lacking)}; publish it again")
    check_sizes(offered, manifest)


def check_sizes(offered: SignedTargets, manifest: ReleaseManifest) -> None:
    """Check that files of these lengths can hold the stated rows and classes, before any of them is read.

    Raises:
        ReleaseRejected: If they cannot.
    """
    size = sum(offered.targets[name].length for name in manifest.catalog_files)
    most = FEW_ROWS + size // LEAST_ROW_BYTES
    if manifest.rows > most or manifest.classes > manifest.rows:
        raise ReleaseRejected(
            f"release {manifest.version} claims {manifest.rows} rows and {manifest.classes} classes in {size} bytes, "
            f"which hold {most} rows at most; publish it again"
        )


def missing_files(needed: Iterable[Target], held: Collection[Target]) -> tuple[Target, ...]:
    """The files that a device must download, smallest first: those of `needed` that are not in `held`."""
    missing = [target for target in dict.fromkeys(needed) if target not in held]
    return tuple(sorted(missing, key=lambda target: (target.length, target.name)))


def companions(offered: SignedTargets, name: str, manifest: ReleaseManifest, models: ModelIndex) -> dict[str, Target]:
    """The targets that a device needs on every route: the manifest of this name, the models, the thumbnails, and the
    relief maps if the models can compare them."""
    packs = manifest.relief_packs if models.relief else ()
    return {file: offered.targets[file] for file in (name, *manifest.models, *manifest.thumbnails, *packs)}


def own_layout(offered: SignedTargets, manifest: ReleaseManifest) -> Layout:
    """The layout of the release's own files."""
    fresh = offered.targets[manifest.fresh] if manifest.fresh else None
    shards = tuple(offered.targets[name] for name in manifest.shards)
    return Layout(manifest.state_hash, shards, fresh, offered.targets[manifest.records])


def choose_delta(offered: SignedTargets, manifest: ReleaseManifest, here: Layout, *, cost: int) -> Target | None:
    """The delta from a device's layout to the release.

    Args:
        offered: The signed targets.
        manifest: The manifest of the release.
        here: The layout on the device.
        cost: The bytes of the release's own files that are missing here.

    Returns:
        The target of the delta; None if there is none, or if it is not smaller than `cost`.
    """
    for delta in manifest.deltas:
        target = offered.targets[delta.name]
        if delta.from_hash == here.state_hash and target.length < cost:
            return target
    return None


def name_of_space(offered: SignedTargets, recommended: Release, space_id: str | None) -> str:
    """The name of the manifest that a device follows.

    Args:
        offered: The signed targets.
        recommended: The release of `release.json`.
        space_id: The space that the device stays on; None to follow the recommended one.

    Raises:
        SyncError: If the space has ended.
    """
    if space_id in (None, recommended.space_id):
        return MANIFEST_NAME
    if (name := manifest_name(space_id)) in offered.targets:
        return name
    raise SyncError(
        f"release {recommended.version} has no models of space {space_id}, which this device uses, only those of space "
        f"{recommended.space_id}. The catalogue here still works; sync without --keep-models to take the new models"
    )


def check_space(manifest: Release, recommended: Release, space_id: str | None) -> None:
    """Check that a manifest is of the space in its name, and of the same release as `release.json`.

    Raises:
        ReleaseRejected: If it is not.
    """
    if space_id is not None and manifest.space_id != space_id:
        raise ReleaseRejected(f"{manifest_name(space_id)} is of space {manifest.space_id}; publish it again")
    if manifest.version != recommended.version:
        raise ReleaseRejected(
            f"{manifest_name(manifest.space_id)} is of release {manifest.version}, {MANIFEST_NAME} of "
            f"{recommended.version}; publish it again"
        )


def chosen_packs(
    release: SplitRelease, trusted: Pointer | None, asked: Sequence[str] | None, is_there: Callable[[str], bool]
) -> tuple[str, ...] | None:
    """Choose the packs that a device takes from now on.

    A pack that was taken before is dropped only if the caller says so. A device without a catalogue that asks for
    nothing takes the packs that are available.

    Args:
        release: The release in packs.
        trusted: The pointer of the device, None if it has no catalogue.
        asked: The ids of the packs to take, `ALL`, or None for those that the device took before.
        is_there: Whether the pack of a manifest's name is available where the release comes from.

    Returns:
        The ids of the packs, None for all.

    Raises:
        SyncError: If a chosen pack is not available.
    """
    there = tuple(pack.pack_id for pack in release.packs if is_there(pack.manifest))
    chosen = trusted.chosen if trusted else None
    if asked is not None:
        chosen = None if asked == ALL else tuple(dict.fromkeys(asked))
    elif trusted is None and there and there != release.pack_ids:
        chosen = there
    lacking = [pack_id for pack_id in (release.pack_ids if chosen is None else chosen) if pack_id not in there]
    if lacking or chosen == ():
        problem = f"has no pack {', '.join(lacking)}" if lacking else "was asked for no pack"
        raise SyncError(
            f"release {release.version}, as offered here, {problem}; it has: {', '.join(there) or 'none'}. The "
            "catalogue here did not change; name the packs with --packs"
        )
    return chosen


def check_pack(offered: SignedTargets, release: SplitRelease, pack: PackEntry, manifest: ReleaseManifest) -> None:
    """Check that a pack's manifest matches the pack's entry in the release.

    Raises:
        ReleaseRejected: If it does not.
    """
    of_release = (manifest.version, manifest.space_id, manifest.models)
    if of_release != (release.version, release.space_id, release.models):
        raise ReleaseRejected(
            f"{pack.manifest} is of release {manifest.version} and space {manifest.space_id}, {MANIFEST_NAME} of "
            f"release {release.version} and space {release.space_id}; publish it again"
        )
    check_files(offered, manifest)
    found = (manifest.rows, manifest.classes, manifest.state_hash, pack_bytes(offered.targets, manifest))
    if found != (pack.rows, pack.classes, pack.state_hash, pack.bytes):
        raise ReleaseRejected(
            f"{pack.manifest} does not have the rows, classes, state and bytes that {MANIFEST_NAME} states for pack "
            f"{pack.pack_id}; publish it again"
        )


def pack_bytes(targets: Mapping[str, Target], manifest: ReleaseManifest) -> int:
    """The bytes of a pack that a device does not have: all its own files except the manifest."""
    own = (*manifest.catalog_files, *manifest.thumbnails, *manifest.relief_packs)
    return sum(targets[name].length for name in own)


def joint_hash(release: SplitRelease, packs: Sequence[ReleaseContents]) -> str:
    """The state hash of several packs as one catalogue.

    Args:
        release: The release in packs.
        packs: The contents of the packs.

    Raises:
        ReleaseRejected: If a row or a class is in two packs, or all packs do not give the release's state hash.
    """
    try:
        rows = merge_rows(pack.state().rows for pack in packs)
    except CatalogError as error:
        raise ReleaseRejected(f"release {release.version}, in two packs: {error}; publish it again") from None
    records = {class_id: record for pack in packs for class_id, record in pack.records.items()}
    if len(records) != sum(len(pack.records) for pack in packs):
        raise ReleaseRejected(f"release {release.version} has a class in two packs; publish it again")
    found = state_hash(CatalogState(release.space_id, rows, records))
    if len(packs) == len(release.packs) and found != release.state_hash:
        raise ReleaseRejected(
            f"release {release.version}: its packs together do not give its state hash; publish it again"
        )
    return found


def check_models(offered: SignedTargets, manifest: ReleaseManifest, models: ModelIndex) -> None:
    """Check that models and catalogue belong together.

    Raises:
        ReleaseRejected: If they do not.
    """
    if (models.space_id, models.code_scale) != (manifest.space_id, manifest.code_scale):
        raise ReleaseRejected(
            f"release {manifest.version} has a catalogue of space {manifest.space_id} (scale "
            f"{manifest.code_scale:g}) but models of space {models.space_id} (scale {models.code_scale:g}); "
            "publish it again"
        )
    for net in models.nets.values():
        if net.file not in manifest.models or offered.targets[net.file] != Target(net.file, net.bytes, net.sha256):
            raise ReleaseRejected(
                f"release {manifest.version} lacks the {net.file} that its {INDEX_NAME} names; publish it again"
            )
    if models.relief and manifest.relief and models.relief.relief_id != manifest.relief.relief_id:
        raise ReleaseRejected(
            f"release {manifest.version} has maps of relief {manifest.relief.relief_id} but models of relief "
            f"{models.relief.relief_id}; publish it again"
        )


def check_relief_pack(relief: ReleaseRelief, pack: ReliefPackName, data: bytes) -> None:
    """Check that a pack of relief maps holds what the manifest states, and that every map is intact.

    Raises:
        ReleaseRejected: If it does not, or a map is damaged.
    """
    try:
        found = read_pack(data, name=pack.name, relief_id=relief.relief_id, maps=pack.maps, whole=True)
    except CatalogError as error:
        raise ReleaseRejected(f"the server's release: {error}") from None
    first, last = pack.span
    if found.row_ids[0] < first or found.row_ids[-1] > last:
        raise ReleaseRejected(
            f"{pack.name} has maps of rows {found.row_ids[0]} to {found.row_ids[-1]}; publish it again"
        )


def check_fresh(fresh: Fresh) -> None:
    """Check that a device may keep its shards with so many changes since they were built.

    Raises:
        ReleaseRejected: If there are too many.
    """
    if len(fresh) > MAX_CHANGES:
        raise ReleaseRejected(
            f"{len(fresh)} rows changed since the shards here were built; at most {MAX_CHANGES} are allowed"
        )


def check_contents(contents: ReleaseContents) -> CatalogState:
    """Check that the files give the catalogue that `release.json` describes, and return it.

    Raises:
        ReleaseRejected: If they do not give it.
    """
    manifest = contents.manifest
    try:
        state = contents.state()
    except CatalogError as error:
        raise ReleaseRejected(f"release {manifest.version}: {error}") from None
    if (len(state.rows), len(state.records)) != (manifest.rows, manifest.classes):
        raise ReleaseRejected(
            f"release {manifest.version} has {len(state.rows)} rows and {len(state.records)} classes, "
            f"{MANIFEST_NAME} says {manifest.rows} and {manifest.classes}; publish it again"
        )
    if state_hash(state) != manifest.state_hash:
        raise ReleaseRejected(
            f"release {manifest.version}: its rows and records do not give its state hash; publish it again"
        )
    return state


def _is_revoked(trusted: Pointer, offered: SignedTargets) -> bool:
    """Whether the root has revoked every key that could sign the catalogue here."""
    return trusted.trust is not None and offered.signers.isdisjoint(trusted.trust.signers)
