"""When a release may replace the catalogue of a device, as functions without any I/O.

- What is signed names `release.json` and `models.json`, and every file that `release.json` names.
- Names are plain, single lengths bounded (both checked when the metadata is read), and so is their sum.
- A release is never older than the one a device has, and one of the same version has the same targets as those that a
  device holds of it: whatever becomes of the signed metadata, which have versions of their own. Where the root has
  revoked every key that could sign the release on the device, its number binds no more, for a thief of the keys may
  have made it as high as he liked.
- A device that stays on its space follows `release-<space id>.json`, which is of that space and of the same release as
  `release.json`, unless that is of the space itself; where there is neither, the space has ended.
- The models are of the release's space and code scale, and each of their nets is a target of the stated length and
  hash.
- Shards, fresh rows and records give the stated state hash and the stated numbers of rows and classes, whether they
  are the release's own or a device's, brought there by a delta.
- A delta is followed where it starts from the device's state, is smaller than what the release's own files would cost,
  and leaves no more fresh than `MAX_CHANGES`.

Each `check_` function raises `ReleaseRejected` where a rule is broken.
"""

from collections.abc import Collection, Iterable

from coindex.catalog.fresh import Fresh
from coindex.catalog.local import Layout, Pointer
from coindex.catalog.release import MANIFEST_NAME, ReleaseContents, ReleaseManifest, Target, manifest_name
from coindex.catalog.state import state_hash
from coindex.errors import CatalogError, ReleaseRejected, SyncError
from coindex.models import INDEX_NAME, ModelIndex
from coindex.sync.metadata import SignedTargets

__all__ = [
    "MAX_CHANGES",
    "MAX_RELEASE_BYTES",
    "check_contents",
    "check_fresh",
    "check_models",
    "check_release",
    "check_space",
    "check_targets",
    "choose_delta",
    "companions",
    "missing_files",
    "name_of_space",
    "own_layout",
]

MAX_RELEASE_BYTES = 4 * 2**30
"""A million rows with thumbnails come to about 3 GB."""

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


def check_release(trusted: Pointer | None, offered: SignedTargets, manifest: ReleaseManifest) -> None:
    """Whether an offered release may follow the one that a device has, None where it has none."""
    lacking = [name for name in manifest.files if name not in offered.targets]
    if lacking:
        raise ReleaseRejected(f"release {manifest.version} lacks {', '.join(lacking)}; it must be published anew")
    if trusted is None or _is_revoked(trusted, offered):
        return
    if manifest.version < trusted.version:
        raise ReleaseRejected(
            f"the server offers release {manifest.version}, older than release {trusted.version} here; "
            "ask its operator, or use another --home for another catalogue"
        )
    same = all(offered.targets.get(name) == held for name, held in trusted.targets.items())
    if manifest.version == trusted.version and not same:
        raise ReleaseRejected(
            f"the server's release {manifest.version} is not the release {trusted.version} on this device; "
            "ask its operator, or use another --home for another catalogue"
        )


def missing_files(needed: Iterable[Target], held: Collection[Target]) -> tuple[Target, ...]:
    """The files to fetch, smallest first: those that a device does not hold."""
    missing = [target for target in dict.fromkeys(needed) if target not in held]
    return tuple(sorted(missing, key=lambda target: (target.length, target.name)))


def companions(offered: SignedTargets, name: str, manifest: ReleaseManifest) -> dict[str, Target]:
    """The targets that a device needs whichever way it comes to the catalogue: the manifest of this name, models,
    thumbnails."""
    return {file: offered.targets[file] for file in (name, *manifest.models, *manifest.thumbnails)}


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


def name_of_space(offered: SignedTargets, recommended: ReleaseManifest, space_id: str | None) -> str:
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


def check_space(manifest: ReleaseManifest, recommended: ReleaseManifest, space_id: str | None) -> None:
    """Whether a manifest is of the space that its name says, and of the release that recommends another."""
    if space_id is not None and manifest.space_id != space_id:
        raise ReleaseRejected(f"{manifest_name(space_id)} is of space {manifest.space_id}; it must be published anew")
    if manifest.version != recommended.version:
        raise ReleaseRejected(
            f"{manifest_name(manifest.space_id)} is of release {manifest.version}, {MANIFEST_NAME} of "
            f"{recommended.version}; it must be published anew"
        )


def check_models(offered: SignedTargets, manifest: ReleaseManifest, models: ModelIndex) -> None:
    """Whether models and catalogue belong together."""
    if (models.space_id, models.code_scale) != (manifest.space_id, manifest.code_scale):
        raise ReleaseRejected(
            f"release {manifest.version} has a catalogue of space {manifest.space_id} (scale "
            f"{manifest.code_scale:g}) but models of space {models.space_id} (scale {models.code_scale:g}); "
            "it must be published anew"
        )
    for net in (models.segmenter, models.embedder):
        if net.file not in manifest.models or offered.targets[net.file] != Target(net.file, net.bytes, net.sha256):
            raise ReleaseRejected(f"release {manifest.version} does not carry the {net.file} of its {INDEX_NAME}")


def check_fresh(fresh: Fresh) -> None:
    """Whether a device may keep its shards with this much changed since they were built."""
    if len(fresh) > MAX_CHANGES:
        raise ReleaseRejected(f"{len(fresh)} rows changed since the shards here were built; {MAX_CHANGES} is the most")


def check_contents(contents: ReleaseContents) -> None:
    """Whether the files give the catalogue that `release.json` describes."""
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


def _is_revoked(trusted: Pointer, offered: SignedTargets) -> bool:
    """Whether the root has taken the right to sign from all who could sign the catalogue here."""
    return trusted.trust is not None and offered.signers.isdisjoint(trusted.trust.signers)
