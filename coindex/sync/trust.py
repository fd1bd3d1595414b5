"""The server's signed metadata, verified by python-tuf and kept in `$COINDEX_HOME/metadata/`.

- The root that a device trusted first is *pinned*. Every later root must be signed by the keys of the one before.
- Files are kept role by role, in the order of TUF's specification: roots, timestamp, snapshot, targets. A verified file
  is kept even if a later role is rejected, so that nobody can lead the device back behind it. Only the first sync keeps
  nothing until everything is verified: a wrong address must not pin a root.
- A damaged file is downloaded again. A damaged or missing pinned root is accepted again only if it has the fingerprint
  that the catalogue's pointer stores.

python-tuf's client works on files of the operating system. It gets a temporary folder with a copy of the kept files.
Its changes are written back through `Disk`, durably.
"""

import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tuf.api.exceptions import (
    BadVersionNumberError,
    DownloadHTTPError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    UnsignedMetadataError,
)
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp
from tuf.ngclient import FetcherInterface, Updater, UpdaterConfig

from coindex.catalog.pointer import Trust, metadata_folder
from coindex.disk import Disk, write_whole
from coindex.errors import NotServed, ReleaseRejected, SyncError
from coindex.sync.fetcher import Fetcher
from coindex.sync.metadata import METADATA_PATH, SignedTargets, fingerprint, read_targets

__all__ = ["Refreshed", "refresh"]

LIMITS = UpdaterConfig(
    max_root_rotations=256,
    root_max_length=64 << 10,
    timestamp_max_length=16 << 10,
    snapshot_max_length=16 << 10,
    targets_max_length=4 << 20,
)
"""The most bytes that are read: four megabytes are about 20,000 targets; a root has a handful of keys."""

ROOT = re.compile(r"([1-9][0-9]{0,8})\.root\.json")
ROLES = tuple(f"{role}.json" for role in (Timestamp.type, Snapshot.type, Targets.type))
"""In the order in which they are verified and kept."""

HISTORY = "root_history"
"""The folder where python-tuf looks for roots."""


@dataclass(frozen=True)
class Refreshed:
    """The server's verified offer.

    Attributes:
        signed: The signed targets.
        trust: The pinned root and the keys that may sign targets.
        first: Whether this device had pinned no root before.
        transferred: The bytes that came over the network.
    """

    signed: SignedTargets
    trust: Trust
    first: bool
    transferred: int


def refresh(fetcher: Fetcher, home: Path, *, root: bytes | None, trust: Trust | None, disk: Disk) -> Refreshed:
    """Download the server's new metadata, verify it and keep it.

    Args:
        fetcher: Where the metadata comes from.
        home: The device's folder.
        root: The root to pin, as a file's bytes; None to take the server's first one if none is pinned.
        trust: The trust that the catalogue here came with, None if there is no catalogue.
        disk: The file system.

    Raises:
        SyncError: If metadata cannot be downloaded.
        ReleaseRejected: If metadata cannot be verified.
    """
    kept = _kept(home, disk)
    counting = _MetadataFetcher(fetcher)
    pinned = _pinned(kept, root, trust)
    first = pinned is None and trust is None
    bootstrap = pinned or _bootstrap(counting, kept, root, trust)
    version = Metadata[Root].from_bytes(bootstrap).signed.version
    with tempfile.TemporaryDirectory(prefix="coindex-metadata-") as name:
        folder = Path(name)
        _put(folder, kept, later_than=version)
        verified = False
        try:
            # A path without an address: the fetcher knows the server.
            updater = Updater(name, METADATA_PATH, fetcher=counting, config=LIMITS, bootstrap=bootstrap)
            updater.refresh()
            verified = True
        except RepositoryError as error:
            raise _rejection(error) from None
        finally:
            if verified or not first:
                _keep(home, folder, kept, disk)
        signed = read_targets((folder / "root.json").read_bytes(), (folder / f"{Targets.type}.json").read_bytes())
    now = Trust(version, fingerprint(bootstrap), tuple(sorted(signed.signers)))
    return Refreshed(signed, now, first, counting.transferred)


class _MetadataFetcher(FetcherInterface):
    """The fetcher of a sync behind python-tuf's interface; counts the bytes."""

    def __init__(self, fetcher: Fetcher) -> None:
        self._fetcher = fetcher
        self.transferred = 0

    def download_bytes(self, url: str, max_length: int) -> bytes:
        try:
            data = self._fetcher.get(url, most=max_length)
        except NotServed as error:
            if ROOT.fullmatch(url.rpartition("/")[2]):
                # The usual answer if there is no later root. python-tuf expects this error for it.
                raise DownloadHTTPError(str(error), 404) from error
            raise
        self.transferred += len(data)
        return data

    def _fetch(self, url: str) -> Iterator[bytes]:
        yield self.download_bytes(url, LIMITS.targets_max_length)


def _kept(home: Path, disk: Disk) -> dict[str, bytes]:
    """The metadata files of a device by name."""
    folder, kept = metadata_folder(home), {}
    for name in disk.names(folder):
        if name in ROLES or ROOT.fullmatch(name):
            with disk.open(folder / name) as file:
                kept[name] = file.read()
    return kept


def _pinned(kept: Mapping[str, bytes], root: bytes | None, trust: Trust | None) -> bytes | None:
    """The root that this device pinned, None if there is none or it is damaged. Raises `ReleaseRejected` if the device
    does not trust `root`."""
    versions = sorted(int(match[1]) for name in kept if (match := ROOT.fullmatch(name)))
    known = {f"{version}.root.json": _sound(kept[f"{version}.root.json"]) for version in versions}
    oldest = known[f"{versions[0]}.root.json"] if versions else None
    if trust and oldest != trust.root_fingerprint:
        oldest = None
    expected = {mark for mark in known.values() if mark} if oldest else {trust.root_fingerprint} if trust else None
    if root is not None and expected is not None and _sound(root) not in expected:
        raise ReleaseRejected(
            "the given root is not the one that this device trusts "
            f"(fingerprint {trust.root_fingerprint if trust else oldest}); use another --home for another server"
        )
    return kept[f"{versions[0]}.root.json"] if oldest else None


def _bootstrap(fetcher: _MetadataFetcher, kept: Mapping[str, bytes], root: bytes | None, trust: Trust | None) -> bytes:
    """The root to pin: the given one, the one that the catalogue came with, or the server's first."""
    if root is None and trust is None and any(map(ROOT.fullmatch, kept)):
        raise SyncError(
            "the root that this device trusts is damaged, and no catalogue here stores its fingerprint; delete the "
            "folder metadata and sync again, which trusts the server as new, or name its root with --root FILE"
        )
    version = trust.root_version if trust else 1
    if root is None:
        try:
            root = fetcher.download_bytes(f"{METADATA_PATH}/{version}.root.json", LIMITS.root_max_length)
        except DownloadHTTPError as error:
            raise SyncError(str(error)) from None
    if _sound(root) is None:
        raise ReleaseRejected(
            f"{version}.root.json is not a root signed by its own keys; use releases/metadata/1.root.json of the server"
        )
    if trust and fingerprint(root) != trust.root_fingerprint:
        raise ReleaseRejected(
            f"the server's root has fingerprint {fingerprint(root)}, this device trusts {trust.root_fingerprint}; "
            "it is another server, or a forged one; use another --home for another server"
        )
    return root


def _sound(root: bytes) -> str | None:
    """The fingerprint of a root that is signed by its own keys, None for any other bytes."""
    with suppress(RepositoryError):
        metadata = Metadata[Root].from_bytes(root)
        metadata.signed.verify_delegate(Root.type, metadata.signed_bytes, metadata.signatures)
        return fingerprint(root)
    return None


def _put(folder: Path, kept: Mapping[str, bytes], *, later_than: int) -> None:
    """Write the kept files where python-tuf's client looks for them."""
    (folder / HISTORY).mkdir()
    for name, data in kept.items():
        match = ROOT.fullmatch(name)
        if match is None:
            (folder / name).write_bytes(data)
        elif int(match[1]) > later_than:
            (folder / HISTORY / name).write_bytes(data)


def _keep(home: Path, folder: Path, kept: Mapping[str, bytes], disk: Disk) -> None:
    """Keep what python-tuf's client has verified, in the order of verification."""
    roots = sorted((path for path in (folder / HISTORY).iterdir()), key=lambda path: int(path.name.partition(".")[0]))
    for path in (*roots, *(folder / name for name in ROLES)):
        if path.is_file() and path.read_bytes() != kept.get(path.name):
            write_whole(metadata_folder(home) / path.name, path.read_bytes(), disk=disk)


def _rejection(error: RepositoryError) -> ReleaseRejected:
    """Why python-tuf rejected the metadata, and what to do about it."""
    match error:
        case ExpiredMetadataError():
            why = (
                "its signature has expired. The operator did not renew it, or somebody withholds newer metadata, or "
                "this device's clock is wrong; check the clock, then ask the operator"
            )
        case UnsignedMetadataError():
            why = (
                "it is not signed by the keys that this device trusts. It comes from another server, or it is forged; "
                "use another --home for another server"
            )
        case BadVersionNumberError():
            why = "its version is older than the one on this device, or skips one; ask the server's operator"
        case LengthOrHashMismatchError():
            why = "the file differs from the signed metadata; sync again, then ask the server's operator"
        case _:
            why = "check that this is the address of a coindex server, then ask its operator"
    return ReleaseRejected(f"the server's signed metadata is rejected: {error}: {why}")
