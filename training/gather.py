"""One folder to train on, of several sets of photos: coins outlined, mixed labels parted into designs."""

import csv
import io
import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import AgglomerativeClustering

from coindex.cutout import SIZE
from coindex.disk import write_whole
from coindex.errors import TrainingError
from coindex.manifest import PHOTO_COLUMNS, read_manifest
from coindex.models import Models
from coindex.photo import Photo, load_photo
from coindex.pipeline import EncodedCoin, encode_photo
from coindex.relief import SCORE_ONE, QueryRelief, compare
from training.sources import PHOTO_ENDINGS, mask_file, pale_mask

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
) -> Path:
    """Copy photos into the folder `out`, with a mask where the background is not pale, and return their manifest.

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
        raise TrainingError(f"{manifest} exists already; give another folder with --out, or remove this one")
    if models.relief is None:
        raise TrainingError("the models have no relief net, which tells designs apart; give others with --models")
    mixed = {folder: _photos(folder) for folder in sources if folder.is_dir()}
    used = {*trained, *judged}
    labelled = {file: read_manifest(file, splits=used) for file in sources if not file.is_dir()}
    total = sum(map(len, [*mixed.values(), *labelled.values()]))
    rows: list[dict[str, str]] = []
    done = 0

    def put(file: Path, name: str, coin: EncodedCoin | None, row: dict[str, str]) -> None:
        target = out / "photos" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
        if coin is not None:
            cv2.imwrite(str(mask_file(target)), _mask(coin, load_photo(file)))
        rows.append({"file": f"photos/{name}", **row})

    for number, (manifest_, photos) in enumerate(labelled.items()):
        for photo in photos:
            coin = None if photo.split in judged else _coin(photo.path, models, unless_pale=True)
            row = {**asdict(photo.label), "year": photo.year, "specimen": photo.specimen, "design": photo.design}
            name = f"{number}/{photo.path.relative_to(manifest_.parent).as_posix()}"
            put(photo.path, name, coin, {**row, "split": photo.split})
            done += 1
            on_progress(done, total)
    for folder, files in mixed.items():
        coins: dict[Path, EncodedCoin] = {}
        for file in files:
            coin = _coin(file, models)
            if coin is not None:
                coins[file] = coin
            done += 1
            on_progress(done, total)
        of, label = folder.absolute().parent.name, folder.name
        parted = groups([coin.relief for coin in coins.values() if coin.relief is not None])
        for (file, coin), group in zip(coins.items(), parted, strict=True):
            if (parted == group).sum() >= LEAST_PHOTOS:
                row = {
                    "country": of,
                    "currency": label,
                    "denomination": label,
                    "variant": f"group {group}",
                    "side": "unknown",
                }
                put(file, f"{of}/{label}/{file.name}", coin, {**row, "split": f"train_{of}"})
    table = io.StringIO()
    writer = csv.DictWriter(table, PHOTO_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(manifest, table.getvalue().encode())
    return manifest


def groups(reliefs: Sequence[QueryRelief]) -> NDArray[np.int64]:
    """The group of each of n reliefs, int64 (n,): those that are alike at their best turn, on average over a group."""
    if len(reliefs) < 2:
        return np.zeros(len(reliefs), np.int64)
    maps = np.stack([relief.map for relief in reliefs])
    likeness = np.array([[match.score for match in compare(relief, maps)] for relief in reliefs]) / SCORE_ONE
    apart = 1 - (likeness + likeness.T) / 2
    np.fill_diagonal(apart, 0)
    parted = AgglomerativeClustering(None, metric="precomputed", linkage="average", distance_threshold=1 - ALIKE)
    return np.asarray(parted.fit_predict(apart), np.int64)


def _coin(file: Path, models: Models, *, unless_pale: bool = False) -> EncodedCoin | None:
    """The coin that fills a photo; None where none does, or the background is pale and outlines it better."""
    photo = load_photo(file)
    if unless_pale and pale_mask(photo.rgb) is not None:
        return None
    coins = encode_photo(photo, models, largest_only=True).coins
    return coins[0] if coins and coins[0].area >= LEAST_SHARE * photo.width * photo.height else None


def _mask(coin: EncodedCoin, photo: Photo) -> NDArray[np.uint8]:
    """The coin's mask uint8, 0 or 255, in the full size of its photo."""
    crop, (across, down) = coin.found.crop, coin.enlargement
    scale = crop.width / SIZE
    to_photo = np.array([[scale * across, 0, crop.x * across], [0, scale * down, crop.y * down]])
    mask = cv2.warpAffine(coin.found.mask, to_photo, (photo.width, photo.height), flags=cv2.INTER_LINEAR)
    return np.where(mask >= 128, 255, 0).astype(np.uint8)


def _photos(folder: Path) -> list[Path]:
    files = sorted(file for file in folder.iterdir() if file.suffix.lower() in PHOTO_ENDINGS)
    if not files:
        raise TrainingError(f"{folder}: no photos ({', '.join(PHOTO_ENDINGS)}) in this folder")
    return files
