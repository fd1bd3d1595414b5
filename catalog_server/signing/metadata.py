"""The signed metadata of a store's releases, read: what is served, and which roots there are."""

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp

from catalog_server.signing.keys import Role
from coindex.errors import StoreError
from coindex.sync.metadata import fingerprint

__all__ = [
    "Current",
    "current",
    "fingerprints",
    "metadata_folder",
    "nothing_signed",
    "parse",
    "read_file",
    "root_versions",
]

T = TypeVar("T", Root, Targets, Snapshot, Timestamp)


@dataclass(frozen=True, eq=False)
class Current:
    """The metadata that is served: the newest root, and what the timestamp leads to, None before the first release."""

    root: Root
    root_bytes: bytes
    timestamp: Timestamp | None = None
    snapshot: Snapshot | None = None
    targets: Targets | None = None
    targets_bytes: bytes = b""

    def role(self, role: Role) -> Root | Targets | Snapshot | Timestamp | None:
        """What a role says."""
        found: Root | Targets | Snapshot | Timestamp | None = getattr(self, role)
        return found


def metadata_folder(releases: Path) -> Path:
    """Where the metadata of a store's releases lie."""
    return releases / "metadata"


def current(releases: Path) -> Current | None:
    """The metadata that is served; None where there is none.

    Signatures are not checked; `coindex catalog verify` does that.

    Raises:
        StoreError: If a file is damaged or missing.
    """
    folder = metadata_folder(releases)
    roots = root_versions(releases)
    if not roots:
        return None
    root_bytes = read_file(folder / f"{roots[-1]}.root.json")
    root = parse(folder / f"{roots[-1]}.root.json", root_bytes, Root)
    if not (folder / "timestamp.json").is_file():
        return Current(root, root_bytes)
    timestamp = parse(folder / "timestamp.json", read_file(folder / "timestamp.json"), Timestamp)
    path = folder / f"{timestamp.snapshot_meta.version}.snapshot.json"
    snapshot = parse(path, read_file(path), Snapshot)
    path = folder / f"{snapshot.meta['targets.json'].version}.targets.json"
    targets_bytes = read_file(path)
    return Current(root, root_bytes, timestamp, snapshot, parse(path, targets_bytes, Targets), targets_bytes)


def root_versions(releases: Path) -> list[int]:
    """The versions of the roots that are there, ascending."""
    names = [path.name.partition(".")[0] for path in metadata_folder(releases).glob("*.root.json")]
    return sorted(int(name) for name in names if name.isdecimal())


def fingerprints(releases: Path) -> tuple[str, str]:
    """The fingerprints of the first root, which phones pin, and of the newest.

    Raises:
        StoreError: If there is no root.
    """
    versions = root_versions(releases)
    if not versions:
        raise nothing_signed(releases)
    first, last = (
        read_file(metadata_folder(releases) / f"{version}.root.json") for version in (versions[0], versions[-1])
    )
    return fingerprint(first), fingerprint(last)


def nothing_signed(releases: Path) -> StoreError:
    """What to raise where there is no root yet."""
    return StoreError(f"{releases}: nothing is signed yet; `coindex catalog keys init` or a first publish makes keys")


def read_file(path: Path) -> bytes:
    """The bytes of a metadata file.

    Raises:
        StoreError: If it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise StoreError(f"{path}: cannot be read ({error.strerror}); bring it back from a backup") from None


def parse(path: Path, data: bytes, kind: type[T]) -> T:
    """The signed part of a metadata file.

    Raises:
        StoreError: If the file is damaged or of another kind.
    """
    try:
        signed = Metadata[T].from_bytes(data).signed
    except RepositoryError as error:
        raise StoreError(f"{path}: damaged ({error}); bring it back from a backup") from None
    if not isinstance(signed, kind):
        raise StoreError(f"{path}: not what its name says; bring it back from a backup")
    return signed
