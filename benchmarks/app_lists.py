"""Long lists in the phone app: does the page stall with a collection of thousands and a catalogue of thousands?

    python benchmarks/app_lists.py
    python benchmarks/app_lists.py --quick --json app-lists.json

In headless Chromium, the committed build, a server on loopback. The collection comes in as a spreadsheet, as a person
would bring it. `busy_ms` is the most processor time that the page's main thread took at a stretch during a step, by the
browser's own trace: another program beside it makes it no longer. `longest_ms` is the same by the clock, by the Long
Tasks API, which tells those of 50 ms and more: 0 where there was none. `rows` are the list's rows that are built when
the step is over; `took_ms` is until it shows.
"""

import argparse
import csv
import io
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from support.app_browser import AppServer, Phone, missing, phone
from support.browser_trace import Trace

from catalog_server.curation.encoding import keep_models, thumbnail
from catalog_server.publishing.publish import publish
from catalog_server.store import CodeRow, CoinRow, PhotoRow, SpaceRow, Store, now, open_store
from coindex.manifest import LABEL_FIELDS, CoinClass
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, read_index

SEED = 5
COUNTRIES = 40
LONGEST_TASK_MS = 50

OBSERVE = """
  window.longest = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.longest = Math.max(window.longest, entry.duration);
  }).observe({ type: "longtask", buffered: true });
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pieces", type=int, default=10_000, help="of the collection")
    parser.add_argument("--classes", type=int, default=5_000, help="of the catalogue")
    parser.add_argument("--quick", action="store_true", help="a tenth of both, under a minute")
    parser.add_argument("--json", type=Path, help="write the figures there")
    options = parser.parse_args()
    if lacking := missing():
        print(f"nothing to measure: {lacking}")
        return
    share = 10 if options.quick else 1
    with tempfile.TemporaryDirectory() as folder:
        figures = measure(Path(folder), options.pieces // share, options.classes // share)
    columns = ("step", "took, ms", "longest task, ms", "of it busy, ms", "rows built")
    table = Table(*columns, title=f"Long lists, {platform.machine()}, {figures['cores']} cores")
    for step in figures["steps"]:
        times = (f"{step[name]:,.0f}" for name in ("took_ms", "longest_ms", "busy_ms"))
        table.add_row(step["name"], *times, str(step["rows"]))
    Console().print(table)
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2) + "\n")
    if worst := [step["name"] for step in figures["steps"] if step["busy_ms"] > LONGEST_TASK_MS]:
        raise SystemExit(f"the page was busy for more than {LONGEST_TASK_MS} ms at a stretch: {', '.join(worst)}")


def measure(folder: Path, pieces: int, classes: int) -> dict[str, Any]:
    """The steps with their figures; times in milliseconds."""
    store = wide_store(folder / "store", classes)
    (folder / "list.csv").write_bytes(collection_csv(pieces, classes // 2))
    server = AppServer(store)
    steps: list[dict[str, Any]] = []
    try:
        with phone(folder / "profile", server.url) as device:
            device.page.add_init_script(OBSERVE)
            device.first_visit()

            def step(name: str, act: Callable[[], None], shown: str) -> None:
                device.page.wait_for_timeout(500)
                device.page.evaluate("window.longest = 0")
                trace = Trace(device)
                began = time.perf_counter()
                act()
                device.page.locator(shown).first.wait_for(timeout=120_000)
                took = (time.perf_counter() - began) * 1000
                device.page.wait_for_timeout(700)
                rows = device.page.locator("[role=listitem]").count()
                longest = device.page.evaluate("window.longest")
                figures = {"took_ms": took, "longest_ms": longest, "busy_ms": trace.end().longest, "rows": rows}
                steps.append({"name": name, **figures})

            walk(device, folder / "list.csv", step)
            assert not device.errors, device.errors
    finally:
        server.stop()
    return {"cores": os.cpu_count(), "pieces": pieces, "classes": classes, "steps": steps}


def walk(device: Phone, table: Path, step: Callable[[str, Callable[[], None], str], None]) -> None:
    """What somebody does with long lists, step by step."""
    page = device.page
    step("catalogue: countries", lambda: page.get_by_role("link", name="Catalogue").click(), ".long .card")
    step("catalogue: search", lambda: page.get_by_role("searchbox").fill("mark 7"), "text=coins found")
    step("catalogue: all of a search", lambda: page.get_by_role("searchbox").fill("mark"), "text=coins found")
    step("catalogue: to the end", lambda: page.evaluate("scrollTo(0, document.body.scrollHeight)"), ".long .card")
    page.get_by_role("searchbox").fill("")
    step("catalogue: a country", lambda: page.locator(".card a.name").first.click(), ".group")
    step("catalogue: a coin", lambda: page.locator(".card a.name").first.click(), ".sides img")
    page.get_by_role("link", name="Collection").click()
    page.locator(".files summary").click()
    step("collection: import", lambda: page.set_input_files("input[accept*=csv]", table), ".told")
    page.get_by_role("link", name="Recognise").click()
    step("collection: open", lambda: page.get_by_role("link", name="Collection").click(), ".long .card")
    step("collection: search", lambda: page.get_by_role("searchbox").fill("utopia 7"), ".long .card")
    page.get_by_role("searchbox").fill("")
    step("collection: sort", lambda: page.get_by_label("Sort by").select_option("country"), ".long .card")  # type: ignore[arg-type]
    step("collection: one more", lambda: page.locator(".stepper button").first.click(), ".snack")
    step("collection: to the end", lambda: page.evaluate("scrollTo(0, document.body.scrollHeight)"), ".long .card")
    step("collection: a coin", lambda: page.locator(".card a.name").last.click(), ".piece")


def wide_store(folder: Path, classes: int) -> Store:
    """A published catalogue of drawn codes in the space of the shipped models: two sides a coin, one photo a side."""
    index = read_index(DEFAULT_FOLDER / INDEX_NAME)
    rng = np.random.default_rng(SEED)
    codes = rng.integers(-60, 60, (classes, 64), np.int8)
    store = open_store(folder, create=True)
    with store.changing() as session:
        session.add(SpaceRow(space_id=index.space_id, state="current", created=now()))
        for class_id in range(1, classes + 1):
            label = coin((class_id - 1) // 2, "obverse" if class_id % 2 else "reverse")
            fields = {name: getattr(label, name) for name in LABEL_FIELDS}
            session.add(
                CoinRow(
                    class_id=class_id, **fields, name=label.name, design="", created=now(), updated=now(), revision=1
                )
            )
        session.flush()
        for class_id, code in enumerate(codes, start=1):
            shade = np.full((96, 96, 3), (class_id % 200, class_id * 7 % 200, class_id * 13 % 200), np.uint8)
            session.add(
                PhotoRow(
                    row_id=class_id,
                    class_id=class_id,
                    photo_sha256=f"{class_id:064x}",
                    source=f"{class_id}.jpg",
                    specimen="",
                    year="",
                    thumbnail=thumbnail(shade),
                    created=now(),
                    codes=[CodeRow(space_id=index.space_id, code=code.tobytes())],
                )
            )
    keep_models(store, DEFAULT_FOLDER)
    publish(store, DEFAULT_FOLDER)
    return store


def coin(number: int, side: str) -> CoinClass:
    """The coin of a number: forty countries, each with marks by the dozen."""
    return CoinClass(f"Utopia {number % COUNTRIES}", "mark", str(number // COUNTRIES + 1), "", side)


def collection_csv(pieces: int, coins: int) -> bytes:
    """A spreadsheet of pieces, the coins of the catalogue by turns, each with what people write."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["Name", "Country", "Value", "Unit", "Year", "Grade", "Price", "Note"])
    for piece in range(pieces):
        label = coin(piece % coins, "obverse")
        row = [label.name, label.country, label.denomination, label.currency]
        writer.writerow([*row, 1900 + piece % 120, "VF", f"{piece % 90}.50 EUR", f"from the fair, tray {piece // 50}"])
    return text.getvalue().encode()


if __name__ == "__main__":
    main()
