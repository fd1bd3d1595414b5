"""The phone app as people meet it: first visit, cold start in flight mode, photo to answer, and if the page stalls.

    python benchmarks/phone_app.py
    python benchmarks/phone_app.py --quick --json phone-app.json

In headless Chromium, the committed build, a server on loopback. `screen` is from a chosen file of 12 megapixels to the
answer on the screen, warm; `longest_task_ms` is the longest that the page's main thread was busy at a stretch, by the
browser's own Long Tasks API, which tells those of 50 ms and more: 0 where there was none.

`eighteen_…` are of a photo of as many pixels with eighteen coins, by turns with the photo of one: until the edges of
coins are on the screen, until the first name is, and until the whole answer is; also as times of the one coin's.

A busy machine lengthens all of these, but not `…_busy_ms`, processor time by the browser's trace: of the page's longest
task, and of the worker that did the most for one coin, and for eighteen. `load` is how many programs wanted a processor
while it ran, the benchmark's own browser among them.
"""

import argparse
import base64
import json
import operator
import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from support.app_browser import APP_FOLDER, AppServer, Phone, missing, phone
from support.browser_trace import Busy, Trace

from catalog_server.curation.encoding import keep_models, live_encoders
from catalog_server.curation.importer import import_photos
from catalog_server.publishing.publish import publish
from catalog_server.store import Store, open_store
from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER
from coindex_synthetic import write_catalogue

WIDTH, HEIGHT = 3024, 4032
"""What a phone's 12-megapixel camera takes, upright."""

SEED = 3
WARM = 3
LONGEST_TASK_MS = 50
TRACED = 3

OBSERVE = """
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
  }).observe({ type: "longtask", buffered: true });
"""

GIVE = """async (photo) => {
  const bytes = Uint8Array.from(atob(photo), (each) => each.charCodeAt(0));
  const given = new DataTransfer();
  given.items.add(new File([bytes], "photo.jpg", { type: "image/jpeg" }));
  const input = document.querySelector("#photo");
  input.files = given.files;
  // What it took to get the photo into the page is no part of the app.
  await new Promise((resolve) => setTimeout(resolve, 300));
}"""

ASK = """async () => {
  const input = document.querySelector("#photo");
  window.longest = 0;
  const began = performance.now();
  const until = async (what) => {
    while (!document.querySelector(what)) await new Promise(requestAnimationFrame);
    return performance.now() - began;
  };
  input.dispatchEvent(new Event("change"));
  const outlines = await until(".photo .glimpse, .photo .coin");
  const first = await until(".names li, .took");
  const took = await until(".took");
  const coins = document.querySelectorAll(".photo .coin").length;
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { took, outlines, first, coins, longest: window.longest };
}"""

COLUMNS, ROWS = 3, 6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=int, default=30, help="timed photos")
    parser.add_argument("--quick", action="store_true", help="few of them, under a minute")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    if lacking := missing():
        print(f"nothing to measure: {lacking}")
        return
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), 5 if options.quick else options.photos)
    table = Table("figure", "value", title=f"The phone app, {platform.processor() or platform.machine()}")
    for name, value in figures.items():
        precise = isinstance(value, float) and not name.endswith(("times_one", "load"))
        table.add_row(name, f"{value:,.0f}" if precise else str(value))
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if figures["longest_task_busy_ms"] > LONGEST_TASK_MS:
        raise SystemExit(f"the page was busy for {figures['longest_task_busy_ms']:.0f} ms at a stretch")


def measure(folder: Path, photos: int) -> dict[str, Any]:
    """The figures by name; times in milliseconds."""
    store = _published(folder)
    photo = _photo(folder, 1, 1)
    many = _photo(folder, COLUMNS, ROWS)
    server = AppServer(store)
    profile = folder / "profile"
    with phone(profile, server.url) as device:
        began = time.perf_counter()
        device.first_visit()
        first = (time.perf_counter() - began) * 1000
    server.stop()
    # Without the server, by a browser that was just started: what a phone in flight mode has to do.
    with phone(profile, server.url) as device:
        device.context.set_offline(True)
        device.page.add_init_script(OBSERVE)
        began = time.perf_counter()
        device.open()
        device.ready()
        cold = (time.perf_counter() - began) * 1000
        opening = device.page.evaluate("window.longest")
        answers = [_asked(device, photo) for _ in range(WARM + photos)][WARM:]
        pairs = [(_asked(device, photo), _asked(device, many)) for _ in range(1 + max(photos // 5, 3))][1:]
        busy = [(_busy(device, photo), _busy(device, many)) for _ in range(TRACED)]
    took = np.array([answer["took"] for answer in answers])
    both = [answer for pair in pairs for answer in pair]
    return {
        "cores": os.cpu_count(),
        "photo_megapixels": round(WIDTH * HEIGHT / 1e6),
        "photos": photos,
        "screen_p50_ms": float(np.percentile(took, 50)),
        "screen_p95_ms": float(np.percentile(took, 95)),
        "longest_task_ms": float(max(map(operator.itemgetter("longest"), [*answers, *both]))),
        **_many(pairs),
        "longest_task_busy_ms": max(each.longest for pair in busy for each in pair),
        "one_coin_worker_busy_ms": float(np.median([one.busiest for one, _ in busy])),
        "eighteen_worker_busy_ms": float(np.median([all_.busiest for _, all_ in busy])),
        "load": round(os.getloadavg()[0], 1),
        "longest_task_opening_ms": float(opening),
        "first_visit_ms": first,
        "cold_start_ms": cold,
        "app_code_bytes": sum(
            path.stat().st_size for path in APP_FOLDER.rglob("*.gz") if not path.parent.name.startswith("litert")
        ),
    }


def _many(pairs: list[tuple[dict[str, float], dict[str, float]]]) -> dict[str, Any]:
    """Of answers to one coin and to many, by turns: how long it took, and how many times the one coin's answer."""
    coins = {many["coins"] for _, many in pairs}
    if coins != {COLUMNS * ROWS}:
        raise SystemExit(f"of {COLUMNS * ROWS} coins {sorted(coins)} were found: the photo is not what it should be")
    one = float(np.median([one["took"] for one, _ in pairs]))
    figures: dict[str, Any] = {"beside_eighteen_one_coin_p50_ms": one}
    for name, key in (("outlines", "outlines"), ("first_name", "first"), ("all_names", "took")):
        figures[f"eighteen_{name}_p50_ms"] = float(np.median([many[key] for _, many in pairs]))
        figures[f"eighteen_{name}_times_one"] = round(
            float(np.median([many[key] / alone["took"] for alone, many in pairs])), 2
        )
    return figures


def _asked(device: Phone, photo: str) -> dict[str, float]:
    device.page.evaluate(GIVE, photo)
    answer: dict[str, float] = device.page.evaluate(ASK)
    device.press("Another coin")
    device.ready()
    return answer


def _busy(device: Phone, photo: str) -> Busy:
    device.page.evaluate(GIVE, photo)
    trace = Trace(device)
    device.page.evaluate(ASK)
    busy = trace.end()
    device.press("Another coin")
    device.ready()
    return busy


def _published(folder: Path) -> Store:
    write_catalogue(folder / "catalogue", types=5, seed=SEED, size=320)
    store = open_store(folder / "store", create=True)
    encoders = live_encoders(store, DEFAULT_FOLDER)
    space_id, encode = next(iter(encoders.items()))
    read = read_manifest(folder / "catalogue" / "manifest.csv")
    import_photos(store, read, encode, space_id=space_id, beside=encoders, actor="benchmark")
    keep_models(store, DEFAULT_FOLDER)
    publish(store, DEFAULT_FOLDER)
    return store


def _photo(folder: Path, columns: int, rows: int) -> str:
    """A JPEG of coins in a grid on grainy grey, in base64; a single one is half the picture wide."""
    rng = np.random.default_rng(SEED)
    grain = rng.integers(100, 130, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    picture = Image.fromarray(grain).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    size = WIDTH // 2 if columns * rows == 1 else min(WIDTH // columns, HEIGHT // rows) * 7 // 8
    across = np.hypot(*np.meshgrid(*(np.linspace(-1, 1, size),) * 2))
    edge = Image.fromarray(((across < 0.98) * 255).astype(np.uint8))
    coins = sorted((folder / "catalogue").glob("*obverse*"))
    for number in range(columns * rows):
        coin = Image.open(coins[number % len(coins)]).convert("RGB").resize((size, size), Image.Resampling.BICUBIC)
        x = WIDTH * (2 * (number % columns) + 1) // (2 * columns) - size // 2
        y = HEIGHT * (2 * (number // columns) + 1) // (2 * rows) - size // 2
        picture.paste(coin, (x, y), edge)
    name = folder / f"photo-{columns * rows}.jpg"
    picture.save(name, quality=90)
    return base64.b64encode(name.read_bytes()).decode()


if __name__ == "__main__":
    main()
