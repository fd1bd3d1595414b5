"""Whether phones notice what strangers do to the catalogue server, how much memory it takes, and whether anything is
lost.

    python benchmarks/load.py --json load.json
    python benchmarks/load.py --quick

One server, as `coindex serve --engine hnsw --proxies 1` runs it. Phones, which are `coindex.sync` itself, each with a
folder of its own, follow a delta: first in quiet; then as many others, from the same state, while the strangers below
work at once, each kind in a process of its own:

- `slow`: connections that send a byte of a head, or of a form, now and then; one that is closed is opened again.
- `bodies`: 32 MB at a time to `/imports`, `/sign-in` and the API, with their length and in chunks.
- `bombs`: small pictures of many pixels to `/api/v1/identify`: PNG and WebP at the limit and far over it, progressive
  JPEG at it, and one of 1,000 scans.
- `guesses`: passwords, each for another name and from another address, so that each is looked at.

All of it runs on this machine, so the strangers take processor time from the server and the phones as well: `ratio`,
of the p99 of a sync under load to that in quiet, is what to look at. Most of a sync is the phone's own work; what the
server takes is seen better by one more asker, who fetches the signed timestamp ten times a second all the while
(`answer_ms`). `memory_mb` is the most that all processes of the
server had in their pages at one time. A phone whose sync fails is counted, and so is every answer of the server that is
an error of its own (500), and every process of it that has ended.
"""

import argparse
import io
import json
import math
import multiprocessing
import os
import platform
import shutil
import socket
import struct
import tempfile
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import requests
from PIL import Image
from rich.console import Console
from rich.table import Table
from server_parts.servers import Server
from server_parts.stores import add_drawn_rows, drawn_store

from catalog_server.curation.decoding import PUBLIC_PIXELS
from catalog_server.publishing.publish import publish
from catalog_server.publishing.self_sync import open_as_device
from catalog_server.store import Store
from coindex.catalog import open_catalog
from coindex.errors import CoindexError
from coindex.models import DEFAULT_FOLDER
from coindex.sync import RequestsFetcher, sync

RATIO_BOUND = 3.0
MEMORY_BOUND_MB = 1500

PHONES_AT_ONCE = 8
BODY_BYTES = 32 << 20
TRICKLE_SECONDS = 1.0
PAUSE_SECONDS = 0.5
"""Between two requests of one stranger: on one machine they would else take the processor and not the server."""

START_SECONDS = 120.0
"""Within which each kind of stranger has had its first answer; then the phones begin."""

KINDS = {"slow", "bodies", "bombs", "guesses"}

LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Sizes:
    """How many there are of each."""

    rows: int
    phones: int
    slow: int


FULL = Sizes(rows=10_000, phones=200, slow=300)
QUICK = Sizes(rows=1_000, phones=40, slow=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, about a minute")
    parser.add_argument("--json", type=Path, help="write all figures there")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="coindex-load-") as temporary:
        report = measure(Path(temporary), QUICK if options.quick else FULL)
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    show(report)


def measure(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Phones in quiet, then phones under load."""
    store = drawn_store(folder / "store", sizes.rows)
    publish(store, DEFAULT_FOLDER)
    server = Server(store.folder, "--engine", "hnsw", "--proxies", "1")
    try:
        homes = _homes(server.address, folder, sizes.phones)
        add_drawn_rows(store, 20)
        publish(store, DEFAULT_FOLDER)
        _identify(server.address, _photo())  # the nets are loaded before anything is measured
        with multiprocessing.get_context("spawn").Pool(1) as pool, _watched(server) as seen:
            pool.apply(int)  # it has started
            with _asking(server.address) as answers_quiet:
                quiet = pool.apply(run_phones, (server.address, homes["quiet"]))
            seen["memory_quiet_mb"] = seen["memory_mb"]
            with _strangers(server.address, sizes) as told, _asking(server.address) as answers_loaded:
                loaded = pool.apply(run_phones, (server.address, homes["loaded"]))
            counted = told()
            answers_again = requests.get(f"{server.address}readyz", timeout=30).status_code == 200
        report = {
            "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "system": platform.system()},
            "phones": sizes.phones,
            "slow_connections": sizes.slow,
            "quiet_ms": _percentiles(quiet["seconds"]),
            "loaded_ms": _percentiles(loaded["seconds"]),
            "ratio": round(_percentile(loaded["seconds"], 99) / _percentile(quiet["seconds"], 99), 2),
            "ratio_bound": RATIO_BOUND,
            "answer_quiet_ms": _percentiles(answers_quiet),
            "answer_loaded_ms": _percentiles(answers_loaded),
            "memory_mb": seen["memory_mb"],
            "memory_quiet_mb": seen["memory_quiet_mb"],
            "memory_bound_mb": MEMORY_BOUND_MB,
            "processes_lost": seen["lost"],
            "syncs_failed": quiet["failed"] + loaded["failed"],
            "phones_not_on_the_new_state": _behind(store, folder, [*homes["quiet"], *homes["loaded"]]),
            "answers_again": answers_again,
            "strangers": counted,
        }
    finally:
        server.stop()
        store.close()
    return report


def run_phones(url: str, homes: Sequence[Path]) -> dict[str, Any]:
    """Sync each phone once. Returns the seconds that each took, and how many failed."""

    def play(home: Path) -> tuple[float, bool]:
        began = time.perf_counter()
        try:
            sync(url, home, fetcher=RequestsFetcher(url, timeout=(10, 60), attempts=1))
        except CoindexError as error:
            print(f"a sync failed: {error}")
            return time.perf_counter() - began, False
        return time.perf_counter() - began, True

    with ThreadPoolExecutor(PHONES_AT_ONCE) as pool:
        done = list(pool.map(play, homes))
    return {"seconds": [seconds for seconds, _ in done], "failed": sum(not is_done for _, is_done in done)}


def send_slowly(url: str, count: int, counted: Any, over: Any) -> None:
    """Hold connections open by a byte now and then."""
    port = int(url.rstrip("/").rpartition(":")[2])
    starts = [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST /sign-in HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n",
        b"POST /api/v1/identify HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n",
    ]
    held: dict[int, socket.socket] = {}
    while not over.is_set():
        for number in range(count):
            try:
                if number not in held:
                    held[number] = socket.create_connection(("127.0.0.1", port), timeout=5)
                    held[number].sendall(starts[number % len(starts)])
                    counted["slow: connections opened"] = counted.get("slow: connections opened", 0) + 1
                elif number % len(starts):
                    held[number].sendall(b"x")
            except OSError:
                held.pop(number, None)
        over.wait(TRICKLE_SECONDS)


def send_large_bodies(url: str, counted: Any, over: Any) -> None:
    """Send more than is taken, wherever something is."""
    megabyte = bytes(1 << 20)
    while not over.is_set():
        for path in ("imports", "sign-in", "api/v1/identify", "nowhere"):
            for body in (bytes(BODY_BYTES), iter([megabyte] * (BODY_BYTES >> 20))):
                _ask(counted, "bodies", "POST", url + path, data=body)
                if over.wait(PAUSE_SECONDS):
                    return


def send_bombs(url: str, counted: Any, over: Any) -> None:
    """Send small files that are large pictures."""
    bombs = list(_bombs())
    while not over.is_set():
        for bomb in bombs:
            _ask(counted, "bombs", "POST", f"{url}api/v1/identify", data=bomb)
            if over.wait(PAUSE_SECONDS):
                return


def guess_passwords(url: str, counted: Any, over: Any) -> None:
    """Try to sign in, each time from another address."""
    number = 0
    while not over.is_set():
        number += 1
        address = {"X-Forwarded-For": f"198.51.{number // 250 % 250}.{number % 250}"}
        form = {"name": f"ada{number}", "password": "guess"}  # one name would soon be answered without a look at it
        _ask(counted, "guesses", "POST", f"{url}sign-in", data=form, headers=address)
        over.wait(PAUSE_SECONDS)


def _ask(counted: Any, kind: str, method: str, url: str, **options: Any) -> None:
    try:
        said = str(requests.request(method, url, timeout=60, allow_redirects=False, **options).status_code)
    except requests.RequestException as error:
        said = type(error).__name__
    counted[f"{kind}: {said}"] = counted.get(f"{kind}: {said}", 0) + 1


def _bombs() -> Iterator[bytes]:
    most = math.isqrt(PUBLIC_PIXELS // 2)  # of what is no JPEG: these are decoded
    yield _blank_png(most)
    yield _blank_webp(most)
    yield _blank_png(30_000)
    yield _blank_webp(16_383)
    file = io.BytesIO()
    Image.new("L", (math.isqrt(PUBLIC_PIXELS),) * 2).save(file, "JPEG", progressive=True)
    yield file.getvalue()
    yield _with_scans(file.getvalue(), 1_000)


def _with_scans(jpeg: bytes, count: int) -> bytes:
    """A progressive JPEG whose last scan comes so many times more."""
    scan = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + scan * count + jpeg[-2:]


def _blank_png(side: int) -> bytes:
    """A black square, written row by row: as a picture it would fill the memory of the one who makes it."""
    packed = zlib.compressobj()
    row = bytes(1 + -(-side // 8))
    rows = b"".join(packed.compress(row) for _ in range(side)) + packed.flush()
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", rows), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )


def _blank_webp(side: int) -> bytes:
    """A square of one colour, 28 bytes: no transform, and five prefix codes of one symbol each, which take no bits."""
    bits = 0x2F | (side - 1) << 8 | (side - 1) << 22
    for code in range(5):
        bits |= 1 << 43 + 4 * code
    data = bits.to_bytes(8, "little")
    return b"RIFF" + struct.pack("<I", 12 + len(data)) + b"WEBPVP8L" + struct.pack("<I", len(data)) + data


def _photo() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (640, 480), "gray").save(file, "JPEG")
    return file.getvalue()


def _identify(url: str, photo: bytes) -> None:
    requests.post(f"{url}api/v1/identify", data=photo, timeout=120)


@contextmanager
def _strangers(url: str, sizes: Sizes) -> Iterator[Callable[[], dict[str, int]]]:
    """All of them at work within the block; afterwards the function says what they were answered."""
    spawn = multiprocessing.get_context("spawn")
    with spawn.Manager() as manager:
        counted, over = manager.dict(), manager.Event()
        found: Counter[str] = Counter()
        processes = [spawn.Process(target=send_slowly, args=(url, sizes.slow, counted, over))]
        processes += [
            spawn.Process(target=each, args=(url, counted, over))
            for each in (send_large_bodies, send_bombs, guess_passwords)
        ]
        for each in processes:
            each.start()
        try:
            until = time.monotonic() + START_SECONDS
            while {name.partition(":")[0] for name in counted.keys()} < KINDS:  # noqa: SIM118 - of another process
                if time.monotonic() > until:
                    raise SystemExit(
                        f"not all strangers are at work after {START_SECONDS:.0f} s; try a quieter machine"
                    )
                time.sleep(LOOK_SECONDS)
            yield lambda: dict(sorted(found.items()))
        finally:
            over.set()
            for each in processes:
                each.join()
            found.update(dict(counted))


@contextmanager
def _watched(server: Server) -> Iterator[dict[str, int]]:
    """Within the block `memory_mb` grows to the most that the server had, and `lost` counts processes that ended."""
    parent = psutil.Process(server.process.pid)
    seen = {"memory_mb": 0, "lost": 0}
    over = threading.Event()

    def look() -> None:
        known = {each.pid for each in parent.children()}
        while not over.wait(LOOK_SECONDS):
            children = parent.children()
            with suppress(psutil.NoSuchProcess):
                memory = sum(each.memory_info().rss for each in [parent, *parent.children(recursive=True)])
                seen["memory_mb"] = max(seen["memory_mb"], memory >> 20)
            pids = {each.pid for each in children}
            seen["lost"] += len(known - pids)
            known = pids

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


@contextmanager
def _asking(url: str) -> Iterator[list[float]]:
    """Within the block the list grows by the seconds that an answer takes."""
    seconds: list[float] = []
    over = threading.Event()

    def ask() -> None:
        with requests.Session() as session:
            while not over.wait(LOOK_SECONDS):
                began = time.perf_counter()
                session.get(f"{url}releases/metadata/timestamp.json", timeout=60).raise_for_status()
                seconds.append(time.perf_counter() - began)

    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask)
        try:
            yield seconds
        finally:
            over.set()
        asked.result()  # an answer that failed is told


def _homes(url: str, folder: Path, count: int) -> dict[str, list[Path]]:
    """Phones that have the first release, for each of the two times."""
    first = folder / "first"
    sync(url, first)
    homes = {name: [folder / name / str(number) for number in range(count)] for name in ("quiet", "loaded")}
    for home in [*homes["quiet"], *homes["loaded"]]:
        shutil.copytree(first, home, copy_function=_share)
    return homes


def _share(source: str, target: str) -> None:
    """A copy of a file; of one that is never changed, another name."""
    (os.link if Path(source).parent.name == "targets" else shutil.copy2)(source, target)


def _behind(store: Store, folder: Path, homes: Sequence[Path]) -> int:
    served = open_as_device(store, folder / "newest").manifest.state_hash
    return sum(open_catalog(home).manifest.state_hash != served for home in homes)


def _percentile(seconds: Sequence[float], of: float) -> float:
    return float(np.percentile(seconds, of))


def _percentiles(seconds: Sequence[float]) -> dict[str, float]:
    return {f"p{of}": round(_percentile(seconds, of) * 1000, 1) for of in (50, 99)}


def show(report: dict[str, Any]) -> None:
    """The figures beside their bounds."""
    table = Table("", "quiet", "under load", "bound", title=f"{report['phones']} phones follow a delta, twice")
    for name in ("p50", "p99"):
        table.add_row(f"a sync, {name}, ms", str(report["quiet_ms"][name]), str(report["loaded_ms"][name]), "")
    table.add_row("p99 against quiet", "1", str(report["ratio"]), str(report["ratio_bound"]))
    for name in ("p50", "p99"):
        asked = (str(report[f"answer_{when}_ms"][name]) for when in ("quiet", "loaded"))
        table.add_row(f"an answer, {name}, ms", *asked, "")
    table.add_row(
        "memory, MB", str(report["memory_quiet_mb"]), str(report["memory_mb"]), str(report["memory_bound_mb"])
    )
    for name in ("syncs_failed", "phones_not_on_the_new_state", "processes_lost"):
        table.add_row(name.replace("_", " "), "", str(report[name]), "0")
    for name, count in report["strangers"].items():
        table.add_row(name, "", str(count), "")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
