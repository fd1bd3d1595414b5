"""When a release may replace the catalogue of a device, as functions without any I/O.

- A release is never older than the one a device has.
- A release of the same version names the same targets.
- It names `release.json` and `models.json`, and every file that `release.json` names.
- Names are plain, single lengths bounded (both checked when the index is read), and so is their sum.
- `release.json` gives the version of the index.
- The models are of the release's space and code scale, and each of their nets is a target of the stated length and
  hash.
- Shards, fresh rows and records give the stated state hash and the stated numbers of rows and classes.

Each function raises `ReleaseRejected` where a rule is broken.
"""

from collections.abc import Collection

from coindex.catalog.local import Pointer
from coindex.catalog.release import MANIFEST_NAME, ReleaseContents, ReleaseManifest, Target
from coindex.catalog.state import state_hash
from coindex.errors import CatalogError, ReleaseRejected
from coindex.models import INDEX_NAME, ModelIndex
from coindex.sync.metadata import ReleaseIndex

__all__ = [
    "MAX_RELEASE_BYTES",
    "check_contents",
    "check_index",
    "check_manifest",
    "check_models",
    "missing_targets",
]

MAX_RELEASE_BYTES = 4 * 2**30
"""A million rows with thumbnails come to about 3 GB."""


def check_index(trusted: Pointer | None, offered: ReleaseIndex) -> None:
    """Whether an offered release may follow the one that a device trusts, None where it has none."""
    if trusted and offered.version < trusted.version:
        raise ReleaseRejected(
            f"the server offers release {offered.version}, older than release {trusted.version} here; "
            "ask its operator, or use another --home for another catalogue"
        )
    if trusted and offered.version == trusted.version and offered.targets != trusted.targets:
        raise ReleaseRejected(
            f"the server's release {offered.version} is not the release {trusted.version} on this device; "
            "ask its operator, or use another --home for another catalogue"
        )
    for name in (MANIFEST_NAME, INDEX_NAME):
        if name not in offered.targets:
            raise ReleaseRejected(f"release {offered.version} has no {name}; it must be published anew")
    total = sum(target.length for target in offered.targets.values())
    if total > MAX_RELEASE_BYTES:
        raise ReleaseRejected(
            f"release {offered.version} is {total / 1e9:.1f} GB; {MAX_RELEASE_BYTES / 1e9:.1f} GB is the most"
        )


def missing_targets(offered: ReleaseIndex, held: Collection[str]) -> tuple[Target, ...]:
    """The targets to fetch, smallest first: those whose stored names a device does not hold."""
    missing = [target for target in offered.targets.values() if target.stored_name not in held]
    return tuple(sorted(missing, key=lambda target: (target.length, target.name)))


def check_manifest(offered: ReleaseIndex, manifest: ReleaseManifest) -> None:
    """Whether `release.json` is the index's."""
    if manifest.version != offered.version:
        raise ReleaseRejected(
            f"{MANIFEST_NAME} is of release {manifest.version}, the index of {offered.version}; publish anew"
        )
    lacking = [name for name in manifest.files if name not in offered.targets]
    if lacking:
        raise ReleaseRejected(f"release {manifest.version} lacks {', '.join(lacking)}; it must be published anew")


def check_models(offered: ReleaseIndex, manifest: ReleaseManifest, models: ModelIndex) -> None:
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
