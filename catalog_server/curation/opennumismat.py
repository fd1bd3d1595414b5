"""The table that OpenNumismat saves as "CSV UTF-8", read as a manifest.

Its columns are those that the collection shows, under their English names, with semicolons between them. It carries no
photos: those that are sent with it belong to a row by their names, the coin's Name and the side (`5 mark obverse.jpg`),
or by a cell of the columns Obverse and Reverse that names a file.
"""

import csv
import io
import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath

from coindex.errors import ManifestError
from coindex.facts import Fact, clean_fact
from coindex.manifest import CoinClass, ManifestRow
from coindex.text import clean, plain

__all__ = ["is_opennumismat", "opennumismat_rows"]

LABEL = {"country": "Country", "currency": "Unit", "denomination": "Value", "variant": "Subject"}
FACTS = {"mint": "Mint", "ruler": "Ruler", "metal": "Material", "weight": "Weight", "diameter": "Diameter",
         "mintage": "Mintage", "links": "URL"}  # fmt: skip
NEEDED = ("Country", "Unit", "Value")
SIDES = {"obverse": ("obverse", "obv"), "reverse": ("reverse", "rev")}
WHOLE = re.compile(r"(\d+)[.,]0+")
WORD = re.compile(r"\w+")


def is_opennumismat(data: bytes) -> bool:
    """Whether this is such a table, by its first line."""
    header = data[:4096].removeprefix(b"\xef\xbb\xbf").split(b"\n", 1)[0].decode("utf-8", "replace")
    return set(NEEDED) <= {each.strip().strip('"') for each in header.split(";")}


def opennumismat_rows(data: bytes, files: Collection[str]) -> tuple[list[ManifestRow], list[tuple[int, str]]]:
    """The rows of such a table, one for each side whose photo is among `files`, and problems with others, by line.

    A fact is taken where all rows of a coin agree on it. One that differs describes a piece, not the coin.

    Raises:
        ManifestError: If the table is not UTF-8, or not a table.
    """
    photos = {_words(PurePosixPath(file).stem): file for file in files}
    rows, problems = list[ManifestRow](), list[tuple[int, str]]()
    told: dict[tuple[str, ...], dict[str, set[str]]] = {}
    for line, cells in _records(data):
        found = {side: file for side in SIDES if (file := _photo(cells, side, photos, files))}
        label = {name: WHOLE.sub(r"\1", cells.get(column, "")) for name, column in LABEL.items()}
        empty = [LABEL[name] for name in ("country", "currency", "denomination") if not label[name]]
        if empty:
            problems.append((line, f"{', '.join(empty)} must not be empty"))
        elif not found:
            name = cells.get("Name", "")
            problems.append((line, f"no photo of it was sent; name them {name or 'NAME'} obverse and {name} reverse"))
        else:
            try:
                cleaned = {name: clean(value) for name, value in label.items()}
                year = clean(cells.get("Year", ""))
            except ValueError as error:
                problems.append((line, f"a cell {error}"))
                continue
            for side, file in found.items():
                rows.append(ManifestRow(file, CoinClass(**cleaned, side=side), year, "", "", "", line))
            of_coin = told.setdefault(tuple(cleaned.values()), {})
            for fact, column in FACTS.items():
                if cells.get(column):
                    of_coin.setdefault(fact, set()).add(cells[column])
    return [_with_facts(row, told[row.label.coin]) for row in rows], problems


def _with_facts(row: ManifestRow, told: Mapping[str, set[str]]) -> ManifestRow:
    facts: dict[str, Fact] = {}
    for name, values in told.items():
        if len(values) == 1:
            try:
                if (fact := clean_fact(name, next(iter(values)))) is not None:
                    facts[name] = fact
            except ValueError:  # of a table of one's own this is left out: the coin is what matters
                continue
    fields = {name: getattr(row, name) for name in ("file", "label", "year", "specimen", "design", "split", "line")}
    return ManifestRow(**fields, facts=facts)


def _records(data: bytes) -> Iterator[tuple[int, dict[str, str]]]:
    """Each row that is not empty by the names of its columns, with its line; of columns of one name the last that is
    not empty, as Obverse is the die before it is the photo."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ManifestError("the table is not UTF-8; in OpenNumismat save it as CSV UTF-8") from None
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=";")
    header = [each.strip() for each in next(reader, [])]
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise ManifestError(f"after line {line - 1}: not CSV ({error}); save it from OpenNumismat again") from None
        if cells is None:
            return
        found: dict[str, str] = {}
        for column, cell in zip(header, cells, strict=False):
            if cell.strip():
                found[column] = cell.strip()
        if found:
            yield line, found


def _photo(cells: Mapping[str, str], side: str, photos: Mapping[str, str], files: Collection[str]) -> str | None:
    """The file of a side's photo, None where none was sent."""
    named = cells.get(side.capitalize(), "").replace("\\", "/")
    if named in files:
        return named
    name = _words(cells.get("Name", ""))
    found = (photos.get(f"{name} {word}") for word in SIDES[side]) if name else ()
    return next((file for file in found if file), None)


def _words(text: str) -> str:
    return " ".join(WORD.findall(plain(text).replace("_", " ")))
