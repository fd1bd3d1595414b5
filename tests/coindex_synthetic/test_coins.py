import itertools

import numpy as np
import numpy.typing as npt
import pytest

from coindex_synthetic import (
    NON_COIN_KINDS,
    Specimen,
    coin_mask,
    coin_type,
    height_map,
    non_coin,
    phone_lighting,
    random_specimen,
    render_coin,
    studio_lighting,
)
from coindex_synthetic.coins import TYPES_PER_COUNTRY, CoinType, Side
from coindex_synthetic.designs import FIELD, year_area
from coindex_synthetic.lettering import Typeface, glyph, text_width
from coindex_synthetic.motifs import EMBLEMS, Motif, model

SIZE = 128
SIDES: tuple[Side, Side] = ("obverse", "reverse")


def first_with(condition: str) -> CoinType:
    """Return the first type whose blank is of a kind ("hole", "core", "polygon", …)."""
    for seed in range(400):
        blank = coin_type(seed).blank
        if condition == blank.kind or (condition in ("hole", "core") and getattr(blank, condition) > 0):
            return coin_type(seed)
    raise AssertionError(f"no type with {condition} among 400")


def correlation(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> float:
    inside = np.hypot(*np.meshgrid(*2 * [np.linspace(-1, 1, first.shape[0])])) < 0.85
    return float(np.corrcoef(first[inside], second[inside])[0, 1])


def test_same_seed_draws_the_same_coin_to_the_byte() -> None:
    pictures = []
    for _ in range(2):
        rng = np.random.default_rng(5)
        pictures.append(
            render_coin(
                coin_type(7),
                "reverse",
                size=SIZE,
                specimen=random_specimen(rng),
                lighting=phone_lighting(rng),
            )
        )
    assert pictures[0].rgb.tobytes() == pictures[1].rgb.tobytes()
    assert pictures[0].mask.tobytes() == pictures[1].mask.tobytes()


def test_designs_of_different_seeds_and_sides_do_not_look_alike() -> None:
    reliefs = [height_map(coin_type(seed).design(side), size=SIZE, year=1990) for seed in range(8) for side in SIDES]
    alike = [correlation(first, second) for first, second in itertools.combinations(reliefs, 2)]
    assert max(alike) < 0.85
    assert np.mean(alike) < 0.25


def test_names_tell_all_types_apart() -> None:
    coins = [coin_type(seed) for seed in range(600)]
    names = {(coin.country, coin.currency, coin.denomination, coin.variant) for coin in coins}
    assert len(names) == len(coins)
    first_country = {coin.country for coin in coins[:TYPES_PER_COUNTRY]}
    assert len(first_country) == 1
    assert coins[TYPES_PER_COUNTRY].country not in first_country


def test_negative_seed_is_refused() -> None:
    with pytest.raises(ValueError, match="seed"):
        coin_type(-1)


@pytest.mark.parametrize("kind", ["round", "polygon", "scalloped", "square"])
def test_mask_is_binary_and_fills_its_square(kind: str) -> None:
    size = 200
    mask = coin_mask(first_with(kind), size=size)
    assert mask.shape == (size, size)
    assert set(np.unique(mask)) == {0, 255}
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    margins = [rows[0], columns[0], size - 1 - rows[-1], size - 1 - columns[-1]]
    assert max(margins) <= 0.025 * size
    assert min(margins) <= 0.01 * size


def test_hole_is_no_part_of_the_coin() -> None:
    coin = first_with("hole")
    mask = coin_mask(coin, size=SIZE)
    y, x = np.indices(mask.shape) - (SIZE - 1) / 2
    radius = np.hypot(x, y) / (SIZE / 2)
    assert not mask[radius < coin.blank.hole - 0.02].any()
    assert mask[(radius > coin.blank.hole + 0.02) & (radius < 0.85)].all()
    assert coin_mask(first_with("round"), size=SIZE)[SIZE // 2, SIZE // 2] in (0, 255)


def test_bimetal_core_has_another_colour_than_the_ring() -> None:
    coin = first_with("core")
    lighting = studio_lighting(np.random.default_rng(0))
    picture = render_coin(coin, "obverse", size=SIZE, specimen=Specimen(), lighting=lighting)
    y, x = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
    radius = np.hypot(x, y) / (SIZE / 2)
    core = picture.rgb[radius < coin.blank.core - 0.05].mean(axis=0)
    ring = picture.rgb[(radius > coin.blank.core + 0.05) & (radius < 0.95)].mean(axis=0)
    assert coin.bimetal
    assert abs((core[0] / core[2]) - (ring[0] / ring[2])) > 0.1


def test_light_changes_the_picture_but_not_the_mask() -> None:
    coin, specimen = coin_type(3), Specimen(seed=1)
    first = render_coin(
        coin, "obverse", size=SIZE, specimen=specimen, lighting=phone_lighting(np.random.default_rng(1))
    )
    second = render_coin(
        coin, "obverse", size=SIZE, specimen=specimen, lighting=phone_lighting(np.random.default_rng(2))
    )
    assert np.array_equal(first.mask, second.mask)
    assert np.abs(first.rgb.astype(int) - second.rgb).mean() > 5


def test_wear_takes_the_relief_away() -> None:
    lighting = studio_lighting(np.random.default_rng(0))
    contrasts = []
    for wear in (0.0, 0.5, 1.0):
        picture = render_coin(
            coin_type(2), "obverse", size=SIZE, specimen=Specimen(wear=wear, dullness=0.3), lighting=lighting
        )
        middle = picture.rgb[SIZE // 4 : -SIZE // 4, SIZE // 4 : -SIZE // 4].astype(float).mean(axis=2)
        contrasts.append(np.abs(np.diff(middle, axis=0)).mean())
    assert contrasts[0] > contrasts[1] > contrasts[2]
    assert contrasts[2] < 0.6 * contrasts[0]


def test_year_changes_its_own_place_and_nothing_else() -> None:
    for seed, side in itertools.product(range(6), SIDES):
        design = coin_type(seed).design(side)
        changed = height_map(design, size=256, year=1888) != height_map(design, size=256, year=2011)
        place = year_area(design, size=256)
        assert changed.any(), f"the year does not show on {side} {seed}"
        assert not (changed & ~place).any()
        assert place.mean() < 0.12


@pytest.mark.parametrize(("size", "year"), [(8, 2000), (64, 99)])
def test_height_map_refuses_what_it_cannot_draw(size: int, year: int) -> None:
    with pytest.raises(ValueError, match=r"size|year"):
        height_map(coin_type(0).obverse, size=size, year=year)


def test_height_map_is_zero_outside_and_rises_above_the_field() -> None:
    relief = height_map(coin_type(0).obverse, size=SIZE, year=2000)
    assert relief.dtype == np.float32
    assert relief[0, 0] == 0
    assert relief.min() >= 0
    assert FIELD + 0.3 < relief.max() <= 1


@pytest.mark.parametrize("kind", sorted(EMBLEMS))
def test_emblem_is_raised_varies_with_its_seed_and_can_be_mirrored(kind: str) -> None:
    first = model(Motif(kind, 1), size=96)
    others = [model(Motif(kind, seed), size=96) for seed in range(2, 8)]
    assert 0.3 < first.max() <= 1
    assert 0.04 < (first > 0.05).mean() < 0.9
    assert max(np.abs(first - other).max() for other in others) > 0.1
    assert np.array_equal(model(Motif(kind, 1, flipped=True), size=96), first[:, ::-1])


def test_unknown_emblem_is_named() -> None:
    with pytest.raises(ValueError, match="unicorn"):
        model(Motif("unicorn", 0), size=64)


def test_letters_differ_and_a_longer_text_is_wider() -> None:
    face = Typeface()
    drawn = {letter: glyph(face, letter, pixels=24).mask for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"}
    for first, second in itertools.combinations(drawn, 2):
        same = drawn[first].shape == drawn[second].shape and np.array_equal(drawn[first], drawn[second])
        assert not same, f"{first} and {second} are drawn alike"
    assert text_width(face, "MM") > text_width(face, "MI") > text_width(face, "M")


@pytest.mark.parametrize("kind", NON_COIN_KINDS)
def test_non_coin_fills_its_square_and_has_a_binary_mask(kind: str) -> None:
    thing = non_coin(kind, size=64, rng=np.random.default_rng(3))  # type: ignore[arg-type]
    assert set(np.unique(thing.mask)) == {0, 255}
    assert thing.mask[:, 2:-2].any(axis=0).all()
    assert thing.rgb[thing.mask == 255].mean() > 20
    assert (thing.mask[32, 32] == 0) == (kind == "washer")


def test_unknown_non_coin_is_refused() -> None:
    with pytest.raises(ValueError, match="spoon"):
        non_coin("spoon", size=64, rng=np.random.default_rng(0))  # type: ignore[arg-type]


def test_the_coins_of_a_series_differ_in_their_number_alone():
    for seed in range(100_000, 100_010):
        first, second = coin_type(seed), coin_type(seed, step=1)
        assert first.denomination != second.denomination
        assert (first.country, first.currency, first.metals, first.obverse) == (
            second.country, second.currency, second.metals, second.obverse,
        )  # fmt: skip
        assert first.reverse.motifs[:1] == second.reverse.motifs[:1]
        assert first.reverse.border == second.reverse.border
        reliefs = [height_map(coin.reverse, size=SIZE, year=1990) for coin in (first, second)]
        assert (reliefs[0] != reliefs[1]).any()
