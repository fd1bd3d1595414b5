"""The one labelled-data format: `manifest.csv`, a row a photo."""

import dataclasses
import unicodedata
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath, PureWindowsPath

from coindex.errors import ManifestError
from coindex.facts import FACTS, Fact, Facts, clean_fact
from coindex.table import TableRow, cleaned, read_table
from coindex.text import MAX_TEXT, plain

__all__ = [
    "COLUMNS",
    "LABEL_FIELDS",
    "PHOTO_COLUMNS",
    "REQUIRED_LABEL_FIELDS",
    "SIDES",
    "CoinClass",
    "LabelledPhoto",
    "ManifestRow",
    "composed_name",
    "parse_manifest",
    "read_manifest",
    "shown_title",
    "told",
]


SIDES = ("obverse", "reverse", "unknown")


@dataclass(frozen=True, order=True)
class CoinClass:
    """What is recognised: one side of one coin type. The year is not part of it, a commemorative is a variant."""

    country: str
    currency: str
    denomination: str
    variant: str
    side: str

    @property
    def coin(self) -> tuple[str, str, str, str]:
        """The coin type without the side."""
        return (self.country, self.currency, self.denomination, self.variant)

    @property
    def name(self) -> str:
        """The coin type as people read it, without the side."""
        return composed_name(self.country, self.currency, self.denomination, self.variant)

    def matches(self, other: "CoinClass") -> bool:
        """Whether both are the same coin and side; `unknown` matches either side."""
        return self.coin == other.coin and (self.side == other.side or "unknown" in (self.side, other.side))


def shown_title(label: CoinClass, facts: Facts) -> str:
    """The title that a coin is shown under, without the side: the one that its facts give, or its label's name."""
    title = facts.get("title")
    return title if isinstance(title, str) else label.name


def composed_name(country: str, currency: str, denomination: str, variant: str) -> str:
    """A coin type as people read it: country, denomination, currency and variant, none of which repeats what stands
    before it.

    The currency is left out where the denomination or the country says it already (`100won`, `Euro area`), or begins
    with it in short (`zl1` of `zloty`, `20p` of `pound`); the variant where its words stand there already.
    """
    short = [run for run in _letters(denomination) if plain(currency).startswith(run)]
    says_it = plain(currency) in plain(denomination) or _holds(country, currency)
    parts = [country, denomination, "" if short or says_it else currency]
    if not _holds(" ".join(parts), variant):
        parts.append(variant)
    return " ".join(part for part in parts if part)


def _letters(text: str) -> list[str]:
    """The runs of letters of a text, plain."""
    letters = (letter if unicodedata.category(letter).startswith("L") else " " for letter in plain(text))
    return "".join(letters).split()


def _holds(text: str, words: str) -> bool:
    """Whether a text has these words, one after the other."""
    return f" {' '.join(plain(words).split())} " in f" {' '.join(plain(text).split())} "


LABEL_FIELDS = tuple(field.name for field in dataclasses.fields(CoinClass))
"""What a class is told apart by, in the order in which it is written everywhere."""

REQUIRED_LABEL_FIELDS = tuple(name for name in LABEL_FIELDS if name != "variant")
"""What of it must not be empty."""

PHOTO_COLUMNS = ("file", *LABEL_FIELDS, "year", "specimen", "design", "split")
"""Columns of the photo and its class."""
COLUMNS = (*PHOTO_COLUMNS, *FACTS)
REQUIRED = ("file", *REQUIRED_LABEL_FIELDS)

MAX_FILE = 1000
"""Characters of a photo's path in a manifest."""
MAX_TOLD = 50
"""Problems of a file that are told at once."""


@dataclass(frozen=True)
class ManifestRow:
    """What one row of a manifest says; `file` is the photo's path as it is written, with `/` between folders, `line`
    counts from 1, and `facts` are those of the coin, blank ones left out."""

    file: str
    label: CoinClass
    year: str
    specimen: str
    design: str
    split: str
    line: int
    facts: Facts = field(default_factory=dict)


@dataclass(frozen=True)
class LabelledPhoto:
    """One row: the photo's path, its class, and what else the manifest says of it. `line` counts from 1.

    `sent_as` is what whoever sent the photo calls it, where it lies under another name here.
    """

    path: Path
    label: CoinClass
    year: str
    specimen: str
    design: str
    split: str
    line: int
    sent_as: str = ""
    facts: Facts = field(default_factory=dict)


def read_manifest(path: Path, *, splits: Collection[str] | None = None) -> tuple[LabelledPhoto, ...]:
    """Read a manifest.

    Files are relative to the manifest, and found under either way to write an accent in Unicode.

    Args:
        splits: Keeps the rows of these splits only; by default all.

    Raises:
        ManifestError: If the manifest is missing, empty or wrong, a photo does not exist, or a split has no rows. The
            message names the lines.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such file; give the path of a manifest.csv") from None
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror}); give the path of a manifest.csv") from None
    rows, problems = parse_manifest(data, name=str(path))
    wanted = [row for row in rows if splits is None or row.split in splits]
    folder = _Folder(path.parent)
    photos = [
        LabelledPhoto(found, row.label, row.year, row.specimen, row.design, row.split, row.line, facts=row.facts)
        for row in wanted
        if (found := folder.find(row.file)) is not None
    ]
    there = {photo.line for photo in photos}
    problems += [(row.line, f"photo {row.file} does not exist") for row in wanted if row.line not in there]
    if problems:
        raise ManifestError(f"{path}: {len(problems)} bad rows\n  " + told(problems, between="\n  "))
    if not rows:
        raise ManifestError(f"{path}: no rows; add one line a photo under the column names")
    for split in splits or ():
        if all(row.split != split for row in wanted):
            known = ", ".join(sorted({row.split for row in rows}))
            raise ManifestError(f"{path}: no row of split {split!r}; its splits are: {known}")
    return tuple(photos)


def parse_manifest(data: bytes, *, name: str) -> tuple[tuple[ManifestRow, ...], list[tuple[int, str]]]:
    """The rows of a manifest's bytes, and the problems of others by line; `name` is what errors call the file.

    A problem is an empty required field, a side that is none of `SIDES`, text that `coindex.text.clean` refuses, a file
    that lies outside the manifest's folder, or is listed twice.

    Raises:
        ManifestError: If nothing can be read, as `read_table` does.
    """
    table, problems = read_table(data, name=name, columns=COLUMNS, required=REQUIRED)
    rows: list[ManifestRow] = []
    first_line: dict[PurePosixPath, int] = {}
    for record in table:
        try:
            row = _row(record)
        except ValueError as error:
            problems.append((record.line, str(error)))
            continue
        path = PurePosixPath(_composed(row.file))
        if path in first_line:
            problems.append((row.line, f"{row.file} is already listed on line {first_line[path]}"))
            continue
        first_line[path] = row.line
        rows.append(row)
    return tuple(rows), problems


def told(problems: Iterable[tuple[int, str]], *, between: str = "\n") -> str:
    """Problems in the order of their lines, at most `MAX_TOLD` of them."""
    listed = [f"line {line}: {problem}" for line, problem in sorted(problems)]
    more = [f"… and {len(listed) - MAX_TOLD} more"] if len(listed) > MAX_TOLD else []
    return between.join([*listed[:MAX_TOLD], *more])


def _row(record: TableRow) -> ManifestRow:
    empty = [name for name in REQUIRED if not record.cells[name]]
    if empty:
        raise ValueError(f"{', '.join(empty)} must not be empty")
    wrong: list[str] = []
    value: dict[str, str] = {}
    for column in PHOTO_COLUMNS:
        try:
            value[column] = cleaned(record, column, most=MAX_FILE if column == "file" else MAX_TEXT)
        except ValueError as error:
            wrong.append(str(error))
    facts: dict[str, Fact] = {}
    for column in FACTS:
        try:
            if (fact := clean_fact(column, record.cells[column])) is not None:
                facts[column] = fact
        except ValueError as error:
            wrong.append(f"{column} {error}")
    side = value.get("side", "").casefold()
    if "side" in value and side not in SIDES:
        wrong.append(f"side {value['side']!r} is none of {', '.join(SIDES)}")
    # As it is written: composed, it might be another file's name.
    file = record.cells["file"].replace("\\", "/")
    if "file" in value and _leads_out(file):
        wrong.append(f"file {value['file']!r} must be a path below the manifest's folder")
    if wrong:
        raise ValueError("; ".join(wrong))
    label = CoinClass(**{**{name: value[name] for name in LABEL_FIELDS}, "side": side})
    of_photo = {name: value[name] for name in ("year", "specimen", "design", "split")}
    return ManifestRow(file, label, **of_photo, line=record.line, facts=facts)


def _leads_out(file: str) -> bool:
    path = PurePosixPath(file)
    return path.is_absolute() or PureWindowsPath(file).is_absolute() or ".." in path.parts


def _composed(name: str) -> str:
    return unicodedata.normalize("NFC", name)


class _Folder:
    """The files of a manifest's folder. Some systems write the accents of their names as letters of their own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._listed: dict[Path, dict[str, Path]] = {}

    def find(self, file: str) -> Path | None:
        """The file of a name, None where there is none."""
        try:
            if (self._folder / file).is_file():
                return self._folder / file
            path = self._folder
            for part in PurePosixPath(file).parts:
                path = self._entries(path)[_composed(part)]
            return path if path.is_file() else None
        except (OSError, KeyError):  # such as a name that is too long
            return None

    def _entries(self, folder: Path) -> dict[str, Path]:
        if folder not in self._listed:
            self._listed[folder] = {_composed(path.name): path for path in folder.iterdir()}
        return self._listed[folder]
