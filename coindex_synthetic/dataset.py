"""Synthetic catalogues and phone photos on disk, labelled as every other set is."""

import csv
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from coindex.manifest import PHOTO_COLUMNS
from coindex.progress import Progress, no_progress
from coindex_synthetic.backgrounds import HELD_OUT_FAMILIES, background
from coindex_synthetic.coins import TYPES_PER_COUNTRY, CoinType, Side, coin_type
from coindex_synthetic.designs import blank_mask
from coindex_synthetic.relief import Bytes
from coindex_synthetic.rendering import (
    Specimen,
    phone_lighting,
    random_specimen,
    render_coin,
    studio_lighting,
)
from coindex_synthetic.scene_settings import EVALUATION_SEVERITY, SceneSettings
from coindex_synthetic.scenes import Scene, compose_scene

BOX_COLUMNS = ("file", "image_width", "image_height", "x", "y", "width", "height", "label")
SIDES: tuple[Side, Side] = ("obverse", "reverse")

_SEED_STRIDE = TYPES_PER_COUNTRY * 100_000  # types of one data set that do not run into the next seed's
_STUDIO_MARGIN = 0.03  # of the picture's side, on each side of the coin


def types_of(seed: int, count: int) -> list[CoinType]:
    """Return the `count` coin types of the data set `seed`; a catalogue and scenes of one seed share them.

    Raises:
        ValueError: If the count is below 1 or beyond what a seed holds, or the seed is negative.
    """
    if not 1 <= count <= _SEED_STRIDE:
        raise ValueError(f"types must be in 1…{_SEED_STRIDE}, got {count}")
    if seed < 0:
        raise ValueError(f"seed must be 0 or more, got {seed}")
    return [coin_type(seed * _SEED_STRIDE + index) for index in range(count)]


def write_catalogue(
    folder: Path,
    *,
    types: int,
    seed: int,
    size: int = 256,
    specimens: int = 1,
    max_wear: float = 0.25,
    split: str = "catalog",
    image_format: str = "webp",
    on_progress: Progress = no_progress,
) -> Path:
    """Write studio photos of both sides of `types` coin types.

    Each type is shown on `specimens` coins; both sides of a specimen have the same wear and year.

    Args:
        image_format: "webp" or "jpg", both at quality 90.
        on_progress: Called with the photos written, and the photos in all.

    Returns:
        The manifest's path.

    Raises:
        FileExistsError: If `folder` exists and holds anything.
        ValueError: If a count is below 1, or the format is unknown.
    """
    if specimens < 1:
        raise ValueError(f"specimens must be at least 1, got {specimens}")
    if image_format not in ("webp", "jpg"):
        raise ValueError(f"image_format must be 'webp' or 'jpg', got {image_format!r}")
    kinds = types_of(seed, types)
    rows: list[dict[str, object]] = []
    total = types * specimens * len(SIDES)
    with _staged(folder) as staging:
        for index, kind in enumerate(kinds):
            for copy in range(specimens):
                rng = np.random.default_rng([seed, 1, index, copy])
                specimen = random_specimen(rng, max_wear)
                name = f"{index:05d}-{copy}"
                for side in SIDES:
                    file = f"{name}-{side}.{image_format}"
                    _save(_studio_photo(kind, side, size, specimen, rng), staging / file, quality=90)
                    rows.append(_manifest_row(file, kind, side, specimen.year, name, split))
                    on_progress(len(rows), total)
        _write_table(staging / "manifest.csv", PHOTO_COLUMNS, rows)
    return folder / "manifest.csv"


def write_scenes(
    folder: Path,
    *,
    types: int,
    scenes: int,
    seed: int,
    coins_per_scene: int = 1,
    width: int = 1024,
    height: int = 768,
    families: Sequence[str] = HELD_OUT_FAMILIES,
    settings: SceneSettings = EVALUATION_SEVERITY,
    max_wear: float = 0.5,
    split: str = "query",
    on_progress: Progress = no_progress,
) -> Path:
    """Write phone-like JPEG photos of the types of `write_catalogue`'s `seed`.

    Classes take turns, so that each is shown before one is shown twice.

    Args:
        coins_per_scene: Overrides `settings.coins`; with one coin a scene, `manifest.csv` labels the photos as queries
            too.
        families: The kinds of background.

    Returns:
        The path of `boxes.csv`.

    Raises:
        FileExistsError: If `folder` exists and holds anything.
        ValueError: If a count is below 1.
    """
    if scenes < 1 or coins_per_scene < 1:
        raise ValueError(f"scenes and coins_per_scene must be at least 1, got {scenes} and {coins_per_scene}")
    if not families:
        raise ValueError("families must name at least one background")
    kinds = types_of(seed, types)
    deck = np.random.default_rng([seed, 2]).permutation(types * len(SIDES))
    look = replace(settings, coins=(coins_per_scene, coins_per_scene))
    box_rows: list[dict[str, object]] = []
    manifest_rows: list[dict[str, object]] = []
    with _staged(folder) as staging:
        for index in range(scenes):
            rng = np.random.default_rng([seed, 3, index])
            cards = [int(deck[(index * coins_per_scene + place) % len(deck)]) for place in range(coins_per_scene)]
            labels = [(kinds[card // len(SIDES)], SIDES[card % len(SIDES)]) for card in cards]
            states = [random_specimen(rng, max_wear) for _ in labels]
            family = str(families[int(rng.integers(len(families)))])
            behind = background(family, width=width, height=height, rng=rng)
            scene = _photographed(labels, states, behind, look, rng)
            name = f"scene-{index:05d}"
            # The phone's own JPEG is part of the picture; a second one at high quality hardly adds to it.
            _save(scene.rgb, staging / f"{name}.jpg", quality=95)
            for box, source in zip(scene.boxes.tolist(), scene.order, strict=True):
                kind, side = labels[source]
                label = f"{kind.country} {kind.denomination} {side}"
                box_rows.append(dict(zip(BOX_COLUMNS, (f"{name}.jpg", width, height, *box, label), strict=True)))
            if coins_per_scene == 1 and scene.order:
                kind, side = labels[0]
                manifest_rows.append(_manifest_row(f"{name}.jpg", kind, side, states[0].year, name, split))
            on_progress(index + 1, scenes)
        if manifest_rows:
            _write_table(staging / "manifest.csv", PHOTO_COLUMNS, manifest_rows)
        _write_table(staging / "boxes.csv", BOX_COLUMNS, box_rows)
    return folder / "boxes.csv"


def write_retrieval(
    folder: Path,
    *,
    types: int,
    scenes: int,
    seed: int,
    on_progress: Progress = no_progress,
) -> Path:
    """Write one `manifest.csv` of studio photos (split `catalog`) and scenes of the same types (split `query`).

    Returns:
        The manifest's path.

    Raises:
        FileExistsError: If `folder` exists and holds anything.
        ValueError: If a count is below 1.
    """
    photos = types * len(SIDES)
    write_catalogue(
        folder / "catalog", types=types, seed=seed, on_progress=lambda done, _: on_progress(done, photos + scenes)
    )
    write_scenes(
        folder / "query",
        types=types,
        scenes=scenes,
        seed=seed,
        on_progress=lambda done, _: on_progress(photos + done, photos + scenes),
    )
    header, lines = "", []
    for part in ("catalog", "query"):
        header, *body = (folder / part / "manifest.csv").read_text(encoding="utf-8").splitlines()
        lines += [f"{part}/{line}" for line in body]  # `file` is the first column
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join([header, *lines]) + "\n", encoding="utf-8")
    return manifest


def _photographed(
    labels: Sequence[tuple[CoinType, Side]],
    states: Sequence[Specimen],
    behind: Bytes,
    settings: SceneSettings,
    rng: np.random.Generator,
) -> Scene:
    """Render the coins under one light, as large as they can be seen, and compose them."""
    lighting = phone_lighting(rng)
    pixels = max(64, round(settings.coin_width[1] * behind.shape[1]))
    coins = [
        render_coin(kind, side, size=pixels, specimen=state, lighting=lighting)
        for (kind, side), state in zip(labels, states, strict=True)
    ]
    return compose_scene([(coin.rgb, coin.mask) for coin in coins], behind, settings=settings, rng=rng)


def _studio_photo(kind: CoinType, side: Side, size: int, specimen: Specimen, rng: np.random.Generator) -> Bytes:
    """Return a catalogue picture: the coin on a pale ground with a narrow margin, uint8 (size, size, 3)."""
    margin = max(1, round(_STUDIO_MARGIN * size))
    coin = render_coin(kind, side, size=size - 2 * margin, specimen=specimen, lighting=studio_lighting(rng))
    paper = np.asarray(rng.uniform(228, 255) + rng.normal(0, 2, 3), dtype=np.float32)
    ground = np.broadcast_to(np.clip(paper, 0, 255), (size, size, 3)).astype(np.float32)
    # The picture is already weighted by this soft coverage; the mask would leave a jagged edge.
    solid = np.pad(blank_mask(kind.blank, size=size - 2 * margin), margin).astype(np.float32) / 255
    shade = cv2.GaussianBlur(np.roll(solid, round(0.01 * size), axis=0), (0, 0), 0.012 * size)
    ground = ground * (1 - 0.25 * shade[..., None])
    coin_in_place = np.pad(coin.rgb, ((margin, margin), (margin, margin), (0, 0)))
    picture = ground * (1 - solid[..., None]) + coin_in_place
    return np.asarray(np.clip(np.round(picture), 0, 255), dtype=np.uint8)


def _manifest_row(file: str, kind: CoinType, side: Side, year: int, specimen: str, split: str) -> dict[str, object]:
    values = (
        file,
        kind.country,
        kind.currency,
        kind.denomination,
        kind.variant,
        side,
        year,
        specimen,
        "",
        split,
    )
    return dict(zip(PHOTO_COLUMNS, values, strict=True))


@contextmanager
def _staged(folder: Path) -> Iterator[Path]:
    """Give a place inside `folder` to write to; move all of it up at the end, or leave `folder` as it was.

    Raises `FileExistsError` where `folder` holds anything, so that no earlier set is mixed with this one.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(f"{folder} is not an empty folder: choose another one, or remove what it holds")
    existed = folder.exists()
    staging = folder / ".part"
    staging.mkdir(parents=True)
    try:
        yield staging
        # Tables go last: a table never names a photo that is not there.
        for path in sorted(staging.iterdir(), key=lambda path: (path.suffix == ".csv", path.name)):
            path.replace(folder / path.name)
        staging.rmdir()
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        if not existed:
            shutil.rmtree(folder, ignore_errors=True)
        raise


def _save(picture: Bytes, path: Path, *, quality: int) -> None:
    kind = "WEBP" if path.suffix == ".webp" else "JPEG"
    Image.fromarray(picture).save(path, format=kind, quality=quality)


def _write_table(path: Path, columns: Sequence[str], rows: Iterable[dict[str, object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, fieldnames=columns, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
