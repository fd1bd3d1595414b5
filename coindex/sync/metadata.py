"""The server's offer: the targets of its signed metadata (TUF), `/releases/metadata/`."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from tuf.api.metadata import Metadata, Root, TargetFile, Targets

from coindex.catalog.release import MAX_NAME, MAX_TARGET_BYTES, PLAIN_NAME, SHA256, Target
from coindex.errors import ReleaseRejected

__all__ = ["METADATA_PATH", "TARGETS_PATH", "SignedTargets", "fingerprint", "read_targets"]

METADATA_PATH = "releases/metadata"
TARGETS_PATH = "releases/targets"


@dataclass(frozen=True, eq=False)
class SignedTargets:
    """The verified `targets.json`.

    Attributes:
        version: The version of the metadata, which is not the number of a release.
        signers: The ids of the keys that the root allows to sign it.
        targets: The targets by name.
    """

    version: int
    signers: frozenset[str]
    targets: Mapping[str, Target]


def read_targets(root: bytes, targets: bytes) -> SignedTargets:
    """Read a `targets.json`.

    Args:
        root: The root that verified it, as a file's bytes.
        targets: The verified `targets.json`, as a file's bytes.

    Raises:
        ReleaseRejected: If a release may not have a target of this name, length or hashes.
    """
    signed = Metadata[Targets].from_bytes(targets).signed
    signers = Metadata[Root].from_bytes(root).signed.roles[Targets.type].keyids
    named = {name: _target(name, file) for name, file in signed.targets.items()}
    return SignedTargets(signed.version, frozenset(signers), named)


def fingerprint(root: bytes) -> str:
    """The text that people compare: the SHA-256 (hex) of a root's signed part in canonical form."""
    return hashlib.sha256(Metadata[Root].from_bytes(root).signed_bytes).hexdigest()


def _target(name: str, file: TargetFile) -> Target:
    sha256 = file.hashes.get("sha256", "")
    if not PLAIN_NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise ReleaseRejected(f"targets.json: target name {name[:MAX_NAME]!r} is not a plain file name; publish again")
    if not 0 <= file.length <= MAX_TARGET_BYTES:
        raise ReleaseRejected(f"targets.json: {name} has {file.length} bytes; {MAX_TARGET_BYTES} is the most")
    if not SHA256.fullmatch(sha256):
        raise ReleaseRejected(f"targets.json: {name} has no SHA-256; publish again")
    return Target(name, file.length, sha256)
