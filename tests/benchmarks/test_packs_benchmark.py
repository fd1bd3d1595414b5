"""The benchmark of packs runs, and its figures fit together."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "packs.py"


@pytest.mark.slow
def test_a_country_takes_less_than_all_and_nothing_is_lost_by_packs(tmp_path):
    out = tmp_path / "packs.json"
    subprocess.run([sys.executable, SCRIPT, "--quick", "--json", out], check=True, capture_output=True)
    report = json.loads(out.read_text())
    whole, packed, one = report["country"]["devices"]
    assert [row["classes"] for row in (whole, packed)] == [24, 24] and one["classes"] == 12
    assert one["bytes"] < packed["bytes"] and one["fetched"] < packed["fetched"]
    assert packed["recall_at_1"] == whole["recall_at_1"] and packed["known"] == whole["known"]
    assert [row["packs"] for row in report["searches"]] == [1, 5]
    assert all(row["same_first"] > 0.99 for row in report["searches"])
