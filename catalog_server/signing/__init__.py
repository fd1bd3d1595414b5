"""Signing: the private keys of a store, and the metadata (TUF) that they sign of its releases."""

from catalog_server.signing.keys import PASSPHRASE, ROLES, KeyRing, Role, default_keys, read_keys
from catalog_server.signing.repository import (
    Current,
    begin,
    current,
    fingerprints,
    metadata_folder,
    publish_targets,
    renew,
    rotate,
)
from catalog_server.signing.upkeep import renew_timestamp, renewal

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
    "metadata_folder",
    "publish_targets",
    "read_keys",
    "renew",
    "renew_timestamp",
    "renewal",
    "rotate",
]
