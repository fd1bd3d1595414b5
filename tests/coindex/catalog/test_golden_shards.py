"""Shard files of format version 1 as they were first written: every later version reads them, with the same answers."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from coindex.catalog.search import CatalogIndex
from coindex.catalog.shard import build_shard, load_graph, read_shard, write_shard
from coindex.catalog.state import CatalogState, CoinRecord, Rows, state_hash

GOLDEN = Path(__file__).parents[2] / "golden" / "catalog"
EXPECTED = json.loads((GOLDEN / "shards.json").read_text())
FILES = list(EXPECTED["shards"])


def golden_rows(count):
    """Rows by the rule in `shards.json`."""
    state, drawn = 12345, []
    for _ in range((12 + count) * 64):
        state = (1103515245 * state + 12345) % 2**31
        drawn.append(state >> 16)
    numbers = np.array(drawn).reshape(-1, 64)
    centres, scatter = numbers[:12] % 161 - 80, numbers[12:] % 61 - 30
    index = np.arange(count)
    codes = centres[index % 12] + scatter
    if count > 1:
        codes[0], codes[1] = 127, -127
    return Rows.of(1 + index + 1000 * (index % 7 == 3), 5 + 3 * (index % 12), codes)


def golden_state(rows):
    records = {
        class_id: CoinRecord(class_id, "xx", "coin", "1", "", "obverse", f"Coin {class_id}", "")
        for class_id in np.unique(rows.class_ids).tolist()
    }
    return CatalogState("0123456789abcdef", rows, records)


def answers(shard):
    """The first three classes for three queries, by the graph where there is one."""
    queries = golden_rows(100).codes[[2, 50, 99]] // 2
    index = CatalogIndex([shard], exact_below=0)
    found = []
    for query in queries:
        hits = [[hit.class_id, hit.row_id, hit.distance] for hit in index.search(query, 3)]
        found.append({"code": query.tolist(), "hits": hits})
    return found


@pytest.mark.parametrize("name", FILES)
def test_a_golden_shard_holds_its_rows(name):
    shard, expected = read_shard((GOLDEN / name).read_bytes(), name=name), EXPECTED["shards"][name]
    assert shard.rows.packed() == golden_rows(expected["rows"]).packed()
    assert state_hash(golden_state(shard.rows)) == expected["state_hash"]
    assert shard.order.tolist() == expected["order"]


@pytest.mark.parametrize("name", FILES)
def test_a_golden_shard_gives_its_answers(name):
    assert answers(read_shard((GOLDEN / name).read_bytes())) == EXPECTED["shards"][name]["answers"]


@pytest.mark.parametrize("name", [name for name in FILES if EXPECTED["shards"][name]["links"]])
def test_a_golden_graph_has_its_links(name):
    """By node, its links in layer 0."""
    index = load_graph(read_shard((GOLDEN / name).read_bytes()))
    state = index.__getstate__()[0]
    base = state["data_level0"].view(np.uint32).reshape(state["cur_element_count"], -1)
    assert [row[1 : 1 + row[0]].tolist() for row in base] == EXPECTED["shards"][name]["links"]


@pytest.mark.skipif(sys.platform != "linux", reason="another C++ library draws other layers for the same rows")
@pytest.mark.parametrize("name", FILES)
def test_todays_writer_gives_the_golden_bytes(name):
    expected = EXPECTED["shards"][name]
    shard = build_shard(golden_rows(expected["rows"]), graph=bool(expected["links"]))
    assert write_shard(shard) == (GOLDEN / name).read_bytes()
