"""One folder to train on, of several sets of photos: coins outlined, mixed labels parted into designs."""

import csv
import io
import itertools
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from coindex.cutout import SIZE, cut_out
from coindex.disk import write_whole
from coindex.errors import PhotoError, TrainingError
from coindex.manifest import PHOTO_COLUMNS, read_manifest
from coindex.models import Models
from coindex.photo import Photo, load_photo
from coindex.pipeline import STEPS, Clock, OutlinedCoin, outline_photo
from coindex.relief import SCORE_ONE, QueryRelief, compare
from training.sources import is_mask, mask_file, pale_mask, photo_files

__all__ = ["gather", "groups"]

ALIKE = 0.35
"""Likeness, from 0 to 1, from which two groups of photos are of one design, on average over their pairs."""

LEAST_PHOTOS = 3
"""A smaller group is left out: it is likelier of failed cutouts than of a design."""

LEAST_SHARE = 0.3
"""Of its picture, that a coin must fill for the picture to be of that coin."""

Progress = Callable[[int, int], None]
"""Told how many photos are done, and of how many."""


def gather(
    out: Path,
    sources: Sequence[Path],
    models: Models,
    *,
    trained: Collection[str],
    judged: Collection[str],
    on_progress: Progress = lambda done, total: None,
) -> tuple[Path, tuple[str, ...]]:
    """Copy photos into the folder `out`, with their own masks, else with one where the background is not pale.

    Returns the manifest, and which photos were left out since they cannot be read.

    A source is a manifest, or a folder of photos that are alike in label but not in design, such as both sides of
    several issues of one denomination. Its split is `train_` and the name of the folder that holds it; its photos are
    parted into classes by what the second look of `models` finds alike. Of manifests, photos of splits that are
    `trained` on get masks, those of `judged` ones none, and others are left out. The manifest is written last: a folder
    without one is not whole.

    Raises:
        TrainingError: If `out` has a manifest already, the models have no second look, or a folder has no photo.
        ManifestError: If a manifest is wrong.
    """
    manifest = out / "manifest.csv"
    if manifest.exists():
        raise TrainingError(f"{manifest} exists already; give another folder, or remove this one")
    if models.relief is None:
        raise TrainingError("the models have no relief net, which tells designs apart; give others with --models")
    used = {*trained, *judged}
    folders = {
        source: [file for file in photo_files(source, what="photos") if not is_mask(file)]
        for source in sources
        if source.is_dir()
    }
    tables = {
        source: [photo for photo in read_manifest(source) if photo.split in used]
        for source in sources
        if source not in folders
    }
    total = sum(len(files) for files in folders.values()) + sum(len(photos) for photos in tables.values())
    count = itertools.count(1)
    unreadable: list[str] = []

    def read(file: Path) -> Photo | None:
        on_progress(next(count), total)
        try:
            return load_photo(file)
        except PhotoError as error:
            unreadable.append(str(error))
            return None

    rows: list[dict[str, str]] = []

    def put(file: Path, name: str, mask: NDArray[np.uint8] | None, row: dict[str, str]) -> None:
        target = out / "photos" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        if mask_file(file).is_file():
            shutil.copyfile(mask_file(file), mask_file(target))
        elif mask is not None:
            cv2.imwrite(str(mask_file(target)), mask)
        rows.append({"file": f"photos/{name}", **row})

    for number, (table, photos) in enumerate(tables.items()):
        for labelled in photos:
            photo = read(labelled.path)
            if photo is None:
                continue
            outlined = (
                labelled.split in judged or mask_file(labelled.path).is_file() or pale_mask(photo.rgb) is not None
            )
            coin = None if outlined else _coin(photo, models)
            row = {**asdict(labelled.label), "year": labelled.year, "specimen": labelled.specimen}
            row |= {"design": labelled.design, "split": labelled.split}
            name = f"{number}/{labelled.path.relative_to(table.parent).as_posix()}"
            put(labelled.path, name, _mask(coin, photo) if coin else None, row)
    for folder, files in folders.items():
        found = {}
        for file in files:
            photo = read(file)
            coin = _coin(photo, models) if photo else None
            if photo and coin:
                found[file] = (_mask(coin, photo), models.relief(cut_out(coin.found.rgb, coin.found.mask)))
        of, label = folder.absolute().parent.name, folder.name
        parted = groups([relief for _, relief in found.values()])
        for (file, (mask, _)), group in zip(found.items(), parted, strict=True):
            if (parted == group).sum() >= LEAST_PHOTOS:
                row = {"country": of, "currency": label, "denomination": label, "variant": f"group {group}"}
                put(
                    file,
                    f"{of}/{label}/{file.relative_to(folder).as_posix()}",
                    mask,
                    {**row, "side": "unknown", "split": f"train_{of}"},
                )
    text = io.StringIO()
    writer = csv.DictWriter(text, PHOTO_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(manifest, text.getvalue().encode())
    return manifest, tuple(unreadable)


def groups(reliefs: Sequence[QueryRelief]) -> NDArray[np.int64]:
    """The group of each of n reliefs, int64 (n,): those that are alike at their best turn, on average over a group."""
    if len(reliefs) < 2:
        return np.zeros(len(reliefs), np.int64)
    # Here, since its import takes seconds and only a folder of mixed designs needs it.
    from sklearn.cluster import AgglomerativeClustering

    maps = np.stack([relief.map for relief in reliefs])
    likeness = np.array([[match.score for match in compare(relief, maps)] for relief in reliefs]) / SCORE_ONE
    apart = 1 - (likeness + likeness.T) / 2
    np.fill_diagonal(apart, 0)
    parted = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=1 - ALIKE)
    return np.asarray(parted.fit_predict(apart), np.int64)


def _coin(photo: Photo, models: Models) -> OutlinedCoin | None:
    """The coin that fills a photo, None where none does."""
    coins = outline_photo(photo, models, Clock(STEPS))
    return coins[0] if coins and coins[0].area >= LEAST_SHARE * photo.width * photo.height else None


def _mask(coin: OutlinedCoin, photo: Photo) -> NDArray[np.uint8]:
    """The coin's mask uint8, 0 or 255, in the full size of its photo."""
    crop, (across, down) = coin.found.crop, coin.enlargement
    scale = crop.width / SIZE
    to_photo = np.array([[scale * across, 0, crop.x * across], [0, scale * down, crop.y * down]])
    mask = cv2.warpAffine(coin.found.mask, to_photo, (photo.width, photo.height), flags=cv2.INTER_LINEAR)
    return np.where(mask >= 128, 255, 0).astype(np.uint8)
