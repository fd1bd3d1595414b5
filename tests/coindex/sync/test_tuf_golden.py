"""The golden repositories, which clients in other languages are tested on, against the device's own sync."""

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta
from pathlib import Path

import golden_tuf
import pytest
from tuf.ngclient._internal import trusted_metadata_set

from coindex.catalog.pointer import metadata_folder
from coindex.disk import DISK
from coindex.errors import NotServed, ReleaseRejected, SyncError
from coindex.sync.metadata import fingerprint
from coindex.sync.trust import refresh

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "tuf" / "cases.json").read_text("utf-8"))


def text(files, name):
    return GOLDEN["texts"][files[name]]


class Served:
    """A server with these files: bytes by name."""

    def __init__(self, files):
        self.files = files

    def get(self, path, *, most):
        name = path.rpartition("/")[2]
        if name not in self.files:
            raise NotServed(f"{path}: not there")
        data = self.files[name]
        if len(data) > most:
            raise ReleaseRejected(f"{path}: longer than the {most} bytes that are allowed")
        return data


@pytest.fixture
def clock(monkeypatch):
    """The clock of the golden cases."""

    class Clock(datetime):
        days = 0

        @classmethod
        def now(cls, tz=None):
            return datetime.fromisoformat(GOLDEN["time"]).astimezone(tz or UTC) + timedelta(days=cls.days)

    class Module:
        datetime, timezone = Clock, trusted_metadata_set.datetime.timezone

    monkeypatch.setattr(trusted_metadata_set, "datetime", Module)
    return Clock


def pull(files, home):
    """Sync with a server of a golden case."""
    return pull_bytes({name: text(files, name).encode() for name in files}, home)


def pull_bytes(files, home):
    return refresh(Served(files), home, root=None, trust=None, disk=DISK)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_a_golden_repository_is_accepted_or_refused_as_it_says(case, tmp_path, clock):
    metadata_folder(tmp_path).mkdir()
    for files in case["before"]:
        pull(files, tmp_path)
    if case["expect"] == "refused":
        with pytest.raises(SyncError):
            pull(case["server"], tmp_path)
    else:
        found = pull(case["server"], tmp_path)
        assert found.signed.version == case["version"]
        expected = json.loads(text(case["server"], f"{case['version']}.targets.json"))["signed"]["targets"]
        targets = {name: (target.length, target.sha256) for name, target in found.signed.targets.items()}
        assert targets == {name: (file["length"], file["hashes"]["sha256"]) for name, file in expected.items()}


def test_metadata_that_ran_out_on_the_device_still_lead_to_newer_ones(tmp_path, clock):
    # `test_expired_metadata` of tuf-conformance, whose clock moves between the two syncs.
    def dated(made, until):
        made.timestamp.expires = made.snapshot.expires = until
        return made

    metadata_folder(tmp_path).mkdir()
    early = dated(golden_tuf.repository(1), golden_tuf.TIME + timedelta(days=7))
    early.publish(golden_tuf.release(2))
    late = deepcopy(dated(early, golden_tuf.TIME + timedelta(days=21)))
    assert pull_bytes({**early.files}, tmp_path).signed.version == 2
    late.publish(golden_tuf.release(3))
    clock.days = 18
    with pytest.raises(ReleaseRejected, match="expired"):
        pull_bytes({**early.files}, tmp_path)
    assert pull_bytes(late.files, tmp_path).signed.version == 3


def test_the_golden_repositories_are_written_by_the_program_beside_them():
    assert golden_tuf.document() == GOLDEN


def test_the_golden_root_has_the_fingerprint_that_is_written_down():
    root = text(GOLDEN["cases"][0]["server"], "1.root.json")
    assert fingerprint(root.encode()) == GOLDEN["fingerprint"]
