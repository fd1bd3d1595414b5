"""`coindex train`, called as a person calls it: the rules of data, a run, its stop, its report, its going on."""

import csv
import json
import re
import shutil
import signal
import struct
import subprocess
import sys
import time
from importlib.resources import files
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="needs the training extra")

import torch
from safetensors.torch import save_file
from tensorboardX.proto.event_pb2 import Event
from typer.testing import CliRunner

from coindex.cli import build_app
from coindex_synthetic import write_catalogue
from training.loop import HISTORY, STATE
from training.record import RANDOM_INIT
from training.report import REPORT


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    """Four invented types, two photos a side to train on; of the last one, a reference and a query a side."""
    folder = tmp_path_factory.mktemp("photos") / "set"
    manifest = write_catalogue(folder, types=4, seed=5, size=96, specimens=2, split="train")
    rows = read_rows(manifest)
    coin = rows[-1]["denomination"], rows[-1]["currency"], rows[-1]["country"]
    last = [row for row in rows if (row["denomination"], row["currency"], row["country"]) == coin]
    assert len(last) == 4
    first = last[0]["specimen"]
    for row in last:
        row["split"] = "val_catalog" if row["specimen"] == first else "val_query"
    write_rows(manifest, rows)
    return manifest


def read_rows(manifest):
    with manifest.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def write_rows(manifest, rows):
    with manifest.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)


def call(*arguments):
    return CliRunner().invoke(build_app("train"), ["train", *map(str, arguments)])


def tiny(net, manifest, run, *more):
    options = ("--preset", "tiny", "--weights", "random", "--threads", "1", "--workers", "0")
    return call(net, *options, "--data", manifest, "--run", run, *more)


def refused(done, *said):
    """The command ended with exit code 1 and one error on stderr that says each of `said`."""
    assert done.exit_code == 1, done.output
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.output
    for words in said:
        assert words in done.stderr


def too_small(rows):
    rows[0]["variant"] = "proof"


def missing_file(rows):
    rows[1]["file"] = "gone.webp"


def bad_side(rows):
    rows[2]["side"] = "edge"


def empty_field(rows):
    rows[2]["denomination"] = ""


def same_class(rows, **changed):
    judged = next(row for row in rows if row["split"] == "val_query")
    trained = {name: rows[0][name] for name in ("country", "currency", "denomination", "variant", "side")}
    judged.update({**trained, "specimen": "another", **changed})


def either_side(rows):
    same_class(rows, side="unknown")


def same_specimen(rows):
    # Of a coin whose sides are divided: the obverse is trained on, the reverse judged on.
    for row in rows:
        if row["split"] == "train" and row["side"] == "reverse":
            row["split"] = "val_query"


def no_training(rows):
    for row in rows:
        row["split"] = "holiday"


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (missing_file, ("1 bad rows", "line 3: photo", "gone.webp does not exist")),
        (bad_side, ("line 4: side 'edge' is none of obverse, reverse, unknown",)),
        (empty_field, ("line 4: denomination must not be empty",)),
        (too_small, ("have fewer than 2 photos", "proof obverse (1)", "take them out of the training split")),
        (
            same_class,
            ("1 class is both trained and judged on", "is of split train, line", "give each class to one side"),
        ),
        (either_side, ("unknown (line 2 is of split train, line",)),
        (same_specimen, ("specimens are both trained and judged on", "of val_query", "give each to one side")),
        (no_training, ("no photo belongs to a training split (train)",)),
    ],
)
@pytest.mark.parametrize("net", ["embedder", "segmenter"])
def test_data_against_the_rules_stops_the_run_with_the_reason_and_leaves_nothing(photos, tmp_path, spoil, said, net):
    folder = tmp_path / "set"
    shutil.copytree(photos.parent, folder)
    rows = read_rows(folder / photos.name)
    spoil(rows)
    write_rows(folder / photos.name, rows)
    refused(tiny(net, folder / photos.name, tmp_path / "run"), *said)
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_a_photo_that_cannot_be_read_stops_the_run_by_its_name_and_leaves_nothing(photos, tmp_path):
    shutil.copytree(photos.parent, tmp_path / "set")
    file = read_rows(photos)[0]["file"]
    (tmp_path / "set" / file).write_bytes(b"no photo")
    refused(tiny("embedder", tmp_path / "set" / photos.name, tmp_path / "run"), Path(file).name)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--preset", "giant"), "no preset named 'giant'"),
        (("--device", "cuda:99"), "--device cuda:99"),
        (("--weights", "gone.npz"), "gone.npz"),
    ],
)
def test_what_is_not_there_is_said_before_anything_is_written(photos, tmp_path, arguments, said):
    refused(tiny("embedder", photos, tmp_path / "run", *arguments), said)
    assert not (tmp_path / "run").exists()


def test_weights_and_the_place_to_write_to_are_checked_before_the_photos_are_read(photos, tmp_path):
    shutil.copytree(photos.parent, tmp_path / "set")
    (tmp_path / "set" / read_rows(photos)[0]["file"]).write_bytes(b"no photo")
    other = tmp_path / "other.safetensors"
    save_file({"conv_stem.weight": torch.zeros(1)}, other)
    for more, said in (
        (("--weights", other), "so they belong to another net"),
        (("--out", tmp_path), "this is a folder"),
    ):
        refused(tiny("embedder", tmp_path / "set" / photos.name, tmp_path / "run", *more), said)
    refused(tiny("embedder", tmp_path / "gone.csv", tmp_path / "run", "--weights", "gone.npz"), "gone.npz")
    assert not (tmp_path / "run").exists()


def test_a_folder_of_pictures_without_any_is_refused(photos, tmp_path):
    (tmp_path / "empty").mkdir()
    refused(tiny("segmenter", photos, tmp_path / "run", "--backgrounds", tmp_path / "empty"), "no pictures")
    assert call("segmenter", "--data", photos, "--backgrounds", tmp_path / "gone").exit_code == 2


def test_a_missing_manifest_is_named(tmp_path):
    refused(tiny("embedder", tmp_path / "gone.csv", tmp_path / "run"), "gone.csv: no such file")


def logged(run):
    """tag → {step: value} of a run's TensorBoard log."""
    values = {}
    for path in sorted((run / "tensorboard").iterdir()):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            event, data = Event.FromString(data[12 : 12 + length]), data[16 + length :]
            for value in event.summary.value:
                if value.WhichOneof("value") == "simple_value":
                    values.setdefault(value.tag, {})[event.step] = value.simple_value
    return values


@pytest.fixture(scope="module")
def trained(photos, tmp_path_factory):
    run = tmp_path_factory.mktemp("runs") / "e"
    done = tiny("embedder", photos, run)
    assert done.exit_code == 0, done.output
    return run, done


def test_a_run_leaves_a_checkpoint_a_history_a_log_and_a_report(trained):
    run, done = trained
    assert f"wrote {run / 'embedder.safetensors'}" in done.stdout
    rows = [json.loads(line) for line in (run / HISTORY).read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2]
    assert all(row["validation_loss"] > 0 for row in rows)
    assert set(rows[0]["recall"]["val_catalog/val_query"]) == {"1", "2", "5", "10", "20"}
    log = logged(run)
    assert sorted(log["step/loss"]) == list(range(1, 9))
    assert sorted(log["step/learning_rate_1"]) == list(range(1, 9))
    assert log["recall/val_catalog-val_query/1"][8] == pytest.approx(rows[1]["recall"]["val_catalog/val_query"]["1"])
    assert "All 2 epochs done" in (run / REPORT).read_text("utf-8")
    assert [path.name for path in run.iterdir() if path.suffix in (".part", ".tmp")] == []


def test_what_is_loaded_has_a_line_each_where_nobody_watches_a_bar(trained):
    lines = [line for line in trained[1].stderr.splitlines() if line.startswith("loaded")]
    assert lines == ["loaded train: 12", "loaded synthetic: 4", "loaded val_catalog: 2", "loaded val_query: 2"]


def test_figures_of_random_weights_are_labelled_in_the_terminal_and_in_the_report(trained):
    run, done = trained
    lines = [line for line in done.stderr.splitlines() if line.startswith("epoch")]
    assert len(lines) == 2
    assert all(line.endswith(RANDOM_INIT) for line in lines)
    assert RANDOM_INIT in (run / REPORT).read_text("utf-8")


def test_a_run_called_with_something_else_is_refused_with_what_differs(photos, trained):
    run, _ = trained
    before = (run / STATE).read_bytes()
    refused(tiny("embedder", photos, run, "--seed", 3), "seed: 0 there, 3 here", "another --run folder")
    refused(tiny("segmenter", photos, run), "net: embedder there, segmenter here")
    assert (run / STATE).read_bytes() == before


def test_a_report_is_written_again_from_the_runs_folder(trained, tmp_path):
    run = tmp_path / "copy"
    shutil.copytree(trained[0], run)
    first = (run / REPORT).read_text("utf-8").replace("run e<", "run copy<").replace("<title>e:", "<title>copy:")
    (run / REPORT).unlink()
    done = call("report", run)
    assert done.stdout.strip() == f"wrote {run / REPORT}"
    assert (run / REPORT).read_text("utf-8") == first
    refused(call("report", tmp_path), "no training run is kept here")


def test_two_trainings_in_one_folder_are_refused(photos, tmp_path):
    from coindex.disk import exclusive

    with exclusive(tmp_path / "run", "training"):
        refused(tiny("embedder", photos, tmp_path / "run"), "another process is training here")


def test_a_run_that_is_killed_goes_on_and_ends_as_one_that_was_not(photos, trained, tmp_path):
    run = tmp_path / "e"
    command = [sys.executable, "-m", "coindex", "train", "embedder", "--preset", "tiny", "--weights", "random"]
    command += ["--threads", "1", "--workers", "0", "--data", str(photos), "--run", str(run)]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 240
    while not (run / STATE).exists() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = tiny("embedder", photos, run)
    assert done.exit_code == 0, done.output
    rows, whole = (
        [json.loads(line) for line in (each / HISTORY).read_text().splitlines()] for each in (run, trained[0])
    )
    assert [row["losses"] for row in rows] == [row["losses"] for row in whole]
    assert [row["recall"] for row in rows] == [row["recall"] for row in whole]


def test_a_segmenters_run_shows_its_masks(photos, tmp_path):
    done = tiny("segmenter", photos, tmp_path / "s")
    assert done.exit_code == 0, done.output
    assert "The worst" in (tmp_path / "s" / REPORT).read_text("utf-8")
    assert set(logged(tmp_path / "s")) >= {"iou/coin_0.3", "iou/coin_0.5", "epoch/validation_loss", "step/loss"}


def test_an_embedder_trains_on_a_pack_as_on_its_photos(photos, tmp_path):
    pack = tmp_path / "coins.npz"
    done = call("pack", "--preset", "tiny", "--data", photos, "--out", pack)
    assert done.exit_code == 0, done.output
    done = tiny("embedder", pack, tmp_path / "run")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "run" / "run.json").read_text())["origin"]["data"]["pack"] == "coins.npz"
    refused(tiny("embedder", pack, tmp_path / "other", "--unlabelled", tmp_path), "leave --unlabelled out")
    refused(call("pack", "--data", photos, "--out", tmp_path / "coins.zip"), "ends in .npz")


@pytest.mark.parametrize(
    ("net", "setting", "other"), [("segmenter", r"decoder = \[\d+", "decoder = [40"), ("embedder", "v2_050", "v2_035")]
)
def test_a_net_goes_on_from_a_checkpoint_and_refuses_one_of_another_architecture(net, setting, other, photos, tmp_path):
    first = tmp_path / "first.safetensors"
    assert tiny(net, photos, tmp_path / "first", "--out", first).exit_code == 0
    done = tiny(net, photos, tmp_path / "second", "--begin", first)
    assert done.exit_code == 0, done.output
    losses = [json.loads((tmp_path / run / HISTORY).read_text().splitlines()[0])["loss"] for run in ("first", "second")]
    assert losses[1] < losses[0]
    assert json.loads((tmp_path / "second" / "run.json").read_text())["origin"]["weights"].startswith("first.safetens")
    preset = tmp_path / "other.toml"
    text = (files("training") / "presets" / "tiny.toml").read_text("utf-8")
    preset.write_text(re.sub(setting, other, text))
    assert preset.read_text() != text
    done = call(
        net, "--preset", preset, "--data", photos, "--run", tmp_path / "third", "--begin", first, "--workers", "0"
    )
    refused(done, "another architecture")
