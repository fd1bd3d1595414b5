"""The deltas of a release go on from those of the release before, and are as if every earlier state were read."""

import random

import numpy as np
import pytest

from catalog_server.curation.photos import retire_photo
from catalog_server.publishing import served
from catalog_server.publishing.publish import publish
from catalog_server.publishing.served import current_index, served_manifest, targets_folder
from catalog_server.store import CodeRow, CoinRow, PhotoRow
from coindex.catalog import state_hash
from coindex.catalog.delta import delta_between, write_delta

PHOTOS = 66


@pytest.fixture
def stocked(filled):
    """The collection, with so many photos that a delta saves something."""
    codes = np.random.default_rng(7).integers(-127, 128, (PHOTOS - 6, 64)).astype(np.int8)
    with filled.changing() as session:
        template = session.get(PhotoRow, 1)
        same = {name: getattr(template, name) for name in ("class_id", "source", "specimen", "year", "created")}
        space_id = template.codes[0].space_id
        for number, code in enumerate(codes):
            coded = [CodeRow(space_id=space_id, code=code.tobytes())]
            session.add(PhotoRow(photo_sha256=f"{number}", thumbnail=b"picture", codes=coded, **same))
    return filled


@pytest.fixture
def publish_now(stocked, models):
    """Publishes; gives the release's version, its state, and the bytes of its deltas by the version they lead from."""

    def publish_now():
        publish(stocked, models)
        index = current_index(stocked)
        manifest = served_manifest(stocked, index)
        files = {each.version: index.targets[each.name].stored_name for each in manifest.deltas}
        deltas = {version: (targets_folder(stocked) / name).read_bytes() for version, name in files.items()}
        with stocked.reading() as session:
            return manifest.version, stocked.state(session), deltas

    return publish_now


@pytest.fixture
def states_read(monkeypatch):
    """Grows by the version of each earlier release whose state is read."""
    of, found = served.EarlierStates.of, []

    def noted(self, manifest, index):
        found.append(manifest.version)
        return of(self, manifest, index)

    monkeypatch.setattr(served.EarlierStates, "of", noted)
    return found


@pytest.mark.parametrize("seed", range(4))
def test_after_any_changes_the_deltas_are_those_between_the_states(stocked, publish_now, seed):
    choose, states = random.Random(seed), {}
    for _ in range(10):
        version, state, deltas = publish_now()
        states[version] = state
        for before, written in deltas.items():
            assert written == write_delta(delta_between(states[before], state)), (before, version)
        # Of releases of one state the last alone has a delta, and none leads from the state that is there.
        others = {state_hash(each): number for number, each in states.items() if state_hash(each) != state_hash(state)}
        assert sorted(deltas) == sorted(others.values())
        with stocked.changing() as session:
            for _ in range(choose.randint(1, 3)):
                coin = session.get(CoinRow, choose.randint(1, 3))
                photo = session.get(PhotoRow, choose.randint(2, 9))
                change = choose.randrange(3)
                if change == 0:
                    coin.name = choose.choice(("mark", "crown"))
                elif change == 1:
                    photo.retired = not photo.retired
                else:
                    photo.class_id = coin.class_id


def test_of_changes_of_other_photos_each_time_the_last_state_alone_is_read(stocked, publish_now, states_read):
    publish_now()
    for photo in range(10, 16):
        retire_photo(stocked, photo, actor="test")
        states_read.clear()
        version, _, deltas = publish_now()
        assert sorted(deltas) == list(range(1, version)) and set(states_read) == {version - 1}


def test_a_photo_that_comes_back_lets_the_states_before_be_read(stocked, publish_now, states_read):
    publish_now()
    for retired in (True, False):
        with stocked.changing() as session:
            session.get(PhotoRow, 10).retired = retired
        retire_photo(stocked, 20 + retired, actor="test")
        states_read.clear()
        publish_now()
    assert sorted(set(states_read)) == [1, 2]
