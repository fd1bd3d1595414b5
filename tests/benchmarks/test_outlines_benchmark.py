"""The sheets of outlines are drawn, of drawn photos and of a folder's, and an empty folder is refused."""

import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "outlines.py"


def run(*words):
    return subprocess.run([sys.executable, SCRIPT, *map(str, words)], capture_output=True, text=True)


def test_drawn_coins_in_holders_are_outlined_and_shown(tmp_path):
    assert run("--quick", "--sheets", tmp_path / "sheets", "--json", tmp_path / "rows.json").returncode == 0
    rows = json.loads((tmp_path / "rows.json").read_text())
    assert len(rows) == 8 and all(row["coins"] >= 1 and 0 < row["round"] <= 1 for row in rows)
    sheet = cv2.imread(str(tmp_path / "sheets" / "0.png"))[..., ::-1]
    assert sheet.shape == (2 * 320, 7 * 300, 3)
    assert ((sheet == (255, 0, 0)).all(axis=2)).any()


def test_photos_of_a_folder_are_named_and_an_empty_folder_is_refused(tmp_path):
    refused = run(tmp_path)
    assert refused.returncode == 2 and "no photos" in refused.stderr
    cv2.imwrite(str(tmp_path / "blank.png"), np.full((300, 300, 3), 200, np.uint8))
    assert run(tmp_path, "--json", tmp_path / "rows.json").returncode == 0
    assert json.loads((tmp_path / "rows.json").read_text()) == [{"photo": "blank.png", "coins": 0, "round": None}]
