import cv2
import numpy as np
import pytest

from catalog_server.curation.photo_warnings import (
    BRIGHTEST,
    DARKEST,
    LEAST_SHARPNESS,
    SMALLEST,
    CoinLook,
    WarningKind,
    warnings_of,
)
from coindex.cutout import Box

SIZE = (1000, 800)
GOOD = CoinLook(sharpness=0.8, luma=120.0, across=300, touches_frame=False)


def disc():
    rows, columns = np.mgrid[:256, :256]
    return np.where((rows - 127.5) ** 2 + (columns - 127.5) ** 2 < 127**2, 255, 0).astype(np.uint8)


def picture(seed=1):
    """A coin with coarse relief and fine detail, as photos have them."""
    rng = np.random.default_rng(seed)
    coarse, fine = (cv2.GaussianBlur(rng.normal(size=(256, 256)), (0, 0), sigma) for sigma in (8, 1))
    grey = 120 + 30 * coarse / coarse.std() + 20 * fine / fine.std()
    return np.repeat(grey.clip(0, 255).astype(np.uint8)[:, :, None], 3, axis=2) * (disc() > 0)[:, :, None]


MIDDLE = Box(100, 100, 300, 300)


def look(coin, box=MIDDLE):
    return CoinLook.of(coin, disc(), box, SIZE)


def kinds(*looks):
    return {warning.kind for warning in warnings_of(looks)}


def test_a_good_photo_has_no_warning():
    assert kinds(GOOD) == set()


def test_blurring_lowers_sharpness_and_the_black_around_does_not_count():
    sharp, blurred = look(picture()), look(cv2.GaussianBlur(picture(), (0, 0), 5))
    assert sharp.sharpness > LEAST_SHARPNESS > blurred.sharpness
    assert kinds(blurred) == {WarningKind.BLURRED}


def test_an_even_face_has_no_sharpness_and_its_luma_is_its_grey():
    plain = np.full((256, 256, 3), 77, np.uint8) * (disc() > 0)[:, :, None]
    found = look(plain)
    assert found.sharpness == 0 and found.luma == pytest.approx(77)


@pytest.mark.parametrize(
    ("change", "kind"),
    [
        ({"luma": DARKEST - 1}, WarningKind.DARK),
        ({"luma": BRIGHTEST + 1}, WarningKind.BRIGHT),
        ({"across": SMALLEST - 1}, WarningKind.SMALL),
        ({"touches_frame": True}, WarningKind.CUT_OFF),
    ],
)
def test_each_fault_is_told_by_itself(change, kind):
    assert kinds(CoinLook(**{**GOOD.__dict__, **change})) == {kind}


@pytest.mark.parametrize(
    ("box", "touches"),
    [
        (Box(0, 100, 300, 300), True),
        (Box(100, 499, 300, 300), True),
        (Box(2, 2, 300, 300), False),
        (Box(698, 498, 300, 300), False),
    ],
)
def test_a_coin_at_the_frame_may_go_on_beyond_it(box, touches):
    assert look(picture(), box).touches_frame == touches


def test_no_coin_and_several_coins_are_told():
    assert kinds() == {WarningKind.NO_COIN}
    assert kinds(GOOD, GOOD) == {WarningKind.SEVERAL_COINS}
