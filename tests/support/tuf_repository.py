"""A signed repository in memory: what it publishes is signed as it should be, unless a test makes it do otherwise."""

import copy
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

FAR = datetime(2100, 1, 1, tzinfo=UTC)
ROLES = ("root", "targets", "snapshot", "timestamp")


class TufRepository:
    """`signers` are the private keys of each role; `files` what lies under `releases/metadata/`, by name.

    The same `seed` makes the same keys.
    """

    def __init__(self, seed=1):
        self._seed = seed * 1000
        self.signers = {}
        self.root = Root(expires=FAR)
        self.targets = Targets(expires=FAR)
        self.snapshot = Snapshot(expires=FAR)
        self.timestamp = Timestamp(expires=FAR)
        self.files = {}
        for signed in (self.root, self.targets, self.snapshot, self.timestamp):
            signed.version = 0  # nothing is written yet
        for role in ROLES:
            self.add_key(role)
        self.publish_root()

    def new_signer(self):
        self._seed += 1
        return CryptoSigner(Ed25519PrivateKey.from_private_bytes(self._seed.to_bytes(32, "big")))

    def add_key(self, role):
        signer = self.new_signer()
        self.signers.setdefault(role, []).append(signer)
        self.root.add_key(signer.public_key, role)
        return signer

    def rotate(self, *roles):
        """Give roles another key in a new root, signed by the old and the new root key, and sign all anew."""
        old = list(self.signers["root"])
        for role in roles:
            for signer in self.signers[role]:
                self.root.revoke_key(signer.public_key.keyid, role)
            self.signers[role] = []
            self.add_key(role)
        self.publish_root([*old, *self.signers["root"]] if "root" in roles else None)
        self.publish(self.targets.targets)

    def publish_root(self, signers=None):
        self.root.version += 1
        self.write("root", self.root, signers=signers)

    def publish(self, targets=None):
        """Sign a release's targets: `TargetFile` by name; None to sign those there are anew."""
        if targets is not None:
            self.targets.targets = dict(targets)
        self.targets.version += 1
        self.publish_snapshot()

    def publish_snapshot(self):
        self.write("targets", self.targets)
        self.snapshot.version += 1
        self.snapshot.meta["targets.json"] = self.described("targets", self.targets)
        self.publish_timestamp()

    def publish_timestamp(self):
        self.write("snapshot", self.snapshot)
        self.timestamp.version += 1
        self.timestamp.snapshot_meta = self.described("snapshot", self.snapshot)
        self.write("timestamp", self.timestamp)

    def described(self, role, signed):
        return MetaFile.from_data(signed.version, self.files[f"{signed.version}.{role}.json"], ["sha256"])

    def signed(self, role, signed, *, signers=None):
        """The bytes of a role's file."""
        metadata = Metadata(copy.deepcopy(signed))
        for signer in self.signers[role] if signers is None else signers:
            metadata.sign(signer, append=True)
        return metadata.to_bytes()

    def write(self, role, signed, *, signers=None):
        name = "timestamp.json" if role == "timestamp" else f"{signed.version}.{role}.json"
        self.files[name] = self.signed(role, signed, signers=signers)


def target_file(name, data):
    return TargetFile.from_data(name, data, ["sha256"])
