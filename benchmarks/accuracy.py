"""Recall and coin finding of the shipped models: int8 as a phone runs them beside the float nets that they came from.

    python benchmarks/accuracy.py --data photos/manifest.csv --boxes photos/scenes/boxes.csv
    python benchmarks/accuracy.py --quick

Each set is answered by codes alone, and with the second look where the models have one.

Without `--data` it draws coins of its own: a catalogue in a studio's light, and phone-like scenes as queries. Sets "by
specimen" answer the photos of one specimen together, by coin: what that gains is the step from `coin@1` of single
photos, which counts either side of the coin as right too, to theirs.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from coindex.commands.progress import progress_bar
from coindex.evaluation import evaluate, evaluate_scenes, load_runtime, read_scenes
from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER, Models
from coindex_synthetic import write_retrieval
from coindex_synthetic.evaluation_scenes import evaluation_scene

PAIRS = (("val_catalog", "val_query"), ("phone_catalog", "phone_query"), ("domain_catalog", "domain_query"))
SYNTHETIC_SEED = 20_000
SCENE_SEED = 1
TABLE_WIDTH = 130


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a manifest.csv with the splits " + ", ".join(sum(PAIRS, ())))
    parser.add_argument("--boxes", type=Path, help="a CSV of the boxes of coins in scenes")
    parser.add_argument("--models", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--runtimes", default="litert,torch", help="of litert, torch, onnx")
    parser.add_argument("--quick", action="store_true", help="few coins, under a minute")
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        sets = _synthetic_sets(Path(folder), quick=options.quick)
        if options.data:
            sets += [(options.data, catalog, query) for catalog, query in PAIRS]
        for runtime in options.runtimes.split(","):
            models = load_runtime(runtime, options.models)
            for manifest, catalog, query in sets:
                seeds = (None, SCENE_SEED) if catalog == PAIRS[0][0] else (None,)
                for joint in (False, True) if query == PAIRS[0][1] else (False,):
                    for seed in seeds:
                        # Codes alone first, so that the two stand below each other.
                        for again in (False, True) if models.relief else (False,):
                            asked = _Asked(manifest, catalog, query, seed, joint=joint, second_look=again)
                            rows.append(_recall(asked, runtime, models))
            if options.boxes:
                with progress_bar("scenes") as on_progress:
                    found = evaluate_scenes(read_scenes(options.boxes), models, on_progress=on_progress)
                rows.append({"set": "scenes", "runtime": runtime, **found})
    if options.json:
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    _print(rows)


def _synthetic_sets(folder: Path, *, quick: bool) -> list[tuple[Path, str, str]]:
    """One manifest of invented coins: a studio catalogue, and phone-like scenes of the same types as queries."""
    types, scenes = (10, 20) if quick else (60, 240)
    with progress_bar("drawing coins") as on_progress:
        manifest = write_retrieval(folder, types=types, scenes=scenes, seed=SYNTHETIC_SEED, on_progress=on_progress)
    return [(manifest, "catalog", "query")]


@dataclass(frozen=True)
class _Asked:
    """One row of the table: which photos, as they are or in scenes of a seed, and how they are answered."""

    manifest: Path
    catalog: str
    query: str
    scene_seed: int | None
    joint: bool
    second_look: bool

    @property
    def name(self) -> str:
        """What the table calls it."""
        if self.catalog == "catalog":
            return "invented coins in scenes"
        scenes = "" if self.scene_seed is None else " as scenes"
        return f"{self.catalog}/{self.query}{scenes}" + (" by specimen" if self.joint else "")


def _recall(asked: _Asked, runtime: str, models: Models) -> dict[str, Any]:
    photos = read_manifest(asked.manifest, splits=(asked.catalog, asked.query))
    with progress_bar(f"{asked.name}, {runtime}") as on_progress:
        report = evaluate(
            [photo for photo in photos if photo.split == asked.catalog],
            [photo for photo in photos if photo.split == asked.query],
            models,
            scenes=None if asked.scene_seed is None else (evaluation_scene, asked.scene_seed),
            joint=asked.joint,
            second_look=asked.second_look,
            skip_bad=True,
            on_progress=on_progress,
        )
    return {"set": asked.name, "runtime": runtime, **report}


def _print(rows: Sequence[dict[str, Any]]) -> None:
    # Figures cut off are no figures: a narrow terminal wraps the lines instead.
    console = Console(width=max(Console().width, TABLE_WIDTH))
    heads = "set|runtime|second look|queries|classes|@1|@2|@5|@10|@20|design@1|coin@1|no coin|p50 ms"
    recall = Table(*heads.split("|"))
    for row in rows:
        if "recall" in row:
            recall.add_row(
                row["set"],
                row["runtime"],
                "yes" if row["second_look"] else "codes alone",
                str(row["queries"]),
                str(row["classes"]),
                *(f"{value:.3f}" for value in row["recall"].values()),
                f"{row['design_recall']['1']:.3f}",
                f"{row['coin_recall']['1']:.3f}",
                str(row["no_coin_found"]),
                f"{row['latency_ms']['p50']:.0f}",
            )
    console.print(recall)
    scenes = Table("scenes", "runtime", "coins", "precision", "recall", "F1", "mean IoU")
    for row in rows:
        if "f1" in row:
            figures = (f"{row[name]:.3f}" for name in ("precision", "recall", "f1", "mean_iou"))
            scenes.add_row(str(row["scenes"]), row["runtime"], str(row["coins"]), *figures)
    if scenes.row_count:
        console.print(scenes)


if __name__ == "__main__":
    main()
