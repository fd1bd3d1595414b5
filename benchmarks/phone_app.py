"""The phone app as people meet it: first visit, cold start in flight mode, photo to answer, and if the page stalls.

    python benchmarks/phone_app.py
    python benchmarks/phone_app.py --quick --json phone-app.json

In headless Chromium, the committed build, a server on loopback. `screen` is from a chosen file of 12 megapixels to the
answer on the screen, warm; `longest_task_ms` is the longest that the page's main thread was busy at a stretch, by the
browser's own Long Tasks API, which tells those of 50 ms and more: 0 where there was none. Asserted to be none.
"""

import argparse
import base64
import json
import operator
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from catalog_server.encoding import keep_models, live_encoders
from catalog_server.importer import import_photos
from catalog_server.publisher import publish
from catalog_server.store import Store, open_store
from coindex.manifest import read_manifest
from coindex.models import DEFAULT_FOLDER
from coindex.synthetic import write_catalogue

# The app is driven by the module that its tests use.
sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "support"))

from app_browser import APP_FOLDER, AppServer, Phone, missing, phone

WIDTH, HEIGHT = 3024, 4032
"""What a phone's 12-megapixel camera takes, upright."""

SEED = 3
WARM = 3
LONGEST_TASK_MS = 50

OBSERVE = """
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
  }).observe({ type: "longtask", buffered: true });
"""

ASK = """async (photo) => {
  const bytes = Uint8Array.from(atob(photo), (each) => each.charCodeAt(0));
  const given = new DataTransfer();
  given.items.add(new File([bytes], "photo.jpg", { type: "image/jpeg" }));
  const input = document.querySelector("#photo");
  input.files = given.files;
  // What it took to get the photo into the page is no part of the app.
  await new Promise((resolve) => setTimeout(resolve, 300));
  window.longest = 0;
  const began = performance.now();
  input.dispatchEvent(new Event("change"));
  while (!document.querySelector(".took")) await new Promise(requestAnimationFrame);
  const took = performance.now() - began;
  await new Promise((resolve) => setTimeout(resolve, 300));
  return { took, longest: window.longest };
}"""


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
        table.add_row(name, f"{value:,.0f}" if isinstance(value, float) else str(value))
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if figures["longest_task_ms"] > LONGEST_TASK_MS:
        raise SystemExit(f"the page was busy for {figures['longest_task_ms']:.0f} ms at a stretch")


def measure(folder: Path, photos: int) -> dict[str, Any]:
    """The figures by name; times in milliseconds."""
    store = _published(folder)
    photo = _photo(folder)
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
    took = np.array([answer["took"] for answer in answers])
    return {
        "cores": os.cpu_count(),
        "photo_megapixels": round(WIDTH * HEIGHT / 1e6),
        "photos": photos,
        "screen_p50_ms": float(np.percentile(took, 50)),
        "screen_p95_ms": float(np.percentile(took, 95)),
        "longest_task_ms": float(max(map(operator.itemgetter("longest"), answers))),
        "longest_task_opening_ms": float(opening),
        "first_visit_ms": first,
        "cold_start_ms": cold,
        "app_code_bytes": sum(
            path.stat().st_size for path in APP_FOLDER.rglob("*.gz") if not path.parent.name.startswith("litert")
        ),
    }


def _asked(device: Phone, photo: str) -> dict[str, float]:
    answer: dict[str, float] = device.page.evaluate(ASK, photo)
    device.press("Another coin")
    device.ready()
    return answer


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


def _photo(folder: Path) -> str:
    """A JPEG of one coin a third of the picture wide, on grainy grey, in base64."""
    rng = np.random.default_rng(SEED)
    grain = rng.integers(100, 130, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    picture = Image.fromarray(grain).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
    coin = Image.open(next((folder / "catalogue").glob("*obverse*"))).convert("RGB")
    coin = coin.resize((WIDTH // 2, WIDTH // 2), Image.Resampling.BICUBIC)
    across = np.hypot(*np.meshgrid(*(np.linspace(-1, 1, WIDTH // 2),) * 2))
    edge = Image.fromarray(((across < 0.98) * 255).astype(np.uint8))
    picture.paste(coin, (WIDTH // 4, HEIGHT // 3), edge)
    picture.save(folder / "photo.jpg", quality=90)
    return base64.b64encode((folder / "photo.jpg").read_bytes()).decode()


if __name__ == "__main__":
    main()
