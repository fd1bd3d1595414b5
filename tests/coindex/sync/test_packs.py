"""A catalogue in packs: a device takes some, has them as one catalogue, and knows of the others."""

import json

import numpy as np
import pytest
from release_server import CLASSES, ReleaseServer, relief_map, some_rows

from coindex.catalog import CatalogState, open_catalog, state_hash
from coindex.catalog.fresh import Fresh
from coindex.catalog.packs import PackEntry, SplitRelease
from coindex.catalog.pointer import read_pointer
from coindex.catalog.release import ReleaseContents, in_pack
from coindex.cli import main
from coindex.errors import CatalogError, ReleaseRejected, SyncError
from coindex.models import read_index
from coindex.recognizer import Answer
from coindex.relief import pack_map
from coindex.sync import list_packs, rules, sync

NORTH, SOUTH = (1, 2), (3, 4, 5)
TWO = {"north": NORTH, "south": SOUTH}


@pytest.fixture
def server():
    return ReleaseServer()


@pytest.fixture
def pull(tmp_path, server):
    """Syncs a device, by default the same."""
    return lambda home="home", **options: sync("http://server", tmp_path / home, fetcher=server, **options)


@pytest.fixture
def opened(tmp_path):
    return lambda home="home": open_catalog(tmp_path / home)


def of_classes(classes, ids=range(1, 40)):
    return [row for row in ids if row % CLASSES + 1 in classes]


def test_a_device_takes_one_pack_and_fetches_nothing_of_the_other(server, pull, opened):
    server.in_packs(1, TWO)
    report = pull(packs=["north"])
    catalog = opened()
    assert catalog.index.rows.row_ids.tolist() == of_classes(NORTH)
    assert sorted(catalog.records) == list(NORTH)
    assert not [name for name in server.fetched if ".south." in name]
    assert [(pack.pack_id, pack.taken) for pack in report.packs] == [("north", True), ("south", False)]
    assert [pack.pack_id for pack in catalog.untaken] == ["south"]


def test_all_packs_together_answer_as_the_catalogue_that_was_never_split(server, pull, opened):
    whole = ReleaseServer().release(1)
    server.in_packs(1, TWO)
    pull()
    catalog, state = opened(), whole.states[1]
    assert catalog.manifest.state_hash == state_hash(state)
    assert state_hash(CatalogState(state.space_id, catalog.index.rows, catalog.records)) == state_hash(state)
    sync("http://server", catalog.home.parent / "unsplit", fetcher=whole)
    unsplit = open_catalog(catalog.home.parent / "unsplit")
    rng = np.random.default_rng(4)
    for _ in range(50):
        code = rng.integers(-127, 128, 64).astype(np.int8)
        assert catalog.index.search(code, 5) == unsplit.index.search(code, 5)
        assert catalog.index.search(code, 2, classes=[2, 3, 5]) == unsplit.index.search(code, 2, classes=[2, 3, 5])
    index = read_index(catalog._path("models.json"))
    maps, others = catalog.maps(index), unsplit.maps(index)
    for row in range(1, 40):
        assert pack_map(maps.get(row)) == pack_map(others.get(row)) == relief_map(row)
        assert catalog.thumbnail(row) == unsplit.thumbnail(row) == f"picture {row}".encode()


def test_a_choice_that_changes_fetches_what_is_missing_alone(server, pull, opened):
    server.in_packs(1, TWO)
    pull(packs=["north"])
    server.fetched.clear()
    report = pull(packs=["north", "south"])
    assert not report.up_to_date
    assert server.fetched
    assert all(".south." in name or name.startswith("shard-") for name in server.fetched)
    assert len(opened().index) == 39
    server.fetched.clear()
    pull(packs=["south"])
    assert server.fetched == []
    assert opened().index.rows.row_ids.tolist() == of_classes(SOUTH)


def test_the_choice_is_kept_by_later_syncs_and_new_packs_come_to_who_takes_all(server, pull, opened):
    server.in_packs(1, TWO)
    pull(packs=["north"])
    pull("other")
    server.in_packs(2, {"north": NORTH, "south": (3, 4), "east": (5,)}, deltas=[1])
    pull()
    assert sorted(opened().packs) == ["north"]
    pull("other")
    assert sorted(opened("other").packs) == ["east", "north", "south"]


def test_a_class_that_moves_between_packs_comes_by_delta(server, pull, opened):
    server.in_packs(1, TWO)
    pull()
    pull("other", packs=["south"])
    server.in_packs(2, {"north": (1, 2, 3), "south": (4, 5)}, range(1, 42), deltas=[1])
    server.fetched.clear()
    assert pull().route == "delta"
    assert not [name for name in server.fetched if name.startswith("shard-")]
    catalog = opened()
    assert catalog.index.rows.row_ids.tolist() == list(range(1, 42))
    # A row that moved lies, dead, in a shard of the one pack, and lives among the fresh rows of the other.
    [hit] = catalog.index.search(some_rows([2]).codes[0], 1)
    assert (hit.class_id, hit.row_id, hit.distance) == (3, 2, 0)
    assert pull("other").route == "delta"
    assert opened("other").index.rows.row_ids.tolist() == of_classes((4, 5), range(1, 42))


def test_a_row_that_moved_into_a_shard_of_another_pack_is_found_there(server, pull, opened):
    """The tombstone of the one pack says nothing of the other's shard."""
    server.in_packs(1, TWO)
    pull(packs=["south"])
    server.in_packs(2, {"north": (1, 2, 3), "south": (4, 5)}, deltas=[1])
    pull(packs=["north", "south"])
    catalog = opened()
    assert len(catalog.index) == 39
    [hit] = catalog.index.search(some_rows([2]).codes[0], 1)
    assert (hit.row_id, hit.distance) == (2, 0)
    assert catalog.index.rows_of(3, some_rows([2]).codes[0])[0].row_id == 2


def test_a_catalogue_may_be_split_and_joined_again(server, pull, opened):
    server.release(1)
    pull()
    server.in_packs(2, TWO)
    pull()
    assert sorted(opened().packs) == ["north", "south"]
    server.release(3)
    pull()
    assert opened().packs == {} and len(opened().index) == 39


def test_a_pack_that_has_ended_leaves_the_catalogue_as_it_was_and_says_what_to_do(server, pull, opened):
    server.in_packs(1, TWO)
    pull(packs=["north"])
    server.in_packs(2, {"all_north": NORTH, "south": SOUTH})
    with pytest.raises(SyncError, match="no pack north; it has: all_north, south"):
        pull()
    assert opened().manifest.version == 1
    pull(packs=["all_north"])
    assert opened().manifest.version == 2


@pytest.mark.parametrize(("packs", "told"), [(["west"], "no pack west"), ([], "asked for no pack")])
def test_a_pack_that_is_not_there_is_refused_and_named(server, pull, packs, told):
    server.in_packs(1, TWO)
    with pytest.raises(SyncError, match=told):
        pull(packs=packs)


def test_packs_of_a_release_without_any_are_refused(server, pull):
    server.release(1)
    with pytest.raises(SyncError, match="is not in packs"):
        pull(packs=["north"])
    pull(packs="all")


def test_the_packs_are_listed_with_their_bytes_and_nothing_of_them_is_fetched(server, tmp_path):
    server.in_packs(1, TWO)
    listed = list_packs("http://server", tmp_path / "home", fetcher=server)
    assert server.fetched == ["release.json"]
    own = {
        pack: sum(
            file.length
            for name, file in server.repository.targets.targets.items()
            if f".{pack}." in name and not name.startswith("release")
        )
        for pack in TWO
    }
    shards = sum(f.length for name, f in server.repository.targets.targets.items() if name.startswith("shard-"))
    assert [pack.bytes > own[pack.pack_id] for pack in listed.packs] == [True, True]
    assert sum(pack.bytes for pack in listed.packs) == sum(own.values()) + shards
    assert [(pack.pack_id, pack.classes, pack.taken) for pack in listed.packs] == [
        ("north", 2, False), ("south", 3, False)
    ]  # fmt: skip
    assert listed.root_is_new
    sync("http://server", tmp_path / "home", fetcher=server, packs=["north"])
    again = list_packs("http://server", tmp_path / "home", fetcher=server)
    assert [pack.taken for pack in again.packs] == [True, False]


def test_too_many_bytes_are_refused_before_a_pack_is_fetched(server, pull):
    server.in_packs(1, TWO)
    with pytest.raises(SyncError, match="--max-bytes"):
        pull(packs=["north"], max_bytes=5_000)
    assert not [name for name in server.fetched if name.startswith("shard-")]


def test_a_country_of_a_pack_that_is_not_here_is_named_with_its_bytes(server, pull, opened, tmp_path):
    server.in_packs(1, TWO)
    entries = json.loads(next(data for path, data in server.targets.items() if path.endswith(".release.json")))["packs"]
    changed = tuple(
        PackEntry(**{**entry, "countries": ("Ruritania",) if entry["pack_id"] == "south" else ("Utopia",)})
        for entry in entries
    )
    server.in_packs(2, TWO, release={"packs": changed})
    pull(packs=["north"])
    with pytest.raises(CatalogError, match=r"'ruritania' is in the pack South \(--packs south, [0-9.]+ kB\)"):
        opened().class_ids(country="ruritania")


def test_the_pointer_of_an_older_form_is_still_written_for_a_catalogue_without_packs(server, pull, tmp_path):
    server.release(1)
    pull()
    assert json.loads((tmp_path / "home" / "current.json").read_bytes())["format"] == 2
    server.in_packs(2, TWO)
    pull(packs=["south"])
    document = json.loads((tmp_path / "home" / "current.json").read_bytes())
    assert (document["format"], document["layout"]["chosen"]) == (3, ["south"])
    assert read_pointer(tmp_path / "home").chosen == ("south",)


def test_syncing_twice_is_two_requests(server, pull):
    server.in_packs(1, TWO)
    pull(packs=["north"])
    server.asked.clear()
    server.fetched.clear()
    report = pull()
    assert report.up_to_date and server.fetched == [] and len(server.asked) == 2


def test_an_older_release_in_packs_is_refused(server, pull, opened):
    server.in_packs(2, TWO)
    pull(packs=["north"])
    server.in_packs(1, TWO)
    with pytest.raises(ReleaseRejected, match="older than release 2"):
        pull()
    assert opened().manifest.version == 2


def test_the_record_of_a_class_is_in_one_pack_alone():
    """Where its rows are in one pack, the record in another is a mistake of the publisher all the same."""
    server = ReleaseServer().in_packs(1, TWO)
    north, south = server.states[1, "north"], server.states[1, "south"]
    split = SplitRelease(1, "2026-01-01T00:00:00Z", north.space_id, (), 39, 5, "0" * 64, ())
    packs = [
        ReleaseContents(split, (), Fresh(np.zeros(0, np.uint32), each.rows), each.records) for each in (north, south)
    ]
    rules.joint_hash(split, packs)
    twice = ReleaseContents(split, (), packs[1].fresh, {**packs[1].records, 1: packs[0].records[1]})
    with pytest.raises(ReleaseRejected, match="a class in two packs"):
        rules.joint_hash(split, [packs[0], twice])


class TestAttacks:
    """Each ends with the old catalogue answering."""

    @pytest.fixture(autouse=True)
    def old(self, server, pull, opened):
        server.in_packs(1, TWO)
        pull(packs=["north"])
        yield
        catalog = opened()
        assert catalog.manifest.version == 1 and len(catalog.index) == len(of_classes(NORTH))

    def refused(self, pull, match, **options):
        with pytest.raises(ReleaseRejected, match=match):
            pull(**options)

    def test_a_tampered_pack_is_refused(self, server, pull):
        server.in_packs(2, TWO, range(1, 60))
        server.spoil("records.south.json", lambda data: data.replace(b"Utopia 3", b"Utopia 4"))
        self.refused(pull, "SHA-256", packs=["south"])

    def test_a_pack_of_another_release_is_refused(self, server, pull):
        older = next(data for path, data in server.targets.items() if path.endswith(".release.south.json"))
        server.in_packs(2, TWO, files={in_pack("release.json", "south"): older})
        self.refused(pull, "is of release 1", packs=["south"])

    def test_a_missing_pack_is_refused(self, server, pull):
        server.in_packs(2, TWO, files={"release.south.json": None})
        self.refused(pull, "lacks release.south.json", packs=["south"])

    def test_a_pack_without_one_of_its_files_is_refused(self, server, pull):
        server.in_packs(2, TWO, files={"records.south.json": None})
        self.refused(pull, "lacks records.south.json", packs=["south"])

    @pytest.mark.parametrize("field", ["rows", "classes"])
    def test_a_pack_of_other_numbers_than_the_release_states_is_refused(self, server, pull, field):
        server.in_packs(2, TWO, changed={"north": {field: 1}})
        self.refused(pull, "publish it again")

    def test_a_pack_of_another_state_than_the_release_states_is_refused(self, server, pull):
        server.in_packs(2, TWO, changed={"north": {"state_hash": "0" * 64}})
        self.refused(pull, "does not have the rows, classes, state and bytes")

    def test_packs_that_do_not_give_the_state_of_the_release_are_refused(self, server, pull):
        server.in_packs(2, TWO, range(1, 50), release={"state_hash": "0" * 64})
        self.refused(pull, "together do not give its state hash", packs="all")

    def test_a_class_in_two_packs_is_refused(self, server, pull):
        server.in_packs(2, {"north": NORTH, "south": (2, 3, 4, 5)}, range(1, 50))
        self.refused(pull, "in two packs", packs="all")


def test_the_command_lists_takes_and_names_what_is_not_here(server, tmp_path, monkeypatch, capsys):
    server.in_packs(1, TWO)
    monkeypatch.setattr("coindex.sync.updater.RequestsFetcher", lambda url, disk: server)

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["sync", "http://server", "--home", str(tmp_path / "home"), *arguments])
        assert not ended.value.code
        return capsys.readouterr().out

    listed = call("--list-packs")
    assert "North" in listed and "South" in listed and "the models, which every pack needs" in listed
    assert "not here: South (" in call("--packs", "north")
    packs = json.loads(call("--list-packs", "--json"))["packs"]
    assert [(pack["pack_id"], pack["taken"]) for pack in packs] == [("north", True), ("south", False)]
    assert "packs here: all 2 (North, South)" in call("--packs", "all")


def test_an_answer_names_the_packs_that_are_not_here(server, pull, opened):
    server.in_packs(1, TWO)
    pull(packs=["north"])
    answer = Answer(1, "0" * 64, (), {}, opened().untaken)
    [pack] = answer.as_json("photo")["catalog"]["packs_not_here"]
    assert (pack["pack_id"], pack["name"]) == ("south", "South") and pack["bytes"] > 0
    assert "packs_not_here" not in Answer(1, "0" * 64, (), {}).as_json("photo")["catalog"]
