"""A table as spreadsheets save it: read whatever they do to it, or told in a sentence how to save it right."""

import csv
import io
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from coindex.errors import ManifestError
from coindex.text import clean, folded, shown

__all__ = ["TableRow", "cleaned", "read_table"]

SAVE_AS = "in the spreadsheet choose Save as, CSV UTF-8"
WORKBOOKS = {b"PK\x03\x04": "an Excel or LibreOffice workbook", b"\xd0\xcf\x11\xe0": "an old Excel workbook"}
MARKED = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe\0\0": "utf-32", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
"""Encodings by the byte order mark, the longer of two with one beginning first."""
DELIMITERS = ",;\t|"
"""What spreadsheets put between columns, by the country that they are set to."""


@dataclass(frozen=True)
class TableRow:
    """One row: the line on which it begins, counted from 1 as a text editor does, and its cells by column, stripped.

    A column that the table does not have is an empty cell.
    """

    line: int
    cells: dict[str, str]


def read_table(
    data: bytes, *, name: str, columns: Collection[str], required: Collection[str]
) -> tuple[tuple[TableRow, ...], list[tuple[int, str]]]:
    """The rows of a table, and problems with others, each by its line.

    Takes UTF-8 and UTF-16; commas, semicolons, tabs and bars between columns, and a first line `sep=;` that names
    another sign; column names in upper or lower case; empty rows, and empty columns without a name.

    Args:
        name: The table's name in messages.

    Raises:
        ManifestError: If this is not such a table: another encoding, a workbook, an empty file, or columns that are not
            among `columns`, repeated, or `required` and missing.
    """
    text = _decoded(data, name)
    delimiter, text, skipped = _delimiter(text, columns)
    rows: list[TableRow] = []
    problems: list[tuple[int, str]] = []
    records = _records(text, delimiter, name, skipped)
    header = next(records, None)
    if header is None:
        raise ManifestError(f"{name}: empty; its first line must name the columns: {','.join(columns)}")
    names = [folded(each) for each in header[1]]
    _check_columns(names, name, columns, required)
    for line, cells in records:
        unnamed = [cell.strip() for place, cell in enumerate(cells) if place >= len(names) or not names[place]]
        if extra := next(filter(None, unnamed), None):
            problems.append((line, f"{extra[:40]!r} stands in a column without a name"))
            continue
        found = {column: cell.strip() for column, cell in zip(names, cells, strict=False) if column}
        rows.append(TableRow(line, {column: found.get(column, "") for column in columns}))
    return tuple(rows), problems


def cleaned(row: TableRow, column: str, *, most: int) -> str:
    """A row's cell as `clean` has it.

    Raises:
        ValueError: If the cell is not clean; the message names the column.
    """
    try:
        return clean(row.cells[column], most=most)
    except ValueError as error:
        raise ValueError(f"{column} {error}") from None


def _decoded(data: bytes, name: str) -> str:
    for start, what in WORKBOOKS.items():
        if data.startswith(start):
            raise ManifestError(f"{name}: this is {what}, not CSV; {SAVE_AS}")
    encoding = next((encoding for mark, encoding in MARKED.items() if data.startswith(mark)), None)
    if encoding is None and len(data) > 1 and (data[0] == 0) != (data[1] == 0):
        encoding = "utf-16-le" if data[1] == 0 else "utf-16-be"
    try:
        return data.decode(encoding or "utf-8")
    except UnicodeDecodeError as error:
        if encoding not in (None, "utf-8-sig"):
            raise ManifestError(f"{name}: it starts as UTF-16 and continues in another encoding; {SAVE_AS}") from None
        line = data.count(b"\n", 0, error.start) + 1
        raise ManifestError(
            f"{name}: line {line} holds the byte 0x{data[error.start]:02X}, so it is in a Windows code page and "
            f"not in UTF-8; its letters cannot be known; {SAVE_AS}"
        ) from None


def _delimiter(text: str, columns: Collection[str]) -> tuple[str, str, int]:
    """What separates columns, the text from the header on, and how many lines stand before it."""
    first, _, rest = text.partition("\n")
    said = first.strip().strip('"')
    if said.lower().startswith("sep=") and len(said) == 5:
        return said[4], rest, 1
    if first.rstrip("\r").lower() == "sep=\t":
        return "\t", rest, 1
    line = next((each for each in text.splitlines() if each.strip()), "")

    def known(delimiter: str) -> int:
        return sum(folded(each.strip().strip('"')) in columns for each in line.split(delimiter))

    return max(DELIMITERS, key=known), text, 0


def _records(text: str, delimiter: str, name: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Each row that is not empty, with the number of its first line."""
    # The stream leaves line ends alone: a quoted field may hold one.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    while True:
        line = skipped + reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ManifestError(f"{name}: after line {line - 1}: not CSV ({error}); {SAVE_AS}") from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _check_columns(names: list[str], name: str, columns: Collection[str], required: Collection[str]) -> None:
    found = [each for each in names if each]
    unknown = [shown(each)[:40] for each in found if each not in columns]
    missing = [each for each in required if each not in found]
    repeated = sorted({each for each in found if found.count(each) > 1})
    if unknown or missing or repeated:
        parts = [f"unknown columns {', '.join(unknown[:10])}"] if unknown else []
        parts += [f"missing columns {', '.join(missing)}"] if missing else []
        parts += [f"repeated columns {', '.join(map(shown, repeated[:10]))}"] if repeated else []
        raise ManifestError(f"{name}: {'; '.join(parts)}; the columns are: {','.join(columns)}")
