"""What searches of two shards, fresh rows and tombstones find: golden answers that every implementation gives."""

import json
from pathlib import Path

import numpy as np
import pytest

from coindex.catalog.fresh import read_fresh
from coindex.catalog.search import CatalogIndex
from coindex.catalog.shard import live_rows, read_shard
from coindex.catalog.state import CatalogState, CoinRecord, state_hash

GOLDEN = Path(__file__).parents[2] / "golden" / "catalog"
EXPECTED = json.loads((GOLDEN / "search.json").read_text())
SHARDS = tuple(read_shard((GOLDEN / name).read_bytes(), name=name) for name in EXPECTED["shards"])
FRESH = read_fresh((GOLDEN / EXPECTED["fresh"]).read_bytes())


def answers(exact_below):
    index = CatalogIndex(
        SHARDS,
        fresh=FRESH.rows,
        tombstones=FRESH.tombstones.tolist(),
        ef=EXPECTED["ef"],
        exact_below=exact_below,
    )
    found = []
    for case in EXPECTED["cases"]:
        code = np.frombuffer(bytes.fromhex(case["code"]), np.int8)
        hits = index.search(code, case["k"], classes=EXPECTED["filters"][case["classes"]])
        found.append([[hit.class_id, hit.row_id, hit.distance] for hit in hits])
    return found


@pytest.mark.parametrize(("named", "exact_below"), [("hits", 0), ("exact", 10_000)])
def test_the_golden_searches_give_the_golden_hits(named, exact_below):
    assert answers(exact_below) == [case[named] for case in EXPECTED["cases"]]


def test_some_golden_graph_searches_miss_a_row():
    """Else they would not show that the graph is walked in the same order."""
    assert sum(case["hits"] != case["exact"] for case in EXPECTED["cases"]) > 10


def test_the_golden_rows_give_their_state_hash():
    rows = live_rows(SHARDS, FRESH.rows, FRESH.tombstones.tolist())
    records = {
        class_id: CoinRecord(class_id, "xx", "coin", "1", "", "obverse", f"Coin {class_id}", "")
        for class_id in np.unique(rows.class_ids).tolist()
    }
    assert (len(rows), len(records)) == (EXPECTED["rows"], EXPECTED["classes"])
    assert state_hash(CatalogState("0123456789abcdef", rows, records)) == EXPECTED["state_hash"]
