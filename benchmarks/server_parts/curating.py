"""What an import and a publish take."""

import os
import statistics
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from catalog_server.curation.encoding import live_encoders, thumbnail
from catalog_server.curation.importer import import_photos
from catalog_server.publishing.publish import publish
from catalog_server.store import open_store
from coindex.commands.progress import progress_bar
from coindex.manifest import LabelledPhoto, read_manifest
from coindex.models import DEFAULT_FOLDER, load_models
from coindex.photo import load_photo
from coindex.pipeline import encode_photo
from coindex_synthetic import write_catalogue
from server_parts.sizes import ACTOR, SEED, Sizes
from server_parts.stores import add_drawn_rows, drawn_store


def measure_import(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Photos a second with as many threads as there are cores, and where one thread's time goes."""
    photos = megapixel_photos(folder / "photos", sizes.photos_drawn, sizes.photo_variants)
    store = open_store(folder / "imported", create=True)
    space_id, encode = next(iter(live_encoders(store).items()))
    encode(load_photo(photos[0].path))  # the nets are loaded once in a server's life
    told: list[int] = []
    began, cpu_began = time.perf_counter(), time.process_time()
    report = import_photos(
        store, photos, encode, space_id=space_id, actor=ACTOR, progress=lambda done, _: told.append(done)
    )
    spent, cpu = time.perf_counter() - began, time.process_time() - cpu_began
    store.close()
    steps = import_steps([photo.path for photo in photos[: min(len(photos), 64)]])
    return {
        "photos": report.rows_added,
        "megapixels": 1.0,
        "threads": len(os.sched_getaffinity(0)),
        "photos_per_s": round(report.rows_added / spent, 2),
        # What a machine whose other programs rest comes to: this one's may have had less than its cores.
        "cpu_ms_a_photo": round(cpu / report.rows_added * 1000, 1),
        "photos_per_s_by_cpu": round(len(os.sched_getaffinity(0)) * report.rows_added / cpu, 1),
        "progress_calls": len(told),
        "ms_a_photo_in_one_thread": steps,
    }


def megapixel_photos(folder: Path, drawn: int, variants: int) -> list[LabelledPhoto]:
    """Drawn studio photos of 1,000 × 1,000 pixels; turned, mirrored and darkened, they are others."""
    with progress_bar("Drawing photos") as progress:
        path = write_catalogue(
            folder, types=-(-drawn // 2), seed=SEED, size=1000, image_format="jpg", on_progress=progress
        )
    photos = []
    for photo in read_manifest(path)[:drawn]:
        with Image.open(photo.path) as opened:
            pixels = np.asarray(opened)
        for number in range(variants):
            turned = np.rot90(pixels[:, :: -1 if number & 4 else 1], number & 3)
            shaded = (turned * (1 - 0.1 * (number >> 3))).astype(np.uint8)
            file = photo.path.with_name(f"{photo.path.stem}-{number}.jpg")
            Image.fromarray(shaded).save(file, quality=90)
            photos.append(LabelledPhoto(file, photo.label, photo.year, photo.specimen, "", "catalog", len(photos) + 2))
    return photos


def import_steps(paths: Sequence[Path]) -> dict[str, float]:
    """Milliseconds of each step for the median photo, one thread alone."""
    models = load_models(DEFAULT_FOLDER)
    spent: dict[str, list[float]] = {}
    for path in paths:
        began = time.perf_counter()
        photo = load_photo(path.read_bytes())
        decoded = time.perf_counter()
        encoding = encode_photo(photo, models, largest_only=True)
        encoded = time.perf_counter()
        thumbnail(encoding.coins[0].picture)
        steps = {"decode": (decoded - began) * 1000, **encoding.timings_ms}
        steps["thumbnail"] = (time.perf_counter() - encoded) * 1000
        for name, value in steps.items():
            spent.setdefault(name, []).append(value)
    return {name: round(statistics.median(values), 2) for name, values in spent.items()}


def measure_publish(folder: Path, rows: int) -> dict[str, Any]:
    """Seconds of a first release of n rows, and of one after 20 rows more."""
    store = drawn_store(folder / f"rows-{rows}", rows)
    began = time.perf_counter()
    first = publish(store, DEFAULT_FOLDER, override="a benchmark")
    first_s = time.perf_counter() - began
    add_drawn_rows(store, 20)
    began = time.perf_counter()
    second = publish(store, DEFAULT_FOLDER, override="a benchmark")
    second_s = time.perf_counter() - began
    store.close()
    return {
        "rows": rows,
        "first_s": round(first_s, 2),
        "first_bytes": first.total_bytes,
        "second_s": round(second_s, 2),
        "second_new_bytes": second.new_bytes,
    }
