"""What the recognition benchmark counts, and that it runs."""

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from coindex.models import DEFAULT_FOLDER, Models, load_models
from coindex.photo import load_photo
from coindex.relief import OUTPUT_SHAPE, QueryRelief

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "recognition.py"


@pytest.fixture(scope="module")
def recognition():
    specification = importlib.util.spec_from_file_location("recognition", SCRIPT)
    module = importlib.util.module_from_spec(specification)
    sys.modules["recognition"] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    yield module
    del sys.modules["recognition"]


class Clock:
    """Stands still but for what the nets take."""

    def __init__(self):
        self.seconds = 0.0

    def perf_counter(self):
        return self.seconds


def disc():
    """Logits of one round coin in the middle."""
    y, x = np.mgrid[:256, :256]
    away = np.hypot(x - 127.5, y - 127.5)
    return np.stack([99.0 - away, 70.0 - away], axis=2).astype(np.float32)


@pytest.fixture
def clock(recognition, monkeypatch):
    clock = Clock()
    monkeypatch.setattr(recognition, "time", clock)
    monkeypatch.setattr("recognition_parts.contenders.time", clock)
    return clock


@pytest.fixture
def models(clock):
    """Nets that see one coin, a look in 2 seconds and an embedding in 3."""

    def net(answer, seconds):
        def run(pixels):
            clock.seconds += seconds * len(pixels)
            return np.stack([answer] * len(pixels))

        return run

    return Models(load_models(DEFAULT_FOLDER).index, net(disc(), 2), net(np.arange(1, 65, dtype=np.float32), 3))


@pytest.fixture
def photo():
    _, content = cv2.imencode(".jpg", np.full((300, 300, 3), 128, np.uint8))
    return content.tobytes()


def test_the_time_in_the_nets_is_theirs_and_not_outside(recognition, models, photo):
    stages, coins = recognition._answered(photo, models, recognition.encoded_once, recognition._catalogue())
    assert coins == 1
    # Two looks, four turns; where the clock stands still nothing is left for the rest.
    assert stages == {"decode": 0, "segmenter": 4000, "embedder": 12_000, "outside": 0, "search": 0, "relief": 0}


def test_what_is_neither_decoding_nor_a_net_nor_the_search_is_outside(recognition, models, photo, clock):
    def encode(photo, models):
        clock.seconds += 5
        return recognition.encoded_once(photo, models)

    stages, _ = recognition._answered(photo, models, encode, recognition._catalogue())
    assert stages == {"decode": 0, "segmenter": 4000, "embedder": 12_000, "outside": 5000, "search": 0, "relief": 0}


def test_the_second_look_is_a_stage_of_its_own(recognition, models, photo, clock):
    def relief(cutout):
        clock.seconds += 7
        return QueryRelief(np.ones(OUTPUT_SHAPE[1:], np.int8))

    both = replace(models, relief=relief)
    stages, _ = recognition._answered(photo, both, recognition.encoded_once, recognition._catalogue())
    assert stages == {
        "decode": 0, "segmenter": 4000, "embedder": 12_000, "outside": 0, "search": 0, "relief": 7000,
    }  # fmt: skip


def test_the_article_embeds_a_coin_once_in_colour(recognition, models, photo):
    seen = []

    def embedder(pixels):
        seen.extend(pixels)
        return models.embedder(pixels)

    codes = recognition.encoded_as_the_article(load_photo(photo), Models(models.index, models.segmenter, embedder))
    assert len(codes) == len(seen) == 1
    assert not seen[0][0, 0].any()
    assert (seen[0][128, 128] == 128).all()


def test_a_replayed_net_runs_for_its_time_and_answers_what_another_did_look_by_look(recognition):
    ran = []
    given = np.arange(3, dtype=np.float32)
    net = recognition.Replayed(lambda pixels: ran.append(len(pixels)), given)
    answers = [net(np.zeros((count, 1), np.uint8)).tolist() for count in (1, 2, 1)]
    assert answers == [[0], [1, 2], [0]]
    assert ran == [1, 2, 1]


def test_quantiles_are_of_whole_recognitions_with_and_without_decoding(recognition):
    stages = [dict.fromkeys(recognition.STAGES, value) for value in (1.0, 2.0, 3.0)]
    figures = recognition._figures(stages)
    assert (figures["p50_ms"], figures["decoded_p50_ms"]) == (12, 10)  # six stages, one of which decodes
    assert figures["p95_ms"] == pytest.approx(17.4)
    assert figures["stages_ms"] == dict.fromkeys(recognition.STAGES, 2.0)


def test_ratios_are_to_ours_on_as_many_threads(recognition):
    def row(name, threads, p50, decoded):
        return {"name": name, "threads": threads, "p50_ms": p50, "decoded_p50_ms": decoded}

    rows = [row("coindex-int8", 1, 10, 4), row("coindex-int8", 2, 5, 2), row("article-torch", 2, 50, 40)]
    recognition._add_ratios(rows)
    assert (rows[2]["times_ours"], rows[2]["times_ours_decoded"]) == (10, 20)
    assert rows[0]["times_ours"] == 1


def test_a_format_that_the_folder_lacks_is_missing(recognition, tmp_path):
    (tmp_path / "segmenter.tflite").touch()
    (tmp_path / "embedder.tflite").touch()
    (tmp_path / "segmenter.onnx").touch()
    names = ["coindex-int8", "coindex-onnx", "coindex-torch"]
    assert recognition._missing(names, tmp_path) == ["coindex-onnx"]


def test_the_command_writes_its_figures(tmp_path):
    target = tmp_path / "figures.json"
    words = [sys.executable, SCRIPT, "--quick", "--contenders", "coindex-int8", "--json", target]
    done = subprocess.run(words, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "coindex-int8" in done.stdout
    document = json.loads(target.read_text())
    (other,) = document["other_photos"]
    once, twice = document["many_coins"]
    assert (once["name"], twice["name"]) == ("once", "twice")
    assert once["coins"] == twice["coins"] == 18
    # The whole, its parts, the coins, and a few candidates that a look in detail does not confirm: how many depends on
    # the photo's last bits, which the machine draws.
    looks = 1 + 9 + 18
    assert looks <= once["segmenter_runs"] <= looks + 5
    assert twice["segmenter_runs"] >= once["segmenter_runs"] + looks
    assert once["embedder_runs"] == twice["embedder_runs"]
    assert (document["photo_megapixels"], other["photo_megapixels"]) == (12, 1)
    index = load_models(DEFAULT_FOLDER).index
    for (run,) in (document["runs"], other["runs"]):
        assert (run["name"], run["threads"], run["coins"]) == ("coindex-int8", 1, 1)
        assert run["p95_ms"] >= run["p50_ms"] > run["stages_ms"]["decode"] > 0
        assert run["model_bytes"] == sum(net.bytes for net in index.nets.values())
        assert run["peak_bytes"] > 50e6
