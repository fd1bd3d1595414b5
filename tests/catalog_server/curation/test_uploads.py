"""Uploads: what archivers and spreadsheets make of names, and what is said of a manifest that is wrong."""

import io
import struct
import threading
import time
import unicodedata
import zipfile

import numpy as np
import pytest
from PIL import Image

from catalog_server.curation import decoding
from catalog_server.curation.decoding import CURATOR_PIXELS, PUBLIC_PIXELS, load_photo_alone
from catalog_server.curation.importer import import_photos
from catalog_server.curation.uploads import photo_anew, staged_photos, staged_problems, unpack
from coindex.errors import ManifestError, PhotoError, PhotoTooLarge
from coindex.manifest import CoinClass
from coindex.photo import MAX_PIXELS, Photo

HEADER = "file,country,currency,denomination,side\n"


def photo(seed=1, kind="PNG"):
    out = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(1, 256, (64, 64, 3)).astype(np.uint8)).save(out, kind)
    return out.getvalue()


def row(file):
    return f"{file},Utopia,mark,1,obverse\n"


def packed(manifest, *names, encoding=None, flagged=True):
    """A ZIP of photos; with an `encoding`, their names are written in it, whatever the flag says."""
    out = io.BytesIO()
    stand_ins = {
        name: f"stand-in-{number:04}".ljust(len(name.encode(encoding or "utf-8")), "x")
        for number, name in enumerate(names)
    }
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("manifest.csv", manifest)
        for number, name in enumerate(names):
            archive.writestr(stand_ins[name] if encoding else name, photo(number))
    data = out.getvalue()
    for name, stand_in in stand_ins.items() if encoding else ():
        assert len(stand_in) == len(name.encode(encoding)), "a longer name is needed"
        data = data.replace(stand_in.encode(), name.encode(encoding))
    return io.BytesIO(data)


def staged(tmp_path, archive):
    folder = tmp_path / "staged"
    folder.mkdir()
    unpack(archive, folder)
    return staged_photos(folder / "manifest.csv")


def refused(tmp_path, archive, error=ManifestError):
    (tmp_path / "refused").mkdir(exist_ok=True)
    with pytest.raises(error) as caught:
        unpack(archive, tmp_path / "refused")
    assert str(tmp_path) not in str(caught.value) and "--" not in str(caught.value)
    return str(caught.value)


def test_photos_keep_the_line_and_the_name_that_the_sender_gave_them(tmp_path):
    archive = packed(HEADER + "\n" + row("sub/one.png") + "\n" + row("two.png"), "sub/one.png", "two.png")
    photos = staged(tmp_path, archive)
    assert [(photo.line, photo.sent_as, photo.path.name) for photo in photos] == [
        (3, "sub/one.png", "1.jpg"),
        (5, "two.png", "2.jpg"),
    ]


def test_an_import_of_an_upload_names_photos_as_the_sender_does(tmp_path, store, encoder, space):
    black = io.BytesIO()
    Image.new("RGB", (64, 64)).save(black, "PNG")
    archive = packed(HEADER + "\n" + row("black.png") + row("two.png"), "two.png")
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("black.png", black.getvalue())
    photos = staged(tmp_path, archive)
    with pytest.raises(PhotoError) as caught:
        import_photos(store, photos, encoder, space_id=space, actor="test")
    assert "line 3, black.png: no coin found" in str(caught.value)
    assert str(tmp_path) not in str(caught.value) and "--" not in str(caught.value)


LONG = "münze in den händen von königen.png"


@pytest.mark.parametrize("encoding", ["utf-8", "cp437", "cp850", "cp852", "cp1252", "cp1250"])
def test_names_that_an_archiver_does_not_mark_are_found_in_its_code_page(tmp_path, encoding):
    (photo,) = staged(tmp_path, packed(HEADER + row(LONG), LONG, encoding=encoding))
    assert photo.sent_as == LONG


@pytest.mark.parametrize("encoding", ["cp866", "cp1251"])
def test_cyrillic_names_are_found_as_well(tmp_path, encoding):
    name = "монета с гербом страны.png"
    (photo,) = staged(tmp_path, packed(HEADER + row(name), name, encoding=encoding))
    assert photo.sent_as == name


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_an_accent_written_in_another_way_is_the_same_name(tmp_path, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    archive = packed(HEADER + row(unicodedata.normalize(form, LONG)), unicodedata.normalize(other, LONG))
    assert len(staged(tmp_path, archive)) == 1


def test_a_name_marked_as_utf_8_that_is_none_is_refused(tmp_path):
    archive = packed(HEADER + row("é-and-more.png"), "é-and-more.png").getvalue().replace("é".encode(), b"\xff\xff")
    assert "the archive cannot be read" in refused(tmp_path, io.BytesIO(archive))


def test_colons_and_what_macos_adds_are_no_attack(tmp_path):
    names = ("coins/12:30 a:b.png", "__MACOSX/coins/._12:30 a:b.png", "coins/._manifest.csv", "x/__MACOSX/manifest.csv")
    archive = packed(HEADER + row("coins/12:30 a:b.png"), *names)
    assert [photo.sent_as for photo in staged(tmp_path, archive)] == ["coins/12:30 a:b.png"]


def test_what_spreadsheets_make_of_the_manifest_is_read(tmp_path):
    table = "sep=;\r\nFile;Country;Currency;Denomination;Side;;\r\nsub\\a.png;Utópia;mark;1;Obverse;;\r\n;;;;;;\r\n"
    (photo,) = staged(tmp_path, packed(table.encode("utf-16"), "sub/a.png"))
    assert photo.label == CoinClass("Utópia", "mark", "1", "", "obverse") and photo.line == 3


def test_all_problems_of_an_upload_are_told_at_once_with_their_lines(tmp_path):
    manifest = (
        HEADER + "\n" + row("gone.png") + row("a.png").replace("mark", "") + row("b.png").replace("obverse", "edge")
    )
    said = refused(tmp_path, packed(manifest, "a.png", "b.png"))
    assert "3 bad rows" in said
    assert "line 3: gone.png was not sent with the manifest" in said
    assert "line 4: currency must not be empty" in said and "line 5: side 'edge' is none of" in said


def test_all_bad_photos_of_an_upload_are_told_at_once_with_their_lines(tmp_path):
    archive = packed(HEADER + "\n" + row("gone.png") + row("b.png"))
    with zipfile.ZipFile(archive, "a") as opened:
        opened.writestr("b.png", b"no photo")
    said = refused(tmp_path, archive, PhotoError)
    assert "line 3: gone.png was not sent" in said and "line 4: b.png: not an image" in said


def test_bad_lines_of_an_upload_are_left_beside_the_good_ones(tmp_path):
    manifest = HEADER + "\n" + row("gone.png") + row("a.png") + row("b.png").replace("obverse", "edge")
    (photo,) = staged(tmp_path, packed(manifest, "a.png", "b.png"))
    assert (photo.line, photo.sent_as) == (4, "a.png")
    gone, edge = staged_problems(photo.path.parent / "manifest.csv")
    assert gone == "line 3: gone.png was not sent with the manifest" and edge.startswith("line 5: side 'edge'")


def test_a_code_page_is_told_with_how_to_save_it(tmp_path):
    said = refused(tmp_path, packed((HEADER + row("a.png").replace("Utopia", "Österreich")).encode("cp1252"), "a.png"))
    assert "line 2 holds the byte 0xD6" in said and "CSV UTF-8" in said


def test_each_door_has_its_limit_and_the_public_one_is_lower():
    assert PUBLIC_PIXELS < CURATOR_PIXELS < MAX_PIXELS
    assert PUBLIC_PIXELS >= 8192 * 6144  # what phones of 50 megapixels give


def test_a_curators_photo_has_a_limit():
    def jpeg(width, height):
        """Of so many pixels, nearly all of them left out."""
        out = io.BytesIO()
        Image.new("L", (16, 16)).save(out, "JPEG")
        data = bytearray(out.getvalue())
        frame = data.index(b"\xff\xc0")
        data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
        return bytes(data)

    assert photo_anew(jpeg(8000, 8000)).startswith(b"\xff\xd8")
    with pytest.raises(PhotoTooLarge, match="8001×8000 pixels; 64 megapixels"):
        photo_anew(jpeg(8001, 8000))


def test_one_photo_is_decoded_at_a_time_in_detail_too(monkeypatch):
    decoding_now, most = [0], [0]

    def slowly(*_, **__):
        decoding_now[0] += 1
        most[0] = max(most[0], decoding_now[0])
        time.sleep(0.02)
        decoding_now[0] -= 1
        return Photo(np.zeros((16, 16, 3), np.uint8), 16, 16, slowly)

    monkeypatch.setattr(decoding, "load_photo", slowly)

    def ask():
        photo = load_photo_alone(b"", max_pixels=1)
        assert photo.in_detail is not None
        photo.in_detail()

    threads = [threading.Thread(target=ask) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1]


def test_a_photo_that_cannot_be_decoded_lets_the_next_one_in():
    for _ in range(2):
        with pytest.raises(PhotoError):
            load_photo_alone(b"no photo", max_pixels=PUBLIC_PIXELS)
    assert load_photo_alone(photo(), max_pixels=PUBLIC_PIXELS).rgb.shape == (64, 64, 3)
