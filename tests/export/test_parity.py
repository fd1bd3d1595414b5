"""Parity, on nets whose departure one can work out."""

import numpy as np
import pytest

pytest.importorskip("onnxruntime", reason="needs the export extra")

from coindex.manifest import CoinClass
from export.parity import Answers, Seen, embedding_parity, every, mask_parity


def seen(masks: np.ndarray, embeddings: np.ndarray) -> Seen:
    """One view for each mask, which says in its first pixel which one it is; cutouts alike."""
    views = np.zeros((len(masks), 256, 256, 3), np.uint8)
    cutouts = np.zeros((len(embeddings), 256, 256, 3), np.uint8)
    views[:, 0, 0, 0], cutouts[..., 0] = np.arange(len(masks)), np.arange(len(embeddings))[:, None, None]
    return Seen(views, masks, cutouts, embeddings)


def test_embeddings_are_compared_by_the_angle_between_their_sums_over_the_turns() -> None:
    """30, 0 and 90 degrees; the length of an embedding does not count."""
    angles = np.radians([30, 0, 90])
    said = np.zeros((3, 64), np.float32)
    said[:, 0], said[:, 1] = 7 * np.cos(angles), 7 * np.sin(angles)
    reference = np.zeros((3, 64))
    reference[:, 0] = 4
    found = embedding_parity(lambda pixels: said[pixels[:, 0, 0, 0]], seen(np.zeros((1, 256, 256), bool), reference))
    assert found["cosine_median"] == pytest.approx(np.cos(np.radians(30)), abs=1e-6)
    assert found["cosine_least"] == pytest.approx(0, abs=1e-6)
    assert found["angle_degrees"]["p50"] == pytest.approx(30, abs=1e-3)
    assert found["cutouts"] == 3


def test_masks_are_compared_over_all_pixels_and_view_by_view() -> None:
    """One view of 100 pixels, of which the net finds 50; one of 300, of which it finds all; one where none is."""
    masks = np.zeros((3, 256, 256), bool)
    masks[0, 5, :100], masks[1, 5:8, :100] = True, True
    logits = np.full((3, 256, 256, 2), -1, np.float32)
    logits[0, 5, :50, 0], logits[1, 5:8, :100, 0] = 1, 1
    logits[..., 1] = 5  # cores do not count
    found = mask_parity(lambda pixels: logits[pixels[:, 0, 0, 0]], seen(masks, np.ones((1, 64))))
    assert found["iou"] == 350 / 400
    assert found["iou_median"] == 0.75  # of 0.5 and 1
    assert found["views"] == 3


def test_answers_agree_where_they_name_the_same_class_right_or_wrong() -> None:
    one, two = (CoinClass("A", "c", name, "", "obverse") for name in "12")
    either = CoinClass("A", "c", "1", "", "unknown")
    ours = Answers((one, two, None, one), (one, one, one, either))
    assert ours.recall_at_1 == 0.5
    assert ours.agreement(Answers((one, two, one, None), ours.expected)) == 0.5


@pytest.mark.parametrize(("photos", "most", "taken"), [(10, 5, 5), (10, 4, 4), (3, 10, 3), (10, 3, 3)])
def test_photos_are_chosen_evenly(photos: int, most: int, taken: int) -> None:
    assert len(every(list(range(photos)), most)) == taken  # type: ignore[arg-type, type-var]
