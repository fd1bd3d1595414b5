"""Which shards and packs stay, and which are made anew."""

from contextlib import contextmanager
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from catalog_server.publishing import compaction
from catalog_server.publishing.compaction import MAX_BURIED_SHARE, compact, compact_packs, fresh_bound
from coindex.catalog.state import Rows, merge_rows


def rows(ids, *, version=0):
    """Rows whose codes say their ids, and how often they changed."""
    ids = np.array([*ids], np.uint32)
    codes = np.zeros((len(ids), 64), np.int8)
    codes[:, 0], codes[:, 1], codes[:, 2] = ids % 100, ids // 100 % 100, version
    return Rows.of(ids, ids // 3 + 1, codes)


def live(shards, fresh):
    settled = merge_rows(shards, without=fresh.tombstones.tolist())
    return merge_rows([settled, fresh.rows])


def taken(before, result):
    return [before[number] for number in result.kept] + list(result.built)


@contextmanager
def small_bounds():
    """Bounds that a history of some dozen rows meets."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "MIN_FRESH", 4)
        patch.setattr(compaction, "MAX_FRESH", 8)
        patch.setattr(compaction, "FRESH_SHARE", 10)
        patch.setattr(compaction, "MAX_SHARD_ROWS", 40)
        yield


def test_fresh_rows_are_a_fiftieth_of_the_catalogue_from_one_thousand_to_ten_thousand():
    assert [fresh_bound(rows) for rows in (0, 50_000, 100_000, 500_000, 10**6)] == [1000, 1000, 2000, 10_000, 10_000]


def test_a_small_catalogue_is_all_fresh_and_a_larger_one_is_a_shard():
    few, more = compact([], rows(range(1, 1001))), compact([], rows(range(1, 1002)))
    assert (few.built, len(few.fresh.rows)) == ((), 1000)
    assert [len(shard) for shard in more.built] == [1001] and len(more.fresh) == 0


def test_new_rows_within_the_bound_leave_the_shards_alone():
    result = compact([rows(range(1, 5001))], rows(range(1, 6001)))
    assert (result.kept, result.built) == ((0,), ())
    assert result.fresh.rows.row_ids.tolist() == list(range(5001, 6001))


def test_new_rows_past_the_bound_become_a_shard_and_take_along_only_what_is_not_much_larger():
    old = [rows(range(1, 20_001)), rows(range(20_001, 23_001))]
    result = compact(old, rows(range(1, 24_002)))
    assert result.kept == (0,)  # 20,000 rows are more than four times 4,001
    assert [shard.row_ids.tolist() for shard in result.built] == [list(range(20_001, 24_002))]
    assert len(result.fresh) == 0


def test_a_large_shard_does_not_travel_because_of_a_fiftieth_that_is_new():
    result = compact([rows(range(1, 100_001))], rows(range(1, 102_042)))
    assert result.kept == (0,) and [len(shard) for shard in result.built] == [2041]


def test_a_tenth_of_tombstones_is_borne_and_one_more_is_not():
    old = [rows(range(1, 2001)), rows(range(2001, 6001))]
    borne = compact(old, rows(range(201, 6001)))
    assert borne.kept == (0, 1) and borne.fresh.tombstones.tolist() == list(range(1, 201))
    not_borne = compact(old, rows(range(202, 6001)))
    assert not_borne.kept == (1,) and len(not_borne.fresh) == 0
    assert not_borne.built[0].row_ids.tolist() == list(range(202, 2001))


def test_a_changed_row_is_buried_and_fresh_and_goes_back_into_its_shard_when_that_is_made_anew():
    old = [rows(range(1, 2001))]
    changed = merge_rows([rows(range(3, 2001)), rows([1, 2], version=1)])
    result = compact(old, changed)
    assert result.fresh.tombstones.tolist() == result.fresh.rows.row_ids.tolist() == [1, 2]
    again = compact(old, merge_rows([rows(range(301, 2001)), rows([1, 2], version=1)]))
    assert again.kept == () and len(again.fresh) == 0
    assert again.built[0].row_ids.tolist() == [1, 2, *range(301, 2001)]


def test_changed_rows_past_the_bound_are_settled_in_the_shard_that_holds_most_of_them():
    old = [rows(range(1, 15_001)), rows(range(15_001, 45_001))]
    changed = [*range(1, 901), *range(15_001, 15_501)]
    same = sorted(set(range(1, 45_001)) - set(changed))
    result = compact(old, merge_rows([rows(same), rows(changed, version=1)]))
    assert result.kept == (1,)
    assert result.fresh.tombstones.tolist() == result.fresh.rows.row_ids.tolist() == list(range(15_001, 15_501))


def test_more_rows_than_a_shard_may_have_make_several():
    with small_bounds():
        result = compact([], rows(range(1, 101)))
    assert [len(shard) for shard in result.built] == [34, 33, 33]


def test_a_shard_without_rows_of_the_catalogue_goes():
    result = compact([rows(range(1, 11)), rows(range(11, 2011))], rows(range(11, 2011)))
    assert (result.kept, result.built, len(result.fresh)) == ((1,), (), 0)


STEP = st.tuples(st.integers(0, 30), st.integers(0, 12), st.integers(0, 6))
"""Rows added, retired and changed."""


@settings(deadline=None, max_examples=60)
@given(st.lists(STEP, max_size=12), st.integers(0, 2**32))
def test_after_any_history_the_layout_is_the_catalogue_and_its_bounds_hold(steps, seed):
    with small_bounds():
        random, shards, state, last = np.random.default_rng(seed), [], Rows.none(), 0
        for version, (added, retired, changed) in enumerate(steps, start=1):
            gone, changing = np.split(random.permutation(state.row_ids)[: retired + changed], [retired])
            left = merge_rows([state], without=[*gone.tolist(), *changing.tolist()])
            state = merge_rows([left, rows(changing, version=version), rows(range(last + 1, last + 1 + added))])
            last += added
            result = compact(shards, state)
            before, shards = shards, taken(shards, result)

            assert live(shards, result.fresh).packed() == state.packed()
            assert len(result.fresh.rows) <= fresh_bound(len(state))
            row_ids = [row for shard in shards for row in shard.row_ids.tolist()]
            assert len(set(row_ids)) == len(row_ids)
            buried = [int(np.isin(shard.row_ids, result.fresh.tombstones).sum()) for shard in shards]
            assert all(dead <= MAX_BURIED_SHARE * len(shard) for dead, shard in zip(buried, shards, strict=True))
            assert all(0 < len(shard) - dead <= 40 for dead, shard in zip(buried, shards, strict=True))
            # As large as each would be if it were made anew, changed rows included.
            sizes = sorted((int(np.isin(shard.row_ids, state.row_ids).sum()) for shard in shards), reverse=True)
            assert all(large >= 2 * small or large + small > 40 for large, small in pairwise(sizes))
            assert all(shards[place] is before[number] for place, number in enumerate(result.kept))

            again = compact(shards, state)
            assert again.kept == tuple(range(len(shards))) and not again.built
            assert again.fresh.tombstones.tolist() == result.fresh.tombstones.tolist()


def ids(*parts):
    return np.concatenate([np.arange(part.start, part.stop, dtype=np.uint32) for part in parts])


def test_twenty_new_coins_are_a_pack_of_twenty_pictures():
    result = compact_packs([ids(range(1, 1025))], ids(range(1, 1045)))
    assert result.kept == (0,) and [pack.tolist() for pack in result.built] == [list(range(1025, 1045))]


def test_the_first_packs_are_about_full():
    assert [len(pack) for pack in compact_packs([], ids(range(1, 3001))).built] == [1000, 1000, 1000]
    assert compact_packs([], np.zeros(0, np.uint32)).built == ()


def test_a_quarter_of_retired_pictures_is_borne_and_one_more_is_not():
    pack = [ids(range(1, 101))]
    assert compact_packs(pack, ids(range(26, 101))).kept == (0,)
    result = compact_packs(pack, ids(range(27, 101)))
    assert result.kept == () and result.built[0].tolist() == list(range(27, 101))


def test_small_packs_are_put_together_when_they_are_many_and_full_ones_stay():
    full, days = ids(range(1, 1001)), [ids(range(1001 + 20 * day, 1021 + 20 * day)) for day in range(16)]
    stays = compact_packs([full, *days], ids(range(1, 1321)))
    assert stays.kept == tuple(range(17)) and not stays.built
    joined = compact_packs([full, *days], ids(range(1, 1341)))
    assert joined.kept == (0,) and [pack.tolist() for pack in joined.built] == [list(range(1001, 1341))]


def test_a_picture_within_the_range_of_a_pack_makes_that_pack_anew():
    result = compact_packs([ids(range(1, 5), range(6, 11)), ids(range(11, 21))], ids(range(1, 21)))
    assert result.kept == (1,) and result.built[0].tolist() == list(range(1, 11))


@settings(deadline=None, max_examples=40)
@given(st.lists(st.sets(st.integers(1, 120), max_size=80), max_size=10))
def test_packs_hold_every_picture_once_in_ranges_that_do_not_overlap(states):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compaction, "PACK_ROWS", 12)
        patch.setattr(compaction, "MAX_SMALL_PACKS", 3)
        packs = []
        for state in states:
            wanted = np.array(sorted(state), np.uint32)
            result = compact_packs(packs, wanted)
            packs = sorted([packs[number] for number in result.kept] + list(result.built), key=lambda pack: pack[0])
            every = np.concatenate(packs) if packs else np.zeros(0, np.uint32)
            assert (every[1:] > every[:-1]).all() and np.isin(wanted, every).all()
            assert all(len(pack) <= 12 for pack in result.built)
            again = compact_packs(packs, wanted)
            assert again.kept == tuple(range(len(packs))) and not again.built
