"""Confidence, worked out by hand."""

from math import exp, log

import pytest

from coindex.open_set import Evidence, OpenSet, ReliefEvidence, ReliefOpenSet, evidence, features, likeness

WEIGHTS = OpenSet(limit=60_000, shift=5_000, bias=5, distance=-1e-4, ratio=-4, rows=-0.5, photos=2, far=100_000)


SECOND_LOOK = ReliefOpenSet(
    least=0.25,
    bias=-5,
    score=1e-3,
    distance=-1e-5,
    lead=2e-5,
    rows=-0.5,
    photos=2,
    far=100_000,
    apart=9_000,
)


class Found:
    def __init__(self, distance):
        self.distance = distance


def test_confidence_is_the_logistic_of_the_weighted_features():
    # 5 - 1 - 4 · 10,000 / 20,000 - 0.5 · ln 100 + 2 · ln 1
    assert WEIGHTS.confidence(Evidence(10_000, 20_000, 100)) == pytest.approx(1 / (1 + exp(-(2 - 0.5 * log(100)))))
    # The same of two photos: 2 · ln 2 more.
    expected = 1 / (1 + exp(-(2 - 0.5 * log(100) + 2 * log(2))))
    assert WEIGHTS.confidence(Evidence(10_000, 20_000, 100, 2)) == pytest.approx(expected)


def test_confidence_falls_with_distance_with_a_near_runner_up_and_with_the_size_of_the_catalogue():
    seen = (
        Evidence(10_000, 40_000, 30), Evidence(12_000, 48_000, 30), Evidence(12_000, 13_000, 30),
        Evidence(12_000, 13_000, 3000),
    )  # fmt: skip
    sure = [WEIGHTS.confidence(each) for each in seen]
    assert sure == sorted(sure, reverse=True)
    assert len(set(sure)) == 4


def test_no_evidence_is_no_confidence_and_no_sum_is_too_large():
    assert WEIGHTS.confidence(None) == 0.0
    assert OpenSet(0, 0, -1e6, 0, 0, 0, 0, 1).confidence(Evidence(0, 0, 1)) == pytest.approx(0)
    assert OpenSet(0, 0, 1e6, 0, 0, 0, 0, 1).confidence(Evidence(0, 0, 1)) == 1.0


def test_a_lone_class_is_compared_with_what_is_far():
    assert features(Evidence(25_000, None, 1), 100_000)[1] == 0.25
    assert features(Evidence(25_000, 250_000, 2), 100_000)[1] == 0.25
    assert features(Evidence(150_000, 250_000, 2), 100_000)[1] == 1.0
    assert features(Evidence(0, 0, 2), 100_000)[1] == 1.0
    assert features(Evidence(0, 1, 2), 100_000)[1] == 0.0
    assert features(Evidence(0.5, 1, 2, 2), 100_000)[1] == 0.5


@pytest.mark.parametrize(("rows", "size"), [(0, 0), (1, 0), (2, log(2))])
def test_a_catalogue_counts_by_the_logarithm_of_its_rows_and_one_row_or_none_by_nothing(rows, size):
    assert features(Evidence(1, None, rows), 10) == (1, 0.1, size, 0)


def test_a_coin_is_known_up_to_a_limit_that_falls_with_the_logarithm_of_the_rows():
    limit = 60_000 - 5_000 * log(1000)
    assert WEIGHTS.known(Evidence(60_000, None, 1))
    assert not WEIGHTS.known(Evidence(60_001, None, 1))
    assert WEIGHTS.known(Evidence(limit, 70_000, 1000))
    assert not WEIGHTS.known(Evidence(limit + 0.001, 70_000, 1000))
    assert not WEIGHTS.known(None)


def test_evidence_is_the_two_nearest_in_the_mean_over_the_photos():
    hits = [Found(9), Found(15), Found(60)]
    assert evidence(hits, rows=7) == Evidence(9, 15, 7, 1)
    assert evidence(hits, rows=7, photos=3) == Evidence(3, 5, 7, 3)
    assert evidence(hits[:2], rows=7) == Evidence(9, 15, 7, 1)
    assert evidence(hits[:1], rows=1) == Evidence(9, None, 1, 1)
    assert evidence([], rows=0) is None


def test_a_decision_is_read_back_as_it_was_written():
    document = WEIGHTS.document()
    assert list(document) == ["limit", "shift", "bias", "distance", "ratio", "rows", "photos", "far"]
    assert OpenSet.read(document.__getitem__) == WEIGHTS


def test_classes_that_tie_share_the_confidence():
    sure = WEIGHTS.confidence(Evidence(100, 90_000, 2))
    assert sure > 0.9
    assert WEIGHTS.confidence(Evidence(100, 90_000, 2, ties=5)) == 0.2
    hits = [Found(9), Found(9), Found(9), Found(10)]
    assert evidence(hits, rows=4) == Evidence(9, 9, 4, 1, ties=3)
    assert SECOND_LOOK.confidence(ReliefEvidence(100, 9_000, 0, 4, ties=2)) <= 0.5


def test_confidence_of_a_second_look_is_the_logistic_of_its_features():
    # -5 + 7 - 0.2 + 2e-5 · 50,000 - 0.5 · ln 100 + 2 · ln 2
    seen = ReliefEvidence(20_000, 7_000, 50_000, 100, photos=2)
    expected = 1 / (1 + exp(-(2.8 - 0.5 * log(100) + 2 * log(2))))
    assert SECOND_LOOK.confidence(seen) == pytest.approx(expected)
    # A lone class leads by as much as counts.
    alone, far = ReliefEvidence(20_000, 7_000, None, 1), ReliefEvidence(20_000, 7_000, 400_000, 1)
    assert SECOND_LOOK.confidence(alone) == SECOND_LOOK.confidence(far)


def test_a_second_look_knows_a_coin_from_a_least_probability_that_ties_do_not_share():
    # -5 + s / 1000 = -ln 3 is a probability of a quarter.
    quarter = 1000 * (5 - log(3))
    assert SECOND_LOOK.known(ReliefEvidence(0, quarter + 0.001, 0, 1))
    assert not SECOND_LOOK.known(ReliefEvidence(0, quarter - 0.001, 0, 1))
    five = ReliefEvidence(0, 9_000, 0, 1, ties=5)
    assert SECOND_LOOK.known(five)
    assert SECOND_LOOK.confidence(five) == 0.2


def test_what_is_more_like_the_catalogue_is_known_sooner():
    assert likeness(None) < likeness(Evidence(9, None, 1)) < likeness(Evidence(8, None, 1))
    assert likeness(ReliefEvidence(9, 100, None, 1)) < likeness(ReliefEvidence(9, 101, None, 1))
