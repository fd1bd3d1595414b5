"""The cases of tuf-conformance (https://github.com/theupdateframework/tuf-conformance) that speak of what a release
uses, each under its name there, as golden cases. `docs/reliability.md` says where the others are.

Keys are given by number, and a number is one key within a case.
"""

import json
from copy import deepcopy

from tuf.api.metadata import MetaFile
from tuf_repository import TufRepository

ROOTS = {
    "1-of-1-key-rotation": [([1], 1, [1]), ([2], 1, [2, 1]), ([2], 1, [2])],
    "1-of-1-key-rotation-unused-signatures": [([1], 1, [3, 1, 4]), ([2], 1, [3, 2, 1, 4]), ([2], 1, [3, 2, 4])],
    "3-of-5-sign-with-different-keycombos": [
        ([0, 1, 2, 3, 4], 3, [0, 2, 4]),
        ([0, 1, 2, 3, 4], 3, [0, 4, 1]),
        ([0, 1, 2, 3, 4], 3, [0, 1, 3]),
    ],
    "3-of-5-one-key-rotated": [([0, 1, 2, 3, 4], 3, [0, 2, 4]), ([0, 1, 3, 4, 5], 3, [0, 4, 1])],
    "3-of-5-one-key-rotated-with-intermediate-step": [
        ([0, 1, 2, 3, 4], 3, [0, 2, 4]),
        ([0, 1, 3, 4, 5], 3, [0, 2, 4, 5]),
        ([0, 1, 3, 4, 5], 3, [0, 4, 5]),
    ],
    "3-of-5-all-keys-rotated-with-intermediate-step": [
        ([0, 1, 2, 3, 4], 3, [0, 2, 4]),
        ([5, 6, 7, 8, 9], 3, [0, 2, 4, 5, 6, 7]),
        ([5, 6, 7, 8, 9], 3, [5, 6, 7]),
    ],
    "1-of-3-threshold-increase-to-2-of-3": [([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [1, 2])],
    "2-of-3-threshold-decrease-to-1-of-3": [([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1, 2]), ([1, 2, 3], 1, [1])],
    "1-of-2-threshold-increase-to-2-of-2": [([1], 1, [1]), ([1, 2], 2, [1, 2])],
    "1-of-1-key-rotation-fail-not-signed-with-old-key": [([1], 1, [1]), ([2], 1, [2, 3, 4])],
    "1-of-1-key-rotation-fail-not-signed-with-new-key": [([1], 1, [1]), ([2], 1, [1, 3, 4])],
    "3-of-5-one-key-rotate-fails-not-signed-with-3-new-keys": [
        ([0, 1, 2, 3, 4], 3, [0, 2, 4]),
        ([0, 1, 3, 4, 5], 3, [0, 2, 4]),
    ],
    "3-of-5-one-key-rotate-fails-not-signed-with-3-old-keys": [
        ([0, 1, 2, 3, 4], 3, [0, 2, 4]),
        ([0, 1, 3, 4, 5], 3, [0, 4, 5]),
    ],
    "1-of-3-threshold-bump-to-2-of-3-fails-new-threshold-not-reached": [([1, 2, 3], 1, [1]), ([1, 2, 3], 2, [2])],
    "2-of-3-threshold-decr-to-1-of-3-fails-old-threshold-not-eached": [([1, 2, 3], 2, [1, 2]), ([1, 2, 3], 1, [1])],
}
"""Keys, threshold and signatures of each root, one after the other; those with `fail` in their name are refused."""

OTHERS = {
    "1-of-1-key-rotation": ([2], 1, [2]),
    "1-of-1-key-rotation-unused-signatures": ([1], 1, [3, 1, 4]),
    "3-of-5-sign-first-combo": ([0, 1, 2, 3, 4], 3, [0, 2, 4]),
    "3-of-5-sign-second-combo": ([0, 1, 2, 3, 4], 3, [0, 4, 1]),
    "3-of-5-sign-third-combo": ([0, 1, 2, 3, 4], 3, [0, 1, 3]),
    "3-of-5-sign-fourth-combo": ([0, 1, 2, 3, 4], 3, [1, 2, 3]),
    "3-of-5-sign-fifth-combo": ([0, 1, 2, 3, 4], 3, [2, 3, 4]),
}
"""The same of timestamp, snapshot and targets."""

OTHERS_REFUSED = {
    "1-of-1-key-rotation-fail-not-signed-with-new-key": ([2], 1, [1, 3, 4]),
    "3-of-5-one-key-signature-wrong-not-signed-with-3-expected-keys": ([0, 1, 3, 4, 5], 3, [0, 2, 4]),
    "2-of-5-one-key-signature-mising-threshold-not-reached": ([0, 1, 3, 4, 5], 3, [0, 4]),
}

TOP = ("timestamp", "snapshot", "targets")


def conformance(two, release):
    """As `golden_tuf.cases`; `two` is a repository of two releases, made by `release`."""
    for name, *rest in (*_basic(two, release), *_keys(two, release), *_rollback(two, release)):
        yield f"tuf-conformance {name}", *rest
    for name, roots in ROOTS.items():
        accepted = 1 if "fail" not in name else None
        yield f"tuf-conformance test_root_rotation[{name}]", [], _of_roots(roots, release), accepted
    for name, keys in OTHERS.items():
        changed = deepcopy(two)
        for role in TOP:
            _give(changed, role, *keys)
        changed.publish_root()
        changed.publish(release(3))
        yield f"tuf-conformance test_non_root_rotations[{name}]", [two.files], changed.files, 3
    for name, keys in OTHERS_REFUSED.items():
        for role in TOP:
            changed = deepcopy(two)
            _give(changed, role, *keys)
            changed.publish_root()
            changed.publish(release(3))
            yield f"tuf-conformance test_non_root_rotations[{name}], {role}", [two.files], changed.files, None


def _basic(two, release):
    other = deepcopy(two)
    other.timestamp.snapshot_meta.version = 100
    other.write("timestamp", other.timestamp)
    yield "test_timestamp_eq_versions_check", [two.files], other.files, 2

    headless = json.loads(two.files["1.root.json"])
    del headless["signed"]["version"]
    yield "test_invalid_initial_root", [], {**two.files, "1.root.json": json.dumps(headless).encode()}, None

    custom = deepcopy(two)
    custom.root.unrecognized_fields["custom-field"] = "value"
    custom.root.keys[custom.root.roles["root"].keyids[0]].unrecognized_fields["extra-field"] = {"a": 1, "b": 2}
    custom.root.roles["root"].unrecognized_fields["another-field"] = "value"
    custom.publish_root()
    custom.publish(release(3))
    yield "test_custom_fields", [two.files], custom.files, 3


def _keys(two, release):
    for name, keys, threshold, signatures in (
        ("test_root_has_keys_but_not_snapshot", range(5), 5, range(4)),
        ("test_snapshot_threshold", range(5), 6, range(5)),
    ):
        made = deepcopy(two)
        _give(made, "snapshot", keys, threshold, signatures)
        made.publish_root()
        made.publish(release(3))
        yield name, [two.files], made.files, None
    odd = deepcopy(two)
    odd.root.keys[odd.root.roles["snapshot"].keyids[0]].unrecognized_fields["keyid_hash_algorithms"] = ["md5"]
    odd.publish_root()
    odd.publish(release(3))
    yield "test_wrong_hashing_algorithm", [two.files], odd.files, 3


def _rollback(two, release):
    behind = {**two.files, "2.snapshot.json": two.files["1.snapshot.json"]}
    yield "test_simple_snapshot_rollback", [two.files], behind, 2

    lower = deepcopy(two)
    lower.snapshot.version = 1
    lower.files["1.snapshot.json"] = lower.signed("snapshot", lower.snapshot)
    _name_alone(lower, "timestamp", lower.snapshot.version)
    yield "test_snapshot_rollback[basic]", [two.files], lower.files, None

    fallen = deepcopy(two)
    fallen.targets.version = 1
    fallen.write("targets", fallen.targets)
    _name_alone(fallen, "snapshot", 1)
    yield "test_targets_rollback[basic]", [two.files], fallen.files, None

    ahead = deepcopy(two)
    ahead.snapshot.version += 2
    ahead.files["3.snapshot.json"] = ahead.signed("snapshot", ahead.snapshot)
    _name_alone(ahead, "timestamp", 3)
    yield "test_new_snapshot_version_mismatch", [two.files], ahead.files, None

    for name, fast, rotated in (
        ("test_new_targets_fast_forward_recovery", "targets", ["snapshot"]),
        ("test_new_snapshot_fast_forward_recovery", "snapshot", ["snapshot", "timestamp"]),
        ("test_new_timestamp_fast_forward_recovery", "timestamp", ["timestamp"]),
    ):
        thieves = deepcopy(two)
        getattr(thieves, fast).version = 99_999
        thieves.publish_timestamp() if fast == "timestamp" else thieves.publish(release(9))
        recovered = deepcopy(two)
        recovered.rotate(*rotated)
        recovered.publish_timestamp()  # of a higher number than the thieves' where that is not taken back
        yield name, [two.files, thieves.files], recovered.files, 3


def _name_alone(made, role, version):
    """Sign a role that names the one below it by its version, without length and hash; for a snapshot the timestamp
    too."""
    if role == "snapshot":
        made.snapshot.meta["targets.json"] = MetaFile(version)
        made.snapshot.version += 1
        made.write("snapshot", made.snapshot)
        version = made.snapshot.version
    made.timestamp.snapshot_meta = MetaFile(version)
    made.timestamp.version += 1
    made.write("timestamp", made.timestamp)


def _give(made, role, keys, threshold, signatures):
    """Give a role other keys and signers, by their numbers."""
    signers = [made.new_signer() for _ in range(10)]
    for keyid in list(made.root.roles[role].keyids):
        made.root.revoke_key(keyid, role)
    for key in keys:
        made.root.add_key(signers[key].public_key, role)
    made.root.roles[role].threshold = threshold
    made.signers[role] = [signers[number] for number in signatures]


def _of_roots(roots, release):
    """A server with these roots and one release."""
    made = TufRepository()
    made.files.clear()
    made.root.version = 0
    signers = [made.new_signer() for _ in range(10)]
    for keys, threshold, signatures in roots:
        for keyid in list(made.root.roles["root"].keyids):
            made.root.revoke_key(keyid, "root")
        for key in keys:
            made.root.add_key(signers[key].public_key, "root")
        made.root.roles["root"].threshold = threshold
        made.publish_root([signers[number] for number in signatures])
    made.publish(release(1))
    return made.files
