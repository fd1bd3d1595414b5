"""Uploads that nobody should send: more than 500 of them, each refused in words, none of them kept."""

import io
import random
import struct
import zipfile
import zlib

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import func, select

from catalog_server.accounts.accounts import Role
from catalog_server.accounts.tokens import create_token
from catalog_server.store import AuditRow, CoinRow, JobRow, PhotoRow

LION = {
    "country": "Ruritania",
    "currency": "crown",
    "denomination": "5",
    "variant": "",
    "side": "obverse",
    "design": "",
}
MANIFEST = "file,country,currency,denomination,side\na.png,Ruritania,crown,5,obverse\n"
RANDOM = random.Random(7)


def image(kind, *, side=48, **options):
    pixels = np.random.default_rng(5).integers(1, 256, (side, side, 3)).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


WHOLE = {kind: image(kind) for kind in ("PNG", "JPEG", "WEBP")}


def truncated():
    """Photos that end early, somewhere in the first nine tenths."""
    for kind, data in WHOLE.items():
        for number in range(40):
            yield f"{kind} cut {number}", data[: len(data) * 9 * number // 400]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, data=b""):
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def frames(kind):
    out = io.BytesIO()
    first, *rest = (Image.new("RGB", (32, 32), (shade, 9, 9)) for shade in range(3, 250, 50))
    first.save(out, kind, save_all=True, append_images=rest, duration=40)
    return out.getvalue()


def wrong():
    """Bombs, animations, other formats, other things under a photo's name, and what is two things at once."""
    for width, height in ((60_000, 60_000), (2**31 - 1, 1), (1, 2**31 - 1), (200_000, 700), (2**31 - 1, 2**31 - 1)):
        yield f"PNG of {width}×{height}", png(width, height, b"\0" * 1000)
    for side in (1, 2, 8, 15):
        yield f"PNG of {side}", image("PNG", side=side)
    for kind in ("GIF", "PNG", "WEBP"):
        yield f"moving {kind}", frames(kind)
    for kind in ("BMP", "TIFF", "PPM", "ICO", "PDF", "TGA", "SGI", "PCX", "IM", "EPS", "DDS"):
        yield kind, image(kind)
    svg = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
    texts = (
        svg,
        b"<!doctype html><script>alert(1)</script>",
        b"<?php system($_GET[0]); ?>",
        b"MZ\x90\0",
        b"\x7fELF",
        b"#!/bin/sh\n",
        b"%PDF-1.4\n",
        b"%!PS\n",
        b"PK\x03\x04",
        b"Rar!",
        b"\0" * 5000,
        b"\xff" * 5000,
        b"\r\n\r\n",
        b"GIF89a",
        b"GIF89a/*<svg>*/=1;",
        b"RIFF\0\0\0\0WEBP",
        b"\xff\xd8\xff\xe0",
        b"\xff\xd8\xff\xe1\xff\xffExif\0\0",
        b"\0\0\0\x18ftypheic",
        b"BM",
        b"II*\0",
        b"\x89PNG\r\n\x1a\n",
    )
    yield from ((f"text {number}", text) for number, text in enumerate(texts))
    yield from ((f"text {number}, then a photo", text + WHOLE["PNG"]) for number, text in enumerate(texts))
    noise = random.Random(3)
    yield from ((f"noise {number}", noise.randbytes(noise.randrange(1, 3000))) for number in range(40))


def damaged():
    """Photos with bytes changed: some still show something, which is for the pages that keep nothing."""
    for kind, data in WHOLE.items():
        for number in range(40):
            changed = bytearray(data)
            for _ in range(1 + number % 8):
                changed[RANDOM.randrange(8, len(data))] ^= 1 << RANDOM.randrange(8)
            yield f"{kind} changed {number}", bytes(changed)


def packed(*entries, manifest=MANIFEST, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        if manifest is not None:
            archive.writestr("manifest.csv", manifest)
        for name, data in entries:
            archive.writestr(name, data)
    return out.getvalue()


def link(name, target):
    entry = zipfile.ZipInfo(name)
    entry.create_system, entry.external_attr = 3, 0o120777 << 16
    return entry, target


def archives():
    """Archives that lead out, burst, lie, are damaged or say nothing of use."""
    photo = ("a.png", WHOLE["PNG"])
    # What shrinks is damaged where the compression itself breaks, what does not where only its checksum does.
    for shape, whole in (("stiff", packed(photo)), ("soft", packed(("a.png", b"a coin, " * 4000)))):
        with zipfile.ZipFile(io.BytesIO(whole)) as opened:
            entry = opened.getinfo("a.png")
        start = entry.header_offset + 30 + len("a.png")
        for number in range(40):
            yield f"{shape} ZIP cut {number}", whole[: len(whole) * number // 41]
            changed = bytearray(whole)
            changed[start + RANDOM.randrange(entry.compress_size)] ^= 1 << RANDOM.randrange(8)
            yield f"{shape} ZIP changed {number}", bytes(changed)
    outside = (
        "../a.png",
        "../../../../etc/passwd",
        "/etc/passwd",
        "x/../../a.png",
        "..\\..\\a.png",
        "C:\\a.png",
        "C:/a.png",
        "\\\\host\\share\\a.png",
        "~/../a.png",
        "a/b/../../../c.png",
    )
    for name in outside:
        yield f"ZIP with {name}", packed(photo, (name, b"x"))
        yield f"ZIP that names {name}", packed(photo, manifest=MANIFEST.replace("a.png", name))
        yield f"ZIP with and naming {name}", packed((name, WHOLE["PNG"]), manifest=MANIFEST.replace("a.png", name))
    for target in ("/etc/passwd", "../../catalog.sqlite", "a.png"):
        yield f"ZIP with a link to {target}", packed(link("a.png", target))
    for size in (1 << 22, 1 << 24):
        yield f"ZIP that bursts to {size}", packed(("a.png", b"\0" * size))
        yield f"ZIP whose manifest bursts to {size}", packed(photo, manifest=MANIFEST + "\0" * size)
    yield "ZIP in a ZIP", packed(("a.png", packed(photo)))
    for number, manifest in enumerate(
        (
            None,
            "",
            "file\n",
            "nothing\nx\n",
            "file,file\na.png,a.png\n",
            MANIFEST.splitlines()[0] + "\na.png\n",
            MANIFEST.replace("obverse", "edge"),
            MANIFEST.replace("crown", ""),
            MANIFEST.replace("a.png", "b.png"),
            MANIFEST.replace("a.png", ""),
            MANIFEST.replace("a.png", "\0"),
            MANIFEST.replace("Ruritania", "Ruritánia").encode("cp1250"),
            MANIFEST.replace("Ruritania", "Ruri\x1btania"),
            MANIFEST.replace("Ruritania", "Ruri\u202etania"),
            MANIFEST.replace("Ruritania", "R" * 5000),
            b"\xff\xfe\0",
            'file,country\n"' + "x" * 200_000,
            MANIFEST.replace("a.png", "x" * 5000),
            MANIFEST.replace("file,", "file,,"),
            "\n" * 3000,
        )
    ):
        yield f"ZIP with manifest {number}", packed(photo, manifest=manifest)
    yield "ZIP with two manifests", packed(photo, ("other/manifest.csv", MANIFEST))
    yield from ((f"ZIP with {name}", packed(("a.png", data))) for name, data in wrong() if not name.startswith("noise"))
    yield from ((f"as a ZIP: {name}", data) for name, data in wrong() if name.startswith("noise"))


def forms():
    """Bodies that are no form, or far too much of one."""
    yield "a huge field", {"country": "x" * 400_000}
    yield "a huge name", {"x" * 400_000: "1"}
    yield "many fields", {f"field {number}": "x" for number in range(3000)}
    yield "many files", {f"photo {number}": (io.BytesIO(b"x"), "x.png") for number in range(1500)}


REFUSED, MAYBE_SEEN, PACKED = [*truncated(), *wrong()], [*damaged()], [*archives()]


def test_there_are_more_than_five_hundred():
    assert 2 * len(REFUSED) + len(MAYBE_SEEN) + len(PACKED) + len([*forms()]) >= 500


@pytest.fixture
def token(published, curator):
    _, secret = create_token(published, "robot", user="ada", role=Role.CURATOR, actor="test")
    return secret


@pytest.fixture
def unchanged(published, curator):
    """Fails a test that left anything behind: rows, files, or an upload that waits."""

    def seen():
        with published.reading() as session:
            tables = (CoinRow, PhotoRow, JobRow)
            rows = [session.scalar(select(func.count()).select_from(table)) for table in tables]
            changes = session.scalar(select(func.count()).where(AuditRow.action != "sign-in").select_from(AuditRow))
        kept = sorted(path for path in (published.folder / "photos").rglob("*") if path.is_file())
        staged = list(published.staging.iterdir()) if published.staging.is_dir() else []
        return rows, changes, kept, staged

    before = seen()
    yield
    assert seen() == before


@pytest.fixture
def signed_in(curator, unchanged):
    """The application with its errors answered, as a server does, and not raised."""
    curator.client.application.testing = False
    return curator


def refused(answers):
    """What was not refused in words."""
    return [(name, answer.status_code) for name, answer in answers if not 400 <= answer.status_code < 500]


NAMES = (
    "a.png",
    "../../../etc/passwd",
    "..\\..\\a.png",
    "/etc/passwd",
    "a\0.png",
    "x" * 3000,
    "",
    ".",
    "<script>.png",
    "con",
)


def test_no_bad_photo_becomes_a_reference(signed_in):
    def sent(number, data):
        return {**LION, "photos": (io.BytesIO(data), NAMES[number % len(NAMES)])}

    paths = ("/coins/new", "/coins/1/photos")
    assert not refused(
        (name, signed_in.post(paths[number % 2], sent(number, data))) for number, (name, data) in enumerate(REFUSED)
    )


def test_no_bad_photo_is_looked_at(signed_in):
    paths = ("/photos/check", "/try")
    assert not refused(
        (name, signed_in.post(paths[number % 2], {"photo": (io.BytesIO(data), "a.png")}))
        for number, (name, data) in enumerate(REFUSED)
    )


def test_a_damaged_photo_is_refused_or_seen_and_never_kept(signed_in):
    for name, data in MAYBE_SEEN:
        answer = signed_in.post("/photos/check", {"photo": (io.BytesIO(data), "a.png")})
        assert answer.status_code < 500, name


def test_no_bad_archive_is_imported(signed_in):
    assert not refused(
        (name, signed_in.post("/imports", {"archive": (io.BytesIO(data), "a.zip")})) for name, data in PACKED
    )


def test_no_huge_form_is_read(signed_in):
    for path in ("/coins/new", "/coins/1/edit", "/imports", "/photos/check", "/try"):
        assert not refused((name, signed_in.post(path, form)) for name, form in forms()), path
    for kind in ("multipart/form-data", "multipart/form-data; boundary=x", "application/json", "text/plain", ""):
        answer = signed_in.client.post(
            "/coins/new", data=b"--x\r\nbroken", content_type=kind, headers={"X-CSRF-Token": signed_in.csrf}
        )
        assert 400 <= answer.status_code < 500, kind


def test_no_bad_photo_comes_in_by_the_api(token, signed_in):
    bearer = {"Authorization": f"Bearer {token}"}
    client = signed_in.client
    assert not refused(
        (name, client.post("/api/v1/coins/1/photos", data=data, headers=bearer, content_type="image/png"))
        for name, data in REFUSED[::4]
    )


@pytest.mark.parametrize("path", ("/coins/99999999999", "/coins/-1", "/photos/0", "/jobs/x", "/thumbnails/0.webp"))
def test_ids_that_are_none_are_not_found(path, curator):
    assert curator.get(path).status_code == 404
