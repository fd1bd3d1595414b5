"""The open-set decision, on distances one can count."""

import numpy as np
import pytest

from coindex.manifest import CoinClass
from coindex.models import ModelFile, ReliefModel
from coindex.open_set import Evidence, ReliefEvidence
from coindex.relief import OUTPUT_SHAPE, Look, QueryRelief
from coindex_synthetic import NON_COIN_KINDS
from export.open_set_calibration import (
    Asked,
    Catalogue,
    Group,
    Probe,
    Reference,
    ask,
    fit,
    fit_relief,
    foreign,
    pieces,
)
from export.probes import CALIBRATION_KINDS, HELD_OUT_KINDS, Coded
from export.relief import UNDECIDED_RELIEF

FAR = 2 * 254.0**2


def code(first: int) -> np.ndarray:
    out = np.zeros(64, np.int8)
    out[0] = first
    return out


def label(name: str, side: str = "obverse", country: str = "Atlantis") -> CoinClass:
    return CoinClass(country, "drachma", name, "", side)


@pytest.fixture
def catalogue() -> Catalogue:
    """Coin one with two sides, one of them shown twice, and coin two."""
    return Catalogue.of(
        [
            Reference(label("one"), code(0)),
            Reference(label("one"), code(2)),
            Reference(label("one", "reverse"), code(60)),
            Reference(label("two"), code(100)),
        ]
    )


def test_a_photo_is_asked_for_its_class(catalogue: Catalogue) -> None:
    assert ask(catalogue, Probe(label("one"), (code(3),))) == Asked(Evidence(1, 57**2, rows=4), right=True)
    assert not ask(catalogue, Probe(label("one", "reverse"), (code(3),))).right
    assert not ask(catalogue, Probe(None, (code(3),))).right


def test_without_its_own_entry_a_coin_is_a_stranger_to_both_sides(catalogue: Catalogue) -> None:
    asked = ask(catalogue, Probe(label("one"), (code(3),)), without_own=True)
    assert asked == Asked(Evidence(97**2, None, rows=1), right=False)


def test_several_photos_are_asked_for_their_coin(catalogue: Catalogue) -> None:
    both = Probe(label("one"), (code(3), code(61)))
    # Means: 1² and 1² from coin one, 97² and 39² from coin two.
    assert ask(catalogue, both) == Asked(Evidence(1, (97**2 + 39**2) / 2, rows=4, photos=2), right=True)
    assert ask(catalogue, both, without_own=True).seen == Evidence((97**2 + 39**2) / 2, None, rows=1, photos=2)


def test_where_nothing_was_found_there_is_no_evidence(catalogue: Catalogue) -> None:
    assert ask(catalogue, Probe(label("one"), ())) == Asked(None, right=False)


def test_photos_go_together_by_specimen_or_in_twos_and_threes() -> None:
    coded = [Coded(label("one", side), code(n)) for n, side in enumerate(("obverse", "reverse", "obverse"))]
    (pair,) = pieces(coded, ["a", "a", "b"])
    assert [int(each[0]) for each in pair.codes] == [0, 1]
    seven = [Coded(label("one"), code(n)) for n in range(7)]
    assert [[int(each[0]) for each in piece.codes] for piece in pieces(seven, [""] * 7)] == [[0, 1], [2, 3, 4], [5, 6]]


def test_foreign_coins_are_of_no_listed_country() -> None:
    listed = [Reference(label("one"), code(0))]
    native, stranger = Probe(label("two"), (code(1),)), Probe(label("two", country="Utopia"), (code(1),))
    assert foreign(listed, [[native, stranger], [Probe(None, (code(1),))]]) == [stranger]


def answers(distances: range, right: bool, rows: int, second: int = 50_000) -> tuple[Asked, ...]:
    return tuple(Asked(Evidence(distance, second, rows), right) for distance in distances)


def test_the_limit_accepts_95_in_100_right_answers_at_each_size() -> None:
    # 1,000 to 20,000 by thousands: the 19th of 20. At 400 rows all of it is 2,000 nearer.
    near, nearer = range(3000, 22_001, 1000), range(1000, 20_001, 1000)
    groups = [
        Group(0.5, answers(near, True, 60)),
        Group(0.5, answers(nearer, True, 400)),
        Group(0.5, answers(range(30_000, 50_000, 1000), False, 60)),
    ]
    found = fit(groups, far=FAR)
    for rows, limit in ((60, 21_000), (400, 19_000)):
        assert found.known(Evidence(limit - 1, None, rows))
        assert not found.known(Evidence(limit + 1, None, rows))


def test_the_limit_never_grows_with_the_catalogue() -> None:
    groups = [
        Group(0.5, answers(range(1000, 2001, 100), True, 60)),
        Group(0.5, answers(range(3000, 4001, 100), True, 400)),
        Group(0.5, answers(range(9000, 9900, 100), False, 60)),
    ]
    assert fit(groups, far=FAR).shift == 0


def test_confidence_is_the_share_right_where_nothing_else_tells() -> None:
    # Everywhere the same evidence: three in four right.
    groups = [Group(3, answers(range(500, 501), True, 60)), Group(1, answers(range(500, 501), False, 60))]
    found = fit(groups, far=FAR)
    assert found.confidence(Evidence(500, 50_000, 60)) == pytest.approx(0.75, abs=0.001)


def test_confidence_falls_with_distance_and_with_a_near_second() -> None:
    rng = np.random.default_rng(3)
    made = []
    for _ in range(600):
        distance, ratio = rng.uniform(5000, 60_000), rng.uniform(0.2, 1)
        chance = 1 / (1 + np.exp(-(6 - distance / 1e4 - 5 * ratio)))
        made.append(Asked(Evidence(distance, distance / ratio, 100), bool(rng.random() < chance)))
    found = fit([Group(1, tuple(made))], far=1e9)
    assert found.distance == pytest.approx(-1e-4, rel=0.3)
    assert found.ratio == pytest.approx(-5, rel=0.3)


def test_answers_that_are_all_right_tell_nothing_apart() -> None:
    with pytest.raises(ValueError, match="right and wrong"):
        fit([Group(1, answers(range(100, 200), True, 60))], far=FAR)


def test_kinds_of_non_coins_are_split_for_good() -> None:
    assert set(CALIBRATION_KINDS).isdisjoint(HELD_OUT_KINDS)
    assert {*CALIBRATION_KINDS, *HELD_OUT_KINDS} == set(NON_COIN_KINDS)


def relief(seed: int) -> QueryRelief:
    return QueryRelief(np.random.default_rng(seed).integers(-7, 8, OUTPUT_SHAPE[1:]).astype(np.int8))


def test_with_a_second_look_the_coin_that_looks_alike_answers() -> None:
    listed = [Reference(label("one"), code(0), relief(1).map), Reference(label("two"), code(9), relief(2).map)]
    model = ReliefModel(ModelFile("relief.tflite", "0" * 64, 1), "0" * 16, Look(2, 1, 129_032), UNDECIDED_RELIEF)
    probe = Probe(label("two"), (code(1),), (relief(2),))
    assert not ask(Catalogue.of(listed), probe).right
    asked = ask(Catalogue.of(listed, model), probe)
    assert asked.right
    assert isinstance(asked.seen, ReliefEvidence)
    assert asked.seen.distance == 64
    # Without its own entry the other one is left, alone.
    alone = ask(Catalogue.of(listed, model), probe, without_own=True)
    assert isinstance(alone.seen, ReliefEvidence)
    assert (alone.seen.lead, alone.seen.rows, alone.right) == (None, 1, False)
    both = Probe(label("two"), (code(1), code(1)), (relief(2), relief(2)))
    assert ask(Catalogue.of(listed, model), both).right


def scores(values: range, right: bool, rows: int = 60, lead: float = 50_000) -> tuple[Asked, ...]:
    return tuple(Asked(ReliefEvidence(9_000, value, lead, rows), right) for value in values)


def test_the_second_looks_least_probability_accepts_95_in_100_right_answers() -> None:
    # 1,000 to 20,000 by thousands: of the twenty, the nineteen highest.
    groups = [Group(0.5, scores(range(1000, 20_001, 1000), True)), Group(0.25, scores(range(500, 7000, 500), False))]
    found = fit_relief(groups, far=FAR)
    assert found.known(ReliefEvidence(9_000, 2010, 50_000, 60))
    assert not found.known(ReliefEvidence(9_000, 1990, 50_000, 60))
    assert found.score > 0


def test_coins_are_told_apart_from_the_lead_below_which_three_in_four_are_right() -> None:
    def by_lead(leads: range, right: bool) -> tuple[Asked, ...]:
        return tuple(Asked(ReliefEvidence(9_000, 5_000, lead, 60), right) for lead in leads)

    # Below 400 three of four are right, then all are.
    known = (*by_lead(range(100, 400, 100), True), *by_lead(range(400, 500, 100), False))
    known += by_lead(range(1000, 9000, 1000), True)
    assert fit_relief([Group(0.5, known)], far=FAR).apart == 400
