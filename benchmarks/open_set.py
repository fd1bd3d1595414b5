"""Whether recognition knows what it does not know: unknown coins and things that are no coins, at growing catalogues.

    python benchmarks/open_set.py --data photos/manifest.csv --plot reliability.svg
    python benchmarks/open_set.py --quick

Every set of coins is asked of catalogues that invented coins fill up to 30, 300 and 3,000 classes. Those fillers are
encoded from their drawings and true masks, no segmenter runs; queries go the whole device path, and where nothing is
found, nothing is accepted. An unknown coin is a query whose own coin was taken out of the catalogue ("own out"), which
leaves the other denominations of its series in it, or a coin of another set and country ("other"). Every question is
answered by codes alone, and with the second look where the models have one. Non-coins are of
kinds, and lie on textures, that the calibration did not see. `*` marks sets that calibrated the shipped decision; the
reliability plot and its error are of the others.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from coindex.commands.progress import progress_bar
from coindex.manifest import read_manifest
from coindex.metrics import ReliabilityBin, auroc, calibration_error, false_accept_rate, reliability
from coindex.models import DEFAULT_FOLDER, ModelIndex, Models, ReliefModel, load_models
from coindex.open_set import OpenSet, likeness
from coindex.relief_ranking import SecondLook, sureness
from coindex_synthetic import HELD_OUT_FAMILIES
from export.open_set_calibration import (
    SHARES,
    Asked,
    Catalogue,
    Probe,
    Reference,
    ask_all,
    foreign,
    pieces,
    references,
    singles,
)
from export.probes import (
    HELD_OUT_KINDS,
    Coded,
    bare_textures,
    discs_of_texture,
    invented_in_scenes,
    invented_references,
    photographed,
    things_in_scenes,
)

PAIRS = (("val_catalog", "val_query"), ("phone_catalog", "phone_query"), ("domain_catalog", "domain_query"))
CALIBRATED_ON = ("val_query", "phone_query")
INVENTED = "invented coins in scenes"
FIRST_TYPE = 20_000
"""The first seed of the invented coins; calibration draws its own from 60,000 on, training from 100,000."""

SEED = 32
OTHERS = 300
"""The most coins of other sets that a catalogue is asked about."""

PARTS = {
    "without its own": "own out",
    "elsewhere": "other",
    "no coin": "non-coins",
    "bare": "bare textures",
    "discs": "discs of texture",
}
"""What is not in the catalogue, and what the table calls it."""

TABLE_WIDTH = 170

Done = Callable[[], None]


@dataclass(frozen=True)
class Sizes:
    """How much is drawn and asked."""

    classes: tuple[int, ...]
    scene_types: int
    things: int

    @property
    def types(self) -> int:
        """Invented coins, two classes each."""
        return max(self.classes) // 2


FULL = Sizes((30, 300, 3000), scene_types=150, things=150)
QUICK = Sizes((10, 30, 60), scene_types=15, things=12)


@dataclass(frozen=True, eq=False)
class CoinSet:
    """Coins with their references; `together` has several photos of one piece each."""

    name: str
    references: list[Reference]
    probes: list[Probe]
    together: list[Probe]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="a manifest.csv with the splits " + ", ".join(sum(PAIRS, ())))
    parser.add_argument("--models", type=Path, default=DEFAULT_FOLDER)
    parser.add_argument("--quick", action="store_true", help="small catalogues, under a minute")
    parser.add_argument("--plot", type=Path, help="write the reliability plot there, as SVG")
    parser.add_argument("--json", type=Path, help="write all figures there")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    models = load_models(options.models)
    sets, fillers, things = _drawn_and_encoded(options.data, sizes, models)
    rows, curves = report_of(sets, fillers, things, sizes.classes, models.index)
    report = {
        "sets": rows,
        "reliability": {
            name: {"error": round(calibration_error(bins), 4), "bins": [asdict(each) for each in bins]}
            for name, bins in curves.items()
        },
        "open_set": models.index.open_set.document(),
        "relief": models.index.relief and models.index.relief.open_set.document(),
        "space_id": models.index.space_id,
    }
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    if options.plot:
        options.plot.write_text(_svg(curves), encoding="utf-8")
    _print(rows, curves, things)


def report_of(
    sets: Sequence[CoinSet],
    fillers: Sequence[Reference],
    things: dict[str, list[Probe]],
    sizes: Sequence[int],
    models: ModelIndex,
) -> tuple[list[dict[str, Any]], dict[str, tuple[ReliabilityBin, ...]]]:
    """Rows of the tables, and reliability of one photo and of several, by codes alone and with the second look."""
    rows, curves = [], {}
    for relief in (None, models.relief) if models.relief else (None,):
        sure = _Sureness(models.open_set, relief)
        unseen = _Answers(sure)
        for number, coins in enumerate(sets):
            others = foreign(coins.references, [other.probes for place, other in enumerate(sets) if place != number])
            others = others[:: max(1, -(-len(others) // OTHERS))]
            for classes in sizes:
                asked, together = _asked(coins, fillers, others, things, classes, relief)
                if coins.name not in CALIBRATED_ON:
                    unseen.add(asked, together)
                if asked["known"]:
                    rows.append(_row(coins.name, classes, asked, sure))
        for photos, name in ((1, "one photo"), (2, "several photos")):
            curves[f"{name}, {sure.name}"] = unseen.curve(photos)
    return rows, curves


@dataclass(frozen=True)
class _Sureness:
    """How known and how sure an answer is: by codes alone, or, given `relief`, with the second look."""

    open_set: OpenSet
    relief: ReliefModel | None

    @property
    def name(self) -> str:
        """What tables call it."""
        return "second look" if self.relief else "codes alone"

    def __call__(self, asked: Asked) -> tuple[bool, float]:
        second = SecondLook(self.relief.look, self.relief.open_set, {}) if self.relief else None
        return sureness(asked.seen, self.open_set, second)


def _drawn_and_encoded(
    data: Path | None, sizes: Sizes, models: Models
) -> tuple[list[CoinSet], list[Reference], dict[str, list[Probe]]]:
    seeds = range(FIRST_TYPE, FIRST_TYPE + sizes.types)
    shown = seeds[: sizes.scene_types]
    with _counted("drawing the catalogue", 2 * len(seeds)) as done:
        fillers = references(invented_references(seeds, models, done))
    with _counted("coins in scenes", 2 * len(shown)) as done:
        scenes = invented_in_scenes(shown, HELD_OUT_FAMILIES, models, done)
    with _counted("things that are no coins", 2 * sizes.things) as done:
        few = sizes.things // 2
        parts = {
            "things": things_in_scenes(HELD_OUT_KINDS, HELD_OUT_FAMILIES, sizes.things, SEED, models, done),
            "bare": bare_textures(HELD_OUT_FAMILIES, few, SEED, models, done),
            "discs": discs_of_texture(HELD_OUT_FAMILIES, few, SEED, models, done),
        }
    sets = [_coin_set(INVENTED, fillers[: 2 * len(shown)], scenes, [_type(coded) for coded in scenes])]
    for catalog, query in PAIRS if data else ():
        photos = read_manifest(data, splits=(catalog, query))  # type: ignore[arg-type]
        with _counted(query, len(photos)) as done:
            own = references(photographed([photo for photo in photos if photo.split == catalog], models, done))
            queries = [photo for photo in photos if photo.split == query]
            coded = photographed(queries, models, done)
        sets.append(_coin_set(query, own, coded, [photo.specimen for photo in queries]))
    return sets, fillers, {name: singles(coded) for name, coded in parts.items()}


def _coin_set(name: str, own: list[Reference], coded: list[Coded], specimens: list[str]) -> CoinSet:
    return CoinSet(name, own, singles(coded), pieces(coded, specimens))


def _type(coded: Coded) -> str:
    return coded.label.denomination if coded.label else ""


def _asked(
    coins: CoinSet,
    fillers: Sequence[Reference],
    others: Sequence[Probe],
    things: dict[str, list[Probe]],
    classes: int,
    relief: ReliefModel | None,
) -> tuple[dict[str, list[Asked]], dict[str, list[Asked]]]:
    """What catalogues of so many classes say to single photos, by what they show, and to several together.

    Where a set has more classes than that, its coins go into catalogues of their own, part by part.
    """
    asked: dict[str, list[Asked]] = defaultdict(list)
    together: dict[str, list[Asked]] = defaultdict(list)
    for listed in _catalogues(coins, fillers, classes):
        catalogue = Catalogue.of(listed, relief)
        held = {each.label.coin for each in listed}
        own = [probe for probe in coins.probes if probe.label and probe.label.coin in held]
        found = ask_all(catalogue, own, others, things["things"])
        for name in ("bare", "discs"):
            found |= {name: ask_all(catalogue, (), (), things[name])["no coin"]}
        for name, answers in found.items():
            asked[name] += answers
        pairs = [probe for probe in coins.together if probe.label and probe.label.coin in held]
        for name, answers in ask_all(catalogue, pairs, (), ()).items():
            together[name] += answers
    return asked, together


def _catalogues(coins: CoinSet, fillers: Sequence[Reference], classes: int) -> list[list[Reference]]:
    held = {each.label for each in coins.references}
    if len(held) <= classes:
        grow = [filler for filler in fillers if filler.label not in held]
        return [[*coins.references, *grow[: classes - len(held)]]]
    if coins.name != INVENTED:
        return []
    # Two references follow each other that are the sides of one coin.
    return [
        coins.references[start : start + classes] for start in range(0, len(coins.references) - classes + 1, classes)
    ]


def _row(name: str, classes: int, asked: dict[str, list[Asked]], sure: _Sureness) -> dict[str, Any]:
    nearness = {part: _nearness(answers) for part, answers in asked.items() if answers}
    known, unknown = nearness["known"], {part: values for part, values in nearness.items() if part != "known"}
    right = [one for one in asked["known"] if one.right]
    return {
        "set": name,
        "second_look": sure.relief is not None,
        "calibrated_on": name in CALIBRATED_ON,
        "classes": classes,
        "queries": len(known),
        "recall_at_1": round(len(right) / len(known), 4),
        "auroc": {part: round(auroc(known, values), 4) for part, values in unknown.items()},
        "accepted_at_95": {part: round(_accepted_at_95(known, values), 4) for part, values in unknown.items()},
        "accepted_as_shipped": {
            part: round(float(np.mean([sure(one)[0] for one in answers])), 4)
            for part, answers in (("right", right), *asked.items())
            if answers
        },
    }


def _nearness(answers: Sequence[Asked]) -> NDArray[np.float64]:
    """Higher for what is more like the catalogue; -inf where nothing was found."""
    return np.array([likeness(one.seen) for one in answers], np.float64)


def _accepted_at_95(known: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """The share of `values` accepted where 95 % of known coins are; what was not found is not."""
    found = values[np.isfinite(values)]
    return false_accept_rate(known, found) * len(found) / len(values) if len(found) else 0.0


class _Answers:
    """Answers to what the calibration did not see, weighed as the calibration weighs: half the coins are known."""

    def __init__(self, sure: _Sureness) -> None:
        self._sure = sure
        self._found: list[tuple[float, bool, float, int]] = []

    def add(self, *asked: dict[str, list[Asked]]) -> None:
        for parts in asked:
            for name, answers in parts.items():
                seen = [one for one in answers if one.seen is not None]
                weight = SHARES.get(name, 0.0) / max(len(seen), 1)
                self._found += [
                    (self._sure(one)[1], one.right, weight, one.seen.photos) for one in seen if weight and one.seen
                ]

    def curve(self, photos: int) -> tuple[ReliabilityBin, ...]:
        """Of single photos (1), or of two and more together."""
        rows = np.array([row[:3] for row in self._found if min(row[3], 2) == photos], np.float64).reshape(-1, 3)
        return reliability(rows[:, 0], rows[:, 1] > 0, weights=rows[:, 2])


@contextmanager
def _counted(what: str, total: int) -> Iterator[Done]:
    """A progress bar that counts single steps."""
    steps = count(1)
    with progress_bar(what) as on_progress:
        yield lambda: on_progress(next(steps), total)


def _print(
    rows: Sequence[dict[str, Any]], curves: dict[str, tuple[ReliabilityBin, ...]], things: dict[str, list[Probe]]
) -> None:
    # Figures cut off are no figures: a narrow terminal wraps the lines instead.
    console = Console(width=max(Console().width, TABLE_WIDTH))
    for title, field in (("95 % of known coins", "accepted_at_95"), ("the shipped limit", "accepted_as_shipped")):
        table = Table("set", "second look", "classes", "queries", "recall@1", title=f"accepted by {title}")
        shipped = field == "accepted_as_shipped"
        names = ["right", "known"] if shipped else ["AUROC: own out", "other", "non-coins"]
        for name in (*names, *PARTS.values()):
            table.add_column(name, justify="right")
        for row in rows:
            figures = [row[field].get(name) for name in ("right", "known")] if shipped else []
            figures += [] if shipped else [row["auroc"].get(name) for name in list(PARTS)[:3]]
            figures += [row[field].get(name) for name in PARTS]
            mark = " *" if row["calibrated_on"] else ""
            shown = ("" if value is None else f"{value:.3f}" for value in figures)
            table.add_row(
                row["set"] + mark,
                "yes" if row["second_look"] else "no",
                str(row["classes"]),
                str(row["queries"]),
                f"{row['recall_at_1']:.3f}",
                *shown,
            )
        console.print(table)
    for name, probes in things.items():
        missing = sum(not probe.codes for probe in probes)
        console.print(f"{name}: nothing found in {missing} of {len(probes)} pictures")
    for name, bins in curves.items():
        total = sum(each.count for each in bins)
        console.print(
            f"confidence of {name}: expected calibration error {calibration_error(bins):.3f}, {total} answers"
        )


def _svg(curves: dict[str, tuple[ReliabilityBin, ...]]) -> str:
    """The reliability plots side by side: share right over confidence, a dot a tenth, its count beside it."""
    panels = "".join(
        f'<g transform="translate({60 + number * 380} 50)">{_panel(name, bins)}</g>'
        for number, (name, bins) in enumerate(curves.items())
    )
    width = 60 + 380 * len(curves)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="400" viewBox="0 0 {width} 400" '
        'font-family="sans-serif" font-size="11" fill="#222"><rect width="100%" height="100%" fill="#fff"/>'
        f"{panels}</svg>\n"
    )


def _panel(name: str, bins: Sequence[ReliabilityBin]) -> str:
    side = 300
    dots = [(each.confidence * side, side - each.right * side, each.count) for each in bins]
    ticks = "".join(
        f'<text x="{share * side}" y="{side + 16}" text-anchor="middle">{share:g}</text>'
        f'<text x="-8" y="{side - share * side + 4}" text-anchor="end">{share:g}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    marks = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4" fill="#1764ab"/>'
        f'<text x="{x + 7:.1f}" y="{y + 12:.1f}">{many:,}</text>'
        for x, y, many in dots
    )
    line = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in dots)
    return (
        f'<text y="-14" font-size="13">{name}: expected calibration error {calibration_error(bins):.3f}</text>'
        f'<rect width="{side}" height="{side}" fill="none" stroke="#999"/>'
        f'<path d="M0 {side}L{side} 0" stroke="#999" stroke-dasharray="4 4"/>{ticks}'
        f'<polyline points="{line}" fill="none" stroke="#1764ab" stroke-width="1.5"/>{marks}'
        f'<text x="{side / 2}" y="{side + 34}" text-anchor="middle">confidence</text>'
        f'<text transform="translate(-38 {side / 2}) rotate(-90)" text-anchor="middle">share right</text>'
    )


if __name__ == "__main__":
    main()
