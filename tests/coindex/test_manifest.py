"""The manifest, read and refused."""

import pytest

from coindex.errors import ManifestError
from coindex.manifest import COLUMNS, CoinClass, read_manifest

HEADER = ",".join(COLUMNS)
FULL = "{file},Utopia,mark,1,early,obverse,1901,s1,bust,train"


@pytest.fixture
def folder(tmp_path):
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        (tmp_path / name).write_bytes(b"photo")
    return tmp_path


def manifest(folder, *lines, encoding="utf-8", end="\n"):
    path = folder / "manifest.csv"
    path.write_bytes(end.join([*lines, ""]).encode(encoding))
    return path


def refused(path, *parts, **options):
    with pytest.raises(ManifestError) as caught:
        read_manifest(path, **options)
    message = str(caught.value)
    assert str(path) in message
    for part in parts:
        assert part in message


def test_every_column_is_read(folder):
    path = manifest(folder, HEADER, FULL.format(file="a.jpg"))
    (photo,) = read_manifest(path)
    assert photo.path == folder / "a.jpg"
    assert photo.label == CoinClass("Utopia", "mark", "1", "early", "obverse")
    assert (photo.year, photo.specimen, photo.design, photo.split, photo.line) == ("1901", "s1", "bust", "train", 2)


def test_five_columns_are_enough_in_any_order(folder):
    path = manifest(folder, "side,denomination,currency,country,file", "reverse,5,mark,Utopia,a.jpg")
    (photo,) = read_manifest(path)
    assert photo.label == CoinClass("Utopia", "mark", "5", "", "reverse")
    assert (photo.year, photo.specimen, photo.design, photo.split) == ("", "", "", "")


def test_spaces_around_fields_do_not_count(folder):
    path = manifest(folder, HEADER, "a.jpg , Utopia ,mark, 1,, obverse,,,,")
    assert read_manifest(path)[0].label == CoinClass("Utopia", "mark", "1", "", "obverse")


def test_spreadsheets_byte_order_mark_and_line_ends_are_taken(folder):
    path = manifest(folder, HEADER, FULL.format(file="a.jpg"), encoding="utf-8-sig", end="\r\n")
    assert read_manifest(path)[0].path.name == "a.jpg"


def test_a_quoted_field_may_hold_commas_quotes_and_line_ends(folder):
    path = manifest(
        folder, HEADER, 'a.jpg,"Utopia, old",mark,1,"first\nsecond",obverse,,,"a ""b""",', FULL.format(file="b.jpg")
    )
    first, second = read_manifest(path)
    assert (first.label.country, first.label.variant, first.design) == ("Utopia, old", "first\nsecond", 'a "b"')
    assert (first.line, second.line) == (3, 4)  # the line on which the row ends


def test_only_line_ends_end_a_line(folder):
    # str.splitlines would also break at these.
    path = manifest(folder, HEADER, "a.jpg,Uto\u2028pia,mark,1,x\x85y,obverse,,,,")
    label = read_manifest(path)[0].label
    assert (label.country, label.variant) == ("Uto\u2028pia", "x\x85y")


def test_blank_lines_are_skipped_and_counted(folder):
    path = manifest(folder, HEADER, "", FULL.format(file="a.jpg"))
    assert read_manifest(path)[0].line == 3


def test_splits_choose_rows_and_only_their_photos_must_exist(folder):
    gone = FULL.format(file="gone.jpg").replace("train", "test")
    path = manifest(folder, HEADER, FULL.format(file="a.jpg"), gone)
    assert [photo.path.name for photo in read_manifest(path, splits=["train"])] == ["a.jpg"]
    refused(path, "line 3", "gone.jpg does not exist", splits=["train", "test"])


def test_a_missing_manifest_and_a_folder_are_refused(folder):
    refused(folder / "none.csv", "no such file")
    refused(folder, "cannot be read")


def test_an_empty_manifest_is_refused_with_its_columns(folder):
    refused(manifest(folder), "empty", HEADER)
    refused(manifest(folder, HEADER), "no rows; add one line a photo")


def test_unknown_missing_and_repeated_columns_are_named_together(folder):
    refused(manifest(folder, "file,country,nation,side,side"), "unknown columns nation", "repeated columns side")
    refused(manifest(folder, "file,country,side"), "missing columns currency, denomination", HEADER)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("gone.jpg,Utopia,mark,1,,obverse,,,,", "gone.jpg does not exist"),
        (",Utopia,mark,1,,obverse,,,,", "file must not be empty"),
        ("b.jpg,,mark, ,,obverse,,,,", "country, denomination must not be empty"),
        ("b.jpg,Utopia,mark,1,,heads,,,,", "side 'heads' is none of obverse, reverse, unknown"),
        ("../b.jpg,Utopia,mark,1,,obverse,,,,", "must be a path below the manifest's folder"),
        ("sub/../../b.jpg,Utopia,mark,1,,obverse,,,,", "must be a path below the manifest's folder"),
        ("/b.jpg,Utopia,mark,1,,obverse,,,,", "must be a path below the manifest's folder"),
        ("./a.jpg,Utopia,mark,2,,obverse,,,,", "./a.jpg is already listed on line 2"),
        ("b.jpg,Utopia,mark,1,,obverse,,,", "more or fewer fields"),
        ("b.jpg,Utopia,mark,1,,obverse,,,,,", "more or fewer fields"),
        (".,Utopia,mark,1,,obverse,,,,", "does not exist"),
        ("b\0.jpg,Utopia,mark,1,,obverse,,,,", "does not exist"),
    ],
)
def test_a_bad_row_is_refused_by_its_line(folder, line, problem):
    refused(manifest(folder, HEADER, FULL.format(file="a.jpg"), line), "1 bad rows", "line 3: ", problem)


def test_ten_bad_rows_are_named_and_the_rest_counted(folder):
    lines = [FULL.format(file=f"gone{number}.jpg") for number in range(13)]
    refused(manifest(folder, HEADER, *lines), "13 bad rows", "line 2:", "line 11:", "… and 3 more")


def test_a_split_without_rows_is_refused_with_those_there_are(folder):
    path = manifest(folder, HEADER, FULL.format(file="a.jpg"), FULL.format(file="b.jpg").replace("train", "val"))
    refused(path, "no row of split 'vall'", "train, val", splits=["train", "vall"])


def test_what_is_no_text_and_no_csv_is_refused(folder):
    path = folder / "manifest.csv"
    path.write_bytes(b"\xff\xfe\x00file")
    refused(path, "UTF-8")
    path.write_text(HEADER + "\na.jpg," + "x" * 200_000)
    refused(path, "after line 1: not CSV")


def test_unknown_matches_either_side_of_the_same_coin_only():
    obverse, reverse, either = (CoinClass("U", "m", "1", "", side) for side in ("obverse", "reverse", "unknown"))
    assert obverse.matches(obverse)
    assert not obverse.matches(reverse)
    assert either.matches(obverse)
    assert reverse.matches(either)
    assert not either.matches(CoinClass("U", "m", "2", "", "obverse"))


def test_a_coins_name_leaves_out_what_is_blank_and_the_side():
    assert CoinClass("Utopia", "mark", "1", "", "obverse").name == "Utopia 1 mark"
    assert CoinClass("Utopia", "mark", "1", "early", "reverse").name == "Utopia 1 mark early"
