"""Photo files, good and bad, made on the fly."""

import io
import os
import struct
import subprocess
import sys
import zlib
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from orientations import CASES, SCENE, progressive_jpeg
from PIL import Image, ImageFile

from coindex.errors import PhotoError, PhotoTooLarge
from coindex.photo import MAX_PIXELS, MAX_SCANS, load_photo

ORIENTATION = 0x0112


def picture(width=40, height=24):
    """No two corners alike: red rises to the right, green downwards, blue in one corner."""
    rgb = np.zeros((height, width, 3), np.uint8)
    rgb[:, :, 0] = np.linspace(0, 255, width).astype(np.uint8)
    rgb[:, :, 1] = np.linspace(0, 255, height).astype(np.uint8)[:, None]
    rgb[: height // 2, : width // 2, 2] = 255
    return rgb


def encoded(pixels, form, **options):
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def png(width, height, *, depth=8, colour=0, data=b""):
    """A PNG by hand: header, as many compressed pixel bytes as given, end."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def with_orientation(number):
    exif = Image.Exif()
    exif[ORIENTATION] = number
    return exif


STORED = {
    1: lambda upright: upright,
    2: lambda upright: upright[:, ::-1],
    3: lambda upright: upright[::-1, ::-1],
    4: lambda upright: upright[::-1],
    5: lambda upright: upright.transpose(1, 0, 2),
    6: lambda upright: np.rot90(upright, 1),
    7: lambda upright: np.rot90(upright, 2).transpose(1, 0, 2),
    8: lambda upright: np.rot90(upright, -1),
}
"""How a camera stores an upright scene under each EXIF orientation (TIFF 6.0, tag 274)."""


@pytest.mark.parametrize("form", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize("number", STORED)
def test_every_exif_orientation_gives_the_same_upright_picture(form, number):
    upright = picture()
    stored = np.ascontiguousarray(STORED[number](upright))
    options = {"WEBP": {"lossless": True}, "JPEG": {"quality": 95, "subsampling": 0}}.get(form, {})
    photo = load_photo(encoded(stored, form, exif=with_orientation(number), **options))
    assert (photo.width, photo.height) == (40, 24)
    assert photo.rgb.shape == (24, 40, 3)
    assert np.abs(photo.rgb.astype(int) - upright).mean() < (5 if form == "JPEG" else 1e-9)


@pytest.mark.parametrize("number", [0, 9, 255])
def test_an_orientation_that_does_not_exist_leaves_the_picture_as_it_is(number):
    assert (load_photo(encoded(picture(), "PNG", exif=with_orientation(number))).rgb == picture()).all()


def test_damaged_metadata_beside_sound_pixels_does_no_harm():
    exif = Image.Exif()
    exif[ORIENTATION], exif[0x010F] = 6, "maker"
    data = encoded(np.rot90(picture()).copy(), "JPEG", exif=exif)
    # Every byte of the EXIF block in turn: Pillow must not be asked to write back what it could not read.
    start = data.index(b"Exif\0\0") + 6
    end = start - 8 + struct.unpack_from(">H", data, start - 8)[0]
    for position, value in product(range(start, end), (0, 255)):
        damaged = bytearray(data)
        damaged[position] = value
        assert load_photo(bytes(damaged)).rgb.shape in ((24, 40, 3), (40, 24, 3))


@pytest.mark.parametrize("number", [1, 6])
def test_a_16_bit_grey_png_keeps_its_high_bytes(number):
    values = np.array([[0, 255, 256, 257, 0x7FFF, 0x8000, 0xFEFF, 0xFFFF] * 2] * 16, np.uint16)
    photo = load_photo(encoded(Image.fromarray(values), "PNG", exif=with_orientation(number)))
    upright = np.rot90(values, -1) if number == 6 else values
    assert photo.rgb.shape == (16, 16, 3)
    assert (photo.rgb == (upright >> 8)[:, :, None]).all()


def test_a_16_bit_colour_png_keeps_its_high_bytes():
    values = np.random.default_rng(0).integers(0, 65536, (16, 20, 3)).astype(">u2")
    data = zlib.compress(b"".join(b"\0" + line.tobytes() for line in values))
    assert (load_photo(png(20, 16, depth=16, colour=2, data=data)).rgb == values >> 8).all()


def test_alpha_is_laid_on_black_rounding_halves_up():
    value, alpha = np.meshgrid(np.arange(0, 256, 5), np.arange(0, 256, 3))
    rgba = np.stack([value, value, value, alpha], axis=2).astype(np.uint8)
    expected = (2 * value * alpha + 255) // 510
    assert (load_photo(encoded(rgba, "PNG")).rgb == expected[:, :, None]).all()


def test_grey_with_alpha_is_laid_on_black():
    grey = np.full((16, 16, 2), 200, np.uint8)
    grey[:, 8:, 1] = 0
    rgb = load_photo(encoded(Image.fromarray(grey, "LA"), "PNG")).rgb
    assert (rgb[:, :8] == 157).all()  # 200 · 200 / 255 = 156.9
    assert (rgb[:, 8:] == 0).all()


def test_a_transparent_palette_colour_becomes_black():
    image = Image.new("P", (16, 16), 1)
    image.putpalette([255, 0, 0, 0, 255, 0])
    image.paste(0, (0, 0, 16, 8))
    rgb = load_photo(encoded(image, "PNG", transparency=0)).rgb
    assert (rgb[:8] == 0).all()
    assert (rgb[8:] == [0, 255, 0]).all()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_every_opaque_mode_becomes_rgb(mode):
    image = Image.new("RGB", (20, 16), (255, 255, 255)).convert(mode)
    rgb = load_photo(encoded(image, "PNG")).rgb
    assert rgb.shape == (16, 20, 3)
    assert rgb.dtype == np.uint8
    assert (rgb == 255).all()


@pytest.mark.parametrize(
    ("ink", "colour"), [((0, 255, 255, 0), (255, 0, 0)), ((0, 0, 0, 255), (0, 0, 0)), ((0, 0, 0, 0), (255, 255, 255))]
)
def test_a_cmyk_jpeg_is_read_as_rgb(ink, colour):
    rgb = load_photo(encoded(Image.new("CMYK", (32, 32), ink), "JPEG")).rgb
    assert np.abs(rgb.astype(int) - colour).max() <= 4


@pytest.mark.parametrize(
    ("size", "decoded", "detailed"),
    [
        ((1535, 1151), (1535, 1151), None),
        ((1536, 1151), (768, 576), (1536, 1151)),
        ((2400, 1801), (1200, 901), None),
        ((3071, 600), (1536, 300), (3071, 600)),
        ((3072, 2305), (768, 577), (1536, 1153)),
        ((1801, 4799), (451, 1200), (901, 2400)),
        ((4801, 3001), (1201, 751), None),
        ((6144, 2048), (768, 256), (1536, 512)),
        ((9600, 3200), (1200, 400), None),
        ((9600, 3199), (1200, 400), (2400, 800)),
        ((12_000, 1280), (3000, 320), (6000, 640)),
        ((6000, 1280), (1500, 320), (3000, 640)),
        ((9607, 16), (9607, 16), None),
    ],
)
def test_a_large_jpeg_is_decoded_small_and_larger_in_detail(size, decoded, detailed):
    photo = load_photo(encoded(Image.new("RGB", size, (200, 100, 50)), "JPEG"))
    assert photo.rgb.shape == (decoded[1], decoded[0], 3)
    assert (photo.width, photo.height) == size
    assert np.abs(photo.rgb[0, 0].astype(int) - (200, 100, 50)).max() <= 3
    assert (photo.in_detail is not None) == (detailed is not None)
    if photo.in_detail:
        larger = photo.in_detail()
        assert larger.rgb.shape == (detailed[1], detailed[0], 3)
        assert ((larger.width, larger.height), larger.in_detail) == (size, None)


def test_a_photo_that_went_away_cannot_be_read_in_detail(tmp_path):
    (tmp_path / "photo.jpg").write_bytes(encoded(Image.new("RGB", (3072, 2304)), "JPEG"))
    photo = load_photo(tmp_path / "photo.jpg")
    (tmp_path / "photo.jpg").unlink()
    with pytest.raises(PhotoError, match=r"photo\.jpg: no such file"):
        photo.in_detail()


def test_a_turned_and_reduced_jpeg_has_the_upright_size_of_the_file():
    photo = load_photo(encoded(Image.new("RGB", (2600, 1300)), "JPEG", exif=with_orientation(6)))
    assert photo.rgb.shape == (1300, 650, 3)
    assert (photo.width, photo.height) == (1300, 2600)


def test_other_formats_are_never_reduced():
    photo = load_photo(encoded(Image.new("RGB", (3200, 20)), "PNG"))
    assert photo.rgb.shape == (20, 3200, 3)
    assert photo.in_detail is None


def test_a_jpeg_with_a_preview_beside_the_photo_is_no_animation():
    main, preview = Image.fromarray(picture(2500, 600)), Image.fromarray(picture(20, 16))
    photo = load_photo(encoded(main, "MPO", save_all=True, append_images=[preview]))
    assert (photo.width, photo.height) == (2500, 600)
    assert photo.rgb.shape == (300, 1250, 3)  # its first picture, reduced like any JPEG


def test_heic_is_read_upright():
    heif = pytest.importorskip("pillow_heif", reason="HEIC needs the package pillow-heif")
    upright = picture(64, 48)
    for number in (1, 3, 6):
        stored = Image.fromarray(np.ascontiguousarray(STORED[number](upright)))
        buffer = io.BytesIO()
        heif.from_pillow(stored).save(buffer, quality=-1, chroma=444, exif=with_orientation(number).tobytes())
        photo = load_photo(buffer.getvalue())
        assert (photo.width, photo.height) == (64, 48)
        assert np.abs(photo.rgb.astype(int) - upright).mean() < 4


def test_a_truncated_heic_is_refused():
    heif = pytest.importorskip("pillow_heif", reason="HEIC needs the package pillow-heif")
    buffer = io.BytesIO()
    heif.from_pillow(Image.fromarray(picture(64, 48))).save(buffer)
    for share in (0.02, 0.5, 0.9):
        with pytest.raises(PhotoError):
            load_photo(buffer.getvalue()[: int(share * len(buffer.getvalue()))])


def test_bytes_a_path_and_its_string_give_the_same_photo(tmp_path):
    path = tmp_path / "coin.png"
    path.write_bytes(encoded(picture(), "PNG"))
    photos = [load_photo(source) for source in (path, str(path), path.read_bytes())]
    assert all((photo.rgb == picture()).all() for photo in photos)


NOISE = np.random.default_rng(4).integers(0, 256, (64, 64, 3)).astype(np.uint8)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.95])
def test_a_truncated_file_is_refused_by_name(tmp_path, form, share):
    data = encoded(NOISE, form)
    path = tmp_path / "cut.img"
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(PhotoError, match=r"cut\.img.*(copy the file again|use JPEG, PNG, WebP)"):
        load_photo(path)


@pytest.mark.parametrize(
    "data", [b"", b"coin", b"<html></html>" * 100, bytes(1000), b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 99 99\n"]
)
def test_what_is_no_image_is_refused_with_what_to_use(tmp_path, data):
    path = tmp_path / "note.jpg"
    path.write_bytes(data)
    with pytest.raises(PhotoError, match=r"note\.jpg: not an image .* use JPEG, PNG, WebP"):
        load_photo(path)


def test_decoders_that_no_camera_needs_are_not_asked():
    # Pillow would run Ghostscript for an EPS file; TIFF stands here for all the rest.
    with pytest.raises(PhotoError, match="use JPEG, PNG, WebP"):
        load_photo(encoded(picture(), "TIFF"))


@pytest.mark.parametrize("size", [(1, 1), (15, 300), (300, 15)])
def test_a_photo_too_small_for_a_coin_is_refused(size):
    with pytest.raises(PhotoError, match=f"{size[0]}×{size[1]} pixels; at least 16×16"):
        load_photo(encoded(Image.new("RGB", size), "PNG"))


def test_16_pixels_are_enough():
    assert load_photo(encoded(Image.new("RGB", (16, 16)), "PNG")).rgb.shape == (16, 16, 3)


@pytest.fixture
def no_decoding(monkeypatch):
    def load(self):
        raise AssertionError("the photo was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)


def huge_jpeg(width, height):
    data = bytearray(encoded(Image.new("L", (16, 16)), "JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        png(20_000, 20_000),
        png(20_000, 20_000, depth=1, data=zlib.compress(bytes(2501 * 20_000), 1)),
        png(12_000, 12_000, colour=2, data=zlib.compress(bytes(1000))),
        huge_jpeg(20_000, 20_000),
        huge_jpeg(12_000, 12_000),
    ],
    ids=["PNG header alone", "compressed PNG", "144 megapixel PNG", "JPEG", "144 megapixel JPEG"],
)
def test_a_bomb_is_refused_before_decoding(tmp_path, no_decoding, data):
    path = tmp_path / "bomb.png"
    path.write_bytes(data)
    with pytest.raises(PhotoTooLarge, match=r"bomb\.png: .*(128|64) megapixels.*send a smaller copy"):
        load_photo(path)


def test_the_limit_is_inclusive_and_the_callers(no_decoding):
    data = encoded(Image.new("RGB", (40, 30)), "PNG")
    with pytest.raises(PhotoTooLarge, match="40×30 pixels"):
        load_photo(data, max_pixels=2399)
    with pytest.raises(AssertionError, match="was decoded"):
        load_photo(data, max_pixels=2400)
    data = encoded(Image.new("RGB", (40, 30)), "JPEG")
    with pytest.raises(PhotoTooLarge, match="40×30 pixels"):
        load_photo(data, max_pixels=1199)
    with pytest.raises(AssertionError, match="was decoded"):
        load_photo(data, max_pixels=1200)


def test_a_108_megapixel_phone_photo_is_within_the_limit():
    assert 12_000 * 9_000 <= MAX_PIXELS < 12_000 * 12_000


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animation_is_refused(tmp_path, form):
    path = tmp_path / f"spin.{form.lower()}"
    frames = [Image.new("RGB", (20, 20), (60 * i, 0, 0)) for i in range(3)]
    frames[0].save(path, form, save_all=True, append_images=frames[1:])
    with pytest.raises(PhotoError, match=r"spin\..*animated; save one frame"):
        load_photo(path)


def test_a_missing_file_a_folder_and_a_file_taken_for_a_folder_say_so(tmp_path):
    with pytest.raises(PhotoError, match=r"gone\.jpg: no such file"):
        load_photo(tmp_path / "gone.jpg")
    with pytest.raises(PhotoError, match="a folder; give the photos in it"):
        load_photo(tmp_path)
    (tmp_path / "coin.jpg").write_bytes(encoded(picture(), "JPEG"))
    with pytest.raises(PhotoError, match=r"cannot be opened \(Not a directory\); check its path"):
        load_photo(tmp_path / "coin.jpg" / "inner.jpg")


def test_what_the_system_refuses_is_not_called_damaged(monkeypatch):
    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(PhotoError, match=r"coin\.jpg: cannot be opened \(Permission denied\)"):
        load_photo(Path("coin.jpg"))


def test_random_damage_never_raises_anything_else():
    random = np.random.default_rng(6)
    exif = with_orientation(6)
    for data in (encoded(NOISE[:20, :30], form, exif=exif) for form in ("JPEG", "PNG", "WEBP")):
        for _ in range(60):
            damaged = np.frombuffer(data, np.uint8).copy()
            damaged[random.integers(0, len(damaged), 4)] = random.integers(0, 256, 4)
            try:
                load_photo(damaged.tobytes())
            except PhotoError:
                continue


@pytest.mark.parametrize("case", CASES)
def test_an_orientation_is_read_wherever_and_however_it_stands(case):
    photo = load_photo(CASES[case])
    assert (photo.width, photo.height) == (SCENE.shape[1], SCENE.shape[0])
    assert np.abs(photo.rgb.astype(int) - SCENE).max() <= 4


SMOOTH = Image.fromarray(np.random.default_rng(8).integers(0, 256, (6, 8, 3)).astype(np.uint8))


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(200, 150), (1600, 1200)])
def test_a_jpeg_without_its_last_two_bytes_has_all_its_rows(tmp_path, size, progressive):
    data = encoded(SMOOTH.resize(size, Image.Resampling.BICUBIC), "JPEG", progressive=progressive, quality=90)
    assert data[-2:] == b"\xff\xd9"
    whole = load_photo(data)
    path = tmp_path / "cut.jpg"
    path.write_bytes(data[:-2])
    for source in (data[:-2], data[:-1], path):
        photo = load_photo(source)
        assert (photo.rgb == whole.rgb).all()
        if whole.in_detail:
            assert (photo.in_detail().rgb == whole.in_detail().rgb).all()


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("missing", [6, 12, 40])
def test_a_jpeg_without_its_last_pixels_is_truncated(progressive, missing):
    data = encoded(NOISE, "JPEG", progressive=progressive, quality=90)
    with pytest.raises(PhotoError, match="truncated"):
        load_photo(data[:-missing])


def test_a_progressive_jpeg_may_have_so_many_scans_and_no_more():
    assert load_photo(progressive_jpeg(MAX_SCANS)).rgb.shape == (64, 64, 3)


def test_a_progressive_jpeg_of_too_many_scans_is_refused_before_decoding(no_decoding):
    with pytest.raises(PhotoError, match=f"more than {MAX_SCANS} scans; save it again, without"):
        load_photo(progressive_jpeg(MAX_SCANS + 1))


def test_scans_are_not_counted_in_what_lies_beside_the_pixels():
    # A preview in the metadata has scans of its own, and so may whatever lies behind the photo.
    preview = b"Exif\0\0" + progressive_jpeg(MAX_SCANS)[:60_000]
    data = encoded(picture(), "JPEG")
    data = data[:2] + b"\xff\xe1" + struct.pack(">H", len(preview) + 2) + preview + data[2:]
    assert load_photo(data + progressive_jpeg(MAX_SCANS)).rgb.shape == (24, 40, 3)


@pytest.mark.parametrize("size", [(20, 65_001), (65_001, 20), (20, 70_000)])
def test_a_side_too_long_to_be_resized_exactly_is_refused(tmp_path, no_decoding, size):
    path = tmp_path / "strip.png"
    path.write_bytes(png(*size, data=zlib.compress(bytes(100))))
    with pytest.raises(PhotoTooLarge, match=rf"strip\.png: {size[0]}×{size[1]} pixels; 65000 a side .* cut it"):
        load_photo(path)


def test_a_photo_of_65000_rows_is_read():
    assert load_photo(encoded(Image.new("L", (16, 65_000)), "PNG")).rgb.shape == (65_000, 16, 3)


def test_a_pipe_and_a_device_are_refused_without_waiting(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", "/dev/zero"):
        with pytest.raises(PhotoError, match="this is a pipe or a device, not a file; save the photo as a file"):
            load_photo(path)


def test_a_photo_for_which_the_memory_does_not_suffice_is_refused(monkeypatch):
    def load(self):
        raise MemoryError

    monkeypatch.setattr(ImageFile.ImageFile, "load", load)
    with pytest.raises(PhotoTooLarge, match=r"not enough memory .* smaller copy"):
        load_photo(encoded(picture(), "PNG"))


def test_a_wide_picture_is_brought_to_rgb_in_strips_without_seams():
    rgba = np.random.default_rng(2).integers(0, 256, (700, 1100, 4)).astype(np.uint8)
    expected = (2 * rgba[:, :, :3].astype(np.int64) * rgba[:, :, 3:] + 255) // 510
    assert (load_photo(encoded(rgba, "PNG", compress_level=1)).rgb == expected).all()


WEBP_OF_HUGE_CANVAS = b"RIFF\x1a\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0" + b"\xff\x3f\0" * 2 + b"\0\0\0\0"


def memory_needed(path, *, limit_mb, max_pixels=MAX_PIXELS):
    """What `load_photo` says of a file in a process that may take so much address space more than it has."""
    code = """
import resource, sys
from coindex.errors import PhotoError
from coindex.photo import load_photo
taken = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
limit = taken + int(sys.argv[2]) * 1_000_000
resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
try:
    print(load_photo(sys.argv[1], max_pixels=int(sys.argv[3])).rgb.shape)
except PhotoError as error:
    print(type(error).__name__, error)
"""
    arguments = [sys.executable, "-c", code, str(path), str(round(limit_mb)), str(max_pixels)]
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


linux_only = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")


@linux_only
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("canvas.webp", lambda: WEBP_OF_HUGE_CANVAS),
        ("bomb.webp", lambda: encoded(Image.new("RGB", (12_000, 6_000)), "WEBP", method=0)),
        ("bomb.png", lambda: png(12_000, 6_000, colour=6, data=zlib.compress(bytes(6_000 * 48_001), 1))),
        ("bomb.jpg", lambda: huge_jpeg(12_000, 12_000)),
    ],
)
def test_a_bomb_takes_no_memory(tmp_path, name, content):
    (tmp_path / name).write_bytes(content())
    said = memory_needed(tmp_path / name, limit_mb=40)
    assert said.startswith("PhotoTooLarge") and "megapixels is the most" in said


@linux_only
@pytest.mark.parametrize(
    ("name", "content", "bytes_a_pixel"),
    [
        ("photo.png", lambda: encoded(Image.new("RGBA", (3500, 3500), (200, 100, 50, 100)), "PNG"), 7),
        ("photo.webp", lambda: encoded(Image.new("RGBA", (3500, 3500), (200, 100, 50, 100)), "WEBP", method=0), 16),
        ("photo.jpg", lambda: encoded(Image.new("RGB", (3500, 3500)), "JPEG", progressive=True, subsampling=0), 8),
    ],
)
def test_a_photo_takes_as_much_memory_as_is_stated(tmp_path, name, content, bytes_a_pixel):
    (tmp_path / name).write_bytes(content())
    stated = 3500 * 3500 * bytes_a_pixel / 1e6
    assert memory_needed(tmp_path / name, limit_mb=stated + 30).startswith("(")
    # So that the limit is known to bite, and to end in words.
    assert memory_needed(tmp_path / name, limit_mb=stated / 3).startswith("Photo")
