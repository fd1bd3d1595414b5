"""The open-set decision, on distances one can count."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs the training extra")

from coindex.manifest import CoinClass
from export.open_set import CodedPhoto, calibrate, fit_logistic


def coded(name: str, first: int) -> CodedPhoto:
    code = np.zeros(64, np.int8)
    code[0] = first
    return CodedPhoto(CoinClass("Atlantis", "drachma", name, "", "obverse"), code)


def test_the_midpoint_lies_between_right_and_wrong_answers() -> None:
    distances = np.array([10.0, 12.0, 14.0, 30.0, 32.0, 34.0])
    right = np.array([1.0, 1.0, 1.0, 0.0, 0.0, 0.0])
    midpoint, slope = fit_logistic(distances, right)
    assert midpoint == pytest.approx(22.0, abs=0.5)
    assert slope > 0


def test_a_smaller_distance_is_never_less_sure() -> None:
    rng = np.random.default_rng(3)
    distances = rng.uniform(0, 100, 400)
    right = (distances + rng.normal(0, 20, 400) < 40).astype(float)
    midpoint, slope = fit_logistic(distances, right)
    assert 35 < midpoint < 45
    assert slope > 0


def test_without_a_wrong_answer_there_is_no_midpoint() -> None:
    with pytest.raises(ValueError, match="right and wrong"):
        fit_logistic(np.array([1.0, 2.0]), np.array([1.0, 1.0]))


def test_each_query_is_also_asked_of_a_catalogue_without_its_coin() -> None:
    catalog = [coded("one", 0), coded("ten", 100)]
    queries = [coded("one", 3), coded("one", 4), coded("ten", 97), coded("ten", 95)]
    found = calibrate([(catalog, queries)])
    # Right answers lie 9, 16, 9 and 25 away, those of the other coin at least 95² = 9,025.
    assert found.threshold == 25
    assert 25 < found.midpoint < 9025
