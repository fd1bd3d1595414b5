"""What the server says there is to fetch: the targets of its signed metadata (TUF), `/releases/metadata/`."""

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
    """The verified `targets.json`: its own version, which is no release's number; the ids of the keys that the root
    lets sign it; and the targets by name."""

    version: int
    signers: frozenset[str]
    targets: Mapping[str, Target]


def read_targets(root: bytes, targets: bytes) -> SignedTargets:
    """What a `targets.json` says that is verified already, by this root. Raises `ReleaseRejected` for a target whose
    name, length or hashes are none that a release may have."""
    signed = Metadata[Targets].from_bytes(targets).signed
    signers = Metadata[Root].from_bytes(root).signed.roles[Targets.type].keyids
    named = {name: _target(name, file) for name, file in signed.targets.items()}
    return SignedTargets(signed.version, frozenset(signers), named)


def fingerprint(root: bytes) -> str:
    """What a person compares of a root: the SHA-256 (hex) of its signed part in canonical form."""
    return hashlib.sha256(Metadata[Root].from_bytes(root).signed_bytes).hexdigest()


def _target(name: str, file: TargetFile) -> Target:
    sha256 = file.hashes.get("sha256", "")
    if not PLAIN_NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise ReleaseRejected(f"targets.json: target name {name[:MAX_NAME]!r} is not a plain file name; publish anew")
    if not 0 <= file.length <= MAX_TARGET_BYTES:
        raise ReleaseRejected(f"targets.json: {name} has {file.length} bytes; {MAX_TARGET_BYTES} is the most")
    if not SHA256.fullmatch(sha256):
        raise ReleaseRejected(f"targets.json: {name} has no SHA-256; publish anew")
    return Target(name, file.length, sha256)
