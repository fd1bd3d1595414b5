"""The golden repositories, which clients in other languages are tested on, against the device's own sync."""

import json
from datetime import UTC, datetime
from pathlib import Path

import golden_tuf
import pytest
from tuf.ngclient._internal import trusted_metadata_set

from coindex.catalog.files import DISK
from coindex.catalog.local import metadata_folder
from coindex.errors import NotServed, ReleaseRejected, SyncError
from coindex.sync.metadata import fingerprint
from coindex.sync.trust import refresh

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "tuf" / "cases.json").read_text("utf-8"))


def text(files, name):
    return GOLDEN["texts"][files[name]]


class Served:
    """A server of a golden case."""

    def __init__(self, files):
        self.files = files

    def get(self, path, *, most):
        name = path.rpartition("/")[2]
        if name not in self.files:
            raise NotServed(f"{path}: not there")
        data = text(self.files, name).encode()
        if len(data) > most:
            raise ReleaseRejected(f"{path}: longer than {most} bytes, not read further")
        return data


@pytest.fixture
def clock(monkeypatch):
    """The clock of the golden cases."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.fromisoformat(GOLDEN["time"]).astimezone(tz or UTC)

    class Module:
        datetime, timezone = Clock, trusted_metadata_set.datetime.timezone

    monkeypatch.setattr(trusted_metadata_set, "datetime", Module)


def pull(files, home):
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


def test_the_golden_repositories_are_written_by_the_program_beside_them():
    assert golden_tuf.document() == GOLDEN


def test_the_golden_root_has_the_fingerprint_that_is_written_down():
    root = text(GOLDEN["cases"][0]["server"], "1.root.json")
    assert fingerprint(root.encode()) == GOLDEN["fingerprint"]
