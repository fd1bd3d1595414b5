"""Whole answers: the native core and Python see the same coins, codes, candidates and confidence."""

import sys
from pathlib import Path

import ai_edge_litert
import numpy as np
import pytest
from coindex_native import NativeError, Nets
from native_device import make_device
from support.web_agreement import draw_scenes, drawn_catalog

from coindex.catalog import open_catalog
from coindex.catalog.document import canonical
from coindex.catalog.fresh import Fresh
from coindex.catalog.state import CoinRecord, Rows
from coindex.facts import facts_document
from coindex.models import DEFAULT_FOLDER, Models, load_models
from coindex.photo import Photo, load_photo
from coindex.recognizer import Recognizer

SCENES = 4
TWIN = 200
LITERT = Path(next(iter(ai_edge_litert.__path__))) / "libLiteRt.so"


@pytest.fixture(scope="module")
def models():
    return load_models(DEFAULT_FOLDER)


def make_home(folder, catalog, *, without_maps=()):
    """A device that has both sides of twelve invented coins, and of each second class a twin of one design that cannot
    be told from it; two rows are fresh, one of them under its old id. `without_maps` are rows that have none."""
    rows, records = catalog.rows, {}
    for number, (coin, side) in enumerate(catalog.names, 1):
        country, denomination, _ = coin.split(" ")[0], coin.split(" ")[-2], None
        for twin in (number, number + TWIN)[: 1 + number % 2]:
            records[twin] = CoinRecord(
                twin, country, "coin", denomination, f"{coin.split('#')[1]}{'b' * (twin > TWIN)}", side, coin,
                f"Design {number}" if number % 2 else "", {"weight": number / 4} if number % 3 else {},
            )  # fmt: skip
    twins = [number for number in records if number > TWIN]
    fresh = Rows.of(
        [3, *twins, 2 * TWIN],
        [3, *twins, 7],
        np.stack([rows.codes[2], *(rows.codes[twin - TWIN - 1] for twin in twins), rows.codes[6]]),
    )
    changed = Rows(rows.row_ids, rows.class_ids, np.where(rows.row_ids[:, None] == 3, np.int8(1), rows.codes))
    maps = {**catalog.maps, **{twin: catalog.maps[twin - TWIN] for twin in twins}, 2 * TWIN: catalog.maps[7]}
    make_device(
        folder,
        changed,
        records,
        fresh=Fresh(np.array([3], np.uint32), fresh),
        maps={row: values for row, values in maps.items() if row not in without_maps},
    )
    return folder


@pytest.fixture(scope="module")
def drawn(models):
    return drawn_catalog(models)


@pytest.fixture(scope="module")
def home(drawn, tmp_path_factory):
    return make_home(tmp_path_factory.mktemp("device"), drawn)


@pytest.fixture(scope="module")
def catalog(library, home):
    with library.open(home) as opened:
        yield opened


@pytest.fixture(scope="module")
def nets(models):
    return nets_of(models)


def nets_of(models, **options):
    """Python's nets, given to the core."""
    return Nets.of(models.segmenter, models.embedder, models.relief._net.numbers, **options)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return [load_photo(path) for path in draw_scenes(tmp_path_factory.mktemp("scenes"), SCENES)]


def of_candidate(each):
    """What an answer says of a candidate, Python's or the native core's."""
    class_id = each.class_id if hasattr(each, "class_id") else each.coin
    return class_id, each.row_id, each.distance, each.name, each.side, each.relief, each.relief_row, each.angle


def told(answer):
    """What an answer says, Python's or the native core's."""
    out = []
    for coin in answer:
        box = coin.box if isinstance(coin.box, tuple) else (coin.box.x, coin.box.y, coin.box.width, coin.box.height)
        code = coin.code if hasattr(coin, "code") else coin.encoded.code
        series = coin.series and (
            coin.series if isinstance(coin.series, tuple) else (coin.series.design, coin.series.coins)
        )
        found = [of_candidate(each) for each in coin.candidates]
        out.append((box, code.tolist(), coin.known, round(coin.confidence, 12), found, series, coin.codes_alone))
    return out


def test_answers_to_drawn_scenes_are_pythons(home, catalog, models, nets, photos):
    opened = open_catalog(home)
    recognizer = Recognizer(opened, models)
    coins, series = 0, set()
    for photo in photos:
        expected = recognizer.recognize(photo)
        mine = catalog.recognize(photo, nets)
        assert told(mine) == told(expected.coins)
        for coin, other in zip(mine, expected.coins, strict=True):
            np.testing.assert_array_equal(coin.cutout, other.encoded.cutout[:, :, 0])
            np.testing.assert_array_equal(coin.mask, other.encoded.found.mask)
            np.testing.assert_array_equal(coin.relief, other.encoded.relief.values)
            assert coin.area == other.encoded.area
            assert coin.codes_alone is None and coin.candidates[0].relief > 0
            series.add(coin.series is None)
            for each, theirs, agreement in zip(coin.candidates, other.candidates, coin.agreements, strict=True):
                facts = opened.records[each.class_id].facts
                assert each.facts == (canonical(facts_document(facts)).decode() if facts else None)
                assert each.similarity == pytest.approx(theirs.similarity, abs=1e-12)
                np.testing.assert_array_equal(agreement, other.agreement(theirs))
        coins += len(mine)
    assert coins >= SCENES
    assert series == {True, False}


def test_coins_are_named_one_by_one_as_in_python(home, catalog, models, nets, photos):
    photo = max(photos, key=lambda each: len(catalog.recognize(each, nets)))
    python = Recognizer(open_catalog(home), models).recognize_each(photo)
    places, *coins = catalog.recognize_each(photo, nets)
    found = next(python)
    assert [place.box for place in places] == [(o.box.x, o.box.y, o.box.width, o.box.height) for o in found.coins]
    assert len(coins) == len(places) > 1
    for coin in coins:
        assert told([coin]) == told([next(python)])
    assert told(coins) == told(catalog.recognize(photo, nets))


def test_who_stops_asking_pays_for_no_more(catalog, models, photos):
    ran = []

    def counted(pixels):
        ran.append(1)
        return models.embedder(pixels)

    nets = Nets.of(models.segmenter, counted, models.relief._net.numbers)
    each = catalog.recognize_each(photos[3], nets)
    assert len(next(each)) > 1 and not ran
    next(each)
    each.close()
    assert len(ran) == 4  # the quarter turns of one coin


@pytest.mark.parametrize("relief_id", [None, "0123456789abcdef"])
def test_without_relief_net_or_maps_codes_alone_answer_and_say_why(home, catalog, models, photos, relief_id):
    if relief_id is None:
        nets = Nets.of(models.segmenter, models.embedder)
        alone = Models(models.index, models.segmenter, models.embedder)
        expected = Recognizer(open_catalog(home), alone)
    else:
        nets, expected = nets_of(models, relief_id=relief_id), Recognizer(open_catalog(home), models)
        expected._second = None
    for photo in photos[:2]:
        mine = catalog.recognize(photo, nets)
        assert told(mine) == told(expected.recognize(photo).coins)
        assert all(coin.codes_alone and coin.series is None for coin in mine)


def test_where_a_near_class_has_no_map_codes_alone_answer_as_in_python(library, drawn, models, nets, photos, tmp_path):
    home = make_home(tmp_path, drawn, without_maps=(2,))
    recognizer = Recognizer(open_catalog(home), models)
    reasons = set()
    with library.open(home) as catalog:
        for photo in photos:
            mine = catalog.recognize(photo, nets)
            assert told(mine) == told(recognizer.recognize(photo).coins)
            reasons |= {coin.codes_alone for coin in mine}
    assert reasons == {None, "the catalogue lacks relief maps of the nearest coins"}


def test_a_damaged_pack_is_told_and_one_that_is_gone_leaves_codes_alone(library, drawn, models, nets, photos, tmp_path):
    home = make_home(tmp_path, drawn)
    packs = sorted((home / "targets").glob("*.coinrelief"))
    for pack in packs:
        pack.write_bytes(pack.read_bytes()[:-1] + b"x")
    with (
        library.open(home) as catalog,
        pytest.raises(NativeError, match=r"coinrelief: damaged; sync again to repair it"),
    ):
        catalog.recognize(photos[0], nets)
    for pack in packs:
        pack.unlink()
    with library.open(home) as catalog:
        mine = catalog.recognize(photos[0], nets)
    assert told(mine) == told(Recognizer(open_catalog(home), models).recognize(photos[0]).coins)
    assert mine[0].codes_alone


def test_a_panorama_is_looked_at_along_it_as_in_python(home, catalog, models, nets, photos):
    height = min(photo.rgb.shape[0] for photo in photos)
    panorama = np.hstack([photo.rgb[:height] for photo in photos * 2])
    recognizer = Recognizer(open_catalog(home), models)
    for rgb in (panorama, np.ascontiguousarray(panorama.swapaxes(0, 1))):
        assert max(rgb.shape) > 4 * min(rgb.shape[:2])
        photo = Photo(rgb, rgb.shape[1], rgb.shape[0])
        expected = recognizer.recognize(photo).coins
        assert len(expected) >= SCENES
        assert told(catalog.recognize(photo, nets)) == told(expected)


def test_a_filter_narrows_as_in_python(home, catalog, models, nets, photos):
    opened = open_catalog(home)
    country = opened.records[5].country
    recognizer = Recognizer(opened, models, classes=opened.class_ids(country=country.upper(), side="obverse"))
    mine = catalog.recognize(photos[0], nets, candidates=3, country=country.upper(), side="obverse")
    assert told(mine) == told(recognizer.recognize(photos[0], candidates=3).coins)
    with pytest.raises(NativeError, match="no country Nowhere in the catalogue; there are: "):
        catalog.recognize(photos[0], nets, country="Nowhere")


@pytest.mark.parametrize("asked", [{}, {"side": "obverse"}])
@pytest.mark.parametrize("has_net", [True, False])
def test_several_photos_of_one_coin_get_one_answer_as_in_python(home, catalog, models, photos, asked, has_net):
    blank = Photo(np.full((64, 64, 3), 90, np.uint8), 64, 64)
    given = [photos[0], blank, photos[2]]
    opened = open_catalog(home)
    nets = nets_of(models) if has_net else Nets.of(models.segmenter, models.embedder)
    theirs = models if has_net else Models(models.index, models.segmenter, models.embedder)
    expected = Recognizer(opened, theirs, classes=opened.class_ids(**asked)).recognize_together(given)
    mine = catalog.recognize_together(given, nets, **asked)
    assert mine.known == expected.known and mine.confidence == pytest.approx(expected.confidence, abs=1e-12)
    assert mine.codes_alone == expected.codes_alone
    assert (mine.codes_alone is None) == has_net
    assert [[of_candidate(side) for side in sides if side] for sides in mine.candidates] == [
        [of_candidate(side) for side in each.sides] for each in expected.candidates
    ]
    assert all(sides[1] is None for sides in mine.candidates)


def test_photos_without_a_coin_get_an_answer_without_candidates(home, catalog, models, nets):
    blank = Photo(np.full((64, 64, 3), 90, np.uint8), 64, 64)
    expected = Recognizer(open_catalog(home), models).recognize_together([blank])
    mine = catalog.recognize_together([blank], nets)
    assert (mine.known, mine.confidence, mine.candidates) == (expected.known, expected.confidence, [])
    assert mine.codes_alone == expected.codes_alone
    assert list(catalog.recognize_each(blank, nets)) == [()]


@pytest.mark.skipif(sys.platform != "linux", reason="the wheel's LiteRT has another name here")
def test_litert_run_from_c_gives_pythons_numbers(library, catalog, nets, photos):
    own = library.litert(LITERT, [catalog.model_file(kind) for kind in range(3)])
    assert told(catalog.recognize(photos[1], own)) == told(catalog.recognize(photos[1], nets))


def test_a_search_of_a_code_finds_the_exact_nearest(home, catalog):
    index = open_catalog(home).index
    for code in np.random.default_rng(3).integers(-127, 128, (50, 64)).astype(np.int8):
        mine = [(hit.class_id, hit.row_id, hit.distance) for hit in catalog.search(code, 6)]
        assert mine == [(hit.class_id, hit.row_id, hit.distance) for hit in index.search(code, 6)]


def test_the_state_hash_of_an_open_catalogue_is_the_releases(home, catalog):
    manifest = open_catalog(home).manifest
    assert catalog.state_hash() == manifest.state_hash == catalog.describe()["state_hash"]
    assert (catalog.describe()["rows"], catalog.describe()["classes"]) == (manifest.rows, manifest.classes)
