"""The manifest, read and refused."""

import unicodedata
from dataclasses import astuple

import pytest

from coindex.catalog import CoinRecord
from coindex.errors import ManifestError
from coindex.manifest import COLUMNS, LABEL_FIELDS, PHOTO_COLUMNS, CoinClass, read_manifest

HEADER = ",".join(PHOTO_COLUMNS)
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


def test_facts_are_read_and_those_of_a_blank_cell_are_not_there(folder):
    facts = {"title": "One mark", "weight": '"7,5 g"', "links": "https://a.example/1 https://a.example/2"}
    header = ",".join((*PHOTO_COLUMNS, *facts, "mint"))
    photo, other = read_manifest(
        manifest(
            folder,
            header,
            ",".join((FULL.format(file="a.jpg"), *facts.values(), "")),
            FULL.format(file="b.jpg") + ",,,,",
        )
    )
    assert photo.facts == {
        "title": "One mark",
        "weight": 7.5,
        "links": ("https://a.example/1", "https://a.example/2"),
    }
    assert other.facts == {}


def test_wrong_facts_are_told_by_their_lines(folder):
    path = manifest(folder, HEADER + ",weight,links", FULL.format(file="a.jpg") + ",heavy,http://a.example")
    refused(path, "line 2: weight must be a number of g", "links has 'http://a.example'")


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


def test_a_quoted_field_may_hold_commas_and_quotes(folder):
    path = manifest(folder, HEADER, 'a.jpg,"Utopia, old",mark,1,first,obverse,,,"a ""b""",')
    (photo,) = read_manifest(path)
    assert (photo.label.country, photo.design) == ("Utopia, old", 'a "b"')


@pytest.mark.parametrize(
    "field", ["Uto\x1b[31mpia", "Uto\npia", "Uto\u2028pia", "Uto\x85pia", "Uto\u202epia", "Uto\0pia"]
)
def test_what_a_name_must_not_hold_is_refused_by_the_line_on_which_the_row_begins(folder, field):
    rows = [FULL.format(file="a.jpg").replace("Utopia", f'"{field}"'), "b.jpg,Utopia,mark,1,,edge,,,,"]
    refused(
        manifest(folder, HEADER, "", *rows), "line 3: country holds", f"line {4 + field.count(chr(10))}: side 'edge'"
    )


def test_every_text_has_a_longest_length(folder):
    for column in PHOTO_COLUMNS[1:]:
        cells = dict(zip(PHOTO_COLUMNS, FULL.format(file="a.jpg").split(","), strict=True), **{column: "x" * 5000})
        refused(manifest(folder, HEADER, ",".join(cells.values())), f"line 2: {column} has 5000 characters; 200")
    refused(manifest(folder, HEADER, FULL.format(file="x" * 5000)), "line 2: file has 5000 characters")
    refused(manifest(folder, HEADER, FULL.format(file="x" * 900)), "does not exist")


def test_names_are_composed(folder):
    decomposed = unicodedata.normalize("NFD", "Türkiye")
    path = manifest(folder, HEADER, FULL.format(file="a.jpg").replace("Utopia", decomposed))
    assert read_manifest(path)[0].label.country == "Türkiye"


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_a_photo_is_found_under_either_way_to_write_an_accent(folder, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    inner = folder / unicodedata.normalize(form, "münzen")
    inner.mkdir()
    (inner / unicodedata.normalize(form, "é.jpg")).write_bytes(b"photo")
    path = manifest(folder, HEADER, FULL.format(file=unicodedata.normalize(other, "münzen/é.jpg")))
    assert read_manifest(path)[0].path.is_file()


def test_two_ways_to_write_one_file_are_one_file(folder):
    files = [unicodedata.normalize(form, "é.jpg") for form in ("NFC", "NFD")]
    (folder / files[0]).write_bytes(b"photo")
    refused(manifest(folder, HEADER, *(FULL.format(file=file) for file in files)), "already listed on line 2")


TABLE = (
    "File;Country;Currency;Denomination;Variant;SIDE\na.jpg;Türkiye;lira;0,50;;Obverse\nb.jpg;Türkiye;lira;1;;REVERSE\n"
)


def as_saved(text, *, delimiter=";", encoding="utf-8", end="\n", first=""):
    return (first + text.replace(";", delimiter).replace("\n", end)).encode(encoding)


@pytest.mark.parametrize(
    "content",
    [
        as_saved(TABLE),
        as_saved(TABLE, delimiter="\t"),
        as_saved(TABLE, delimiter="|"),
        as_saved(TABLE, first="sep=;\n"),
        as_saved(TABLE, first='"sep=;"\r\n', end="\r\n"),
        as_saved(TABLE, delimiter="~", first="sep=~\n"),
        as_saved(TABLE, delimiter="\t", first="sep=\t\n"),
        as_saved(TABLE, encoding="utf-8-sig", end="\r\n"),
        as_saved(TABLE, encoding="utf-16", delimiter="\t", end="\r\n"),
        as_saved("\ufeff" + TABLE, encoding="utf-16-be"),
        as_saved(TABLE, encoding="utf-16-le"),
        as_saved(TABLE, encoding="utf-16-be"),
        as_saved(TABLE, encoding="utf-32"),
        as_saved(TABLE + ";;;;;\n\n;;;;;\n"),
        as_saved(TABLE.replace("\n", ";;;\n")),
        as_saved(TABLE.replace("0,50", '"0,50"').replace("a.jpg", '"a.jpg"')),
        as_saved(TABLE.replace(";;Obverse", ";; obverse ")),
    ],
    ids=lambda content: repr(content[:16]),
)
def test_what_spreadsheets_make_of_a_table_is_read(folder, content):
    path = folder / "manifest.csv"
    path.write_bytes(content)
    labels = [photo.label for photo in read_manifest(path)]
    assert labels == [
        CoinClass("Türkiye", "lira", "0,50", "", "obverse"),
        CoinClass("Türkiye", "lira", "1", "", "reverse"),
    ]


def test_backslashes_part_folders(folder):
    (folder / "sub").mkdir()
    (folder / "sub" / "d.jpg").write_bytes(b"photo")
    assert read_manifest(manifest(folder, HEADER, FULL.format(file="sub\\d.jpg")))[0].path == folder / "sub" / "d.jpg"


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (
            as_saved(TABLE, encoding="cp1252"),
            "line 2 holds the byte 0xFC, so it is in a Windows code page and not in UTF-8",
        ),
        (as_saved(TABLE, encoding="cp1250"), "line 2 holds the byte 0xFC"),
        (b"PK\x03\x04 and so on", "this is an Excel or LibreOffice workbook, not CSV"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "this is an old Excel workbook"),
        (b"\xff\xfea\0b", "starts as UTF-16 and continues in another encoding"),
    ],
)
def test_another_encoding_is_told_with_how_to_save_it(folder, content, found):
    path = folder / "manifest.csv"
    path.write_bytes(content)
    refused(path, found, "in the spreadsheet choose Save as, CSV UTF-8")


def test_a_value_beside_the_columns_is_refused(folder):
    header = HEADER + ",,"
    assert len(read_manifest(manifest(folder, header, FULL.format(file="a.jpg") + ",,"))) == 1
    refused(manifest(folder, header, FULL.format(file="a.jpg") + ",,note"), "line 2: 'note' stands in a column without")


def test_optional_fields_at_the_end_of_a_row_may_be_missing(folder):
    path = manifest(folder, HEADER, "a.jpg,Utopia,mark,1,,obverse", "b.jpg,Utopia,mark")
    refused(path, "1 bad rows", "line 3: denomination, side must not be empty")


def test_all_problems_of_a_file_are_told_at_once_in_the_order_of_its_lines(folder):
    rows = (
        "gone.jpg,Utopia,mark,1,,obverse,,,,",
        "a.jpg,,mark,1,,obverse,,,,",
        "b.jpg,Uto\x1bpia,mark,1,,edge,,,,",
        "c.jpg,Utopia,mark,1,,obverse,,,,,more",
        "c.jpg,Utopia,mark,1,,obverse,,,,",
        "c.jpg,Utopia,mark,1,,obverse,,,,",
    )
    with pytest.raises(ManifestError) as caught:
        read_manifest(manifest(folder, HEADER, *rows))
    assert [line.strip().partition(":")[0] for line in str(caught.value).splitlines()[1:]] == [
        "line 2",
        "line 3",
        "line 4",
        "line 5",
        "line 7",
    ]
    assert "country holds a control character" in str(caught.value) and "side 'edge'" in str(caught.value)


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
        ("b.jpg,Utopia,mark,1,,obverse,,,,,x", "'x' stands in a column without a name"),
        ("C:\\b.jpg,Utopia,mark,1,,obverse,,,,", "must be a path below the manifest's folder"),
        ("..\\b.jpg,Utopia,mark,1,,obverse,,,,", "must be a path below the manifest's folder"),
        (".,Utopia,mark,1,,obverse,,,,", "does not exist"),
        ("b\0.jpg,Utopia,mark,1,,obverse,,,,", "file holds a control character"),
    ],
)
def test_a_bad_row_is_refused_by_its_line(folder, line, problem):
    refused(manifest(folder, HEADER, FULL.format(file="a.jpg"), line), "1 bad rows", "line 3: ", problem)


def test_fifty_bad_rows_are_named_and_the_rest_counted(folder):
    lines = [FULL.format(file=f"gone{number}.jpg") for number in range(53)]
    refused(manifest(folder, HEADER, *lines), "53 bad rows", "line 2:", "line 51:", "… and 3 more")


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


def test_the_label_is_the_same_in_a_class_a_manifest_and_a_catalogue():
    assert LABEL_FIELDS == ("country", "currency", "denomination", "variant", "side")
    assert COLUMNS[1:6] == LABEL_FIELDS and COLUMNS[-1] == "links"
    label = CoinClass("Utopia", "mark", "5", "bridge", "reverse")
    assert CoinRecord(7, *astuple(label), name="Utopia 5 mark bridge", design="").label == label
