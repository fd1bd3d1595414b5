"""New models without a broken phone: it moves to them and their catalogue together, or stays on what it has."""

import pytest
from release_server import CHECKPOINT, ReleaseServer, some_rows, space_of

from coindex.catalog import open_catalog, state_hash
from coindex.errors import ReleaseRejected, SyncError
from coindex.models import read_index
from coindex.sync import sync

NEWER = "d1" * 32
OLD, NEW = space_of(CHECKPOINT), space_of(NEWER)


@pytest.fixture
def server():
    return ReleaseServer()


@pytest.fixture
def home(server, tmp_path):
    """A device that has release 1, of the old models alone."""
    pull(server.side_by_side(1, CHECKPOINT), tmp_path)
    server.fetched.clear()
    return tmp_path


def pull(server, home, **options):
    return sync("http://server", home, fetcher=server, **options)


def assert_is_of(home, space, version):
    """Models and catalogue are of one space, whole."""
    catalog = open_catalog(home)
    assert (catalog.manifest.space_id, catalog.manifest.version) == (space, version)
    index = read_index(catalog._path(catalog.manifest.models_index))
    assert index.space_id == space
    catalog.require_space(index)
    for net in (index.segmenter, index.embedder):
        assert catalog._path(net.file).stat().st_size == net.bytes
    code = some_rows([7], seed=0 if space == OLD else 5).codes[0]
    assert catalog.index.search(code, 1)[0].distance == 0


def names(home):
    return {path.name.partition(".")[2] for path in (home / "targets").iterdir()}


def test_a_phone_stays_on_the_recommended_space_while_another_is_published_beside_it(server, home):
    report = pull(server.side_by_side(2, CHECKPOINT, NEWER), home)
    assert (report.to_version, report.space_id, report.from_space_id) == (2, OLD, None)
    assert_is_of(home, OLD, 2)
    assert not [name for name in server.fetched if NEW in name]


def test_a_phone_moves_to_the_recommended_models_and_catalogue_together(server, home):
    pull(server.side_by_side(2, CHECKPOINT, NEWER), home)
    report = pull(server.side_by_side(3, NEWER, CHECKPOINT), home)
    assert (report.from_version, report.to_version) == (2, 3)
    assert (report.from_space_id, report.space_id, report.route) == (OLD, NEW, "full")
    assert_is_of(home, NEW, 3)


@pytest.mark.parametrize("cut", range(100, 12_000, 700))
def test_a_move_that_is_cut_off_anywhere_leaves_the_old_models_with_the_old_catalogue(server, home, cut):
    server.side_by_side(2, NEWER, CHECKPOINT)
    server.cut_after = cut
    moved = False
    try:
        pull(server, home)
        moved = True
    except SyncError:
        assert_is_of(home, OLD, 1)
    server.cut_after = None
    pull(server, home)
    assert_is_of(home, NEW, 2)
    assert not moved or cut > 5_000


def test_a_phone_that_keeps_its_models_follows_the_releases_of_their_space(server, home):
    server.side_by_side(2, NEWER, CHECKPOINT, ids=range(1, 60))
    report = pull(server, home, keep_models=True)
    assert (report.to_version, report.space_id, report.from_space_id) == (2, OLD, None)
    assert_is_of(home, OLD, 2)
    assert len(open_catalog(home).index) == 59
    assert f"release-{OLD}.json" in names(home)
    pull(server, home, keep_models=True)
    server.asked.clear()
    server.fetched.clear()
    assert pull(server, home, keep_models=True).up_to_date
    assert (server.asked, server.fetched) == (["2.root.json", "timestamp.json"], [])


def test_keeping_models_that_are_recommended_is_what_happens_anyway(server, home):
    assert pull(server.side_by_side(2, CHECKPOINT, NEWER), home, keep_models=True).space_id == OLD
    assert_is_of(home, OLD, 2)


def test_a_phone_that_kept_its_models_moves_when_it_says_so(server, home):
    server.side_by_side(2, NEWER, CHECKPOINT)
    pull(server, home, keep_models=True)
    report = pull(server, home)
    assert (report.from_version, report.to_version, report.up_to_date) == (2, 2, False)
    assert (report.from_space_id, report.space_id) == (OLD, NEW)
    assert_is_of(home, NEW, 2)


def test_a_phone_that_keeps_models_that_have_ended_is_told_and_goes_on_with_them(server, home):
    server.side_by_side(2, NEWER)
    with pytest.raises(SyncError, match=f"no models of space {OLD}.*only those of space {NEW}.*without --keep-models"):
        pull(server, home, keep_models=True)
    assert_is_of(home, OLD, 1)
    pull(server, home)
    assert_is_of(home, NEW, 2)


def test_a_new_phone_that_would_keep_its_models_has_none_and_takes_the_recommended(server, tmp_path):
    pull(server.side_by_side(2, NEWER, CHECKPOINT), tmp_path, keep_models=True)
    assert_is_of(tmp_path, NEW, 2)


@pytest.mark.parametrize(
    ("changed", "match"),
    [
        ({"version": 3}, "is of release 3, release.json of 2"),
        ({"space_id": "0" * 16, "models": ("models.json",)}, "is of space 0000"),
        ({"state_hash": "0" * 64}, "state hash"),
        ({"models": (f"models-{OLD}.json",)}, "lacks the .* that its models.json names"),
    ],
)
def test_a_manifest_of_a_space_that_is_not_what_it_says_is_refused(server, home, changed, match):
    server.side_by_side(2, NEWER, CHECKPOINT, changed=changed)
    with pytest.raises(ReleaseRejected, match=match):
        pull(server, home, keep_models=True)
    assert_is_of(home, OLD, 1)


def test_the_same_rows_have_another_state_in_another_space(server):
    server.side_by_side(1, CHECKPOINT, NEWER)
    assert state_hash(server.states[1, OLD]) != state_hash(server.states[1, NEW])
