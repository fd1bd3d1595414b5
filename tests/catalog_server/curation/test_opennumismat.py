"""A table of OpenNumismat with photos beside it, as `opennumismat` saves it: columns of one name among them."""

import io
import zipfile

import pytest
from PIL import Image

from catalog_server.curation.opennumismat import is_opennumismat, opennumismat_rows
from catalog_server.curation.uploads import staged_photos, staged_problems, unpack
from coindex.errors import ManifestError, PhotoError
from coindex.manifest import CoinClass

HEADER = "Image;Name;Value;Unit;Country;Year;Mint;Material;Weight;Mintage;Subject;Type;URL;Obverse;Type;Obverse;Reverse"


def line(name, value="5", year="1921", mint="A", obverse="", subject="", url=""):
    return f";{name};{value};mark;Utopia;{year};{mint};tin;7,5;1000;{subject};x;{url};die 1;y;{obverse};"


def table(*lines):
    return "\r\n".join((HEADER, *lines)).encode()


def test_a_table_is_known_by_its_columns():
    assert is_opennumismat(table()) and is_opennumismat(b"\xef\xbb\xbf" + table())
    assert not is_opennumismat(b"file,country,currency,denomination,side\n") and not is_opennumismat(b"")


def test_photos_belong_to_a_row_by_name_or_by_a_cell():
    files = ["5 Mark 1921_obverse.JPG", "5-mark-1921 rev.png", "mine.jpg", "table.csv"]
    data = table(line("5 mark 1921", value="5.0"), line("Other", obverse="mine.jpg"))
    rows, problems = opennumismat_rows(data, files)
    assert problems == []
    assert [(row.file, row.label.side, row.line) for row in rows] == [
        ("5 Mark 1921_obverse.JPG", "obverse", 2), ("5-mark-1921 rev.png", "reverse", 2), ("mine.jpg", "obverse", 3)
    ]  # fmt: skip
    assert rows[0].label == CoinClass("Utopia", "mark", "5", "", "obverse") and rows[0].year == "1921"


def test_facts_are_those_on_which_all_rows_of_a_coin_agree():
    data = table(line("a", mint="A", url="https://a.example/1"), line("b", mint="B", url="https://a.example/1"))
    rows, _ = opennumismat_rows(data, ["a obv.jpg", "b obv.jpg"])
    for row in rows:
        assert row.facts == {"metal": "tin", "weight": 7.5, "mintage": "1000", "links": ("https://a.example/1",)}


def test_a_subject_makes_a_variant():
    rows, _ = opennumismat_rows(table(line("a", subject="Jubilee")), ["a obv.jpg"])
    assert rows[0].label.variant == "Jubilee"


def test_rows_without_a_photo_or_a_value_are_told_by_line():
    _, problems = opennumismat_rows(table(line("a"), "", line("b", value="")), ["b obv.jpg"])
    assert problems == [
        (2, "no photo of it was sent; name them a obverse and a reverse"), (4, "Value must not be empty")
    ]  # fmt: skip


def test_an_address_that_is_none_is_left_out_and_the_coin_stays():
    rows, problems = opennumismat_rows(table(line("a", url="ask me")), ["a obv.jpg"])
    assert problems == [] and "links" not in rows[0].facts


def test_another_encoding_is_told():
    with pytest.raises(ManifestError, match="CSV UTF-8"):
        opennumismat_rows(table(line("a")).replace(b"Utopia", b"\xd6sterreich"), [])


def packed(data, *names):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("album/coins.csv", data)
        for number, name in enumerate(names):
            photo = io.BytesIO()
            Image.new("RGB", (64, 64), (number, 90, 90)).save(photo, "PNG")
            archive.writestr(f"album/{name}", photo.getvalue())
    out.seek(0)
    return out


def test_an_upload_of_it_is_staged_as_a_manifest_is(tmp_path):
    unpack(packed(table(line("a"), line("b")), "a obv.png", "a rev.png"), tmp_path)
    photos = staged_photos(tmp_path / "manifest.csv")
    assert [(photo.label.side, photo.line, photo.sent_as) for photo in photos] == [
        ("obverse", 2, "a obv.png"), ("reverse", 2, "a rev.png")
    ]  # fmt: skip
    assert photos[0].facts["metal"] == "tin"
    assert "line 3: no photo of it was sent" in staged_problems(tmp_path / "manifest.csv")[0]


def test_an_upload_without_any_photo_of_it_is_refused(tmp_path):
    with pytest.raises((ManifestError, PhotoError), match="line 2: no photo of it was sent"):
        unpack(packed(table(line("a")), "x.png"), tmp_path)
