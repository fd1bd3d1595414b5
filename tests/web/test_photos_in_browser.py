"""What the browser decodes a photo's file to, beside what Python does."""

import base64
import io
import zlib

import cv2
import numpy as np
import pytest
from orientations import CASES, SCENE, progressive_jpeg
from PIL import Image
from support.recognizer_page import missing, recognizer_page

from coindex.photo import MAX_SCANS, ORIENTATION_TAG, load_photo

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

WIDTH, HEIGHT = 53, 37


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("photos")


@pytest.fixture(scope="module")
def page(folder):
    with recognizer_page({"photos": folder}) as page:
        yield page


@pytest.fixture
def decoded(page, folder):
    """The browser's answer to a file: its size and its pixels (h, w, 3), or why it is refused."""

    def ask(content):
        (folder / "photo").write_bytes(content)
        answer = page.ask("photo", {"url": "/photos/photo"})
        if "problem" in answer:
            return answer["problem"]
        width, height = answer["decoded"]
        pixels = np.frombuffer(base64.b64decode(answer["rgb"]), np.uint8).reshape(height, width, 3)
        return tuple(answer["size"]), pixels

    return ask


def noise(*shape, dtype=np.uint8):
    return np.random.default_rng(5).integers(0, np.iinfo(dtype).max, shape, dtype, endpoint=True)


def smooth(width, height):
    small = Image.fromarray(noise(6, 8, 3))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def encoded(pixels):
    return cv2.imencode(".png", pixels)[1].tobytes()


def palette_with_alpha():
    image = Image.fromarray(noise(HEIGHT, WIDTH, 3)).quantize(16)
    return saved(image, "PNG", transparency=bytes(range(0, 256, 16)))


def interlaced(pixels):
    """A PNG in Adam7's seven passes, which no library here writes."""
    height, width = pixels.shape[:2]
    lines = b""
    for left, top, right, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        lines += b"".join(b"\0" + row.tobytes() for row in pixels[top::down, left::right])
    header = width.to_bytes(4) + height.to_bytes(4) + bytes([8, 6, 0, 0, 1])
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(lines)), (b"IEND", b"")]
    chunks = [len(data).to_bytes(4) + kind + data + zlib.crc32(kind + data).to_bytes(4) for kind, data in parts]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


PNGS = {
    "colour": lambda: saved(Image.fromarray(noise(HEIGHT, WIDTH, 3)), "PNG"),
    "grey": lambda: saved(Image.fromarray(noise(HEIGHT, WIDTH)), "PNG"),
    "black and white": lambda: saved(Image.fromarray(noise(HEIGHT, WIDTH)).convert("1"), "PNG"),
    "palette": lambda: saved(Image.fromarray(noise(HEIGHT, WIDTH, 3)).quantize(16), "PNG"),
    "alpha": lambda: saved(Image.fromarray(noise(HEIGHT, WIDTH, 4)), "PNG"),
    "grey with alpha": lambda: saved(Image.fromarray(noise(HEIGHT, WIDTH, 2)), "PNG"),
    "palette with alpha": palette_with_alpha,
    "one transparent grey": lambda: saved(Image.fromarray(noise(HEIGHT, WIDTH) // 64), "PNG", transparency=2),
    "interlaced, alpha": lambda: interlaced(noise(HEIGHT, WIDTH, 4)),
    "16 bits, grey": lambda: encoded(noise(HEIGHT, WIDTH, dtype=np.uint16)),
    "16 bits, colour": lambda: encoded(noise(HEIGHT, WIDTH, 3, dtype=np.uint16)),
    "16 bits, alpha": lambda: encoded(noise(HEIGHT, WIDTH, 4, dtype=np.uint16)),
    "gamma and a colour profile": lambda: saved(
        Image.fromarray(noise(HEIGHT, WIDTH, 3)), "PNG", icc_profile=b"no profile"
    ),
}


@pytest.mark.parametrize("kind", PNGS)
def test_a_png_is_exact(decoded, kind):
    content = PNGS[kind]()
    expected = load_photo(content)

    size, pixels = decoded(content)

    assert size == (expected.width, expected.height)
    assert np.array_equal(pixels, expected.rgb)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photo_is_turned_upright(decoded, kind, orientation):
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    content = saved(smooth(96, 64), kind, exif=exif, **({} if kind == "PNG" else {"quality": 95}))
    expected = load_photo(content)

    size, pixels = decoded(content)

    assert size == (expected.width, expected.height)
    assert pixels.shape == expected.rgb.shape
    assert np.abs(pixels.astype(int) - expected.rgb).max() <= 3


@pytest.mark.parametrize("case", CASES)
def test_an_orientation_is_read_wherever_and_however_it_stands(decoded, case):
    size, pixels = decoded(CASES[case])

    assert size == (SCENE.shape[1], SCENE.shape[0])
    assert np.abs(pixels.astype(int) - SCENE).max() <= 4


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(200, 150), (1600, 1200)])
def test_a_jpeg_without_its_last_two_bytes_has_all_its_rows(decoded, size, progressive):
    content = saved(smooth(*size), "JPEG", quality=90, progressive=progressive)
    assert content[-2:] == b"\xff\xd9"

    _, whole = decoded(content)
    for cut in (content[:-2], content[:-1]):
        assert np.array_equal(decoded(cut)[1], whole)


@pytest.mark.parametrize(
    "width, height", [(1500, 999), (1537, 1153), (3073, 2049), (4001, 3001), (6145, 500), (6000, 640)]
)
def test_a_large_jpeg_is_decoded_small(decoded, width, height):
    content = saved(smooth(width, height), "JPEG", quality=90)
    expected = load_photo(content)

    size, pixels = decoded(content)

    assert size == (width, height)
    assert pixels.shape == expected.rgb.shape
    difference = np.abs(pixels.astype(int) - expected.rgb)
    assert difference.max() <= 4 and difference.mean() <= 0.5


def test_a_large_jpeg_is_averaged_where_the_browser_cannot_decode_it_small(page, decoded):
    content = saved(smooth(3075, 2051), "JPEG", quality=90)
    expected = load_photo(content)

    assert page.ask("forget", {"name": "ImageDecoder"})
    size, pixels = decoded(content)
    page.reload()

    assert size == (3075, 2051)
    assert pixels.shape == expected.rgb.shape
    difference = np.abs(pixels.astype(int) - expected.rgb)
    assert difference.max() <= 17 and difference.mean() <= 0.5


def test_what_is_translucent_in_a_webp_lies_on_black(decoded):
    content = saved(Image.fromarray(noise(HEIGHT, WIDTH, 4)), "WEBP", lossless=True, exact=True)

    _, pixels = decoded(content)

    assert np.abs(pixels.astype(int) - load_photo(content).rgb).max() <= 1


def test_a_cmyk_jpeg_becomes_rgb(decoded):
    content = saved(smooth(96, 64).convert("CMYK"), "JPEG", quality=95)

    _, pixels = decoded(content)

    assert np.abs(pixels.astype(int) - load_photo(content).rgb).max() <= 4


def animation(kind):
    frames = [Image.fromarray(noise(32, 32, 3) // part) for part in (1, 2)]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:])


PNG = saved(Image.fromarray(noise(64, 64, 3)), "PNG")
ALPHA = saved(Image.fromarray(noise(64, 64, 4)), "PNG")
JPEG = saved(smooth(64, 64), "JPEG")
LARGE = saved(smooth(1600, 1200), "JPEG")
WEBP = saved(smooth(64, 64), "WEBP")
BOMB = PNG[:16] + (20_000).to_bytes(4) * 2 + PNG[24:]
HALF_A_BOMB = PNG[:16] + (9_000).to_bytes(4) * 2 + PNG[24:]
STRIP = PNG[:16] + (20).to_bytes(4) + (65_001).to_bytes(4) + PNG[24:]

REFUSED = {
    "a text": (b"not a photo", "not-an-image"),
    "nothing": (b"", "not-an-image"),
    "a bitmap": (saved(smooth(64, 64), "BMP"), "not-an-image"),
    "a PNG cut short": (PNG[: len(PNG) // 2], "damaged"),
    "a PNG with alpha cut short": (ALPHA[: len(ALPHA) // 2], "damaged"),
    "a JPEG cut short": (JPEG[: len(JPEG) * 2 // 3], "damaged"),
    "a large JPEG cut short": (LARGE[: len(LARGE) // 2], "damaged"),
    "a WebP cut short": (WEBP[: len(WEBP) // 2], "damaged"),
    "a JPEG cut in its header": (JPEG[:100], "damaged"),
    "a small JPEG without its last pixels": (JPEG[:-12], "damaged"),
    "too many pixels": (BOMB, "too-large"),
    "too many pixels for a format that is decoded whole": (HALF_A_BOMB, "too-large"),
    "too many rows": (STRIP, "too-large"),
    "too many scans": (progressive_jpeg(MAX_SCANS + 1), "too-large"),
    "too few pixels": (saved(smooth(64, 15), "PNG"), "too-small"),
    "a moving GIF": (animation("GIF"), "animated"),
    "a moving PNG": (animation("PNG"), "animated"),
    "a moving WebP": (animation("WEBP"), "animated"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_no_photo_is_refused_by_a_code(decoded, what):
    content, problem = REFUSED[what]

    assert decoded(content) == problem
