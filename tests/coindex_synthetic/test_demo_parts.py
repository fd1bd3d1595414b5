"""The parts of the demonstration, each by itself; none of this needs trained nets."""

import os
import signal
import subprocess
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from catalog_server.store import open_store
from coindex.catalog import CoinRecord
from coindex.cutout import Box
from coindex.errors import CoindexError
from coindex.manifest import LABEL_FIELDS, CoinClass, read_manifest
from coindex.pipeline import STEPS, EncodedCoin
from coindex.recognizer import Answer, Candidate, RecognizedCoin
from coindex.segmentation import FoundCoin
from coindex.sync import SyncReport
from coindex_synthetic.demo import (
    CATALOGUE,
    Result,
    Run,
    Sample,
    TrueCoin,
    draw_photos,
    judge,
    page,
    read_samples,
    run_coindex,
    served,
)
from coindex_synthetic.demo.command import _claimed, _finish
from coindex_synthetic.demo.server import _answers
from coindex_synthetic.drawing_code import PACKAGE, drawing_files, drawing_sha256

LION = CoinClass("Ruritania", "crown", "5", "", "obverse")
SHIP = CoinClass("Ruritania", "crown", "5", "", "reverse")
RECORDS = {
    number: CoinRecord(number, *(getattr(label, name) for name in LABEL_FIELDS), label.name, "")
    for number, label in enumerate((LION, SHIP), start=1)
}
LEFT, RIGHT = Box(10, 10, 40, 40), Box(60, 10, 30, 30)


def found(box, class_id, *, known=True):
    """A coin that a device found and answered with a class."""
    label = RECORDS[class_id].label
    black = np.zeros((256, 256, 3), np.uint8)
    shown = FoundCoin(box, box, black, np.full((256, 256), 255, np.uint8), box.width * box.height)
    encoded = EncodedCoin(shown, (1.0, 1.0), box, black, np.zeros(64, np.int8))
    return RecognizedCoin(encoded, known, 0.9, (Candidate(class_id, label.side, label.name, 1234, 0.98, class_id),))


def answer(*coins):
    return Answer(1, "ab" * 32, coins, {"segment": 2.0, "search": 1.0})


def sample(*coins, path=Path("photo.jpg")):
    return Sample(path, "A coin", tuple(coins))


def true(box, label):
    return TrueCoin(box, f"{LION.name}, obverse", label)


def verdict(sample, answer):
    return judge(sample, answer, RECORDS)


class TestVerdict:
    def test_the_right_coin_and_side_is_right(self):
        assert verdict(sample(true(LEFT, LION)), answer(found(LEFT, 1))).right

    def test_the_other_side_of_the_right_coin_is_wrong(self):
        assert not verdict(sample(true(LEFT, LION)), answer(found(LEFT, 2))).right

    def test_the_right_coin_refused_is_wrong(self):
        assert not verdict(sample(true(LEFT, LION)), answer(found(LEFT, 1, known=False))).right

    def test_the_right_coin_in_another_place_is_wrong_and_a_miss(self):
        said = verdict(sample(true(LEFT, LION)), answer(found(RIGHT, 1)))
        assert not said.right
        assert [coin.right for coin in said.coins] == [False]
        assert len(said.missed) == 1

    def test_one_of_two_coins_left_out_is_wrong(self):
        said = verdict(sample(true(LEFT, LION), true(RIGHT, SHIP)), answer(found(LEFT, 1)))
        assert [coin.right for coin in said.coins] == [True]
        assert not said.right

    def test_a_coin_that_the_catalogue_has_not_got_must_not_be_named(self):
        assert verdict(sample(true(LEFT, None)), answer(found(LEFT, 1, known=False))).right
        assert verdict(sample(true(LEFT, None)), answer()).right
        assert not verdict(sample(true(LEFT, None)), answer(found(LEFT, 1))).right

    def test_a_refused_find_beside_the_right_coin_is_a_stray_one_and_no_mistake(self):
        said = verdict(sample(true(LEFT, LION)), answer(found(LEFT, 1), found(RIGHT, 2, known=False)))
        assert said.right
        assert [coin.stray for coin in said.coins] == [False, True]

    def test_of_a_photo_without_coins_nothing_or_a_refusal_is_right(self):
        assert verdict(sample(), answer()).right
        assert verdict(sample(), answer(found(LEFT, 1, known=False))).right
        assert not verdict(sample(), answer(found(LEFT, 1))).right


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("demo") / "photos"
    seen = []
    assert draw_photos(folder, types=4, seed=2, on_progress=lambda done, total: seen.append((done, total)))
    assert seen == [(number, 8 + 12) for number in range(1, 21)]
    return folder


class TestPhotos:
    def test_every_coin_of_the_samples_is_in_the_catalogue_or_said_not_to_be(self, photos):
        held = {photo.label for photo in read_manifest(photos / CATALOGUE)}
        assert len(held) == 8
        samples = read_samples(photos)
        assert len(samples) == 12
        foreign = [sample for sample in samples if "foreign" in sample.path.parts]
        for shown in samples:
            assert shown.path.is_file()
            assert all((coin.label is None) == (shown in foreign) for coin in shown.coins)
            assert {coin.label for coin in shown.coins} <= held | {None}
        abroad = {coin.name.rpartition(",")[0] for sample in foreign for coin in sample.coins}
        assert len(foreign) == 2
        assert not abroad & {label.name for label in held}
        assert max(len(sample.coins) for sample in samples) == 6
        assert [len(sample.coins) for sample in samples[-2:]] == [0, 0]

    def test_what_is_drawn_is_not_drawn_again(self, photos):
        before = {path: path.stat().st_mtime_ns for path in photos.rglob("*")}
        assert not draw_photos(photos, types=4, seed=2)
        assert {path: path.stat().st_mtime_ns for path in photos.rglob("*")} == before

    def test_an_interrupted_drawing_leaves_nothing(self, tmp_path):
        def interrupt(done, total):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            draw_photos(tmp_path / "photos", types=3, seed=2, on_progress=interrupt)
        assert list(tmp_path.iterdir()) == []


class _Links(HTMLParser):
    """What a page would fetch, and the words that it shows."""

    def __init__(self):
        super().__init__()
        self.fetched, self.words = [], []

    def handle_starttag(self, tag, attributes):
        self.fetched += [
            value for name, value in attributes if name in ("src", "srcset") or (name, tag) == ("href", "link")
        ]

    def handle_data(self, data):
        self.words.append(data)


class TestPage:
    @pytest.fixture
    def html(self, tmp_path):
        path = tmp_path / "photo.jpg"
        Image.new("RGB", (120, 90), "teal").save(path)
        shown = sample(true(LEFT, LION), true(RIGHT, None), path=path)
        said = answer(found(LEFT, 1), found(RIGHT, 2, known=False))
        manifest = SimpleNamespace(version=7, classes=2, rows=2, state_hash="cd" * 32, space_id="0123456789abcdef")
        catalog = SimpleNamespace(manifest=manifest, records=RECORDS, thumbnail=lambda row: b"RIFF")
        bare = Result(sample(path=path), answer(), verdict(sample(), answer()))
        results = [Result(shown, said, verdict(shown, said)), bare]
        run = Run(catalog, SyncReport(None, 7, 1_200_000, 0, False), "http://127.0.0.1:9/", results)
        return page(run, ask="coindex recognize --home 'a <b>' PHOTO", serve="coindex serve --store 'a <b>'")

    def test_it_needs_nothing_beside_it(self, html):
        links = _Links()
        links.feed(html)
        assert links.fetched
        assert all(value.startswith("data:image/webp;base64,") for value in links.fetched)
        assert "url(" not in html
        assert "@import" not in html
        assert "<script" not in html

    def test_it_says_what_was_asked_for(self, html):
        links = _Links()
        links.feed(html)
        text = " ".join(" ".join(links.words).split())
        for words in (
            "2 of 2 photos right",
            "release 7",
            "cd" * 32,
            LION.name,
            "1,234",
            "0.980",
            "90%",
            "segment 2.0 ms",
        ):
            assert words in text
        assert "Not in this catalogue" in text
        assert "No coin found." in text
        assert "--home 'a <b>' PHOTO" in text
        assert "coindex serve --store 'a <b>'" in text

    def test_each_coin_has_its_outline(self, html):
        assert html.count("<polygon") == 2
        assert 'viewBox="0 0 120 90"' in html


class TestServer:
    @pytest.fixture
    def store(self, tmp_path):
        open_store(tmp_path / "store", create=True).close()
        return tmp_path / "store"

    def test_it_answers_within_the_block_and_not_after_it(self, store):
        with served(store) as address:
            assert _answers(address)
        assert not _answers(address)

    def test_it_stops_when_the_block_fails(self, store):
        with pytest.raises(KeyboardInterrupt), served(store) as address:
            raise KeyboardInterrupt
        assert not _answers(address)

    def test_a_server_that_cannot_start_is_an_error(self, tmp_path, capfd):
        with pytest.raises(CoindexError, match="did not start"), served(tmp_path / "none"):
            pass
        assert "error:" in capfd.readouterr().err

    def test_a_command_that_fails_is_an_error_that_names_it(self, tmp_path, capfd):
        with pytest.raises(CoindexError, match=r"coindex catalog publish .* failed"):
            run_coindex("catalog", "publish", "--store", str(tmp_path / "none"))
        assert "error:" in capfd.readouterr().err


class TestFolder:
    def test_a_folder_with_something_else_is_left_alone(self, tmp_path):
        (tmp_path / "letters.txt").write_text("mine")
        with pytest.raises(CoindexError, match="holds other files"), _claimed(tmp_path):
            pass
        assert [path.name for path in tmp_path.iterdir()] == ["letters.txt"]

    def test_a_run_that_fails_leaves_what_was_there_before(self, tmp_path):
        folder = tmp_path / "demo"
        with _claimed(folder) as unfinished:
            for name in ("store", "device"):
                (unfinished / name).mkdir()
                (unfinished / name / "first").touch()
            _finish(unfinished, folder)
        with pytest.raises(KeyboardInterrupt), _claimed(folder) as unfinished:
            (unfinished / "store").mkdir()
            raise KeyboardInterrupt
        assert sorted(path.name for path in folder.rglob("*") if not path.name.startswith(".")) == [
            "device",
            "first",
            "first",
            "store",
        ]
        assert not unfinished.exists()

    def test_a_first_run_that_fails_leaves_nothing(self, tmp_path):
        with pytest.raises(KeyboardInterrupt), _claimed(tmp_path / "demo"):
            raise KeyboardInterrupt
        assert list(tmp_path.iterdir()) == []

    def test_two_demonstrations_do_not_share_a_folder(self, tmp_path):
        with (
            _claimed(tmp_path / "demo"),
            pytest.raises(CoindexError, match="another process"),
            _claimed(tmp_path / "demo"),
        ):
            pass


def test_photos_follow_from_all_drawing_code_and_from_no_page():
    drawing = {path.relative_to(PACKAGE).as_posix() for path in drawing_files()}
    assert drawing >= {"coins.py", "camera.py", "motifs/animals.py"}
    assert not any(name.startswith("demo/") for name in drawing)
    assert drawing_sha256() != drawing_sha256([PACKAGE / "demo" / "photos.py"])


def test_without_models_the_demonstration_says_so_and_makes_nothing(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "coindex", "demo", "--folder", str(tmp_path / "demo"), "--models", str(tmp_path)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "models.json" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
def test_a_closed_terminal_stops_the_server(tmp_path):
    """A small program that serves as the demonstration does is told to hang up."""
    open_store(tmp_path / "store", create=True).close()
    program = f"""
import time
from pathlib import Path
from coindex_synthetic.demo.command import _ended_as_by_ctrl_c
from coindex_synthetic.demo import served
with _ended_as_by_ctrl_c(), served(Path({str(tmp_path / "store")!r})) as address:
    print(address, flush=True)
    time.sleep(60)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    address = process.stdout.readline().strip()
    assert _answers(address)
    process.send_signal(signal.SIGHUP)
    process.wait(30)
    process.stdout.close()
    deadline = time.monotonic() + 5
    while _answers(address) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not _answers(address)


def test_each_step_of_a_recognition_has_a_colour_on_the_page():
    style = (PACKAGE / "demo" / "page.css").read_text("utf-8")
    for number in range(len(("decode", *STEPS, "search"))):
        assert f".s{number} {{ background:" in style
