"""Photo to codes, with nets of three lines on drawn coins."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from coindex.cutout import Box, cut_out
from coindex.photo import Photo, load_photo
from coindex.pipeline import box_in_photo, embed_turned, encode_photo
from coindex.resize import resize
from coindex.segmentation import FoundCoin, _enlarged, _in_pixels_of, find_in_detail


def edges(box):
    return np.array([box.x, box.y, box.x + box.width, box.y + box.height])


def test_each_coin_has_its_code_largest_first(photo_of, fake_models):
    photo = photo_of(640, 480, [(120, 240, 60, "left"), (420, 240, 150, "top")])
    large, small = encode_photo(photo, fake_models).coins
    assert np.abs(edges(large.box) - [270, 90, 570, 390]).max() <= 2
    assert np.abs(edges(small.box) - [60, 180, 180, 300]).max() <= 2
    assert large.area == pytest.approx(np.pi * 150**2, rel=0.03)
    assert large.code.shape == (64,)
    assert large.code.dtype == np.int8
    assert (large.code != small.code).any()


def test_a_coin_gets_the_same_code_alone_and_among_others(photo_of, fake_models):
    alone = encode_photo(photo_of(640, 480, [(420, 240, 150, "rings")]), fake_models).coins[0]
    among = encode_photo(photo_of(640, 480, [(420, 240, 150, "rings"), (120, 240, 60, "left")]), fake_models).coins[0]
    assert (alone.code == among.code).all()


def test_the_largest_alone_is_the_first_of_all(photo_of, fake_models):
    photo = photo_of(640, 480, [(120, 240, 60, "left"), (420, 240, 150, "top")])
    (only,) = encode_photo(photo, fake_models, largest_only=True).coins
    assert only.box == encode_photo(photo, fake_models).coins[0].box


def test_boxes_and_outlines_are_in_full_size_pixels_of_a_reduced_jpeg(draw, fake_models):
    photo = a_jpeg_of(draw(2600, 1950, [(1700, 900, 400, "left")]))
    assert photo.rgb.shape[:2] == (975, 1300)
    (coin,) = encode_photo(photo, fake_models).coins
    assert np.abs(edges(coin.box) - [1300, 500, 2100, 1300]).max() <= 8
    assert coin.area == pytest.approx(np.pi * 400**2, rel=0.03)
    distances = np.hypot(*(coin.outline - [1700, 900]).T)
    assert np.abs(distances - 400).max() <= 10
    assert coin.outline.dtype == np.int32


@pytest.mark.parametrize(
    ("decoded", "full"),
    [
        (Box(1, 3, 4, 4), Box(2, 5, 6, 6)),  # 1.5 to 7.5 across, 4.5 to 10.5 down
        (Box(2, 0, 1, 1), Box(3, 0, 2, 2)),  # 3 to 4.5 across, 0 to 1.5 down
        (Box(0, 9, 20, 1), Box(0, 14, 30, 1)),  # 0 to 30 across, 13.5 to 15 down
    ],
)
def test_halves_of_a_full_size_pixel_are_rounded_up(decoded, full):
    """A photo of 30×15 pixels decoded as 20×10: three full-size pixels for two."""
    photo = Photo(np.zeros((10, 20, 3), np.uint8), 30, 15)
    rgb, mask = np.zeros((256, 256, 3), np.uint8), np.zeros((256, 256), np.uint8)
    assert box_in_photo(photo, FoundCoin(decoded, decoded, rgb, mask, 16.0)) == full


def a_jpeg_of(pixels):
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return load_photo(buffer.getvalue())


@pytest.mark.parametrize(("radius", "decoded"), [(440, 768), (400, 768), (380, 1536), (100, 1536)])
def test_a_photo_is_decoded_larger_where_a_coin_does_not_fill_a_net_input(draw, fake_models, radius, decoded):
    """A quarter of 3072 pixels: a coin fills 256 of them with its margin, 1.3 diameters, from a radius of 394 on."""
    photo = a_jpeg_of(draw(3072, 2304, [(1500, 1100, radius, "left")]))
    assert photo.rgb.shape[1] == 768
    seen, (found,) = find_in_detail(photo, fake_models.segmenter)
    assert seen.rgb.shape[1] == decoded
    (coin,) = encode_photo(photo, fake_models).coins
    assert np.abs(edges(coin.box) - [1500 - radius, 1100 - radius, 1500 + radius, 1100 + radius]).max() <= 12
    assert coin.found.crop == found.crop
    assert coin.area == pytest.approx(np.pi * radius**2, rel=0.06)


def test_a_photo_that_seems_to_show_no_coin_is_not_decoded_again(draw, fake_models):
    photo = a_jpeg_of(draw(3072, 2304, []))
    seen, coins = find_in_detail(photo, fake_models.segmenter)
    assert (seen, coins) == (photo, ())


def test_many_coins_are_found_once_and_each_is_outlined_once_in_detail(draw, red_net):
    discs = [(300 + 490 * (number % 6), 500 + 600 * (number // 6), 130 + 4 * number) for number in range(18)]
    photo = a_jpeg_of(draw(3072, 2304, [(*disc, "plain") for disc in discs]))
    shown = []

    def counting(pixels):
        shown.extend(pixels)
        return red_net(pixels)

    seen, coins = find_in_detail(photo, counting)
    assert len(shown) == 1 + 9 + 18
    assert (photo.rgb.shape[1], seen.rgb.shape[1]) == (768, 1536)
    assert len(coins) == 18
    for coin, (x, y, radius) in zip(coins, reversed(discs), strict=True):
        assert np.abs(2 * edges(coin.box) - [x - radius, y - radius, x + radius, y + radius]).max() <= 8
    assert all((shown[1 + 9 + number] != shown[0]).any() for number in range(18))


def test_the_first_look_is_at_the_small_decoding_and_the_others_at_the_larger_one(draw, red_net):
    photo = a_jpeg_of(draw(3072, 2304, [(1500, 1100, 150, "plain")]))
    decoded = []
    shown = []

    def in_detail():
        decoded.append(len(shown))
        return photo.in_detail()

    def counting(pixels):
        shown.extend(pixels)
        return red_net(pixels)

    find_in_detail(replace(photo, in_detail=in_detail), counting)
    assert decoded == [1]
    assert len(shown) == 1 + 9 + 1


@pytest.mark.parametrize(
    ("box", "scaled"),
    [
        # 1601 pixels for 801 across, 401 for 201 down: edge 400 lies at 799.5006, edge 401 at 801.4994.
        (Box(400, 100, 1, 1), Box(800, 200, 1, 1)),
        (Box(0, 0, 801, 201), Box(0, 0, 1601, 401)),
        (Box(10, 20, 30, 40), Box(20, 40, 60, 80)),
    ],
)
def test_a_box_in_a_larger_decoding_has_its_edges_rounded_half_up(box, scaled):
    small, large = (Photo(np.zeros((h, w, 3), np.uint8), 1601, 401) for w, h in ((801, 201), (1601, 401)))
    assert _in_pixels_of(large, box, small) == scaled
    assert [_enlarged(edge, 2, 3) for edge in (0, 1, 2)] == [0, 2, 3]


def test_a_box_ends_at_the_photos_edge(photo_of, fake_models):
    (coin,) = encode_photo(photo_of(640, 480, [(10, 470, 100, "plain")]), fake_models).coins
    left, top, right, bottom = edges(coin.box)
    assert (left, bottom) == (0, 480)
    assert right <= 112
    assert top >= 368


def test_the_picture_is_the_coin_in_colour_on_black_and_the_cutout_what_the_embedder_saw(photo_of, fake_models):
    seen = []

    def embedder(pixels):
        seen.append(pixels)
        return fake_models.embedder(pixels)

    models = type(fake_models)(fake_models.index, fake_models.segmenter, embedder)
    (coin,) = encode_photo(photo_of(640, 480, [(320, 240, 120, "left")]), models).coins
    assert seen[0].shape == (4, 256, 256, 3)
    assert all((np.rot90(seen[0][turns], -turns) == coin.cutout).all() for turns in range(4))
    assert coin.picture.shape == coin.cutout.shape == (256, 256, 3)
    assert not coin.picture[:8, :8].any()
    assert np.abs(coin.picture[128, 190].astype(int) - (250, 0, 20)).max() <= 3  # the bright half
    assert coin.picture[128, 60, 0] < 180  # the dark half


def test_what_a_person_is_shown_is_drawn_when_it_is_asked_for(photo_of, fake_models, monkeypatch):
    drawn = []
    draw = resize

    def noted(*arguments):
        drawn.append("picture")
        return draw(*arguments)

    monkeypatch.setattr("coindex.pipeline.resize", noted)
    (coin,) = encode_photo(photo_of(640, 480, [(320, 240, 120, "left")]), fake_models).coins
    assert drawn == []
    assert coin.picture.shape == (256, 256, 3)
    assert drawn == ["picture"]


def test_a_coin_turned_by_quarters_keeps_its_embedding():
    cutout = np.random.default_rng(0).integers(0, 256, (256, 256, 3), np.uint8)

    def mean_of_quadrants(pixels):
        return np.stack([np.add.reduceat(p[:, :, 0].astype(np.float32), [0, 128]).ravel()[::8] for p in pixels])

    straight = embed_turned(cutout, mean_of_quadrants)
    assert straight.shape == (64,)
    assert (embed_turned(np.rot90(cutout), mean_of_quadrants) == straight).all()
    assert (mean_of_quadrants(cutout[None]) != mean_of_quadrants(np.rot90(cutout)[None])).any()


def test_a_photo_without_coins_has_none_and_embeds_nothing(photo_of, fake_models):
    encoding = encode_photo(photo_of(640, 480, []), fake_models)
    assert encoding.coins == ()
    assert set(encoding.timings_ms) == {"segment", "cutout", "embed", "relief"}
    assert all(value >= 0 for value in encoding.timings_ms.values())


def test_the_cutout_is_taken_from_the_second_look(photo_of, fake_models):
    from coindex.segmentation import find_coins

    photo = photo_of(640, 480, [(320, 240, 120, "rings")])
    (found,), (coin,) = find_coins(photo, fake_models.segmenter), encode_photo(photo, fake_models).coins
    assert (coin.cutout == cut_out(found.rgb, found.mask)).all()
