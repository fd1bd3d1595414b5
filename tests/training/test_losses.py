"""The losses derived again by hand, on angles that one can draw."""

from math import cos, exp, log, pi, radians, sin

import pytest

torch = pytest.importorskip("torch")
from training.losses import SubCentreArcFace, dice_loss  # noqa: E402


def at(*degrees):
    """Unit vectors in the plane, by their angle."""
    return torch.tensor([[cos(radians(d)), sin(radians(d))] for d in degrees])


def arcface(centres, *, designs=None, margin=0.5, scale=10.0):
    """A loss in the plane whose centres lie at the given angles, a list of angles a class."""
    loss = SubCentreArcFace(
        len(centres),
        torch.arange(len(centres)) if designs is None else torch.tensor(designs),
        dimensions=2, margin=margin, scale=scale, centres=len(centres[0]),
    )  # fmt: skip
    with torch.no_grad():
        loss.weight.copy_(torch.stack([at(*angles) for angles in centres]))
    return loss


def cross_entropy(own, *others):
    return -own + log(sum(exp(value) for value in (own, *others)))


def test_the_margin_is_added_to_the_own_angle_alone():
    # 30° from its own class at 0°, 60° from the other at 90°; half a radian on top of the 30°.
    value = arcface([[0], [90]])(at(30), torch.tensor([0]))
    assert value.item() == pytest.approx(cross_entropy(10 * cos(radians(30) + 0.5), 10 * cos(radians(60))), abs=1e-4)


def test_without_a_margin_it_is_softmax_over_cosines():
    value = arcface([[0], [90], [180]], margin=0.0)(at(30), torch.tensor([1]))
    expected = cross_entropy(*(10 * cos(radians(angle)) for angle in (60, 30, 150)))
    assert value.item() == pytest.approx(expected, abs=1e-4)


def test_the_loss_is_the_mean_and_lengths_do_not_matter():
    loss = arcface([[0], [90]])
    each = [loss(at(angle), torch.tensor([label])).item() for angle, label in ((30, 0), (80, 1))]
    both = loss(at(30, 80) * torch.tensor([[7.0], [0.1]]), torch.tensor([0, 1]))
    assert both.item() == pytest.approx(sum(each) / 2, abs=1e-5)


def test_the_nearest_centre_of_a_class_speaks_for_it():
    loss = arcface([[0, 120], [90, 200]])
    assert loss.cosines(at(100))[0].tolist() == pytest.approx([cos(radians(20)), cos(radians(10))], abs=1e-6)
    value = loss(at(100), torch.tensor([0]))
    assert value.item() == pytest.approx(cross_entropy(10 * cos(radians(20) + 0.5), 10 * cos(radians(10))), abs=1e-4)


def test_beyond_half_a_turn_the_own_logit_falls_on_in_a_straight_line():
    # 170° and half a radian are more than 180°: the logit is cos 170° - 0.5 · sin 0.5.
    value = arcface([[0], [90]])(at(170), torch.tensor([0]))
    own = cos(radians(170)) - 0.5 * sin(0.5)
    assert radians(170) + 0.5 > pi
    assert value.item() == pytest.approx(cross_entropy(10 * own, 10 * cos(radians(80))), abs=1e-4)
    # The other class is as far from 170° as from 175°: what grows is the own class's part.
    loss = arcface([[0], [172.5]])
    assert loss(at(175), torch.tensor([0])).item() > loss(at(170), torch.tensor([0])).item()


def test_classes_of_one_design_are_no_negatives():
    # Classes 0 and 2 share a design: where 2 lies changes nothing for an embedding of class 0.
    values = [arcface([[0], [90], [angle]], designs=[5, 6, 5])(at(30), torch.tensor([0])).item() for angle in (20, 200)]
    assert values[0] == values[1]
    assert values[0] == pytest.approx(cross_entropy(10 * cos(radians(30) + 0.5), 10 * cos(radians(60))), abs=1e-4)
    apart = arcface([[0], [90], [20]], designs=[5, 6, 7])(at(30), torch.tensor([0])).item()
    assert apart > values[0] + 1


def test_a_class_of_one_design_gets_no_gradient_and_the_others_do():
    loss = arcface([[0], [90], [20]], designs=[5, 6, 5])
    loss(at(30), torch.tensor([0])).backward()
    assert loss.weight.grad[2].abs().max() == 0
    assert loss.weight.grad[:2].abs().amax(dim=(1, 2)).min() > 0


def test_a_perfect_embedding_has_a_finite_gradient():
    embedding = at(0).requires_grad_()
    arcface([[0], [90]])(embedding, torch.tensor([0])).backward()
    assert torch.isfinite(embedding.grad).all()


def maps(*values):
    return torch.tensor(values, dtype=torch.float32).reshape(1, 1, 1, -1)


def test_dice_by_hand():
    # Logits 0 and ln 3 are 1/2 and 3/4; the target is 0 and 1: overlap 3/4, squares 1/4 + 9/16 and 1.
    value = dice_loss(maps(0, log(3)), maps(0, 1), smooth=0.0)
    assert value.item() == pytest.approx(1 - 2 * 0.75 / (0.25 + 0.5625 + 1), abs=1e-6)


def test_dice_takes_soft_targets():
    # Probability 1/2, target 1/2: overlap 1/4, squares 1/4 and 1/4.
    assert dice_loss(maps(0), maps(0.5), smooth=0.0).item() == pytest.approx(0, abs=1e-6)


def test_dice_is_zero_when_right_and_one_when_all_wrong():
    assert dice_loss(maps(50, -50), maps(1, 0)).item() == pytest.approx(0, abs=1e-6)
    assert dice_loss(maps(50, -50), maps(0, 1), smooth=0.0).item() == pytest.approx(1, abs=1e-6)


def test_dice_of_an_empty_mask_is_defined_and_zero_where_nothing_is_claimed():
    assert dice_loss(maps(-50, -50), maps(0, 0)).item() == pytest.approx(0, abs=1e-6)
    # Both pixels claimed: 1 - (0 + 1) / (2 + 1).
    assert dice_loss(maps(50, 50), maps(0, 0)).item() == pytest.approx(2 / 3, abs=1e-6)


def test_dice_is_averaged_over_pictures_and_channels():
    right, wrong = maps(50, -50), maps(-50, 50)
    logits = torch.cat([torch.cat([right, wrong], dim=1), torch.cat([right, right], dim=1)])
    target = maps(1, 0).expand(2, 2, 1, 2)
    assert dice_loss(logits, target, smooth=0.0).item() == pytest.approx(0.25, abs=1e-6)
