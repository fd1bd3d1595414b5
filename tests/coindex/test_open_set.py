"""Confidence, worked out by hand."""

from math import exp, log

import pytest

from coindex.open_set import Evidence, OpenSet, evidence, features

WEIGHTS = OpenSet(limit=60_000, shift=5_000, bias=5, distance=-1e-4, ratio=-4, rows=-0.5, photos=2, far=100_000)


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
    assert evidence(hits[:1], rows=1) == Evidence(9, None, 1, 1)
    assert evidence([], rows=0) is None


def test_a_decision_is_read_back_as_it_was_written():
    document = WEIGHTS.document()
    assert list(document) == ["limit", "shift", "bias", "distance", "ratio", "rows", "photos", "far"]
    assert OpenSet.read(document.__getitem__) == WEIGHTS
