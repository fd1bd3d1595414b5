"""The signed metadata of a store's releases: which files phones may believe, for how long, and by whose word.

    releases/metadata/N.root.json        whose keys count; signed by the keys of N and of N - 1
    releases/metadata/N.targets.json     the files of a release
    releases/metadata/N.snapshot.json    which targets.json is the newest
    releases/metadata/timestamp.json     which snapshot is the newest, for a few days: the only file that is replaced

Each is written whole. What a file speaks of is written before it, the timestamp last, so that a crash leaves the old
release or the new one; files that nothing speaks of are overwritten by the next to come that far.
"""

import contextlib
import copy
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from securesystemslib.signer import Signer
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, TargetFile, Targets, Timestamp

from catalog_server.signing.keys import ROLES, KeyRing, Role, new_keys, read_keys
from catalog_server.signing.metadata import (
    Current,
    current,
    metadata_folder,
    nothing_signed,
    parse,
    read_file,
    root_versions,
)
from coindex.catalog.release import Target
from coindex.disk import exclusive, write_whole
from coindex.errors import Busy, StoreError

__all__ = ["LIFETIMES", "begin", "lasting_timestamp", "publish_targets", "renew", "rotate"]

LIFETIMES: Mapping[Role, timedelta] = {
    # Somebody who holds back new releases, or a stolen timestamp key, is found out within a week; a server may be down
    # over a weekend, for what is half over is renewed.
    "timestamp": timedelta(days=7),
    # The next three run out only where nobody publishes or renews for long: then the catalogue has no keeper.
    "snapshot": timedelta(days=365),
    "targets": timedelta(days=365),
    # Its key may lie in a safe; once a year somebody takes it out.
    "root": timedelta(days=365),
}
"""How long each role's word holds."""

TRIES, PAUSE = 100, 0.1
"""Another process signs for some milliseconds; one that waits for an external signer may take seconds."""


def begin(releases: Path, keys: Path, *, passphrase: str | None = None, now: datetime | None = None) -> KeyRing | None:
    """Make keys and the first root where there are none.

    Returns:
        The new keys; None where there were keys.

    Raises:
        StoreError: If the keys would be served, or there is a root without keys.
    """
    if keys.resolve().is_relative_to(releases.resolve()):
        raise StoreError(f"{keys}: in the folder that is served; private keys must lie outside, name another (--keys)")
    with _signing(releases):
        ring = read_keys(keys, passphrase=passphrase)
        made = None
        if ring is None:
            if root_versions(releases):
                raise StoreError(
                    f"{keys}: no keys here, though releases are signed already; --keys or COINDEX_KEYS names their "
                    "folder"
                )
            ring = made = new_keys(keys, passphrase=passphrase)
        if not root_versions(releases):
            root = Root(expires=_until("root", now), consistent_snapshot=True)
            for key in ring.keys:
                root.add_key(key.public, key.role)
            _write(releases, _signed("root", root, ring.signers("root", root.roles["root"].keyids), [root]))
        return made


def publish_targets(
    releases: Path, ring: KeyRing, targets: Mapping[str, Target], *, now: datetime | None = None
) -> None:
    """Serve these targets from now on, all at once or not at all.

    Raises:
        StoreError: If a key is missing.
    """
    with _signing(releases):
        served = _needed(releases)
        version = served.targets.version + 1 if served.targets else 1
        files = {name: TargetFile(target.length, {"sha256": target.sha256}, name) for name, target in targets.items()}
        offered = Targets(version, expires=_until("targets", now), targets=files)
        for file in _chain(served, ring, "targets", offered, now):
            _write(releases, file)


def renew(
    releases: Path, ring: KeyRing, roles: Iterable[Role] = ROLES, *, now: datetime | None = None
) -> tuple[Role, ...]:
    """Sign again what has used up half of its lifetime, of these roles, and what depends on it.

    Nothing else changes: phones fetch the new timestamp, and no release. A role without a key in the ring is left out.

    Returns:
        The roles that were signed again.

    Raises:
        StoreError: If a key cannot be used.
    """
    wanted = set(roles)

    def is_due(role: Role) -> bool:
        signed = served.role(role)
        half = (now or datetime.now(UTC)) + LIFETIMES[role] / 2
        at_hand = {key.keyid for key in ring.at_hand(role)} & set(served.root.roles[role].keyids)
        return role in wanted and bool(at_hand) and signed is not None and signed.expires < half

    with _signing(releases):
        served = _needed(releases)
        due = [role for role in ROLES if is_due(role)]
        if "root" in due:
            root = copy.deepcopy(served.root)
            root.version, root.expires = root.version + 1, _until("root", now)
            _write(
                releases, _signed("root", root, ring.signers("root", root.roles["root"].keyids), [served.root, root])
            )
            served = _needed(releases)
        first = next((role for role in due if role != "root"), None)
        if first:
            for file in _chain(served, ring, first, _again(served, first, now), now):
                _write(releases, file)
            due += [role for role in ROLES[ROLES.index(first) :] if role not in due]
        return tuple(due)


def lasting_timestamp(releases: Path, ring: KeyRing, lifetime: timedelta, *, now: datetime | None = None) -> bytes:
    """The served timestamp, signed for another lifetime. The served one stays as it is.

    It has the version of the served one, so that a device goes on from either to the next.

    Raises:
        StoreError: If nothing is published, or the timestamp's key is missing.
    """
    with _signing(releases):
        served = _needed(releases)
        if served.timestamp is None:
            raise nothing_signed(releases)
        lasting = copy.deepcopy(served.timestamp)
        lasting.expires = (now or datetime.now(UTC)).replace(microsecond=0) + lifetime
        signers = ring.signers("timestamp", set(served.root.roles["timestamp"].keyids))
        return _signed("timestamp", lasting, signers, [served.root]).data


def rotate(
    releases: Path,
    ring: KeyRing,
    roles: Iterable[Role],
    *,
    external: tuple[str, Path] | None = None,
    now: datetime | None = None,
) -> KeyRing:
    """Give roles new keys, by a new root that revokes the old ones.

    What the roles have signed is signed by the old and the new keys before the root is written, so that no phone meets
    one without the other. The next rotation completes one that was cut off. Where an old key is lost, the root goes
    first.

    Args:
        external: A signer's URI, and the file of its public key, for one role.

    Returns:
        The ring without the revoked keys.

    Raises:
        StoreError: If the root's key is missing.
    """
    wanted: list[Role] = [role for role in ROLES if role in set(roles)]
    with _signing(releases):
        served = _needed(releases)
        ring = ring.without(_once_trusted(releases) - set(_keyids(served.root)))
        root = copy.deepcopy(served.root)
        root.version, root.expires = root.version + 1, _until("root", now)
        for role in wanted:
            fresh = [key for key in ring.of(role) if key.keyid not in _keyids(served.root)]
            if not fresh or external:
                ring = ring.with_new(role, external)
                fresh = [ring.keys[-1]]
            for keyid in list(root.roles[role].keyids):
                root.revoke_key(keyid, role)
            root.add_key(fresh[-1].public, role)
        both = {role: {*served.root.roles[role].keyids, *root.roles[role].keyids} for role in ROLES}
        files = []
        resigned = next((role for role in wanted if role != "root"), None)
        lost = [role for role in wanted if not ring.signers(role, served.root.roles[role].keyids)]
        if resigned and served.timestamp:
            trusted = [root] if lost else [served.root, root]
            files = list(_chain(served, ring, resigned, _again(served, resigned, now), now, keyids=both, roots=trusted))
        signers = ring.signers("root", both["root"])
        new_root = _signed("root", root, signers, [served.root, root])
        for file in (new_root, *files) if lost else (*files, new_root):
            _write(releases, file)
        return ring.without(set(_keyids(served.root)) - set(_keyids(root)))


@dataclass(frozen=True)
class _File:
    name: str
    data: bytes


def _chain(
    served: Current,
    ring: KeyRing,
    first: Role,
    signed: Any,
    now: datetime | None,
    *,
    keyids: Mapping[Role, Iterable[str]] | None = None,
    roots: Iterable[Root] | None = None,
) -> Iterator[_File]:
    """The files of a role and of those that speak of it, in the order in which they must be written.

    They are signed by the keys with these ids, those of the served root unless given, and verified by each of
    `roots`."""
    roots = [served.root] if roots is None else list(roots)
    for role in ROLES[ROLES.index(first) :]:
        keys = served.root.roles[role].keyids if keyids is None else keyids[role]
        file = _signed(role, signed, ring.signers(role, set(keys)), roots)
        yield file
        if role == "targets":
            version = served.snapshot.version + 1 if served.snapshot else 1
            described = {"targets.json": MetaFile.from_data(signed.version, file.data, ["sha256"])}
            signed = Snapshot(version, expires=_until("snapshot", now), meta=described)
        elif role == "snapshot":
            version = served.timestamp.version + 1 if served.timestamp else 1
            described_snapshot = MetaFile.from_data(signed.version, file.data, ["sha256"])
            signed = Timestamp(version, expires=_until("timestamp", now), snapshot_meta=described_snapshot)


def _again(served: Current, role: Role, now: datetime | None) -> Any:
    """What a role says, to be signed again."""
    signed = copy.deepcopy(served.role(role))
    assert signed is not None
    signed.version, signed.expires = signed.version + 1, _until(role, now)
    return signed


def _signed(role: Role, signed: Any, signers: Iterable[Signer], roots: Iterable[Root]) -> _File:
    """A role's file. Raises `StoreError` where a root would not accept it."""
    metadata = Metadata(signed)
    try:
        for signer in signers:
            metadata.sign(signer, append=True)
        for root in roots:
            root.verify_delegate(role, metadata.signed_bytes, metadata.signatures)
    except (RepositoryError, ValueError) as error:
        raise StoreError(
            f"{role}: cannot be signed ({error}); its key is not among the keys, or its signer does not answer. What "
            "is served is unchanged; --keys or COINDEX_KEYS names the folder of the keys"
        ) from None
    name = "timestamp.json" if role == "timestamp" else f"{signed.version}.{role}.json"
    return _File(name, metadata.to_bytes())


def _write(releases: Path, file: _File) -> None:
    write_whole(metadata_folder(releases) / file.name, file.data)


def _needed(releases: Path) -> Current:
    served = current(releases)
    if served is None:
        raise nothing_signed(releases)
    return served


def _keyids(root: Root) -> list[str]:
    return [keyid for role in root.roles.values() for keyid in role.keyids]


def _once_trusted(releases: Path) -> set[str]:
    """The ids of all keys that any root has named."""
    folder = metadata_folder(releases)
    paths = [folder / f"{version}.root.json" for version in root_versions(releases)]
    return {keyid for path in paths for keyid in _keyids(parse(path, read_file(path), Root))}


def _until(role: Role, now: datetime | None) -> datetime:
    return (now or datetime.now(UTC)).replace(microsecond=0) + LIFETIMES[role]


@contextlib.contextmanager
def _signing(releases: Path) -> Iterator[None]:
    """Hold the metadata, after whoever has them: publishing, renewing and rotating may meet."""
    with contextlib.ExitStack() as stack:
        for left in reversed(range(TRIES)):
            try:
                stack.enter_context(exclusive(metadata_folder(releases), "signing"))
                break
            except Busy:
                if not left:
                    raise
                time.sleep(PAUSE)
        yield
