"""Random histories of a catalogue: every way to a release ends in the same state and the same answers."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_server.publishing import compaction
from catalog_server.publishing.compaction import compact
from coindex.catalog.delta import apply_delta, changed_records, delta_between, read_delta, write_delta
from coindex.catalog.fresh import Fresh, read_fresh, write_fresh
from coindex.catalog.search import CatalogIndex
from coindex.catalog.shard import Shard, build_shard, live_rows, read_shard, write_shard
from coindex.catalog.state import CatalogState, CoinRecord, Rows, state_hash

SPACE = "00112233aabbccdd"


@dataclass(frozen=True)
class Step:
    """What a curator does between two releases."""

    added: int
    changed: int
    retired: int
    renamed: int


STEPS = st.lists(
    st.builds(Step, st.integers(0, 25), st.integers(0, 4), st.integers(0, 8), st.integers(0, 2)), min_size=1, max_size=7
)


class Curator:
    """The exact model: rows and names in plain dictionaries."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)
        self.rows: dict[int, tuple[int, tuple[int, ...]]] = {}
        self.names: dict[int, str] = {}
        self.last = 0
        self.add(3)

    def code(self):
        # Few values, so that equal distances are common.
        return tuple(self.random.integers(-2, 3, 64).tolist())

    def add(self, count):
        for _ in range(count):
            self.last += 1
            self.rows[self.last] = (int(self.random.integers(1, 4 + self.last // 2)), self.code())

    def step(self, step):
        some = self.random.permutation(list(self.rows)).tolist()
        for row in some[: min(step.retired, len(some) - 1)]:
            del self.rows[row]
        for row in some[step.retired : step.retired + step.changed]:
            class_id, code = self.rows[row]
            self.rows[row] = (class_id + 1, code) if row % 2 else (class_id, self.code())
        self.add(step.added)
        for class_id in self.random.permutation(sorted(self.used))[: step.renamed].tolist():
            self.names[class_id] = f"name {self.random.integers(100)}"

    @property
    def used(self):
        return {class_id for class_id, _ in self.rows.values()}

    def state(self):
        names = {class_id: self.names.get(class_id, "") for class_id in self.used}
        records = {
            key: CoinRecord(key, "Utopia", "mark", str(key), "", "obverse", name, "") for key, name in names.items()
        }
        classes, codes = zip(*self.rows.values(), strict=True)
        return CatalogState(SPACE, Rows.of(self.rows, classes, np.array(codes)), records)

    def nearest(self, query, k):
        best: dict[int, tuple[int, int]] = {}
        for row, (class_id, code) in self.rows.items():
            distance = sum((a - b) ** 2 for a, b in zip(query, code, strict=True))
            best[class_id] = min(best.get(class_id, (distance, row)), (distance, row))
        return sorted((distance, row, class_id) for class_id, (distance, row) in best.items())[:k]


@dataclass(frozen=True)
class Layout:
    """A catalogue as it lies on a disk."""

    shards: tuple[Shard, ...]
    fresh: Fresh
    records: Mapping[int, CoinRecord]

    def state(self):
        rows = live_rows(self.shards, self.fresh.rows, self.fresh.tombstones.tolist())
        return CatalogState(SPACE, rows, self.records)

    def index(self, **options):
        tombstones = self.fresh.tombstones.tolist()
        return CatalogIndex(self.shards, fresh=self.fresh.rows, tombstones=tombstones, ef=200, **options)

    def published(self, state):
        """The next release, its files written and read."""
        result = compact([shard.rows for shard in self.shards], state.rows)
        built = [read_shard(write_shard(build_shard(part)), name="shard") for part in result.built]
        shards = (*(self.shards[number] for number in result.kept), *built)
        return Layout(shards, read_fresh(write_fresh(result.fresh)), state.records)

    def updated(self, delta):
        """The same shards after a delta."""
        held = [shard.rows.row_ids for shard in self.shards]
        fresh = self.fresh.after(delta, np.concatenate(held) if held else np.zeros(0, np.uint32))
        return replace(self, fresh=fresh, records=changed_records(self.records, delta))


@pytest.fixture(scope="module", autouse=True)
def small_bounds():
    """Bounds that a history of some dozen rows meets, so that shards come and go."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "MIN_FRESH", 6)
        patch.setattr(compaction, "MAX_FRESH", 12)
        patch.setattr(compaction, "FRESH_SHARE", 10)
        patch.setattr(compaction, "MAX_SHARD_ROWS", 50)
        yield


def shipped(old, new):
    """The delta between two states, its file written and read."""
    return read_delta(write_delta(delta_between(old, new)))


@pytest.mark.slow
@settings(deadline=None, max_examples=25)
@given(STEPS, st.integers(0, 2**32), st.data())
def test_every_way_to_a_release_ends_in_the_same_state_and_the_same_answers(steps, seed, data):
    curator = Curator(seed)
    states = [curator.state()]
    released = device = Layout((), Fresh.none(), {}).published(states[0])
    walked = states[0]
    for step in steps:
        curator.step(step)
        state = curator.state()
        delta = shipped(states[-1], state)
        walked = apply_delta(walked, delta)
        skipping = data.draw(st.sampled_from(range(len(states))), label="a release to come from")
        leapt = apply_delta(states[skipping], shipped(states[skipping], state))
        released = released.published(state)
        # Now and then a device fetches the whole release, and goes on from its shards.
        whole = data.draw(st.booleans(), label="fetched whole")
        device = released if whole else device.updated(delta)
        states.append(state)

        reached = {state_hash(way) for way in (state, walked, leapt, released.state(), device.state())}
        assert reached == {state_hash(state)}
        query, k = curator.code(), data.draw(st.integers(1, 6), label="k")
        expected = curator.nearest(query, k)
        for layout in (released, device):
            for options in ({}, {"exact_below": 0}):
                hits = layout.index(**options).search(np.array(query, np.int8), k)
                assert [(hit.distance, hit.row_id, hit.class_id) for hit in hits] == expected


def test_a_history_makes_shards_fresh_rows_and_tombstones():
    """What the histories above are worth: they meet every kind of layout."""
    seen = set()
    for seed in range(20):
        curator, layout = Curator(seed), Layout((), Fresh.none(), {})
        for _ in range(6):
            curator.step(Step(*curator.random.integers((0, 0, 0, 0), (26, 5, 9, 3)).tolist()))
            before, layout = layout, layout.published(curator.state())
            changed = np.isin(layout.fresh.rows.row_ids, layout.fresh.tombstones).any()
            seen |= {("shards", min(len(layout.shards), 2)), ("fresh", len(layout.fresh.rows) > 0)}
            seen |= {("buried", len(layout.fresh.tombstones) > 0), ("changed", bool(changed))}
            seen |= {("kept", shard in before.shards) for shard in layout.shards}
    assert seen >= {("shards", 0), ("shards", 1), ("shards", 2), ("kept", True), ("kept", False)}
    assert seen >= {("fresh", True), ("buried", True), ("changed", True)}
