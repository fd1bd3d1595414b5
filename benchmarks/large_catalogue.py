"""Curating a large catalogue: each page, a great step, a search for mistakes, and a publish, by the number of photos.

    python benchmarks/large_catalogue.py --json large.json
    python benchmarks/large_catalogue.py --quick

The stores are drawn: codes are points around their classes', pictures are small discs, and the nets are left out, since
they take the same for each photo however many there are. Pages are asked for as a browser asks, without a network, and
their median is stated; all sizes are measured in one run.
"""

import argparse
import hashlib
import io
import json
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw
from rich.console import Console
from rich.table import Table
from sqlalchemy import insert

from catalog_server.accounts.accounts import Role, create_user
from catalog_server.curation.changes import bring_back
from catalog_server.curation.many import rename_coins, retire_photos
from catalog_server.curation.quality import find_mistakes
from catalog_server.curation.steps import preview, take_step
from catalog_server.publishing.publish import publish
from catalog_server.publishing.served import published_state
from catalog_server.store import CodeRow, CoinRow, PhotoRow, SpaceRow, Store, now, open_store
from catalog_server.store.tables import searched_words
from catalog_server.web.app import create_app
from coindex.codes import DIMENSIONS
from coindex.manifest import CoinClass
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, read_index

SIZES = (10_000, 100_000)
QUICK_SIZES = (500, 2_000)
PHOTOS_A_CLASS = 5
COUNTRIES, CURRENCIES = 180, 12
SPREAD = 6
"""Standard deviation of a class's codes, in each of the 64 numbers."""
PASSWORD = "correct horse battery"
ROUNDS = 5
NEW_PHOTOS = 20
PAGES = (
    "/", "/coins", "/coins?page=40", "/coins?sort=few", "/coins?q=mark+7", "/coins?country=Country+7", "/coins/17",
    "/coins/new", "/publish", "/quality", "/quality?what=twins", "/quality?what=classes", "/quality?what=names",
    "/quality?what=sides", "/quality?what=single", "/audit", "/imports", "/accounts", "/account",
)  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """One thing at one size of the catalogue; `ms` is the median of the rounds, or the one time that a step took."""

    what: str
    photos: int
    ms: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", help="numbers of photos, such as 10000,100000")
    parser.add_argument("--quick", action="store_true", help="small sizes, under a minute")
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    sizes = [int(size) for size in options.sizes.split(",")] if options.sizes else ()
    rows: list[Measured] = []
    for size in sizes or (QUICK_SIZES if options.quick else SIZES):
        with tempfile.TemporaryDirectory() as folder:
            rows += _measured(Path(folder), size)
    if options.json:
        options.json.write_text(json.dumps([asdict(row) for row in rows], indent=2) + "\n")
    _print(rows)


def _measured(folder: Path, photos: int) -> list[Measured]:
    store = open_store(folder / "store", create=True)
    try:
        _draw(store, photos)
        create_user(store, "ada", PASSWORD, role=Role.PUBLISHER, actor="benchmark")
        steps = _steps(store)
        return [
            *(Measured(what, photos, _timed(step)) for what, step in steps.items()),
            *(Measured(path, photos, each) for path, each in _pages(store).items()),
        ]
    finally:
        store.close()


def _steps(store: Store) -> dict[str, Callable[[], object]]:
    def publish_now() -> None:
        publish(store, DEFAULT_FOLDER, relief_references=0, actor="benchmark")

    def step_back() -> None:
        preview(store, bring_back(published_state(store, 1), version=1))

    def rename() -> None:
        take_step(store, rename_coins(range(1, 101), "country", "Elsewhere"), actor="benchmark")

    return {
        "first publish": publish_now,
        f"retire {NEW_PHOTOS} photos": lambda: take_step(
            store, retire_photos(range(1, NEW_PHOTOS + 1)), actor="benchmark"
        ),
        f"publish after {NEW_PHOTOS} photos": publish_now,
        "rename 100 coin sides": rename,
        "preview of bringing a release back": step_back,
        "search for mistakes": lambda: find_mistakes(store),
    }


def _pages(store: Store) -> dict[str, float]:
    app = create_app(store)
    client = app.test_client()
    client.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    csrf = re.search(r'name="csrf" content="([^"]+)"', client.get("/").text)
    assert csrf is not None, "not signed in"

    def ask(path: str) -> None:
        answer = client.get(path)
        assert answer.status_code == 200 and answer.text, path

    def look(path: str) -> None:
        coins = {"action": "retire", "coins": "1-100", "csrf": csrf[1]}
        assert client.post(path, data=coins).status_code == 200

    found = {path: statistics.median(_timed(lambda path=path: ask(path)) for _ in range(ROUNDS)) for path in PAGES}
    found["/steps/preview, 100 coin sides"] = statistics.median(
        _timed(lambda: look("/steps/preview")) for _ in range(ROUNDS)
    )
    return found


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1000


def _draw(store: Store, photos: int) -> None:
    """A catalogue without files: nothing here reads a photo's own."""
    space_id = read_index(DEFAULT_FOLDER / INDEX_NAME).space_id
    random, at = np.random.default_rng(7), now()
    classes = photos // PHOTOS_A_CLASS
    centres = random.integers(-90, 91, (classes, DIMENSIONS))
    codes = centres.repeat(PHOTOS_A_CLASS, 0) + random.normal(0, SPREAD, (photos, DIMENSIONS))
    codes = codes.round().clip(-127, 127).astype(np.int8)
    pictures = [_disc(shade) for shade in range(40, 240, 10)]
    coins, rows = [], []
    for number in range(classes):
        label = CoinClass(
            f"Country {number % COUNTRIES}", f"mark {number % CURRENCIES}", str(number // 2), "",
            "reverse" if number % 2 else "obverse",
        )  # fmt: skip
        fields = (label.country, label.currency, label.denomination, label.variant)
        words = searched_words(label.name, fields, "", {})
        coins.append({**vars(label), "name": label.name, "design": "", "facts": {}, "words": words, "created": at,
                      "updated": at})  # fmt: skip
    for place in range(photos):
        sha256 = hashlib.sha256(place.to_bytes(8, "little")).hexdigest()
        photo = {"photo_sha256": sha256, "source": f"{place}.jpg", "specimen": "", "year": "1921", "created": at}
        rows.append({**photo, "class_id": place // PHOTOS_A_CLASS + 1, "thumbnail": pictures[place % len(pictures)]})
    with store.changing() as session:
        session.add(SpaceRow(space_id=space_id, state="current", created=at))
        session.flush()
        session.execute(insert(CoinRow), coins)
        session.execute(insert(PhotoRow), rows)
        session.execute(
            insert(CodeRow),
            [{"row_id": place + 1, "space_id": space_id, "code": codes[place].tobytes()} for place in range(photos)],
        )


def _disc(shade: int) -> bytes:
    picture = Image.new("RGB", (160, 160))
    ImageDraw.Draw(picture).ellipse((4, 4, 155, 155), fill=(shade, shade, shade // 2))
    out = io.BytesIO()
    picture.save(out, "WEBP", quality=60)
    return out.getvalue()


def _print(rows: Sequence[Measured]) -> None:
    sizes = list(dict.fromkeys(row.photos for row in rows))
    table = Table("ms", *(f"{size:,} photos" for size in sizes), "ratio", title="Curating a large catalogue")
    by_what: dict[str, dict[int, float]] = {}
    for row in rows:
        by_what.setdefault(row.what, {})[row.photos] = row.ms
    for what, found in by_what.items():
        ratio = found[sizes[-1]] / found[sizes[0]]
        table.add_row(what, *(f"{found[size]:.0f}" for size in sizes), f"{ratio:.1f}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
