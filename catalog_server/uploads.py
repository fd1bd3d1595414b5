"""What browsers send: photos made anew from their pixels, archives unpacked without trust in anything they say.

An upload is never kept as it came. A photo is decoded and encoded again, which leaves behind what stood beside the
picture (the place where it was taken, among others) and whatever else hid in the file; no name that a browser or an
archive gives becomes a path.
"""

import csv
import io
import lzma
import shutil
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from PIL import Image

from coindex.errors import ManifestError, PhotoError
from coindex.manifest import COLUMNS
from coindex.photo import load_photo
from coindex.resize import resize

__all__ = [
    "MAX_ARCHIVE_BYTES",
    "MAX_ENTRIES",
    "MAX_PHOTO_BYTES",
    "ONE_PHOTO",
    "ReadFile",
    "discarded_on_failure",
    "photo_anew",
    "photo_mimetype",
    "take_in",
    "unpack",
]

MAX_PHOTO_BYTES = 32 << 20
"""A phone's largest JPEG, of 108 megapixels, takes about 30 MB."""
ONE_PHOTO = MAX_PHOTO_BYTES + (1 << 16)
"""Bytes of a form with one photo: the rest is its fields."""
MAX_PIXELS = 64_000_000
"""Of an upload: a decoded photo takes three bytes a pixel, and several may be decoded at once."""
LONGEST_SIDE = 2400
"""Pixels of a kept photo, at most: a coin of a tenth of its width still nearly fills a net input. Large JPEGs are
decoded to between half of it and this, as a phone does for coins that are small in them."""
QUALITY = 95
"""Of the JPEGs that are kept, without colour subsampling. Codes are made from what is kept: of 120 photos of
`val_query` and `phone_query` they lay 100 (median) to 1,100 from those of the original, where near-duplicates end at
3,000 and coins are known up to some 50,000."""

MAX_ARCHIVE_BYTES = 1 << 30
MAX_UNPACKED_BYTES = 4 << 30
MAX_ENTRIES = 20_000
MAX_RATIO = 200
"""Unpacked over packed bytes of one entry: photos hardly shrink, tables tenfold; a bomb a thousandfold."""
MANIFEST = "manifest.csv"
MAX_MANIFEST_BYTES = 16 << 20
CHUNK = 1 << 20
SYMLINK = 0o120000

ReadFile = Callable[[int], bytes]
"""Gives a file's bytes; raises `PhotoError` where there are more than it is told to give."""

UNREADABLE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
)
"""What reading a damaged archive raises; its decompressors have errors of their own."""


def photo_anew(data: bytes) -> bytes:
    """An uploaded photo as a JPEG made of its pixels alone, upright, of at most `LONGEST_SIDE` pixels. Raises
    `PhotoError` for what is no photo."""
    if len(data) > MAX_PHOTO_BYTES:
        raise PhotoError(f"photo: {len(data)} bytes; {MAX_PHOTO_BYTES} are the most, send a smaller copy")
    photo = load_photo(data, max_pixels=MAX_PIXELS)
    rgb = (photo.in_detail() if photo.in_detail else photo).rgb
    height, width = rgb.shape[:2]
    longest = max(width, height)
    if longest > LONGEST_SIDE:
        rgb = resize(rgb, max(width * LONGEST_SIDE // longest, 1), max(height * LONGEST_SIDE // longest, 1))
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=QUALITY, subsampling=0, optimize=True)
    return out.getvalue()


def photo_mimetype(data: bytes) -> str:
    """The type of a kept photo, by how its file begins; anything that is shown as no picture is a download."""
    starts = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF8", "image/gif"))
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in starts if data.startswith(start)), "application/octet-stream")


@contextmanager
def discarded_on_failure(folder: Path) -> Iterator[Path]:
    """A folder for an upload, which is removed where the block fails."""
    try:
        yield folder
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def unpack(archive: IO[bytes], folder: Path) -> None:
    """Take in a ZIP with a manifest.csv and photos, as `take_in` does.

    Raises `ManifestError` for what is no such archive: no ZIP, encrypted, names that lead out of it, links, more or
    larger entries than are allowed; and as `take_in` does.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _entries(opened)
            take_in({name: partial(_read, opened, info) for name, info in entries.items()}, folder)
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ManifestError(f"the archive cannot be read ({error}); pack the folder as an ordinary ZIP") from None


def take_in(files: Mapping[str, ReadFile], folder: Path) -> None:
    """Put an upload's photos into a folder, each made anew under a number, with its manifest rewritten to name them so.

    `files` gives the bytes of each file by its path in the upload. Raises `ManifestError` without one manifest.csv, or
    for one that cannot be read; `PhotoError` naming the photos that are missing or none.
    """
    manifest = _manifest_of(files)
    rows = _rows(files[manifest](MAX_MANIFEST_BYTES))
    base, names, problems = PurePosixPath(manifest).parent, dict[str, str](), list[str]()
    for line, row in enumerate(rows, start=2):
        named = str(base / row["file"])
        if named not in files:
            problems.append(f"line {line}: {row['file']} was not sent with the manifest")
            continue
        if named not in names:
            try:
                data = photo_anew(files[named](MAX_PHOTO_BYTES))
            except PhotoError as error:
                problems.append(f"line {line}: {row['file']}: {str(error).removeprefix('photo: ')}")
                continue
            names[named] = f"{len(names) + 1}.jpg"
            (folder / names[named]).write_bytes(data)
        row["file"] = names[named]
    if problems:
        more = f"\n… and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise PhotoError(f"{len(problems)} photos cannot be used:\n" + "\n".join(problems[:10]) + more)
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by their names, all bounds checked by what its directory says."""
    infos = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX/")]
    if len(infos) > MAX_ENTRIES:
        raise ManifestError(f"the archive has {len(infos)} files; {MAX_ENTRIES} are the most, send it in parts")
    entries: dict[str, zipfile.ZipInfo] = {}
    total = 0
    for info in infos:
        path = PurePosixPath(info.filename.replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts or ":" in info.filename or "\0" in info.filename:
            raise ManifestError(f"the archive holds a file named {info.filename!r}, which leads out of it")
        if (info.external_attr >> 16) & 0o170000 == SYMLINK:
            raise ManifestError(f"{info.filename!r} in the archive is a link; pack the file itself")
        if info.flag_bits & 1:
            raise ManifestError(f"{info.filename!r} in the archive is encrypted; pack it without a password")
        if info.file_size > MAX_RATIO * max(info.compress_size, 1024):
            raise ManifestError(f"{info.filename!r} in the archive unpacks to {info.file_size} bytes; that is no photo")
        total += info.file_size
        if str(path) in entries:
            raise ManifestError(f"the archive holds {info.filename!r} twice")
        entries[str(path)] = info
    if total > MAX_UNPACKED_BYTES:
        raise ManifestError(
            f"the archive unpacks to {total} bytes; {MAX_UNPACKED_BYTES} are the most, send it in parts"
        )
    return entries


def _manifest_of(names: Iterable[str]) -> str:
    found = [name for name in names if PurePosixPath(name).name == MANIFEST]
    if len(found) != 1:
        raise ManifestError(f"the upload has {len(found)} files {MANIFEST}; it needs one, beside its photos")
    return found[0]


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """An entry's bytes, whatever the directory says no more than `most`."""
    with archive.open(info) as file:
        data = bytearray()
        while piece := file.read(CHUNK):
            data += piece
            if len(data) > most:
                raise PhotoError(f"photo: more than {most} bytes")
    return bytes(data)


def _rows(data: bytes) -> list[dict[str, str]]:
    """The rows of a manifest; whether they say what they must, `read_manifest` checks when they are imported."""
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))
        rows = list(reader)
    except (UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{MANIFEST}: not UTF-8 CSV ({error}); save it again as CSV") from None
    if "file" not in (reader.fieldnames or ()):
        raise ManifestError(f"{MANIFEST}: it has no column `file`; its columns are: {','.join(COLUMNS)}")
    if unknown := set(reader.fieldnames or ()).difference(COLUMNS):
        raise ManifestError(f"{MANIFEST}: unknown columns {', '.join(sorted(unknown))}; they are: {','.join(COLUMNS)}")
    for line, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise ManifestError(f"{MANIFEST}: line {line} has more or fewer fields than columns")
        if not row["file"].strip() or not PurePosixPath(row["file"]).name:
            raise ManifestError(f"{MANIFEST}: line {line} names no file")
        row["file"] = row["file"].strip().replace("\\", "/")
    return rows
