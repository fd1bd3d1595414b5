"""Metrics against cases worked by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coindex.metrics import (
    auroc,
    box_iou,
    calibration_error,
    false_accept_rate,
    match_boxes,
    recall_at,
    recall_by_distance,
    reliability,
)

scores = st.lists(st.integers(-5, 5), min_size=1, max_size=12).map(lambda values: np.array(values, float))


def test_recall_counts_the_queries_right_by_rank_k():
    ranks = [1, 1, 2, 3, 20, 21, None, None]
    assert recall_at(ranks) == {1: 2 / 8, 2: 3 / 8, 5: 4 / 8, 10: 4 / 8, 20: 5 / 8}
    assert recall_at(ranks, (3, 100)) == {3: 4 / 8, 100: 6 / 8}


def test_recall_by_distance_counts_what_is_as_near_as_the_kth():
    exact = np.array([[1, 2, 2, 5], [0, 0, 0, 0], [1, 2, 3, 4]])
    found = np.array([[1, 2, 2, 9], [0, 0, 7, 7], [2, 3, 4, 5]])
    assert recall_by_distance(found, exact, 1).tolist() == [1, 1, 0]
    assert recall_by_distance(found, exact, 2).tolist() == [1, 1, 1 / 2]
    assert recall_by_distance(found, exact, 4).tolist() == [3 / 4, 2 / 4, 3 / 4]


def test_recall_by_distance_asks_for_no_more_than_there_is():
    exact = np.array([[3, 4]])
    assert recall_by_distance(np.array([[3, 4]]), exact, 10) == 1
    assert recall_by_distance(np.array([[4]]), exact, 10) == 1 / 2
    for found, wanted in ((exact, 0), (np.zeros((2, 2), int), 1)):
        with pytest.raises(ValueError, match="undefined"):
            recall_by_distance(found, exact, wanted)


def test_recall_of_no_queries_is_refused():
    with pytest.raises(ValueError, match="no queries"):
        recall_at([])


def test_auroc_by_hand_with_a_tie():
    # Of the six pairs, 3 > 1, 3 > 2, 2 > 1 and 5 > 1, 5 > 2 are right and 2 = 2 counts half.
    assert auroc(np.array([3.0, 2.0, 5.0]), np.array([1.0, 2.0])) == pytest.approx(5.5 / 6)


def test_auroc_is_one_when_apart_zero_when_reversed_and_half_when_all_tie():
    low, high = np.array([0.0, 1.0]), np.array([2.0, 3.0, 4.0])
    assert (auroc(high, low), auroc(low, high), auroc(low * 0, high * 0)) == (1.0, 0.0, 0.5)


def test_auroc_takes_queries_without_a_coin_as_the_lowest_scores():
    assert auroc(np.array([-10.0, -np.inf]), np.array([-np.inf, -20.0])) == pytest.approx((1 + 1 + 0.5 + 0) / 4)


@given(scores, scores)
def test_auroc_equals_a_loop_over_all_pairs(known, unknown):
    pairs = [(a > b) + (a == b) / 2 for a in known for b in unknown]
    assert auroc(known, unknown) == pytest.approx(sum(pairs) / len(pairs))


def test_false_accepts_by_hand():
    # 95 % of 20 known are 19: the threshold is the 19th highest score, 2. Of the unknown 5, 2, 1, 0 two reach it.
    known = np.arange(1.0, 21.0)
    assert false_accept_rate(known, np.array([5.0, 2.0, 1.0, 0.0])) == 0.5
    # Half of 20 are 10: the threshold is 11.
    assert false_accept_rate(known, np.array([11.0, 10.9]), accepted=0.5) == 0.5


def test_a_single_known_query_sets_the_threshold():
    assert false_accept_rate(np.array([3.0]), np.array([2.0, 3.0, 4.0])) == pytest.approx(2 / 3)


@pytest.mark.parametrize("measure", [auroc, false_accept_rate])
@pytest.mark.parametrize("sizes", [(0, 2), (2, 0)])
def test_open_set_measures_need_both_kinds(measure, sizes):
    with pytest.raises(ValueError, match="known and unknown"):
        measure(*(np.zeros(size) for size in sizes))


def test_iou_by_hand():
    boxes = np.array([[0, 0, 10, 10], [5, 0, 10, 10], [10, 0, 10, 10], [2, 2, 5, 4]])
    # Half overlap: 50 / 150; side by side: none; inside: 20 / 100.
    assert box_iou(boxes[:1], boxes)[0] == pytest.approx([1, 1 / 3, 0, 0.2])
    assert (box_iou(boxes, boxes) == box_iou(boxes, boxes).T).all()


def test_iou_of_nothing_is_nothing():
    assert box_iou(np.zeros((0, 4)), np.zeros((3, 4))).shape == (0, 3)
    assert box_iou(np.zeros((1, 4)), np.zeros((1, 4))).tolist() == [[0]]


def test_each_true_box_is_matched_once_and_by_the_best():
    truth = np.array([[0, 0, 10, 10], [100, 0, 10, 10]])
    found = np.array([[1, 0, 10, 10], [0, 0, 10, 10], [200, 0, 10, 10]])
    assert match_boxes(found, truth) == ((1, 0, 1.0),)


def test_a_box_displaced_from_its_best_takes_its_second_best():
    truth = np.array([[0, 0, 10, 10], [3, 0, 10, 10]])
    found = np.array([[0, 0, 10, 10], [1, 0, 10, 10]])
    # Found 1 overlaps truth 0 with 9/11, but that is taken by found 0; truth 1 with 8/12.
    assert match_boxes(found, truth) == ((0, 0, 1.0), (1, 1, pytest.approx(2 / 3)))


def test_the_threshold_is_inclusive():
    a, b = np.array([[0, 0, 10, 10]]), np.array([[0, 0, 10, 20]])
    assert len(match_boxes(a, b, threshold=0.5)) == 1
    assert match_boxes(a, b, threshold=0.51) == ()


def test_nothing_matches_nothing():
    assert match_boxes(np.zeros((0, 4)), np.zeros((2, 4))) == ()
    assert match_boxes(np.zeros((2, 4)), np.zeros((0, 4))) == ()


def test_reliability_counts_answers_of_like_confidence():
    confidence = np.array([0.05, 0.61, 0.69, 1.0])
    right = np.array([False, True, False, True])
    low, middle, high = reliability(confidence, right)
    assert [each.count for each in (low, middle, high)] == [1, 2, 1]
    assert (middle.weight, middle.confidence, middle.right) == (0.5, pytest.approx(0.65), 0.5)
    # A quarter is 0.05 off, a half 0.15, a quarter not at all.
    assert calibration_error((low, middle, high)) == pytest.approx(0.25 * 0.05 + 0.5 * 0.15)


def test_reliability_weighs_answers_as_it_is_told():
    (both,) = reliability(np.array([0.62, 0.68]), np.array([True, False]), weights=np.array([3.0, 1.0]))
    assert (both.confidence, both.right) == (pytest.approx(0.635), pytest.approx(0.75))
    assert both.weight == 1
    with pytest.raises(ValueError, match="no answers"):
        reliability(np.zeros(0), np.zeros(0, bool))
