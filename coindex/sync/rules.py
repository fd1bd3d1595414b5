"""When a release may replace the catalogue of a device, as functions without any I/O.

- What is signed names `release.json` and `models.json`, and every file that `release.json` names.
- Names are plain, single lengths bounded (both checked when the metadata is read), and so is their sum.
- A release is never older than the one a device has, and one of the same version has the same targets as those that a
  device holds of it: whatever becomes of the signed metadata, which have versions of their own. Where the root has
  revoked every key that could sign the release on the device, its number binds no more, for a thief of the keys may
  have made it as high as he liked.
- A device that stays on its space follows `release-<space id>.json`, which is of that space and of the same release as
  `release.json`, unless that is of the space itself; where there is neither, the space has ended.
- Of a release in packs a device takes those that it was told to, or all. Each pack's manifest is of the same release,
  and has the rows, classes, bytes and state hash that `release.json` says; no row and no class is in two packs; all
  packs together have the release's state hash.
- The models are of the release's space and code scale, and each of their nets is a target of the stated length and
  hash.
- Packs of relief maps are fetched for models that can compare them: then they are of the models' relief id, and each
  has as many maps as the manifest says, of rows within the range in its name.
- The numbers of rows and classes are possible in so many bytes: what is unpacked grows with what came, and no further.
- Shards, fresh rows and records give the stated state hash and the stated numbers of rows and classes, whether they
  are the release's own or a device's, brought there by a delta.
- A delta is followed where it starts from the device's state, is smaller than what the release's own files would cost,
  and leaves no more fresh than `MAX_CHANGES`.

Each `check_` function raises `ReleaseRejected` where a rule is broken.
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
"""Asked for in place of packs: all that a release has, now and later."""

MAX_RELEASE_BYTES = 4 * 2**30
"""A million rows with thumbnails come to about 3 GB."""

FEW_ROWS, LEAST_ROW_BYTES = 10_000, 8
"""A row has some 60 bytes: codes hardly get smaller by packing. Far fewer there are only of rows that are all alike."""

MAX_CHANGES = 20_000
"""Fresh rows and tombstones that a device gathers over its shards before it fetches new ones: twice what a release
leaves there itself, so that no compaction makes every device fetch at once, and few enough that scanning them costs
about what the search of a large graph does."""


def check_targets(offered: SignedTargets) -> None:
    """Whether a device may begin to fetch what a server offers."""
    for name in (MANIFEST_NAME, INDEX_NAME):
        if name not in offered.targets:
            raise ReleaseRejected(f"what the server has signed has no {name}; it must be published anew")
    total = sum(target.length for target in offered.targets.values())
    if total > MAX_RELEASE_BYTES:
        raise ReleaseRejected(f"the release is {total / 1e9:.1f} GB; {MAX_RELEASE_BYTES / 1e9:.1f} GB is the most")


def check_follows(trusted: Pointer | None, offered: SignedTargets, release: Release) -> None:
    """Whether an offered release may follow the one that a device has, None where it has none."""
    if trusted is None or _is_revoked(trusted, offered):
        return
    if release.version < trusted.version:
        raise ReleaseRejected(
            f"the server offers release {release.version}, older than release {trusted.version} here; "
            "ask its operator, or use another --home for another catalogue"
        )
    same = all(offered.targets.get(name) == held for name, held in trusted.targets.items())
    if release.version == trusted.version and not same:
        raise ReleaseRejected(
            f"the server's release {release.version} is not the release {trusted.version} on this device; "
            "ask its operator, or use another --home for another catalogue"
        )


def check_files(offered: SignedTargets, manifest: ReleaseManifest) -> None:
    """Whether every file of a catalogue is there, and together they can hold what it states."""
    lacking = [name for name in manifest.files if name not in offered.targets]
    if lacking:
        raise ReleaseRejected(f"release {manifest.version} lacks {', '.join(lacking)}; it must be published anew")
    check_sizes(offered, manifest)


def check_sizes(offered: SignedTargets, manifest: ReleaseManifest) -> None:
    """Whether the files of a catalogue can hold as many rows and classes as are stated, before any of them is read."""
    size = sum(offered.targets[name].length for name in manifest.catalog_files)
    most = FEW_ROWS + size // LEAST_ROW_BYTES
    if manifest.rows > most or manifest.classes > manifest.rows:
        raise ReleaseRejected(
            f"release {manifest.version} claims {manifest.rows} rows and {manifest.classes} classes in {size} bytes, "
            f"which hold {most} rows at most; it must be published anew"
        )


def missing_files(needed: Iterable[Target], held: Collection[Target]) -> tuple[Target, ...]:
    """The files to fetch, smallest first: those that a device does not hold."""
    missing = [target for target in dict.fromkeys(needed) if target not in held]
    return tuple(sorted(missing, key=lambda target: (target.length, target.name)))


def companions(offered: SignedTargets, name: str, manifest: ReleaseManifest, models: ModelIndex) -> dict[str, Target]:
    """The targets that a device needs whichever way it comes to the catalogue: the manifest of this name, models,
    thumbnails, and the relief maps where the models can compare them."""
    packs = manifest.relief_packs if models.relief else ()
    return {file: offered.targets[file] for file in (name, *manifest.models, *manifest.thumbnails, *packs)}


def own_layout(offered: SignedTargets, manifest: ReleaseManifest) -> Layout:
    """The catalogue as the release's own files."""
    fresh = offered.targets[manifest.fresh] if manifest.fresh else None
    shards = tuple(offered.targets[name] for name in manifest.shards)
    return Layout(manifest.state_hash, shards, fresh, offered.targets[manifest.records])


def choose_delta(offered: SignedTargets, manifest: ReleaseManifest, here: Layout, *, cost: int) -> Target | None:
    """The delta to follow from a device's layout, None where there is none or it is no smaller than `cost`, the bytes
    of the release's own files that are missing."""
    for delta in manifest.deltas:
        target = offered.targets[delta.name]
        if delta.from_hash == here.state_hash and target.length < cost:
            return target
    return None


def name_of_space(offered: SignedTargets, recommended: Release, space_id: str | None) -> str:
    """The name of the manifest that a device follows which stays on a space; None follows the recommended one. Raises
    `SyncError` where that space has ended."""
    if space_id in (None, recommended.space_id):
        return MANIFEST_NAME
    if (name := manifest_name(space_id)) in offered.targets:
        return name
    raise SyncError(
        f"the models on this device, of space {space_id}, have ended: release {recommended.version} has those of space "
        f"{recommended.space_id} alone. The catalogue here goes on working as it is; sync without --keep-models to move"
    )


def check_space(manifest: Release, recommended: Release, space_id: str | None) -> None:
    """Whether a manifest is of the space that its name says, and of the release that recommends another."""
    if space_id is not None and manifest.space_id != space_id:
        raise ReleaseRejected(f"{manifest_name(space_id)} is of space {manifest.space_id}; it must be published anew")
    if manifest.version != recommended.version:
        raise ReleaseRejected(
            f"{manifest_name(manifest.space_id)} is of release {manifest.version}, {MANIFEST_NAME} of "
            f"{recommended.version}; it must be published anew"
        )


def chosen_packs(
    release: SplitRelease, trusted: Pointer | None, asked: Sequence[str] | None, is_there: Callable[[str], bool]
) -> tuple[str, ...] | None:
    """The packs that a device is to take from now on, None for all that there are: `asked` for (`ALL` is one way), or
    else those that it took before. `is_there` says of a manifest's name whether its pack can be had where the release
    comes from; a device without a catalogue that asks for nothing takes what can be had.

    Raises `SyncError` where one cannot be had: what was taken once goes only when somebody says so.
    """
    there = tuple(pack.pack_id for pack in release.packs if is_there(pack.manifest))
    chosen = trusted.chosen if trusted else None
    if asked is not None:
        chosen = None if asked == ALL else tuple(dict.fromkeys(asked))
    elif trusted is None and there and there != release.pack_ids:
        chosen = there
    lacking = [pack_id for pack_id in (release.pack_ids if chosen is None else chosen) if pack_id not in there]
    if lacking or chosen == ():
        raise SyncError(
            f"release {release.version}, as it is offered, has no pack {', '.join(lacking) or 'that is asked for'}; it "
            f"has: {', '.join(there) or 'none'}. The catalogue here is as it was; sync with --packs and those to take"
        )
    return chosen


def check_pack(offered: SignedTargets, release: SplitRelease, pack: PackEntry, manifest: ReleaseManifest) -> None:
    """Whether a pack's manifest is what the release says of it."""
    of_release = (manifest.version, manifest.space_id, manifest.models)
    if of_release != (release.version, release.space_id, release.models):
        raise ReleaseRejected(
            f"{pack.manifest} is of release {manifest.version} and space {manifest.space_id}, {MANIFEST_NAME} of "
            f"release {release.version} and space {release.space_id}; it must be published anew"
        )
    check_files(offered, manifest)
    found = (manifest.rows, manifest.classes, manifest.state_hash, pack_bytes(offered.targets, manifest))
    if found != (pack.rows, pack.classes, pack.state_hash, pack.bytes):
        raise ReleaseRejected(
            f"{pack.manifest} does not have the rows, classes, state and bytes that {MANIFEST_NAME} states of pack "
            f"{pack.pack_id}; it must be published anew"
        )


def pack_bytes(targets: Mapping[str, Target], manifest: ReleaseManifest) -> int:
    """What a device fetches of a pack that it does not have: all its own files but the manifest."""
    own = (*manifest.catalog_files, *manifest.thumbnails, *manifest.relief_packs)
    return sum(targets[name].length for name in own)


def joint_hash(release: SplitRelease, packs: Sequence[ReleaseContents]) -> str:
    """The state hash of several packs as one catalogue."""
    try:
        rows = merge_rows(pack.state().rows for pack in packs)
    except CatalogError as error:
        raise ReleaseRejected(f"release {release.version}, in two packs: {error}; it must be published anew") from None
    records = {class_id: record for pack in packs for class_id, record in pack.records.items()}
    if len(records) != sum(len(pack.records) for pack in packs):
        raise ReleaseRejected(f"release {release.version} has a class in two packs; it must be published anew")
    found = state_hash(CatalogState(release.space_id, rows, records))
    if len(packs) == len(release.packs) and found != release.state_hash:
        raise ReleaseRejected(
            f"release {release.version}: its packs together do not give its state hash; it must be published anew"
        )
    return found


def check_models(offered: SignedTargets, manifest: ReleaseManifest, models: ModelIndex) -> None:
    """Whether models and catalogue belong together."""
    if (models.space_id, models.code_scale) != (manifest.space_id, manifest.code_scale):
        raise ReleaseRejected(
            f"release {manifest.version} has a catalogue of space {manifest.space_id} (scale "
            f"{manifest.code_scale:g}) but models of space {models.space_id} (scale {models.code_scale:g}); "
            "it must be published anew"
        )
    for net in models.nets.values():
        if net.file not in manifest.models or offered.targets[net.file] != Target(net.file, net.bytes, net.sha256):
            raise ReleaseRejected(f"release {manifest.version} does not carry the {net.file} of its {INDEX_NAME}")
    if models.relief and manifest.relief and models.relief.relief_id != manifest.relief.relief_id:
        raise ReleaseRejected(
            f"release {manifest.version} has maps of relief {manifest.relief.relief_id} but models of relief "
            f"{models.relief.relief_id}; it must be published anew"
        )


def check_relief_pack(relief: ReleaseRelief, pack: ReliefPackName, data: bytes) -> None:
    """Whether a pack of relief maps holds what the manifest says of it, every map whole."""
    try:
        found = read_pack(data, name=pack.name, relief_id=relief.relief_id, maps=pack.maps, whole=True)
    except CatalogError as error:
        raise ReleaseRejected(f"the server's release: {error}") from None
    first, last = pack.span
    if found.row_ids[0] < first or found.row_ids[-1] > last:
        raise ReleaseRejected(
            f"{pack.name} has maps of rows {found.row_ids[0]} to {found.row_ids[-1]}; it must be published anew"
        )


def check_fresh(fresh: Fresh) -> None:
    """Whether a device may keep its shards with this much changed since they were built."""
    if len(fresh) > MAX_CHANGES:
        raise ReleaseRejected(f"{len(fresh)} rows changed since the shards here were built; {MAX_CHANGES} is the most")


def check_contents(contents: ReleaseContents) -> CatalogState:
    """The catalogue that the files give, which must be the one that `release.json` describes."""
    manifest = contents.manifest
    try:
        state = contents.state()
    except CatalogError as error:
        raise ReleaseRejected(f"release {manifest.version}: {error}") from None
    if (len(state.rows), len(state.records)) != (manifest.rows, manifest.classes):
        raise ReleaseRejected(
            f"release {manifest.version} has {len(state.rows)} rows and {len(state.records)} classes, "
            f"{MANIFEST_NAME} says {manifest.rows} and {manifest.classes}; it must be published anew"
        )
    if state_hash(state) != manifest.state_hash:
        raise ReleaseRejected(
            f"release {manifest.version}: its rows and records do not give its state hash; it must be published anew"
        )
    return state


def _is_revoked(trusted: Pointer, offered: SignedTargets) -> bool:
    """Whether the root has taken the right to sign from all who could sign the catalogue here."""
    return trusted.trust is not None and offered.signers.isdisjoint(trusted.trust.signers)
