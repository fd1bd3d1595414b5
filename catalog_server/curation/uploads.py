"""What browsers send: photos re-encoded from their pixels, archives unpacked without trust in anything they say.

An upload is never kept as it came. A photo is decoded and encoded again, which leaves behind what stood beside the
picture (the place where it was taken, among others) and whatever else hid in the file; no name that a browser or an
archive gives becomes a path.
"""

import csv
import io
import json
import lzma
import os
import re
import shutil
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import fields, replace
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from PIL import Image

from catalog_server.curation.decoding import CURATOR_PIXELS, load_photo_alone
from catalog_server.curation.opennumismat import is_opennumismat, opennumismat_rows
from coindex.errors import ManifestError, PhotoError
from coindex.facts import written_facts
from coindex.manifest import COLUMNS, LabelledPhoto, ManifestRow, parse_manifest, read_manifest, told
from coindex.resize import resize

__all__ = [
    "MAX_ARCHIVE_BYTES",
    "MAX_ENTRIES",
    "MAX_PHOTO_BYTES",
    "ONE_PHOTO",
    "ReadFile",
    "archive_files",
    "discarded_on_failure",
    "photo_anew",
    "photo_mimetype",
    "stage",
    "staged_manifest",
    "staged_photos",
    "staged_problems",
    "take_in",
    "unpack",
]

MAX_PHOTO_BYTES = 32 << 20
"""A phone's largest JPEG, of 108 megapixels, takes about 30 MB."""
ONE_PHOTO = MAX_PHOTO_BYTES + (1 << 16)
"""Bytes of a form with one photo: the rest is its fields."""
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
SENT_AS = "sent.json"
"""In a staging folder, the line and the name that the sender gave each photo, by its number."""
PROBLEMS = "problems.json"
"""In a staging folder, the sender's lines that cannot be used, with why."""
MAX_MANIFEST_BYTES = 16 << 20
CHUNK = 1 << 20
SYMLINK = 0o120000
UTF8_FLAG = 0x800
CODE_PAGES = ("cp437", "cp850", "cp852", "cp1252", "cp1250", "cp866", "cp1251")
"""In which archivers write names that they do not mark as UTF-8: that of the format, then those of DOS and Windows."""
DRIVE = re.compile(r"[A-Za-z]:[\\/]")

ReadFile = Callable[[int], bytes]
"""Gives a file's bytes; raises `PhotoError` where there are more than it is told to give."""

UNREADABLE = (
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
    lzma.LZMAError,
    UnicodeDecodeError,
    NotImplementedError,
    RuntimeError,
    EOFError,
    OSError,
)
"""What reading a damaged archive raises; its decompressors have errors of their own."""


def photo_anew(data: bytes) -> bytes:
    """An uploaded photo as a new JPEG of its pixels alone, upright, of at most `LONGEST_SIDE` pixels.

    Raises:
        PhotoError: If the bytes are not a photo.
    """
    if len(data) > MAX_PHOTO_BYTES:
        raise PhotoError(f"{len(data)} bytes; {MAX_PHOTO_BYTES} are the most, send a smaller copy", photo="photo")
    photo = load_photo_alone(data, max_pixels=CURATOR_PIXELS)
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

    Raises:
        ManifestError: If the archive is not as `archive_files` expects, or its files not as `take_in` does.
        PhotoError: If none of its photos can be used.
    """
    with archive_files(archive) as files:
        take_in(files, folder)


@contextmanager
def archive_files(archive: IO[bytes]) -> Iterator[dict[str, ReadFile]]:
    """The files of a ZIP by their names, to be read within the block.

    Raises:
        ManifestError: If the archive is not a ZIP, is encrypted, has names that lead out of it or links, or has more or
            larger entries than are allowed.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            _check_bounds(_files(opened))
            yield {name: partial(_read, opened, info) for name, info in _entries(opened).items()}
    except UNREADABLE as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise ManifestError(f"the archive cannot be read ({error}); pack the folder as an ordinary ZIP") from None


def take_in(files: Mapping[str, ReadFile], folder: Path) -> None:
    """Put an upload's photos into a folder, each written again under a number, with a manifest that names them so.

    `staged_photos` reads the folder. Rows that cannot be used are kept there as problems, which `staged_problems`
    reads.

    Args:
        files: Reads each file, by its path in the upload.

    Raises:
        ManifestError: If there is not exactly one manifest.csv or table of OpenNumismat, it cannot be read, or no row
            of it can be used. The message names every line, and the photos as the sender does.
        PhotoError: If every row is right, but none of the photos can be used.
    """
    files = {unicodedata.normalize("NFC", name): read for name, read in files.items()}
    rows, problems, base = _rows_of(files)
    if not rows and not problems:
        raise ManifestError(f"{MANIFEST}: no rows; add one line a photo under the column names")
    of_rows, good = len(problems), list[ManifestRow]()
    for row in rows:
        name = unicodedata.normalize("NFC", str(base / row.file))
        if name not in files:
            problems.append((row.line, f"{row.file} was not sent with the manifest"))
            continue
        try:
            data = photo_anew(files[name](MAX_PHOTO_BYTES))
        except PhotoError as error:
            problems.append((row.line, f"{row.file}: {error.reason}"))
        else:
            good.append(row)
            (folder / f"{len(good)}.jpg").write_bytes(data)
    if not good and of_rows:
        raise ManifestError(f"{MANIFEST}: {len(problems)} bad rows:\n{told(problems)}")
    if not good:
        raise PhotoError(f"{len(problems)} photos cannot be used:\n{told(problems)}")
    (folder / PROBLEMS).write_text(json.dumps(sorted(problems)), encoding="utf-8")
    _write_staged(good, folder)


def stage(photos: Sequence[LabelledPhoto], folder: Path) -> None:
    """Put photos that lie elsewhere into a folder as they are, each under a number, with a manifest that names them so;
    `staged_photos` reads them. A photo that cannot be read is an empty file there, so that each keeps its place."""
    rows = []
    for number, photo in enumerate(photos, start=1):
        copy = folder / f"{number}.jpg"
        try:
            os.link(photo.path, copy)
        except OSError:  # on another disk, or somebody else's
            try:
                shutil.copyfile(photo.path, copy)
            except (FileNotFoundError, PermissionError):
                copy.touch()
        given = {each.name: getattr(photo, each.name) for each in fields(ManifestRow) if each.name != "file"}
        rows.append(ManifestRow(file=photo.path.name, **given))
    _write_staged(rows, folder)


def staged_manifest(folder: Path) -> Path:
    """The manifest of an upload in a staging folder: at its top, or in its only subfolder.

    Raises:
        ManifestError: If there is none.
    """
    inside = [path for path in folder.iterdir() if not path.name.startswith((".", "__MACOSX"))]
    only = inside[0] if len(inside) == 1 and inside[0].is_dir() else folder
    if not (only / MANIFEST).is_file():
        raise ManifestError(f"the upload has no {MANIFEST} at its top; it says which photo shows which coin")
    return only / MANIFEST


def staged_problems(manifest: Path) -> list[str]:
    """What could not be used of the upload that `take_in` put beside a manifest, by the sender's lines."""
    try:
        found = json.loads((manifest.parent / PROBLEMS).read_bytes())
    except FileNotFoundError:
        return []
    return [f"line {line}: {problem}" for line, problem in found]


def staged_photos(manifest: Path) -> tuple[LabelledPhoto, ...]:
    """The photos that a manifest in a staging folder names.

    If `take_in` wrote the manifest, lines and names are those of the sender's.

    Raises:
        ManifestError: If the manifest is wrong.
    """
    photos = read_manifest(manifest)
    try:
        sent = json.loads((manifest.parent / SENT_AS).read_bytes())
    except FileNotFoundError:
        return photos
    return tuple(replace(photo, line=line, sent_as=name) for photo in photos for line, name in [sent[photo.path.name]])


def _write_staged(rows: Sequence[ManifestRow], folder: Path) -> None:
    with (folder / MANIFEST).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for number, row in enumerate(rows, start=1):
            values = {**vars(row.label), **vars(row), **written_facts(row.facts), "file": f"{number}.jpg"}
            writer.writerow(values.get(column, "") for column in COLUMNS)
    sent = {f"{number}.jpg": (row.line, row.file) for number, row in enumerate(rows, start=1)}
    (folder / SENT_AS).write_text(json.dumps(sent), encoding="utf-8")


def _files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files of an archive, without what macOS puts beside them."""

    def is_ours(info: zipfile.ZipInfo) -> bool:
        path = PurePosixPath(info.filename)
        return not info.is_dir() and "__MACOSX" not in path.parts and not path.name.startswith("._")

    return [info for info in archive.infolist() if is_ours(info)]


def _check_bounds(infos: Sequence[zipfile.ZipInfo]) -> None:
    """Refuse what an archive's directory says of its files, before one is read."""
    if len(infos) > MAX_ENTRIES:
        raise ManifestError(f"the archive has {len(infos)} files; {MAX_ENTRIES} are the most, send it in parts")
    for info in infos:
        name = _names(info)[0]
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or DRIVE.match(name) or "\0" in info.orig_filename:
            raise ManifestError(f"the archive holds a file named {name!r}, which leads out of it")
        if (info.external_attr >> 16) & 0o170000 == SYMLINK:
            raise ManifestError(f"{name!r} in the archive is a link; pack the file itself")
        if info.flag_bits & 1:
            raise ManifestError(f"{name!r} in the archive is encrypted; pack it without a password")
        if info.file_size > MAX_RATIO * max(info.compress_size, 1024):
            raise ManifestError(f"{name!r} in the archive unpacks to {info.file_size} bytes; no photo is that large")
    total = sum(info.file_size for info in infos)
    if total > MAX_UNPACKED_BYTES:
        raise ManifestError(
            f"the archive unpacks to {total} bytes; {MAX_UNPACKED_BYTES} are the most, send it in parts"
        )


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files of an archive by their names; one whose name may be read in several ways is found by each of them."""
    entries: dict[str, zipfile.ZipInfo] = {}
    others: dict[str, zipfile.ZipInfo] = {}
    for info in _files(archive):
        name, *read_otherwise = _names(info)
        if name in entries:
            raise ManifestError(f"the archive holds {name!r} twice")
        entries[name] = info
        for other in read_otherwise:
            others.setdefault(other, info)
    return {**others, **entries}


def _names(info: zipfile.ZipInfo) -> list[str]:
    """What an entry may be called, the likeliest first: as the archive marks it, as UTF-8 where it is that, or in one
    code page after the other."""
    readings = [info.orig_filename]
    if not info.flag_bits & UTF8_FLAG:
        written = info.orig_filename.encode("cp437")
        try:
            readings = [written.decode("utf-8")]
        except UnicodeDecodeError:
            readings = [written.decode(page, errors="replace") for page in CODE_PAGES]
    composed = (unicodedata.normalize("NFC", each.replace("\\", "/")) for each in readings)
    return list(dict.fromkeys(str(PurePosixPath(each)) for each in composed))


def _rows_of(files: Mapping[str, ReadFile]) -> tuple[Sequence[ManifestRow], list[tuple[int, str]], PurePosixPath]:
    """The rows of an upload's manifest, what is wrong with others, and the folder that its files are named from. Raises
    `ManifestError` without one manifest."""
    found = [name for name in files if PurePosixPath(name).name.casefold() == MANIFEST]
    tables = [name for name in files if name.casefold().endswith(".csv")]
    if not found and len(tables) == 1 and is_opennumismat(data := _manifest_bytes(files[tables[0]])):
        base = PurePosixPath(tables[0]).parent
        beside = (PurePosixPath(name) for name in files)
        names = [str(path.relative_to(base)) for path in beside if path.is_relative_to(base)]
        return *opennumismat_rows(data, names), base
    if len(found) != 1:
        raise ManifestError(
            f"the upload has {len(found)} files {MANIFEST}; it needs one beside its photos, or a table of OpenNumismat"
        )
    rows, problems = parse_manifest(_manifest_bytes(files[found[0]]), name=MANIFEST)
    return rows, problems, PurePosixPath(found[0]).parent


def _manifest_bytes(read: ReadFile) -> bytes:
    try:
        return read(MAX_MANIFEST_BYTES)
    except PhotoError as error:
        raise ManifestError(f"{MANIFEST}: {error.reason}; send it in parts") from None


def _read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    """An entry's bytes, whatever the directory says no more than `most`."""
    with archive.open(info) as file:
        data = bytearray()
        while piece := file.read(CHUNK):
            data += piece
            if len(data) > most:
                raise PhotoError(f"more than {most} bytes", photo="photo")
    return bytes(data)
