"""The open-set decision: up to where a coin is one of the catalogue's, and how sure an answer is, on unseen designs.

Three sources of coins are asked of catalogues that grow with invented coins, each coin once with and once without its
own entry; coins of the other sources and things that are no coins are asked as well.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from coindex.catalog.search import CatalogIndex
from coindex.catalog.state import Rows
from coindex.joint import search_together
from coindex.manifest import CoinClass, LabelledPhoto
from coindex.models import Models, ReliefModel
from coindex.open_set import (
    LOOKED_AT,
    Evidence,
    OpenSet,
    ReliefEvidence,
    ReliefOpenSet,
    features,
    relief_features,
)
from coindex.progress import Progress, no_progress
from coindex.relief import QueryRelief
from coindex.relief_ranking import SecondLook, look_again, look_again_together
from coindex_synthetic import TRAINING_FAMILIES
from export.probes import (
    CALIBRATION_KINDS,
    Coded,
    bare_textures,
    discs_of_texture,
    invented_in_scenes,
    invented_references,
    photographed,
    things_in_scenes,
)

__all__ = [
    "SHARES",
    "Asked",
    "Catalogue",
    "Group",
    "Probe",
    "Reference",
    "ask",
    "ask_all",
    "calibrate",
    "fit",
    "fit_relief",
    "foreign",
    "pieces",
    "references",
    "singles",
]

ROWS = (60, 150, 400, 800)
"""Sizes of the catalogues that are asked."""

TYPES = 400
"""Invented coins, two classes each, that catalogues grow with: what most of the time goes into."""

FIRST_TYPE = 60_000
"""Their first seed: training draws its own from 100,000 on, the benchmarks below this."""

SCENE_TYPES = 30
"""Of them, those that are queries as well."""

PHOTOS = 300
"""The most query photos of a split; every so many pieces are taken."""

THINGS = 36
SEED = 31

ACCEPTED = 0.95
"""Share of right answers that the limit accepts, at every size: a right answer refused is a catalogue of no use, while
of a wrong one confidence still warns."""

SHARES = {"known": 0.5, "without its own": 0.25, "elsewhere": 0.125, "no coin": 0.125}
"""What confidence takes for granted: half the coins that are asked about are in the catalogue."""

RIDGE = 1e-3
"""Keeps weights finite where answers separate perfectly; of the whole weight of all answers."""

WITHOUT_RIGHT = "calibration needs right answers to single photos"

TOLD_APART = 0.75
"""Share of first candidates that are right among those that lead by less than the second look tells coins apart by."""


@dataclass(frozen=True, eq=False)
class Reference:
    """A row of a catalogue that is asked: its label, its code int8 (64,), and its relief map, if any."""

    label: CoinClass
    code: NDArray[np.int8]
    map: NDArray[np.int8] | None = None


@dataclass(frozen=True, eq=False)
class Probe:
    """The codes int8 (64,) and reliefs of one piece's photos, those that show a coin; `label` is the first's, None of
    no coin."""

    label: CoinClass | None
    codes: tuple[NDArray[np.int8], ...]
    reliefs: tuple[QueryRelief | None, ...] = ()


@dataclass(frozen=True)
class Asked:
    """What a catalogue said: its evidence, None where no coin was found, and whether the nearest is right."""

    seen: Evidence | ReliefEvidence | None
    right: bool


@dataclass(frozen=True)
class Group:
    """Answers that together weigh `weight`."""

    weight: float
    answers: tuple[Asked, ...]


@dataclass(frozen=True, eq=False)
class Catalogue:
    """An index with its classes' labels; with `second`, it is looked at twice."""

    index: CatalogIndex
    labels: dict[int, CoinClass]
    second: SecondLook | None = None

    @classmethod
    def of(cls, references: Sequence[Reference], relief: ReliefModel | None = None) -> "Catalogue":
        """A catalogue of labelled codes, with the second look of these models."""
        numbers: dict[CoinClass, int] = {}
        classes = [numbers.setdefault(each.label, len(numbers) + 1) for each in references]
        rows = Rows.of(range(1, len(references) + 1), classes, np.stack([each.code for each in references]))
        maps = {row_id: each.map for row_id, each in enumerate(references, 1) if each.map is not None}
        second = SecondLook(relief.look, relief.open_set, maps) if relief else None
        return cls(CatalogIndex.from_rows(rows), {number: label for label, number in numbers.items()}, second)


def calibrate(
    photos: Sequence[LabelledPhoto],
    pairs: Sequence[tuple[str, str]],
    models: Models,
    *,
    on_progress: Progress = no_progress,
) -> tuple[OpenSet, ReliefOpenSet | None]:
    """Fit the decision to catalogue and query splits of unseen classes, `pairs`, and to invented coins in scenes.

    The second is that of answers with a second look, None where the models have none.
    """
    splits = [([p for p in photos if p.split == name], queries) for name, queries in _queries(photos, pairs)]
    total = sum(len(catalog) + len(queries) for catalog, queries in splits)
    total += 2 * TYPES + 2 * SCENE_TYPES + 3 * THINGS
    steps = iter(range(1, total + 1))

    def done() -> None:
        on_progress(next(steps), total)

    invented = references(invented_references(range(FIRST_TYPE, FIRST_TYPE + TYPES), models, done))
    sources: list[tuple[list[Reference], list[Probe]]] = []
    for catalog, queries in splits:
        own = references(photographed(catalog, models, done))
        coded = photographed(queries, models, done)
        specimens = [photo.specimen for photo in queries]
        sources.append((own, [*singles(coded), *pieces(coded, specimens)]))
    scenes = invented_in_scenes(range(FIRST_TYPE, FIRST_TYPE + SCENE_TYPES), TRAINING_FAMILIES, models, done)
    sides = [coded.label.denomination for coded in scenes if coded.label]
    sources.append((invented[: 2 * SCENE_TYPES], [*singles(scenes), *pieces(scenes, sides)]))
    things = singles(
        things_in_scenes(CALIBRATION_KINDS, TRAINING_FAMILIES, THINGS, SEED, models, done)
        + bare_textures(TRAINING_FAMILIES, THINGS, SEED, models, done)
        + discs_of_texture(TRAINING_FAMILIES, THINGS, SEED, models, done)
    )
    far = 2 * models.index.code_scale**2  # the squared distance of codes at right angles
    by_code = fit(_groups(sources, invented, things), far=far)
    relief = models.index.relief
    if relief is None:
        return by_code, None
    return by_code, fit_relief(_groups(sources, invented, things, relief), far=far)


def references(coded: Iterable[Coded]) -> list[Reference]:
    """What of them can stand in a catalogue."""
    return [
        Reference(one.label, one.code, one.relief.map if one.relief else None)
        for one in coded
        if one.label is not None and one.code is not None
    ]


def singles(coded: Iterable[Coded]) -> list[Probe]:
    """Each picture by itself."""
    return [Probe(one.label, *(((), ()) if one.code is None else ((one.code,), (one.relief,)))) for one in coded]


def pieces(coded: Sequence[Coded], specimens: Sequence[str]) -> list[Probe]:
    """Pictures of one specimen together; where specimens are blank, two or three of a class, in their order."""
    found: dict[tuple[object, ...], list[tuple[NDArray[np.int8], QueryRelief | None]]] = defaultdict(list)
    labels: dict[tuple[object, ...], CoinClass | None] = {}
    counts: dict[CoinClass | None, int] = defaultdict(int)
    for one, specimen in zip(coded, specimens, strict=True):
        if one.label is None or one.code is None:
            continue
        number = counts[one.label]
        counts[one.label] += 1
        # Of five, two and three.
        key = (one.label.coin, specimen) if specimen else (one.label, number // 5, number % 5 < 2)
        found[key].append((one.code, one.relief))
        labels.setdefault(key, one.label)
    return [
        Probe(labels[key], tuple(code for code, _ in shots), tuple(relief for _, relief in shots))
        for key, shots in found.items()
        if len(shots) > 1
    ]


def ask(catalogue: Catalogue, probe: Probe, *, without_own: bool = False) -> Asked:
    """Ask as a device asks: one photo for its class, several for their coin. `without_own` takes the probe's coin out
    of the catalogue."""
    if not probe.codes:
        return Asked(None, False)
    labels = catalogue.labels
    coin = probe.label and probe.label.coin
    own = {number for number, label in labels.items() if label.coin == coin} if without_own else set()
    photos, rows = len(probe.codes), int((~np.isin(catalogue.index.rows.class_ids, list(own))).sum())
    second = catalogue.second
    breadth = max(LOOKED_AT, second.look.classes if second else 0)
    reliefs = probe.reliefs or (None,) * photos
    if photos == 1:
        hits = catalogue.index.search(probe.codes[0], breadth + len(own))
        left = [hit for hit in hits if hit.class_id not in own][:breadth]
        ranking = look_again(catalogue.index, probe.codes[0], reliefs[0], left, second)
        first = ranking.candidates[:1]
        right = bool(first and probe.label and labels[first[0].hit.class_id].matches(probe.label))
        return Asked(ranking.evidence(rows=rows), right)
    coins = {number: label.coin for number, label in labels.items()}
    together = search_together(catalogue.index, coins, probe.codes, breadth + bool(own))
    others = [hit for hit in together if not own or hit.coin != coin][:breadth]
    joint = look_again_together(catalogue.index, coins, probe.codes, reliefs, others, second)
    right = bool(joint.candidates and joint.candidates[0].coin == coin)
    return Asked(joint.evidence(rows=rows, photos=photos), right)


def ask_all(
    catalogue: Catalogue, own: Sequence[Probe], others: Sequence[Probe], things: Sequence[Probe]
) -> dict[str, list[Asked]]:
    """Ask of the coins that are listed, of the same without their own entry, of other coins, and of no coins."""
    return {
        "known": [ask(catalogue, probe) for probe in own],
        "without its own": [ask(catalogue, probe, without_own=True) for probe in own],
        "elsewhere": [ask(catalogue, probe, without_own=True) for probe in others],
        "no coin": [ask(catalogue, probe) for probe in things],
    }


def foreign(listed: Sequence[Reference], others: Iterable[Sequence[Probe]]) -> list[Probe]:
    """Coins of other countries than the listed ones: two sets may show the same coin under two names."""
    countries = {each.label.country for each in listed}
    return [probe for probes in others for probe in probes if probe.label and probe.label.country not in countries]


def fit(groups: Sequence[Group], *, far: float) -> OpenSet:
    """The limit that accepts `ACCEPTED` of the right answers, and the confidence by maximum likelihood.

    Raises:
        ValueError: If all answers are right or all are wrong: they tell nothing apart.
    """
    found = _seen(groups, Evidence)
    limit, shift = _limit(found)
    return OpenSet(*_rounded(limit, shift, *_weights(found, [features(each, far) for each, *_ in found]), far))


def fit_relief(groups: Sequence[Group], *, far: float) -> ReliefOpenSet:
    """The confidence of answers with a second look, the least one that accepts `ACCEPTED` of the right answers, and the
    lead from which coins are told apart.

    Raises:
        ValueError: If no answer is right.
    """
    found = _seen(groups, ReliefEvidence)
    weights = _weights(found, [relief_features(each, far) for each, *_ in found])
    known = [one for group in groups if group.weight == SHARES["known"] for one in group.answers]
    undecided = ReliefOpenSet(*_rounded(0, *weights, far, _apart(known)))
    sure = [(-undecided.probability(seen), weight) for seen, right, weight in found if right and seen.photos == 1]
    if not sure:
        raise ValueError(WITHOUT_RIGHT)
    return replace(undecided, least=_rounded(-_accepting(sure))[0])


Kind = TypeVar("Kind", Evidence, ReliefEvidence)


def _seen(groups: Sequence[Group], kind: type[Kind]) -> list[tuple[Kind, bool, float]]:
    """Evidence of one kind, whether the answer is right, and how much it weighs."""
    return [
        (one.seen, one.right, group.weight / len(group.answers))
        for group in groups
        for one in group.answers
        if isinstance(one.seen, kind)
    ]


def _weights(found: Sequence[tuple[Kind, bool, float]], values: Sequence[Sequence[float]]) -> tuple[float, ...]:
    """Bias and slopes of the confidence over these features, a row an answer."""
    right = np.array([is_right for _, is_right, _ in found], np.float64)
    weights = np.array([weight for *_, weight in found])
    if not len(right) or right.min() == right.max():
        raise ValueError("calibration needs right and wrong answers")
    x = np.array(values)
    mean = np.average(x, axis=0, weights=weights)
    spread = np.sqrt(np.average((x - mean) ** 2, axis=0, weights=weights))
    # What is the same in all answers gets no weight; a mean is off by rounding, and so is the spread around it.
    spread[spread <= 1e-9 * np.abs(mean)] = np.inf
    logistic = _logistic((x - mean) / spread, right, weights)
    steep: NDArray[np.float64] = logistic[1:] / spread
    return float(logistic[0] - steep @ mean), *steep.tolist()


def _apart(known: Sequence[Asked]) -> float:
    """The greatest lead below which at most `TOLD_APART` of single photos' answers are right; 0 where more are."""
    leads = sorted(
        (one.seen.lead, one.right)
        for one in known
        if isinstance(one.seen, ReliefEvidence) and one.seen.photos == 1 and one.seen.lead is not None
    )
    if not leads:
        return 0.0
    share = np.cumsum([right for _, right in leads]) / np.arange(1, len(leads) + 1)
    level = np.flatnonzero(share <= TOLD_APART)
    return float(leads[int(level[-1])][0]) if len(level) else 0.0


def _limit(found: Sequence[tuple[Evidence, bool, float]]) -> tuple[float, float]:
    """Limit and shift: the line through the limits that accept `ACCEPTED` at each size of catalogue, by single photos.

    The shift is never negative: a larger catalogue has no further right answers.
    """
    by_size: dict[int, list[tuple[float, float]]] = defaultdict(list)
    for seen, right, weight in found:
        if right and seen.photos == 1:
            by_size[seen.rows].append((seen.nearest, weight))
    if not by_size:
        raise ValueError(WITHOUT_RIGHT)
    sizes = np.log(np.array(sorted(by_size), np.float64))
    limits = np.array([_accepting(by_size[size]) for size in sorted(by_size)])
    if len(sizes) == 1:
        return float(limits[0]), 0.0
    slope = min(float(np.polyfit(sizes, limits, 1)[0]), 0.0)
    return float(limits.mean() - slope * sizes.mean()), -slope


def _accepting(found: Sequence[tuple[float, float]]) -> float:
    """The least of these values up to which `ACCEPTED` of their weight lies."""
    values, weights = np.array(sorted(found), np.float64).T
    reached = np.cumsum(weights) >= ACCEPTED * weights.sum() * (1 - 1e-9)
    return float(values[int(reached.argmax())])


def _queries(
    photos: Sequence[LabelledPhoto], pairs: Sequence[tuple[str, str]]
) -> list[tuple[str, list[LabelledPhoto]]]:
    """For each catalogue split its query photos, thinned out by whole specimens."""
    chosen = []
    for catalog, query in pairs:
        specimens: dict[tuple[object, ...], list[LabelledPhoto]] = defaultdict(list)
        for photo in (photo for photo in photos if photo.split == query):
            specimens[(photo.label.coin, photo.specimen) if photo.specimen else (photo.path,)].append(photo)
        every = -(-sum(map(len, specimens.values())) // PHOTOS)
        chosen.append((catalog, [photo for shots in islice(specimens.values(), 0, None, every) for photo in shots]))
    return chosen


def _groups(
    sources: Sequence[tuple[list[Reference], list[Probe]]],
    fillers: Sequence[Reference],
    things: Sequence[Probe],
    relief: ReliefModel | None = None,
) -> list[Group]:
    """Every source at every size; the answers of a source at a size weigh as much as those of another."""
    groups = []
    for number, (listed, own) in enumerate(sources):
        others = foreign(listed, [probes for place, (_, probes) in enumerate(sources) if place != number])
        held = {each.label for each in listed}
        grow = [each for each in fillers if each.label not in held]
        for size in sorted({max(size, len(listed)) for size in ROWS}):
            catalogue = Catalogue.of([*listed, *grow[: size - len(listed)]], relief)
            for name, answers in ask_all(catalogue, own, others, things).items():
                seen = tuple(one for one in answers if one.seen is not None)
                if seen:
                    groups.append(Group(SHARES[name], seen))
    return groups


def _logistic(x: NDArray[np.float64], right: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Bias and slopes (1 + m,) of a logistic of x (n, m) for answers right or wrong (n,), by Newton's method."""
    x = np.concatenate([np.ones((len(x), 1)), x], axis=1)
    ridge = RIDGE * weights.sum() * np.eye(x.shape[1])
    ridge[0, 0] = 1e-9
    found = np.zeros(x.shape[1])
    for _ in range(100):
        probability = 1 / (1 + np.exp(np.clip(-x @ found, -50, 50)))
        gradient = x.T @ (weights * (right - probability)) - ridge @ found
        hessian = (x * (weights * probability * (1 - probability))[:, None]).T @ x + ridge
        step = np.linalg.solve(hessian, gradient)
        found += step
        if np.abs(step).max() < 1e-10:
            break
    return found


def _rounded(*values: float) -> list[float]:
    """Six digits: more than a confidence of four shows."""
    return [float(f"{value:.6g}") for value in values]
