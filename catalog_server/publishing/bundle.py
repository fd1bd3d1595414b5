"""The served release in one file, which `coindex sync FILE` and the phone app take where there is no network."""

import tempfile
import zipfile
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from tuf.api.metadata import Metadata, Timestamp

from catalog_server import signing
from catalog_server.publishing.served import is_whole, parts_of, read_manifest, served_manifest, targets_folder
from catalog_server.signing.metadata import metadata_folder, root_versions
from catalog_server.store import Store
from coindex.catalog.packs import Release, SplitRelease
from coindex.catalog.release import MANIFEST_NAME
from coindex.disk import DISK, move_into_place
from coindex.errors import StoreError
from coindex.sync import sync
from coindex.sync.bundle import BundleFetcher
from coindex.sync.metadata import METADATA_PATH, TARGETS_PATH, SignedTargets, fingerprint, read_targets

__all__ = ["BundleReport", "bundle"]

TIMESTAMP = "timestamp.json"
LONG_AGO = (1980, 1, 1, 0, 0, 0)
"""The same release gives the same bytes, whenever it is bundled."""
MODE = 0o644 << 16


@dataclass(frozen=True)
class BundleReport:
    """What a bundle holds: release `version` in `files` files of the recommended space. Devices take it until the time
    `expires`, when the first of its signatures runs out."""

    version: int
    files: int
    bytes: int
    expires: str
    root_fingerprint: str


def bundle(
    store: Store,
    path: Path,
    *,
    days: int | None = None,
    packs: Sequence[str] | None = None,
    keys: Path | None = None,
    passphrase: str | None = None,
) -> BundleReport:
    """Write the served release to a file that does not exist yet, with all that a device without a catalogue needs.

    Devices take it for as long as the timestamp lasts that is served, or for so many `days`, signed by the timestamp's
    key in the folder `keys`. For as long, whoever stands between can hold newer releases back from a device that took
    the file.

    Of a release in packs the file has those of the ids in `packs`, by default all.

    A device of its own takes the file before it gets its name. After an error there is no file.

    Raises:
        StoreError: If the file exists or cannot be written, nothing is published, a pack is missing, a file of the
            release is damaged, or there is no key for `days`.
        SyncError: If a device would not take the file.
    """
    if path.exists():
        raise StoreError(f"{path}: exists already; name a file that does not")
    building = path.with_name(f".{path.name}.part")
    try:
        report = _write(store, building, packs, _timestamp(store, days, keys, passphrase))
        with tempfile.TemporaryDirectory(prefix="coindex-bundle-") as home, BundleFetcher(building) as fetcher:
            sync(str(path), Path(home), fetcher=fetcher)
        DISK.sync_file(building)
        move_into_place(building, path, disk=DISK)
    except OSError as error:
        raise StoreError(f"{path}: cannot be written ({error.strerror}); no file was made") from None
    finally:
        with suppress(OSError):
            building.unlink(missing_ok=True)
    return report


def _timestamp(store: Store, days: int | None, keys: Path | None, passphrase: str | None) -> bytes | None:
    """A timestamp that lasts so many days, None for the one that is served."""
    if days is None:
        return None
    folder = signing.default_keys(store.folder) if keys is None else keys
    ring = signing.read_keys(folder, passphrase=passphrase)
    if ring is None:
        raise StoreError(f"{folder}: no keys here to sign with; --keys names their folder, or leave out --days")
    return signing.lasting_timestamp(store.releases, ring, timedelta(days=days))


def _write(store: Store, building: Path, packs: Sequence[str] | None, timestamp: bytes | None) -> BundleReport:
    served = signing.current(store.releases)
    if served is None or served.targets is None or served.timestamp is None or served.snapshot is None:
        raise StoreError(f"{store.folder}: nothing is published; `coindex catalog publish` makes a release")
    index = read_targets(served.root_bytes, served.targets_bytes)
    release = served_manifest(store, index)
    wanted = [index.targets[name] for name in _names(store, release, index, packs)]
    metadata = metadata_folder(store.releases)
    signed = [f"{version}.root.json" for version in root_versions(store.releases)]
    signed += [f"{served.targets.version}.targets.json", f"{served.snapshot.version}.snapshot.json"]
    newest = timestamp or (metadata / TIMESTAMP).read_bytes()
    with zipfile.ZipFile(building, "w", zipfile.ZIP_STORED) as archive:
        for name in signed:
            _add(archive, f"{METADATA_PATH}/{name}", metadata / name)
        archive.writestr(_info(f"{METADATA_PATH}/{TIMESTAMP}"), newest)
        for target in wanted:
            file = targets_folder(store) / target.stored_name
            if not is_whole(file, target):
                raise StoreError(f"{file}: damaged or gone; `coindex catalog publish` writes it again")
            _add(archive, f"{TARGETS_PATH}/{target.stored_name}", file)
    return BundleReport(
        version=release.version,
        files=len(signed) + 1 + len(wanted),
        bytes=building.stat().st_size,
        expires=_moment(
            min(_expires(newest), *(role.expires for role in (served.root, served.targets, served.snapshot)))
        ),
        root_fingerprint=fingerprint((metadata / signed[0]).read_bytes()),
    )


def _names(store: Store, release: Release, index: SignedTargets, packs: Sequence[str] | None) -> list[str]:
    """The files that a device without a catalogue needs."""
    parts, names = parts_of(store, release, index), [MANIFEST_NAME]
    if isinstance(release, SplitRelease):
        lacking = sorted(set(packs or ()) - set(release.pack_ids))
        if lacking or packs == []:
            raise StoreError(
                f"release {release.version} has no pack {', '.join(lacking) or 'that is asked for'}; it has: "
                f"{', '.join(release.pack_ids)}"
            )
        chosen = [pack for pack in release.packs if packs is None or pack.pack_id in packs]
        parts = tuple(read_manifest(store, index, pack.manifest) for pack in chosen)
        names += [pack.manifest for pack in chosen]
    elif packs is not None:
        raise StoreError(f"release {release.version} is not in packs; leave out --packs")
    for part in parts:
        # Deltas lead from catalogues that a device may have: it does without, by the files themselves.
        deltas = {delta.name for delta in part.deltas}
        names += [name for name in part.files if name not in deltas]
    return list(dict.fromkeys(names))


def _add(archive: zipfile.ZipFile, name: str, path: Path) -> None:
    info = _info(name)
    info.file_size = path.stat().st_size  # by which its header is chosen
    with path.open("rb") as source, archive.open(info, "w") as target:
        while piece := source.read(1 << 20):
            target.write(piece)


def _info(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, LONG_AGO)
    info.external_attr = MODE
    return info


def _expires(timestamp: bytes) -> datetime:
    return Metadata[Timestamp].from_bytes(timestamp).signed.expires


def _moment(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")
