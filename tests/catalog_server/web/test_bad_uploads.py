"""Hundreds of uploads that are wrong in some way: none is answered with an error of the server's own, none is kept."""

import io
import random
import struct
import zipfile
import zlib

import pytest
from PIL import Image

from catalog_server.store import CoinRow, PhotoRow

LABEL = {"country": "R", "currency": "c", "denomination": "1", "variant": "", "side": "obverse"}
FORMS = {"/coins/new": "photos", "/coins/1/photos": "photos", "/photos/check": "photo", "/try": "photo"}
CASES = 130
"""Of each form that takes a photo."""


def png_of(width, height, *, rows=b""):
    """A PNG whose header says what it likes."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def animation(kind):
    out = io.BytesIO()
    frames = [Image.new("RGB", (32, 32), colour) for colour in ("red", "green", "blue")]
    frames[0].save(out, kind, save_all=True, append_images=frames[1:])
    return out.getvalue()


def spoilt(photo, seed):
    """A photo that is cut, changed in places, or not one at all."""
    rng = random.Random(seed)
    sound = photo(seed, kind=rng.choice(("PNG", "JPEG", "WEBP")))
    match seed % 5:
        case 0:
            return sound[: rng.randrange(1, len(sound) // 2)]
        case 1:
            return rng.randbytes(rng.randrange(1, 4000))
        case 2:
            return sound[:16] + rng.randbytes(64)
        case 3:
            return rng.choice(FOREIGN)
        case _:
            return b"\0" * rng.randrange(1, 400) + sound


FOREIGN = (
    b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
    b"<!doctype html><script>alert(1)</script>",
    b"%PDF-1.7\n1 0 obj\n",
    b"GIF89a<script>alert(1)</script>",
    b"#!/bin/sh\nrm -rf /\n",
    b"PK\x03\x04",
    b"RIFF\xff\xff\xff\xffWEBPVP8 ",
    png_of(60_000, 60_000),
    png_of(0, 0),
    png_of(2**31 - 1, 1),
    png_of(4, 4, rows=b"\0" * 52),
    animation("GIF"),
    animation("WEBP"),
    b"\xff\xd8\xff\xe0" + b"\0" * 100,
)
NAMES = (
    "../../etc/passwd",
    "..\\..\\x.png",
    "/etc/passwd",
    "a\0b.png",
    "x" * 3000 + ".png",
    "con",
    "é\u202egnp.exe",
    "<b>.png",
)


def packed(*entries, manifest="file,country,currency,denomination,side\na.png,R,c,1,obverse\n"):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        if manifest is not None:
            archive.writestr("manifest.csv", manifest)
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def link(name, target):
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr = 3, 0o120777 << 16
    return info, target


def lying(data):
    """An archive whose directory says that its first entry is small."""
    at = data.rindex(b"PK\x01\x02", 0, data.index(b"PK\x01\x02") + 4)
    return data[: at + 24] + struct.pack("<I", 10) + data[at + 28 :]


def bad_archives(photo):
    sound = photo(1)
    columns = "file,country,currency,denomination,side\n"
    yield from (b"", b"PK", b"not a zip", packed(manifest=None), packed(("a.png", sound), manifest=""))
    yield packed(("a.png", sound), manifest="file\na.png\n")
    yield packed(("a.png", sound), manifest=columns + "b.png,R,c,1,obverse\n")
    yield packed(("a.png", sound), manifest=columns + "a.png,R,c,1,upside\n")
    yield packed(("a.png", sound), manifest=columns + "a.png,R,c,1\n")
    yield packed(("a.png", sound), manifest=columns + "../a.png,R,c,1,obverse\n")
    yield packed(("a.png", sound), manifest=b"\xff\xfe\0")
    yield packed(("a.png", sound), manifest=columns.replace("file", "path") + "a.png,R,c,1,obverse\n")
    for name in ("../a.png", "/a.png", "a/../../a.png", "C:\\a.png", "..\\a.png"):
        yield packed((name, sound), ("a.png", sound))
    yield packed(link("a.png", "/etc/passwd"))
    yield packed(("a.png", b"\0" * 60_000_000))
    yield lying(packed(("a.png", b"\0" * 2_000_000)))
    yield packed(("a.png", sound), ("manifest.csv/manifest.csv", "x"))
    yield from (packed(("a.png", data)) for data in FOREIGN)
    whole = packed(("a.png", sound))
    yield from (whole[:size] for size in range(1, len(whole), max(len(whole) // 12, 1)))


@pytest.fixture
def untouched(published):
    """Holds, at the end, that the store has what it had."""

    def held():
        with published.reading() as session:
            counts = session.query(CoinRow).count(), session.query(PhotoRow).count()
        files = sorted(path.relative_to(published.folder) for path in (published.folder / "photos").rglob("*"))
        staged = list(published.staging.iterdir()) if published.staging.exists() else []
        return counts, files, staged

    before = held()
    yield
    assert held() == before


@pytest.mark.parametrize("path", FORMS)
def test_spoilt_photos_are_refused_and_not_kept(path, curator, photo, untouched):
    for seed in range(CASES):
        file = (io.BytesIO(spoilt(photo, seed)), NAMES[seed % len(NAMES)])
        answer = curator.post(path, {**LABEL, FORMS[path]: file})
        assert 400 <= answer.status_code < 500, (seed, answer.status_code, answer.text[-300:])


def test_bad_archives_are_refused_and_not_kept(curator, photo, untouched):
    for number, data in enumerate(bad_archives(photo)):
        answer = curator.post("/imports", {"archive": (io.BytesIO(data), NAMES[number % len(NAMES)])})
        assert 400 <= answer.status_code < 500, (number, answer.status_code, answer.text[-300:])


@pytest.mark.parametrize("path", ("/coins/new", "/coins/1/edit", "/accounts/users", "/sign-in", "/audit"))
def test_huge_and_odd_forms_are_refused(path, publisher, untouched):
    many = {f"field-{number}": "x" for number in range(3000)}
    for form in (many, {"name": "x" * 300_000}, {"country": "\0" * 300, **LABEL}, {"revision": "9" * 400}):
        assert publisher.post(path, form).status_code in (400, 403, 405, 409, 413, 422)


def test_too_many_photos_at_once_are_refused(curator, photo, untouched):
    files = [(io.BytesIO(photo(number)), "x.png") for number in range(21)]
    assert curator.post("/coins/new", {**LABEL, "photos": files}).status_code == 422


@pytest.mark.parametrize(
    "path", ("/coins/99999999999", "/coins/-1", "/photos/0", "/jobs/x", "/thumbnails/9999999999.webp")
)
def test_ids_that_are_none_are_not_found(path, curator):
    assert curator.get(path).status_code == 404
