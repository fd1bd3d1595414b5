"""Signing: the private keys of a store, and the metadata (TUF) that they sign of its releases."""

from catalog_server.signing.keys import PASSPHRASE, ROLES, KeyRing, Role, default_keys, read_keys
from catalog_server.signing.metadata import Current, current, fingerprints, metadata_folder
from catalog_server.signing.repository import begin, lasting_timestamp, publish_targets, renew, rotate

__all__ = [
    "PASSPHRASE",
    "ROLES",
    "Current",
    "KeyRing",
    "Role",
    "begin",
    "current",
    "default_keys",
    "fingerprints",
    "lasting_timestamp",
    "metadata_folder",
    "publish_targets",
    "read_keys",
    "renew",
    "rotate",
]
