from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from coindex_synthetic import (
    EVALUATION_SEVERITY,
    HELD_OUT_FAMILIES,
    TRAINING_FAMILIES,
    SceneSettings,
    background,
    compose_scene,
)
from coindex_synthetic.scenes import THICKNESS

Bytes = npt.NDArray[np.uint8]

CALM = SceneSettings(
    coins=(1, 1),
    coin_width=(0.3, 0.3),
    tilt=0.0,
    touching=False,
    overlapping=False,
    outside=False,
    glare=0.0,
    shadow=0.0,
    blur=(0.0, 0.0),
    motion=0.0,
    noise=(0.0, 0.0),
    jpeg_quality=None,
    brightness=(1.0, 1.0),
    colour_cast=0.0,
    light_gradient=0.0,
    vignette=0.0,
)


def disc(size: int = 120, level: int = 180) -> tuple[Bytes, Bytes]:
    """Return a plain round coin that fills its square."""
    y, x = np.indices((size, size)) - (size - 1) / 2
    mask = np.where(np.hypot(x, y) <= size / 2, 255, 0).astype(np.uint8)
    return np.full((size, size, 3), level, dtype=np.uint8), mask


def table(width: int = 240, height: int = 200, level: int = 60) -> Bytes:
    return np.full((height, width, 3), level, dtype=np.uint8)


def box_of(mask: npt.NDArray[np.bool_]) -> list[int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [
        int(columns[0]),
        int(rows[0]),
        int(columns[-1] - columns[0] + 1),
        int(rows[-1] - rows[0] + 1),
    ]


def test_training_never_sees_a_held_out_family() -> None:
    assert not set(TRAINING_FAMILIES) & set(HELD_OUT_FAMILIES)
    assert len(set(TRAINING_FAMILIES)) >= 8
    assert len(set(HELD_OUT_FAMILIES)) >= 5


@pytest.mark.parametrize("family", TRAINING_FAMILIES + HELD_OUT_FAMILIES)
def test_background_has_its_size_and_follows_its_generator(family: str) -> None:
    first, again, other = (
        background(family, width=70, height=50, rng=np.random.default_rng(seed)) for seed in (1, 1, 2)
    )
    assert first.shape == (50, 70, 3)
    assert first.dtype == np.uint8
    assert first.tobytes() == again.tobytes()
    assert np.abs(first.astype(int) - other).mean() > 3
    assert first.astype(float).std() > 0.5


def test_unknown_family_is_refused() -> None:
    with pytest.raises(ValueError, match="moonscape"):
        background("moonscape", width=64, height=64, rng=np.random.default_rng(0))


def test_same_generator_gives_the_same_scene_to_the_byte() -> None:
    scenes = [
        compose_scene([disc()], table(), settings=SceneSettings(), rng=np.random.default_rng(4)) for _ in range(2)
    ]
    assert scenes[0].rgb.tobytes() == scenes[1].rgb.tobytes()
    assert scenes[0].instances.tobytes() == scenes[1].instances.tobytes()


def test_calm_scene_is_the_coin_on_the_table_and_nothing_else() -> None:
    scene = compose_scene([disc(level=180)], table(level=60), settings=CALM, rng=np.random.default_rng(0))
    inside = scene.instances == 1
    assert box_of(inside) == scene.boxes[0].tolist()
    assert abs(int(scene.boxes[0][2]) - 0.3 * 240) <= 2
    assert abs(inside.sum() / (np.pi * 36**2) - 1) < 0.05
    x, y, w, h = scene.boxes[0]
    around = np.ones_like(inside)
    around[max(0, y - 3) : y + h + 3, max(0, x - 3) : x + w + 3] = False
    assert (scene.rgb[around] == 60).all()
    middle = scene.rgb[y + h // 2, x + w // 2].astype(int)
    assert np.ptp(middle) <= 1
    assert 120 < middle[0] < 240


def test_boxes_bound_the_visible_pixels_of_their_coins() -> None:
    for seed in range(12):
        scene = compose_scene(
            [disc(level=100 + 20 * index) for index in range(5)],
            table(),
            settings=SceneSettings(coins=(2, 5), coin_width=(0.15, 0.4)),
            rng=np.random.default_rng(seed),
        )
        assert len(scene.boxes) == len(scene.order) >= 1
        assert scene.instances.max() <= len(scene.order)
        assert len(set(scene.order)) == len(scene.order)
        for index, (x, y, w, h) in enumerate(scene.boxes.tolist()):
            visible = scene.instances == index + 1
            assert x >= 0
            assert y >= 0
            assert x + w <= 240
            assert y + h <= 200
            if visible.any():
                left, top, width, height = box_of(visible)
                assert x <= left
                assert y <= top
                assert left + width <= x + w
                assert top + height <= y + h
        # The coin painted last hides nothing of itself.
        assert box_of(scene.instances == len(scene.order)) == scene.boxes[-1].tolist()


def test_order_says_which_coin_is_where() -> None:
    coins = [disc(level=60), disc(level=220)]
    settings = replace(CALM, coins=(2, 2), coin_width=(0.2, 0.2))
    for seed in range(6):
        scene = compose_scene(coins, table(level=10), settings=settings, rng=np.random.default_rng(seed))
        assert sorted(scene.order) == [0, 1]
        for index, source in enumerate(scene.order):
            level = np.median(scene.rgb[scene.instances == index + 1])
            assert (level > 140) == (source == 1)


def test_whole_coins_stay_inside_the_frame() -> None:
    for seed in range(30):
        scene = compose_scene([disc()], table(256, 192), settings=EVALUATION_SEVERITY, rng=np.random.default_rng(seed))
        assert len(scene.order) == 1
        edge = np.concatenate([scene.instances[0], scene.instances[-1], scene.instances[:, 0], scene.instances[:, -1]])
        assert not edge.any()
        assert 0.03 * 256 <= max(scene.boxes[0][2:]) <= 0.62 * 256


def test_coins_kept_apart_do_not_hide_each_other() -> None:
    settings = replace(CALM, coins=(4, 4), coin_width=(0.2, 0.2))
    for seed in range(8):
        scene = compose_scene([disc()] * 4, table(), settings=settings, rng=np.random.default_rng(seed))
        areas = [(scene.instances == index + 1).sum() for index in range(len(scene.order))]
        assert len(areas) >= 3
        assert min(areas) > 0.9 * max(areas)


def test_tilt_stays_within_its_limit_and_reaches_it() -> None:
    limit = 35.0
    settings = replace(CALM, tilt=limit, coin_width=(0.5, 0.5))
    flattest = 1.0
    for seed in range(40):
        scene = compose_scene([disc(200)], table(300, 300), settings=settings, rng=np.random.default_rng(seed))
        points = np.argwhere(scene.instances == 1).astype(float)
        # An ellipse's semi-axes are twice the roots of its second moments.
        minor, major = np.sqrt(np.linalg.eigvalsh(np.cov(points.T)))
        flattest = min(flattest, float(minor / major))
    edge = THICKNESS * np.sin(np.radians(limit))
    assert np.cos(np.radians(limit)) - 0.02 <= flattest <= np.cos(np.radians(0.8 * limit)) + edge


def test_glare_blur_shadow_and_jpeg_change_pixels_but_not_the_truth() -> None:
    plain = compose_scene([disc()], table(), settings=CALM, rng=np.random.default_rng(0))
    rough = replace(
        CALM,
        glare=1.0,
        shadow=1.0,
        blur=(2.0, 2.0),
        noise=(8.0, 8.0),
        jpeg_quality=(30, 30),
        brightness=(0.6, 0.6),
        colour_cast=0.1,
        light_gradient=0.4,
        vignette=0.4,
    )
    marred = compose_scene([disc()], table(), settings=rough, rng=np.random.default_rng(0))
    assert np.abs(plain.rgb.astype(int) - marred.rgb).mean() > 5
    assert np.array_equal(plain.instances, marred.instances)
    assert np.array_equal(plain.boxes, marred.boxes)


def test_shadow_darkens_the_table_beside_the_coin_only() -> None:
    bright = compose_scene([disc()], table(level=200), settings=CALM, rng=np.random.default_rng(1))
    shaded = compose_scene([disc()], table(level=200), settings=replace(CALM, shadow=1.0), rng=np.random.default_rng(1))
    assert np.array_equal(bright.instances, shaded.instances)
    outside = bright.instances == 0
    darker = (bright.rgb.astype(int) - shaded.rgb).mean(axis=2)
    assert darker[outside].max() > 20
    assert abs(darker[bright.instances == 1]).mean() < 3


def test_fine_detail_is_averaged_not_aliased_when_a_coin_is_small() -> None:
    rgb, mask = disc(400)
    rgb[:, ::2] = 0
    rgb[:, 1::2] = 200
    scene = compose_scene(
        [(rgb, mask)], table(), settings=replace(CALM, coin_width=(0.1, 0.1)), rng=np.random.default_rng(2)
    )
    x, y, w, h = scene.boxes[0]
    middle = scene.rgb[y + h // 3 : y + 2 * h // 3, x + w // 3 : x + 2 * w // 3].astype(float)
    assert middle.std() < 12
    assert 70 < middle.mean() < 130


@pytest.mark.parametrize(
    ("coins", "message"),
    [
        ([], "no coins"),
        ([(np.zeros((9, 9, 3), np.uint8), np.zeros((9, 9), np.uint8))], "empty"),
        ([(np.zeros((9, 9, 3), np.uint8), np.full((8, 8), 255, np.uint8))], "belong together"),
    ],
)
def test_coins_that_cannot_be_placed_are_refused(coins: list[tuple[Bytes, Bytes]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compose_scene(coins, table(), settings=CALM, rng=np.random.default_rng(0))


@pytest.mark.parametrize("field", [{"coins": (3, 1)}, {"coin_width": (0.0, 0.5)}, {"tilt": 90.0}])
def test_settings_that_no_scene_can_meet_are_refused(field: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(field))):
        replace(CALM, **field)  # type: ignore[arg-type]


def test_scene_without_coins_is_empty() -> None:
    scene = compose_scene([], table(), settings=replace(CALM, coins=(0, 0)), rng=np.random.default_rng(0))
    assert scene.boxes.shape == (0, 4)
    assert not scene.instances.any()
    assert scene.order == ()


def test_a_flash_throws_a_dark_shadow_with_a_sharp_edge():
    table = np.full((300, 300, 3), 200, np.uint8)
    soft = replace(CALM, shadow=1.0, shadow_strength=0.65)
    darkest, steepest = {}, {}
    for name, settings in (("soft", soft), ("hard", replace(soft, hard_shadow=1.0))):
        shades, slopes = [], []
        for seed in range(8):
            scene = compose_scene([disc()], table, settings=settings, rng=np.random.default_rng(seed))
            ground = np.where(scene.instances > 0, 200, scene.rgb[..., 0]).astype(float)
            beside = scene.instances == 0
            shades.append(ground[beside].min())
            across = np.abs(np.diff(ground, axis=1))
            slopes.append(across[beside[:, 1:] & beside[:, :-1]].max())
        darkest[name], steepest[name] = np.median(shades), np.median(slopes)
    assert darkest["hard"] < darkest["soft"]
    assert steepest["hard"] > 1.5 * steepest["soft"]
