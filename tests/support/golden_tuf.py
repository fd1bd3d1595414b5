"""Writes `tests/golden/tuf/`: signed repositories and what a client must make of each, for clients in any language.

    PYTHONPATH=. python tests/support/golden_tuf.py

`cases.json` holds a list of cases. Each is a device that has pinned a root and may have synced before (`before`, a list
of servers that it synced with one after the other) and one server that it syncs with now (`server`). A server is a map
from the name of a metadata file to the place of its text in `texts`. `expect` is `accepted` or `refused`; `version` is
that of the targets.json that the device believes afterwards, null where it refuses. The clock says `time` in all cases;
`fingerprint` is that of the root that is pinned in most. The keys are made from small numbers: they protect nothing.
"""

import json
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path

from tuf.api.metadata import Metadata, TargetFile
from tuf_conformance import conformance
from tuf_repository import TufRepository

from coindex.sync.metadata import fingerprint

FOLDER = Path(__file__).parents[1] / "golden" / "tuf"
TIME = datetime(2026, 6, 1, tzinfo=UTC)
PAST = datetime(2026, 1, 1, tzinfo=UTC)


def release(number):
    return {
        "release.json": TargetFile(600 + number, {"sha256": f"{number:064x}"}, "release.json"),
        "models.json": TargetFile(500, {"sha256": "a" * 64}, "models.json"),
    }


def repository(*numbers, seed=1):
    """A repository that has published these releases."""
    made = TufRepository(seed)
    for number in numbers:
        made.publish(release(number))
    return made


def served(made, **changes):
    """What a server sends: its files, some of them others."""
    return {**made.files, **changes}


def flipped(data):
    """The same bytes with one letter of a signature changed."""
    place = data.rindex(b'"sig":"') + 7
    return data[:place] + (b"0" if data[place : place + 1] != b"0" else b"1") + data[place + 1 :]


def cases():
    """(name, what a device synced with before, the server now, the version that it believes afterwards)."""
    old = repository(1)
    two = repository(1, 2)
    first, second = served(old), served(two)
    yield "a first sync", [], first, 1
    yield "a new release", [first], second, 2
    yield "nothing new", [second], second, 2

    renewed = deepcopy(two)
    renewed.publish_timestamp()
    yield "a renewed timestamp", [second], served(renewed), 2

    stranger = served(repository(1, 2, 3, seed=7))
    yield (
        "arbitrary software: another server's metadata",
        [first],
        {**stranger, "1.root.json": first["1.root.json"]},
        None,
    )
    for name in ("timestamp.json", "2.snapshot.json", "2.targets.json"):
        yield f"wrong signature: {name}", [first], served(two, **{name: flipped(second[name])}), None
    yield (
        "wrong signature: 1.root.json at a first sync",
        [],
        {**first, "1.root.json": flipped(first["1.root.json"])},
        None,
    )
    for role in ("timestamp", "snapshot", "targets"):
        wrong = deepcopy(two)
        wrong.signers[role] = two.signers["timestamp" if role != "timestamp" else "snapshot"]
        wrong.publish(release(3))
        yield f"signed by another role's key: {role}", [second], served(wrong), None

    yield "rollback: an older timestamp", [second], first, None
    lower = deepcopy(two)
    lower.snapshot.version -= 2
    lower.publish(release(2))
    yield "rollback: a newer timestamp of an older snapshot", [second], served(lower), None
    fallen = deepcopy(two)
    fallen.targets.version -= 2
    fallen.publish(release(1))
    yield "rollback: a newer snapshot of older targets", [second], served(fallen), None

    for role in ("timestamp", "snapshot", "targets", "root"):
        late = deepcopy(two)
        getattr(late, role).expires = PAST
        if role == "root":
            late.publish_root()
        late.publish(release(3))
        yield f"freeze: {role} that has expired", [second], served(late), None

    mixed = served(two, **{"2.snapshot.json": first["1.snapshot.json"]})
    yield "mix and match: the snapshot of another release", [first], mixed, None
    mixed = served(two, **{"2.targets.json": first["1.targets.json"]})
    yield "mix and match: the targets of another release", [first], mixed, None
    for name in ("2.snapshot.json", "2.targets.json"):
        yield f"wrong length: {name} is longer", [first], served(two, **{name: second[name] + b" "}), None

    for role in ("timestamp", "snapshot", "targets", "root"):
        changed = deepcopy(two)
        changed.rotate(role)
        yield f"key rotation: {role}", [second], served(changed), 3
    changed = deepcopy(two)
    for _ in range(3):
        changed.rotate("root")
    yield "key rotation: three roots one after the other", [second], served(changed), 5
    chain = deepcopy(two)
    for _ in range(3):
        chain.rotate("root", "timestamp")
    gap = served(chain)
    del gap["3.root.json"]
    yield "key rotation: a root of the chain is missing", [second], gap, None
    skipped = served(changed, **{"2.root.json": changed.files["3.root.json"]})
    yield "key rotation: a root that is not the next one", [second], skipped, None

    forged = deepcopy(two)
    forged.signers["root"] = []
    forged.root.roles["root"].keyids.clear()
    forged.add_key("root")
    forged.publish_root()
    forged.publish(release(3))
    yield "arbitrary software: a root that the old root has not signed", [second], served(forged), None

    for role in ("timestamp", "snapshot", "targets"):
        stolen = deepcopy(two)
        thief = stolen.signers[role]
        stolen.rotate(role)
        stolen.signers[role] = thief
        stolen.publish(release(9))
        yield f"key compromise: a revoked {role} key signs", [second], served(stolen), None

    thieves = deepcopy(two)
    thieves.timestamp.version = thieves.snapshot.version = thieves.targets.version = 2**31
    thieves.publish(release(9))
    yield "fast forward: the thief's numbers are believed while the keys are", [second], served(thieves), 2**31 + 1
    recovered = deepcopy(two)
    recovered.rotate("targets", "snapshot", "timestamp")
    yield "fast forward: new keys end it", [second, served(thieves)], served(recovered), 3

    both = deepcopy(two)
    other = both.add_key("targets")
    both.root.roles["targets"].threshold = 2
    both.publish_root()
    both.publish(release(3))
    yield "threshold: two signatures of two", [second], served(both), 3
    both.signers["targets"].remove(other)
    both.publish(release(4))
    yield "threshold: one signature of two", [second], served(both), None
    twice = deepcopy(both)
    metadata = Metadata.from_bytes(both.files["4.targets.json"])
    document = json.loads(metadata.to_bytes())
    document["signatures"] *= 2
    twice.files["4.targets.json"] = json.dumps(document).encode()
    meta = twice.snapshot.meta["targets.json"]
    meta.length, meta.hashes = None, None
    twice.snapshot.version += 1
    twice.publish_timestamp()
    yield "threshold: one signature twice", [second], served(twice), None

    wrong = deepcopy(two)
    wrong.files["timestamp.json"] = wrong.signed("snapshot", wrong.snapshot, signers=wrong.signers["timestamp"])
    yield "another role's file, signed by the role's key", [first], served(wrong), None
    missing = deepcopy(two)
    missing.snapshot.meta = {}
    missing.snapshot.version += 1
    missing.publish_timestamp()
    yield "a snapshot without targets.json", [second], served(missing), None
    unknown = deepcopy(two)
    unknown.timestamp.unrecognized_fields["note"] = 'é " \\ \n \u007f ✓ 𝄞'
    unknown.publish_timestamp()
    yield "fields that a client does not know are signed too", [second], served(unknown), 2
    tampered = dict(unknown.files)
    tampered["timestamp.json"] = (
        tampered["timestamp.json"].replace("✓".encode(), "✗".encode()).replace(b"\\u2713", b"\\u2717")
    )
    yield "a field that a client does not know is changed", [second], tampered, None
    newer = deepcopy(two)
    newer.timestamp.spec_version = "2.0.0"
    newer.publish_timestamp()
    yield "a specification of another major version", [second], served(newer), None
    for what, data in (("no JSON", b"<html>"), ("nothing", b""), ("an empty object", b"{}")):
        yield f"no metadata: timestamp.json is {what}", [second], {**second, "timestamp.json": data}, None
    absent = dict(second)
    del absent["timestamp.json"]
    yield "no metadata: there is no timestamp", [first], absent, None
    yield from conformance(two, release)


def document():
    """All cases as JSON, and the fingerprint of the root that they pin."""
    made, known = [], {}

    def numbered(files):
        return {name: known.setdefault(data.decode(), len(known)) for name, data in sorted(files.items())}

    for name, before, server, version in cases():
        made.append(
            {
                "name": name,
                "before": [numbered(files) for files in before],
                "server": numbered(server),
                "expect": "refused" if version is None else "accepted",
                "version": version,
            }
        )
    texts = list(known)
    pinned = fingerprint(texts[made[0]["server"]["1.root.json"]].encode())
    return {"time": TIME.strftime("%Y-%m-%dT%H:%M:%SZ"), "fingerprint": pinned, "texts": texts, "cases": made}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "cases.json").write_text(json.dumps(document(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
