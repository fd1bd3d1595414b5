"""Bad input through the C interface: an error code and a sentence, never a crash."""

import ctypes
import threading
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from coindex_native import CANCELLED, NativeError, Nets, NetsStruct, PhotoStruct
from native_device import make_device

from coindex.catalog.state import CoinRecord, Rows
from coindex.photo import Photo

VERSION = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text("utf-8"))["project"]["version"]

BAD_ARGUMENT, PHOTO, CATALOG, SPACE_MISMATCH, NET, CLOSED = 1, 2, 4, 5, 9, 11


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("device")
    codes = np.random.default_rng(1).integers(-127, 128, (8, 64)).astype(np.int8)
    records = {n: CoinRecord(n, "xx", "coin", str(n), "", "obverse", f"Coin {n}", "") for n in range(1, 9)}
    make_device(folder, Rows.of(range(1, 9), range(1, 9), codes), records)
    return folder


@pytest.fixture
def catalog(library, home):
    with library.open(home) as opened:
        yield opened


def see_a_disc(pixels):
    """A segmenter that sees one coin in the middle, and its core."""
    y, x = np.mgrid[:256, :256] - 127.5
    distance = np.hypot(x, y)
    return np.where(np.stack([distance < 90, distance < 60], axis=2), 5, -5).astype(np.float32)[None]


def embed(pixels):
    return np.ascontiguousarray(pixels[:, ::32, ::32, 0]).reshape(1, 64).astype(np.float32) - 100


NETS = Nets.of(see_a_disc, embed)


def photo(width=300, height=200):
    rgb = np.random.default_rng(2).integers(0, 256, (height, width, 3)).astype(np.uint8)
    return Photo(rgb, width, height)


def refused(status, match):
    class Refused:
        def __enter__(self):
            self.raises = pytest.raises(NativeError, match=match)
            self.caught = self.raises.__enter__()

        def __exit__(self, *error):
            result = self.raises.__exit__(*error)
            assert self.caught.value.status == status
            return result

    return Refused()


def ask(library, catalog, struct, nets=NETS):
    answer = ctypes.c_uint64()
    library.call(
        "coindex_recognize", catalog.handle, ctypes.byref(nets.struct), ctypes.byref(struct), None, ctypes.byref(answer)
    )


def test_the_library_has_the_version_of_the_project(library):
    assert library.version == VERSION


def test_one_coin_is_answered(catalog):
    [coin] = catalog.recognize(photo(), NETS)
    assert len(coin.candidates) == 5


@pytest.mark.parametrize(
    ("changes", "status", "sentence"),
    [
        ({"rgb": None}, BAD_ARGUMENT, "has no pixels"),
        ({"width": 0}, BAD_ARGUMENT, "the photo is 0×200 pixels"),
        ({"height": -5}, BAD_ARGUMENT, "the photo is 300×-5 pixels"),
        ({"stride": 899}, BAD_ARGUMENT, "a row of the photo takes 899 bytes; 300 pixels of RGB need 900"),
        ({"stride": -900}, BAD_ARGUMENT, "a row of the photo takes -900 bytes"),
        ({"full_width": 299}, BAD_ARGUMENT, "decoded to 300×200 pixels but its file has 299×200"),
        ({"width": 2, "height": 2, "full_width": 15, "full_height": 15}, PHOTO, "at least 16×16 are needed"),
        ({"width": 60_000, "full_width": 60_000, "stride": 180_000}, PHOTO, "decode it with at most 50000 a side"),
        ({"width": 2**31 - 1, "full_width": 2**31 - 1, "stride": 2**40}, PHOTO, "decode it with at most"),
    ],
)
def test_a_photo_that_cannot_be_is_refused(library, catalog, changes, status, sentence):
    rgb = np.zeros((200, 300, 3), np.uint8)
    struct = PhotoStruct(rgb.ctypes.data, 300, 200, 900, 300, 200, None, None)
    for name, value in changes.items():
        setattr(struct, name, value)
    with refused(status, sentence):
        ask(library, catalog, struct)


def test_null_wherever_something_must_be_is_refused(library, catalog, home):
    answer, handle = ctypes.c_uint64(), ctypes.c_uint64()
    calls = [
        ("coindex_open", None, ctypes.byref(handle)),
        ("coindex_open", str(home).encode(), None),
        ("coindex_describe", catalog.handle, None),
        ("coindex_model_file", catalog.handle, 0, None),
        ("coindex_recognize", catalog.handle, None, None, None, ctypes.byref(answer)),
        ("coindex_recognize", catalog.handle, ctypes.byref(NETS.struct), None, None, ctypes.byref(answer)),
        ("coindex_outline", catalog.handle, ctypes.byref(NETS.struct), None, None, ctypes.byref(answer)),
        ("coindex_name_next", answer, ctypes.byref(NETS.struct), None),
        ("coindex_recognize_together", catalog.handle, ctypes.byref(NETS.struct), None, ctypes.c_size_t(2), None,
         ctypes.byref(answer)),
        ("coindex_recognize_together", catalog.handle, ctypes.byref(NETS.struct), None, ctypes.c_size_t(0), None,
         ctypes.byref(answer)),
        ("coindex_search", catalog.handle, None, None, None, ctypes.c_size_t(0), ctypes.byref(ctypes.c_size_t())),
        ("coindex_sync", str(home).encode(), None, None, ctypes.create_string_buffer(200)),
        ("coindex_litert_open", None, None, ctypes.c_size_t(64), None),
    ]  # fmt: skip
    for name, *arguments in calls:
        with refused(BAD_ARGUMENT, r"null|none|no photos|no candidates"):
            library.call(name, *arguments)


def test_a_closed_or_invented_handle_is_refused(library, home):
    opened = library.open(home)
    opened.close()
    for use in (opened.close, opened.describe, lambda: opened.recognize(photo(), NETS), lambda: opened.model_file(0)):
        with refused(CLOSED, "the catalogue is closed, or never was open"):
            use()
    with refused(CLOSED, "the answer is closed"):
        library.call("coindex_close_answer", ctypes.c_uint64(12345))


def test_what_an_answer_has_not_is_refused(library, catalog):
    answer, out = ctypes.c_uint64(), ctypes.create_string_buffer(400)
    rgb = photo().rgb
    struct = PhotoStruct(rgb.ctypes.data, 300, 200, 900, 300, 200, None, None)
    library.call(
        "coindex_recognize", catalog.handle, ctypes.byref(NETS.struct), ctypes.byref(struct), None, ctypes.byref(answer)
    )
    for arguments in (("coin", answer, 1), ("coin", answer, -1)):
        with refused(BAD_ARGUMENT, "there is no coin -?1; there are 1"):
            library.call("coindex_answer_coin", *arguments[1:], out)
    with refused(BAD_ARGUMENT, "there is no candidate 5; there are 5"):
        library.call("coindex_answer_candidate", answer, 0, 5, out)
    library.call("coindex_close_answer", answer)
    with refused(CLOSED, "the answer is closed"):
        library.call("coindex_answer_coin", answer, 0, out)


def test_models_of_another_space_are_refused_by_name(catalog):
    with refused(SPACE_MISMATCH, "the models are of space 0123456789abcdef; use the models that came with it"):
        catalog.recognize(photo(), Nets.of(see_a_disc, embed, space_id="0123456789abcdef"))


def test_a_net_that_fails_is_told(catalog):
    def broken(pixels):
        raise RuntimeError

    with refused(NET, "the segmenter could not be run"):
        catalog.recognize(photo(), Nets.of(broken, embed))
    with refused(NET, "the embedder could not be run"):
        catalog.recognize(photo(), Nets.of(see_a_disc, see_a_disc))
    nothing = Nets(NetsStruct(), [])
    with refused(BAD_ARGUMENT, "the segmenter has no function to run it"):
        catalog.recognize(photo(), nothing)


@pytest.mark.parametrize("odd", [128, -129, np.nan, np.inf])
def test_a_relief_net_whose_numbers_are_no_int8_is_refused(catalog, odd):
    with refused(3, "the relief net gives numbers beyond int8"):
        catalog.recognize(photo(), Nets.of(see_a_disc, embed, lambda picture: np.full(4096, odd)))


def test_an_answer_that_is_cancelled_ends_before_the_next_net_runs(catalog):
    ran, at = [], 3

    def counted(pixels):
        ran.append(1)
        return embed(pixels)

    with refused(CANCELLED, "the answer was cancelled; ask again"):
        catalog.recognize(photo(), Nets.of(see_a_disc, counted, cancelled=lambda: len(ran) == at))
    assert len(ran) == at
    each = catalog.recognize_each(photo(), Nets.of(see_a_disc, counted, cancelled=lambda: len(ran) == at + 2))
    assert len(next(each)) == 1
    with refused(CANCELLED, "the answer was cancelled"):
        next(each)


def test_a_coin_whose_naming_failed_is_named_at_the_next_try(library, catalog):
    struct, kept, answer, place = None, photo().rgb, ctypes.c_uint64(), ctypes.c_int32()
    struct = PhotoStruct(kept.ctypes.data, 300, 200, 900, 300, 200, None, None)
    broken = Nets.of(see_a_disc, see_a_disc)
    library.call(
        "coindex_outline", catalog.handle, ctypes.byref(NETS.struct), ctypes.byref(struct), None, ctypes.byref(answer)
    )
    with refused(NET, "the embedder could not be run"):
        library.call("coindex_name_next", answer, ctypes.byref(broken.struct), ctypes.byref(place))
    assert place.value == -1
    for expected in (0, -1, -1):
        library.call("coindex_name_next", answer, ctypes.byref(NETS.struct), ctypes.byref(place))
        assert place.value == expected
    library.call("coindex_close_answer", answer)
    with refused(CLOSED, "the answer is closed"):
        library.call("coindex_name_next", answer, ctypes.byref(NETS.struct), ctypes.byref(place))


def test_agreement_without_a_second_look_is_refused(library, catalog):
    kept, answer = photo().rgb, ctypes.c_uint64()
    struct = PhotoStruct(kept.ctypes.data, 300, 200, 900, 300, 200, None, None)
    library.call(
        "coindex_recognize", catalog.handle, ctypes.byref(NETS.struct), ctypes.byref(struct), None, ctypes.byref(answer)
    )
    with refused(BAD_ARGUMENT, "the second look did not look at candidate 0"):
        library.call("coindex_answer_agreement", answer, 0, 0, ctypes.create_string_buffer(256))
    library.call("coindex_close_answer", answer)


def test_a_net_whose_numbers_are_none_is_refused(catalog):
    with refused(3, "an embedding is zero or not finite"):
        catalog.recognize(photo(), Nets.of(see_a_disc, lambda pixels: np.zeros((1, 64), np.float32)))
    for odd in (np.nan, np.inf):
        assert (
            catalog.recognize(photo(), Nets.of(lambda pixels, odd=odd: see_a_disc(pixels) * 0 + odd, embed)) is not None
        )


@pytest.mark.parametrize("candidates", [0, -1, 1001])
def test_a_number_of_candidates_that_cannot_be_is_refused(catalog, candidates):
    with refused(BAD_ARGUMENT, "ask for 1 to 1000"):
        catalog.recognize(photo(), NETS, candidates=candidates)


def test_a_folder_without_a_catalogue_is_told(library, tmp_path):
    with refused(CATALOG, "no catalogue here yet; sync first"):
        library.open(tmp_path)
    with refused(CATALOG, "no catalogue here yet; sync first"):
        library.open(tmp_path / "nowhere")


def test_threads_may_ask_close_and_open_at_once(library, home):
    expected = None
    with library.open(home) as opened:
        expected = [coin.code.tolist() for coin in opened.recognize(photo(), NETS)]
    shared, errors, stop = [library.open(home)], [], threading.Event()

    def ask_often():
        for _ in range(6):
            try:
                found = shared[0].recognize(photo(), Nets.of(see_a_disc, embed))
                if [coin.code.tolist() for coin in found] != expected:
                    errors.append("another answer")
            except NativeError as error:
                if error.status != CLOSED:
                    errors.append(error)

    def swap_often():
        while not stop.is_set():
            old, shared[0] = shared[0], library.open(home)
            old.close()

    swapping = threading.Thread(target=swap_often)
    swapping.start()
    with ThreadPoolExecutor(3) as pool:
        for _ in range(3):
            pool.submit(ask_often)
    stop.set()
    swapping.join()
    shared[0].close()
    assert not errors


def test_errors_are_each_threads_own(library):
    with refused(CLOSED, "catalogue"):
        library.call("coindex_close", ctypes.c_uint64(99))
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: library._c.coindex_error_text()).result() == b""
