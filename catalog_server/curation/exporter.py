"""The catalogue as labelled photos again: a folder that an import makes the same catalogue of."""

import csv
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import func, select

from catalog_server.curation.packs import written_packs
from catalog_server.store import CoinRow, PhotoRow, Store
from coindex.disk import building_folder, sync_folder
from coindex.errors import StoreError
from coindex.facts import written_facts
from coindex.manifest import COLUMNS
from coindex.progress import Progress, no_progress

__all__ = ["ExportReport", "export_catalog"]

MANIFEST = "manifest.csv"
PACKS = "packs.json"
PHOTOS = "photos"
BUILDING = ".coindex-export-"
PLAIN_NAME = re.compile(r"(?!(?i:con|prn|aux|nul|com\d|lpt\d)\.)[A-Za-z0-9][A-Za-z0-9_-]{0,99}\.[A-Za-z0-9]{1,5}")
"""Of the names that photos came under, those that every file system takes."""


@dataclass(frozen=True)
class ExportReport:
    """What was exported; `without_photos` are classes that a manifest, a row a photo, has no place for; `packs` is how
    many stand in `packs.json`."""

    photos: int
    classes: int
    without_photos: tuple[str, ...]
    packs: int = 0


@dataclass(frozen=True)
class _Exported:
    """A photo: its file below the folder, its hash, and the row of the manifest."""

    file: str
    sha256: str
    row: Mapping[str, str]


def export_catalog(store: Store, folder: Path, *, progress: Progress = no_progress) -> ExportReport:
    """Write the live classes and photos of a store, with all that is known of them, to a folder.

    The folder is there whole or not at all. It gets `manifest.csv`, the photos as they are kept, and `packs.json` where
    there are packs.

    Args:
        folder: An empty folder, or one that does not exist.

    Raises:
        StoreError: If the folder is not empty or cannot be written, or a photo is missing or damaged.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StoreError(f"{folder}: not empty; name an empty folder, or one that does not exist")
    photos, without = _described(store)
    packs = written_packs(store)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with building_folder(folder.parent, BUILDING) as building:
            made = building / "out"
            made.mkdir()
            for done, photo in enumerate(photos, start=1):
                path = made / photo.file
                path.parent.mkdir(parents=True)
                path.write_bytes(store.photos.get(photo.sha256))
                progress(done, len(photos))
            _write_manifest(made / MANIFEST, photos)
            if packs["packs"]:
                (made / PACKS).write_text(json.dumps(packs, ensure_ascii=False, indent=2) + "\n", "utf-8")
            if folder.exists():
                folder.rmdir()
            made.rename(folder)
            sync_folder(folder.parent)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written ({error.strerror}); nothing was exported") from None
    classes = {tuple(photo.row[name] for name in COLUMNS[1:6]) for photo in photos}
    return ExportReport(len(photos), len(classes), tuple(without), len(packs["packs"]))


def _described(store: Store) -> tuple[list[_Exported], list[str]]:
    """The live photos in the order of their rows, and the classes that have none."""
    with store.reading() as session:
        coins = {coin.class_id: coin for coin in session.scalars(select(CoinRow).where(~CoinRow.retired))}
        rows = {key: _class_row(coin) for key, coin in coins.items()}
        live = select(PhotoRow).where(~PhotoRow.retired).order_by(PhotoRow.row_id)
        photos = [_exported(photo, rows[photo.class_id]) for photo in session.scalars(live)]
        counts = select(PhotoRow.class_id, func.count()).where(~PhotoRow.retired).group_by(PhotoRow.class_id)
        used = {class_id for class_id, _ in session.execute(counts)}
        without = [f"class {key}, {coin.name}, {coin.side}" for key, coin in coins.items() if key not in used]
    return photos, without


def _class_row(coin: CoinRow) -> dict[str, str]:
    return {**vars(coin.label), "design": coin.design, **written_facts(coin.told)}


def _exported(photo: PhotoRow, row: Mapping[str, str]) -> _Exported:
    name = photo.source if PLAIN_NAME.fullmatch(photo.source) else "photo.jpg"
    file = f"{PHOTOS}/{photo.row_id}/{name}"
    return _Exported(file, photo.photo_sha256, {**row, "year": photo.year, "specimen": photo.specimen, "file": file})


def _write_manifest(path: Path, photos: Sequence[_Exported]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(photo.row for photo in photos)
