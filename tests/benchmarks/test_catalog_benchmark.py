"""What the catalogue benchmark counts, and that it runs."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import catalog
import numpy as np
import pytest
from catalog_parts import deltas
from catalog_parts.contenders import CONTENDERS
from catalog_parts.deltas import bsdiff, changed_rows, zstd_patch
from catalog_parts.measuring import answers, chosen_breadth, distances_of
from catalog_parts.processes import alone
from catalog_parts.queries import exact_answers
from catalog_parts.sizes import NOTHING

from catalog_server.engines import Neighbours
from coindex.catalog.state import Rows

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "catalog.py"


def codes_at(*places):
    """Codes on one axis: squared distances are those of the places."""
    codes = np.zeros((len(places), 64), np.int8)
    codes[:, 0] = places
    return codes


def rows_at(*places):
    ids = np.arange(len(places), dtype=np.uint32)
    return Rows(ids, ids + np.uint32(1), codes_at(*places))


class Scripted:
    """Answers what it is told to, whatever the query."""

    def __init__(self, *answer):
        self.answer = answer

    def query(self, code, k):
        row_ids = np.array([self.answer[:k]], np.uint32)
        return Neighbours(row_ids, row_ids.astype(np.int64))


def test_exact_answers_are_the_nearest_rows_and_the_best_row_of_each_class():
    class_ids = np.array([7, 9, 7, 8], np.uint32)
    rows, classes, first = exact_answers(codes_at(1, 5, 2, 10), class_ids, codes_at(0, 6))
    assert rows.tolist() == [[1, 4, 25, 100], [1, 16, 16, 25]]
    assert classes.tolist() == [[1, 25, 100], [1, 16, 16]]
    assert first.tolist() == [7, 9]


def test_exact_answers_equal_a_plain_loop_over_many_blocks_of_classes():
    rng = np.random.default_rng(1)
    codes, queries = (rng.integers(-9, 10, (count, 64)).astype(np.int8) for count in (70_000, 3))
    class_ids = rng.integers(1, 40, 70_000).astype(np.uint32)
    rows, classes, first = exact_answers(codes, class_ids, queries)
    for query, code in enumerate(queries):
        distances = ((codes.astype(np.int64) - code) ** 2).sum(axis=1)
        best = {number: distances[class_ids == number].min() for number in range(1, 40)}
        assert rows[query].tolist() == np.sort(distances)[:10].tolist()
        assert classes[query].tolist() == sorted(best.values())[:10]
        assert best[first[query]] == distances.min()


def test_distances_are_those_of_the_codes_and_a_lacking_answer_is_never_a_hit():
    found = np.array([[2, 0], [1, NOTHING]])
    distances = distances_of(codes_at(3, 1, 2), codes_at(0, 0), found)
    assert distances[0].tolist() == [4, 9]
    assert distances[1, 0] == 1
    assert distances[1, 1] > 2**40


def test_answers_that_a_contender_does_not_give_are_filled_up():
    found, took = answers(Scripted(4, 2), codes_at(0, 0, 0), 10)
    assert found.tolist() == [[4, 2, *[NOTHING] * 3]] * 3
    assert took.shape == (3,)


def test_a_slow_contender_answers_as_many_queries_as_it_can():
    found, took = answers(Scripted(1), codes_at(*range(50)), 0)
    assert len(found) == len(took) == 1


def test_the_smallest_breadth_that_finds_enough_is_chosen_or_the_widest():
    assert chosen_breadth([(20, 0.99, 5.0), (40, 0.9996, 9.0), (80, 1.0, 20.0)]) == 40
    assert chosen_breadth([(20, 0.5, 5.0), (40, 0.9, 9.0)]) == 40


@pytest.mark.parametrize("name", ["coindex", "coindex-graph", "hnswlib-m8", "numpy-flat"])
def test_a_contender_answers_from_its_files_as_it_was_built(name, tmp_path):
    rows = rows_at(*range(-120, 120, 3))
    built, loaded = CONTENDERS[name](), CONTENDERS[name]()
    built.fit(rows)
    built.save(tmp_path)
    loaded.load(tmp_path)
    if loaded.has_breadth:
        loaded.set_breadth(80)
    # -120, -117, … 117: the tenth is -93, its neighbours -96 and -90; ties in any order.
    found = loaded.query(codes_at(-93)[0], 3)
    nearest = found.row_ids[0].tolist()
    assert nearest[0] == 9
    assert {*nearest[1:]} == {8, 10}
    assert found.distances[0].tolist() == [0, 9, 9]


@pytest.mark.parametrize(
    "name", ["usearch-i8-m8", "faiss-hnsw8-sq8", "faiss-flat-sq8", "faiss-flat", "sqlite-vec", "annoy"]
)
def test_another_library_answers_from_its_files_as_it_was_built(name, tmp_path):
    for module in CONTENDERS[name].modules:
        pytest.importorskip(module)
    test_a_contender_answers_from_its_files_as_it_was_built(name, tmp_path)


def test_a_changed_catalogue_loses_as_many_rows_as_it_gains_under_new_ids():
    old = rows_at(0, 10, 20)
    new = changed_rows(old, np.array([1]), np.array([9], np.uint32), codes_at(30))
    assert new.row_ids.tolist() == [0, 2, 3]
    assert new.class_ids.tolist() == [1, 3, 9]
    assert new.codes[:, 0].tolist() == [0, 20, 30]


def test_a_patch_of_an_unchanged_file_is_next_to_nothing():
    pytest.importorskip("zstandard")
    content = np.random.default_rng(2).bytes(300_000)
    assert zstd_patch(content, content) < 200
    assert zstd_patch(b"", content) > 299_000


def test_a_file_too_large_for_bsdiff_says_so(monkeypatch):
    pytest.importorskip("bsdiff4")
    assert bsdiff(bytes(1000), bytes(1000)) < 1000
    monkeypatch.setattr(deltas, "BSDIFF_LIMIT", 999)
    assert "memory" in bsdiff(bytes(1000), bytes(1000))


def test_a_contender_that_is_too_slow_or_dies_or_is_not_installed_is_named(monkeypatch, tmp_path):
    class Absent:
        modules, packages = ("no_such_module",), "no-such-package"

    class Present:
        modules, packages = (), ""

    def alone(limit, function, name, *_):
        raise TimeoutError if name == "slow" else ChildProcessError("its process ended with status -9")

    monkeypatch.setattr(catalog, "alone", alone)
    monkeypatch.setattr(catalog, "CONTENDERS", {"absent": Absent, "slow": Present, "dead": Present})
    measured, not_run = catalog._all_measured(["absent", "slow", "dead"], tmp_path, 5)
    why = dict(not_run)
    assert measured == []
    assert "pip install no-such-package" in why["absent"]
    assert "5 s" in why["slow"]
    assert "status -9" in why["dead"]


def test_a_process_of_its_own_answers_fails_dies_and_is_stopped():
    assert alone(30, len, "four") == 4
    with pytest.raises(ValueError, match="invalid literal"):
        alone(30, int, "four")
    with pytest.raises(ChildProcessError, match="status 3"):
        alone(30, os._exit, 3)
    with pytest.raises(TimeoutError):
        alone(0.1, time.sleep, 60)


def test_the_command_prints_its_tables_and_writes_its_figures(tmp_path):
    codes = np.random.default_rng(3).integers(-60, 61, (700, 64)).astype(np.int8)
    numbers = np.arange(700, dtype=np.uint32) // 7 + 1
    np.savez(tmp_path / "codes.npz", codes=codes, class_ids=numbers, queries=codes[:40], query_class_ids=numbers[:40])
    target = tmp_path / "figures.json"
    words = ["--quick", "--codes", tmp_path / "codes.npz", "--engines", "coindex", "--json", target]
    environment = {**os.environ, "PYTHONPATH": str(SCRIPT.parents[1])}
    done = subprocess.run([sys.executable, SCRIPT, *words], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    assert "coindex" in done.stdout
    assert "whole hnswlib-m16 index" in done.stdout
    document = json.loads(target.read_text())
    assert (document["rows"], document["classes"], document["queries"]) == (700, 100, 20)
    assert document["exact_right_class"] == 1
    assert document["not_run"] == []
    (engine,) = document["engines"]
    assert engine["name"] == "coindex"
    assert engine["recall_at_1"] == engine["recall_at_10"] == engine["right_class"] == 1
    assert 90 > engine["wire_bytes_per_row"] > 40
    assert engine["search_p99_us"] >= engine["search_p50_us"] > 0
    assert engine["build_s"] > 0
    assert engine["load_s"] > 0
    assert "memory_bytes_per_row" in engine
    packed = {each["method"]: each["bytes_per_map"] for each in document["reliefs"]["bytes"]}
    assert packed["coindex"] < packed["as they are"] == 1024 and document["reliefs"]["maps"] == 64
    sizes = {(each["change"], each["method"]): each["bytes"] for each in document["deltas"]}
    # Seven rows of 64 numbers below 2**7 came and seven went, under two hashes and a header.
    assert sizes[0.01, "coindex"] < 7 * 64 + 300 < sizes[0.01, "whole coindex shard"]
