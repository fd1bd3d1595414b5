"""The one labelled-data format: `manifest.csv`, a row a photo."""

import csv
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from coindex.errors import ManifestError

__all__ = ["COLUMNS", "SIDES", "CoinClass", "LabelledPhoto", "read_manifest"]

COLUMNS = (
    "file",
    "country",
    "currency",
    "denomination",
    "variant",
    "side",
    "year",
    "specimen",
    "design",
    "split",
)
REQUIRED = ("file", "country", "currency", "denomination", "side")
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
        return " ".join(part for part in (self.country, self.denomination, self.currency, self.variant) if part)

    def matches(self, other: "CoinClass") -> bool:
        """Whether both are the same coin and side; `unknown` matches either side."""
        return self.coin == other.coin and (self.side == other.side or "unknown" in (self.side, other.side))


@dataclass(frozen=True)
class LabelledPhoto:
    """One row: the photo's path, its class, and what else the manifest says of it. `line` counts from 1."""

    path: Path
    label: CoinClass
    year: str
    specimen: str
    design: str
    split: str
    line: int


def read_manifest(path: Path, *, splits: Collection[str] | None = None) -> tuple[LabelledPhoto, ...]:
    """Read a manifest; `splits` keeps the rows of those splits only.

    Files are relative to the manifest. Raises `ManifestError`, naming up to ten lines, for a missing or empty manifest,
    unknown, repeated or missing columns, an empty required field, a side that is none of `SIDES`, a photo that does not
    exist or lies outside the manifest's folder, a photo listed twice, and a split that has no rows.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ManifestError(f"{path}: no such file; give the path of a manifest.csv") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ManifestError(f"{path}: cannot be read as UTF-8 text ({error})") from None
    rows: list[LabelledPhoto] = []
    problems: list[str] = []
    first_line: dict[Path, int] = {}
    for line, fields in _records(path, text):
        try:
            row = _row(path.parent, fields, line)
        except ValueError as error:
            problems.append(f"line {line}: {error}")
            continue
        if row.path in first_line:
            problems.append(f"line {line}: {fields['file']} is already listed on line {first_line[row.path]}")
        first_line.setdefault(row.path, line)
        rows.append(row)
    wanted = [row for row in rows if splits is None or row.split in splits]
    problems += [f"line {row.line}: photo {row.path} does not exist" for row in wanted if not row.path.is_file()]
    if problems:
        more = f"\n  … and {len(problems) - 10} more" if len(problems) > 10 else ""
        raise ManifestError(f"{path}: {len(problems)} bad rows\n  " + "\n  ".join(problems[:10]) + more)
    if not rows:
        raise ManifestError(f"{path}: no rows; add one line a photo under the column names")
    for split in splits or ():
        if all(row.split != split for row in wanted):
            known = ", ".join(sorted({row.split for row in rows}))
            raise ManifestError(f"{path}: no row of split {split!r}; its splits are: {known}")
    return tuple(wanted)


def _records(path: Path, text: str) -> Iterator[tuple[int, dict[str | None, str | None]]]:
    """Each row under the column names, with the number of its last line."""
    # The stream leaves line ends alone: a quoted field may hold one.
    reader = csv.DictReader(io.StringIO(text, newline=""))
    try:
        _check_columns(path, reader.fieldnames)
        for fields in reader:
            yield reader.line_num, fields
    except csv.Error as error:
        raise ManifestError(f"{path}: after line {reader.line_num}: not CSV ({error}); save it again as CSV") from None


def _check_columns(path: Path, found: Collection[str] | None) -> None:
    if not found:
        raise ManifestError(f"{path}: empty; its first line must name the columns: {','.join(COLUMNS)}")
    unknown = [name for name in found if name not in COLUMNS]
    missing = [name for name in REQUIRED if name not in found]
    repeated = sorted({str(name) for name in found if list(found).count(name) > 1})
    if unknown or missing or repeated:
        parts = [f"unknown columns {', '.join(map(str, unknown))}"] if unknown else []
        parts += [f"missing columns {', '.join(missing)}"] if missing else []
        parts += [f"repeated columns {', '.join(repeated)}"] if repeated else []
        raise ManifestError(f"{path}: {'; '.join(parts)}; the columns are: {','.join(COLUMNS)}")


def _row(folder: Path, fields: dict[str | None, str | None], line: int) -> LabelledPhoto:
    if None in fields or None in fields.values():
        raise ValueError("more or fewer fields than columns")
    value = {str(name): str(text).strip() for name, text in fields.items()}
    empty = [name for name in REQUIRED if not value[name]]
    if empty:
        raise ValueError(f"{', '.join(empty)} must not be empty")
    if value["side"] not in SIDES:
        raise ValueError(f"side {value['side']!r} is none of {', '.join(SIDES)}")
    file = Path(value["file"])
    if file.is_absolute() or ".." in file.parts:
        raise ValueError(f"file {value['file']!r} must be a path below the manifest's folder")
    label = CoinClass(
        value["country"], value["currency"], value["denomination"], value.get("variant", ""), value["side"]
    )
    return LabelledPhoto(
        folder / file,
        label,
        value.get("year", ""),
        value.get("specimen", ""),
        value.get("design", ""),
        value.get("split", ""),
        line,
    )
