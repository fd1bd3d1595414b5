"""What the catalogue server can carry, what an import and a publish take, and what a kill leaves behind.

    python benchmarks/server.py --json server.json
    python benchmarks/server.py --quick
    python benchmarks/server.py --parts files,fleet

Everything runs on this machine, over loopback, on drawn catalogues. The parts:

- `files`: requests a second and p99 of one release's files, by `coindex serve --server gunicorn` and by nginx with the
  repository's manner of configuration, from the same folder, one after the other in the same run, `rounds` times in
  turns; the middle round counts. `whole` asks for each file of a cold sync in turn, `small` for the timestamp alone,
  `large` for the largest file. The client is wrk where it is installed, for both; otherwise one in Python, which is
  slower than either and says so. No server writes an access log. `ratio` is of requests a second, `ratio_by_cpu` of
  processor time a request, which is the same on a machine that does other things besides.
- `quiet`: the requests and bytes, heads included, of a sync that finds nothing new.
- `fleet`: phones that are `coindex.sync` itself, each with a folder of its own, all coming from release 1 to release 2
  while the server is killed (SIGKILL) and started again under them. A phone whose sync fails comes back later, as an
  app does. All the while others open the catalogues of phones at random, and search in them. First some sync cold.
- `import`: photos of a megapixel through `coindex catalog import`'s own function, with the shipped nets, and the time
  of each step in one thread.
- `publish`: a first release of n rows, and a second one after 20 rows more.
- `kills`: a process that imports, edits and publishes without end is killed (SIGKILL) at a random moment, again and
  again; each time everything that `coindex catalog verify` looks at is looked at, and a phone syncs.
"""

import argparse
import asyncio
import json
import multiprocessing
import os
import platform
import random
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from catalog_server.checks import check_store
from catalog_server.curation import edit_coin
from catalog_server.encoding import live_encoders, thumbnail
from catalog_server.importer import import_photos
from catalog_server.publisher import current_index, publish, verify
from catalog_server.self_sync import open_as_device
from catalog_server.store import CodeRow, CoinRow, PhotoRow, SpaceRow, Store, now, open_store
from coindex.catalog import open_catalog
from coindex.codes import quantise
from coindex.commands.progress import progress_bar
from coindex.cutout import Box
from coindex.errors import CoindexError
from coindex.manifest import CoinClass, LabelledPhoto, read_manifest
from coindex.models import DEFAULT_FOLDER, INDEX_NAME, load_models, read_index
from coindex.photo import Photo, load_photo
from coindex.pipeline import EncodedCoin, Encoding, encode_photo
from coindex.segmentation import FoundCoin
from coindex.sync import RequestsFetcher, sync
from coindex.synthetic import write_catalogue
from coindex.synthetic.embeddings import draw_embeddings

PARTS = ("files", "quiet", "fleet", "import", "publish", "kills")
SEED = 70
ACTOR = "benchmark"
CONNECTIONS = 32
START_SECONDS = 60.0
COMEBACKS = 30
"""How often a phone whose sync failed comes back, a second or so later each time."""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rows: int
    seconds: float
    rounds: int
    phones: int
    cold_phones: int
    server_kills: int
    photos_drawn: int
    photo_variants: int
    publish_rows: tuple[int, ...]
    kills: int


FULL = Sizes(10_000, 5.0, 3, 2_000, 100, 3, 16, 16, (1_000, 10_000, 100_000), 200)
QUICK = Sizes(1_000, 1.0, 1, 20, 4, 1, 2, 8, (500,), 5)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--parts", default=",".join(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small sizes, about a minute")
    parser.add_argument("--json", type=Path, help="write all figures there")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    parts = options.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no part named {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
    report: dict[str, Any] = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "system": platform.system()},
        "phones": None,
        "requests_per_s": None,
        "p99_ms": None,
        "nginx_requests_per_s": None,
        "import_photos_per_s": None,
    }
    with tempfile.TemporaryDirectory(prefix="coindex-bench-") as temporary:
        folder = Path(temporary)
        if {"files", "quiet", "fleet"} & set(parts):
            store = drawn_store(folder / "store", sizes.rows)
            publish(store, DEFAULT_FOLDER)
            if "files" in parts:
                report["files"] = measure_files(store, folder, sizes)
            if "quiet" in parts:
                report["quiet"] = measure_quiet(store, folder)
            if "fleet" in parts:
                report["fleet"] = measure_fleet(store, folder, sizes)
            store.close()
        if "import" in parts:
            report["import"] = measure_import(folder, sizes)
        if "publish" in parts:
            report["publish"] = [measure_publish(folder, rows) for rows in sizes.publish_rows]
        if "kills" in parts:
            report["kills"] = measure_kills(folder, sizes.kills)
    if "files" in report:
        ours, theirs = (report["files"]["whole"].get(name) for name in ("gunicorn", "nginx"))
        report |= {"requests_per_s": ours["requests_per_s"], "p99_ms": ours["p99_ms"]}
        report["nginx_requests_per_s"] = theirs and theirs["requests_per_s"]
    if "fleet" in report:
        report["phones"] = report["fleet"]["phones"]
    if "import" in report:
        report["import_photos_per_s"] = report["import"]["photos_per_s"]
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


def drawn_store(folder: Path, rows: int, *, seed: int = SEED) -> Store:
    """A store of drawn embeddings in the space of the shipped models; twenty photos a class."""
    index = read_index(DEFAULT_FOLDER / INDEX_NAME)
    drawn = draw_embeddings(rows, 0, seed=seed)
    codes = quantise(drawn.rows, index.code_scale)
    store = open_store(folder, create=True)
    with store.changing() as session:
        session.add(SpaceRow(space_id=index.space_id, state="current", created=now()))
        for class_id in np.unique(drawn.class_ids).tolist():
            session.add(_drawn_coin(class_id))
        session.flush()
        for row_id, (class_id, code) in enumerate(zip(drawn.class_ids.tolist(), codes, strict=True), start=1):
            session.add(_drawn_photo(row_id, class_id, index.space_id, code))
            if row_id % 5_000 == 0:
                session.flush()
                session.expunge_all()
    return store


def add_drawn_rows(store: Store, count: int) -> None:
    """As many rows more, of the first classes."""
    index = read_index(DEFAULT_FOLDER / INDEX_NAME)
    codes = quantise(draw_embeddings(count, 0, seed=SEED + 1).rows, index.code_scale)
    with store.changing() as session:
        last = max(session.query(PhotoRow.row_id).order_by(PhotoRow.row_id.desc()).first() or (0,))
        for number, code in enumerate(codes, start=1):
            session.add(_drawn_photo(last + number, 1 + number % 10, index.space_id, code))


def _drawn_coin(class_id: int) -> CoinRow:
    label = CoinClass("Utopia", f"mark {class_id // 100}", str(class_id), "", "obverse")
    fields = {name: getattr(label, name) for name in ("country", "currency", "denomination", "variant", "side")}
    return CoinRow(class_id=class_id, **fields, name=label.name, design="", created=now(), updated=now(), revision=1)


def _drawn_photo(row_id: int, class_id: int, space_id: str, code: Any) -> PhotoRow:
    shade = np.full((96, 96, 3), row_id % 251, np.uint8)
    shade[:: 1 + row_id % 7] = class_id % 241
    return PhotoRow(
        row_id=row_id,
        class_id=class_id,
        photo_sha256=f"{row_id:064x}",
        source=f"{row_id}.jpg",
        specimen="",
        year="",
        thumbnail=thumbnail(shade) if row_id <= 200 else b"RIFF" + row_id.to_bytes(4, "little") * 300,
        created=now(),
        codes=[CodeRow(space_id=space_id, code=code.tobytes())],
    )


# Servers


class Server:
    """`coindex serve` as a process group of its own."""

    def __init__(self, store: Path, *options: str, port: int = 0) -> None:
        command = [sys.executable, "-m", "coindex", "serve", "--store", str(store), "--port", str(port)]
        self.process = subprocess.Popen(
            [*command, "--log-level", "error", *options], stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().removeprefix("serving ").strip()
        if not self.address:
            raise SystemExit("the server did not start; its reason stands above")
        self.port = int(self.address.rstrip("/").rpartition(":")[2])

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


@contextmanager
def gunicorn(store: Store) -> Iterator[tuple[int, int]]:
    """gunicorn on its port, and its process."""
    server = Server(store.folder, "--server", "gunicorn", "--workers", str(os.cpu_count() or 1))
    try:
        yield server.port, server.process.pid
    finally:
        server.stop()


@contextmanager
def nginx(store: Store, folder: Path) -> Iterator[tuple[int, int]]:
    """nginx that serves the releases of a store as `deploy/nginx.conf` has it, without TLS and log."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "nginx.conf"
    config.write_text(
        f"""
        daemon off; worker_processes auto; pid {folder}/pid; error_log {folder}/error.log;
        events {{ worker_connections 1024; }}
        http {{
          access_log off; sendfile on; tcp_nopush on; gzip_static on; keepalive_requests 1000000;
          open_file_cache max=10000 inactive=60s; open_file_cache_valid 5s;
          client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
          uwsgi_temp_path {folder}; scgi_temp_path {folder};
          server {{ listen 127.0.0.1:{port}; location /releases/ {{ alias {store.releases}/; }} }}
        }}
        """
    )
    # Its workers are somebody else where it is started by root, and the store is the owner's alone.
    user = ["-g", "user root;"] if os.getuid() == 0 else []
    process = subprocess.Popen(["nginx", "-c", str(config), *user], stderr=subprocess.DEVNULL)
    try:
        _wait_for(port)
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nothing answers on port {port}")


# Files


def measure_files(store: Store, folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Requests a second by each server, for each kind of asking."""
    paths = release_paths(store)
    lengths = {path: (store.folder / path.lstrip("/")).stat().st_size for path in paths}
    kinds = {
        "whole": paths,
        "small": ["/releases/metadata/timestamp.json"],
        "large": [max(paths, key=lengths.__getitem__)],
    }
    servers: dict[str, Callable[[], Any]] = {"gunicorn": lambda: gunicorn(store)}
    if shutil.which("nginx"):
        servers["nginx"] = lambda: nginx(store, folder / "nginx")
    runs: dict[str, dict[str, list[dict[str, float]]]] = {kind: {name: [] for name in servers} for kind in kinds}
    for _ in range(sizes.rounds):
        for name, start in servers.items():
            with start() as (port, process):
                for kind, asked in kinds.items():
                    load(port, asked, 0.5, folder)
                    before = _cpu_seconds(process)
                    run = load(port, asked, sizes.seconds, folder)
                    spent = _cpu_seconds(process) - before
                    runs[kind][name].append({**run, "cpu_us_a_request": round(spent / run["requests"] * 1e6, 1)})
    report: dict[str, Any] = {
        "client": "wrk" if shutil.which("wrk") else "asyncio",
        "connections": CONNECTIONS,
        "release_files": len(paths),
        "release_bytes": sum(lengths.values()),
    }
    for kind, by_server in runs.items():
        middle = {
            name: sorted(found, key=lambda run: run["requests_per_s"])[len(found) // 2]
            for name, found in by_server.items()
        }
        ratios: dict[str, float] = {}
        if "nginx" in middle:
            ours, theirs = middle["gunicorn"], middle["nginx"]
            ratios["ratio"] = round(ours["requests_per_s"] / theirs["requests_per_s"], 3)
            if ours["cpu_us_a_request"]:
                ratios["ratio_by_cpu"] = round(theirs["cpu_us_a_request"] / ours["cpu_us_a_request"], 3)
        mean = round(statistics.mean(lengths[path] for path in kinds[kind]))
        report[kind] = {"bytes_a_request": mean, **middle, **ratios}
    return report


def _cpu_seconds(process: int) -> float:
    """Processor time of a process and its children, where /proc says it; else 0. What a server spends does not depend
    on what else the machine does."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if process in (int(path.parent.name), int(fields[1])):
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def release_paths(store: Store) -> list[str]:
    """The addresses of all files of the served release and its metadata, in the order of a cold sync."""
    index = current_index(store)
    assert index is not None
    metadata = sorted(path.name for path in (store.releases / "metadata").glob("*.json"))
    targets = sorted(target.stored_name for target in index.targets.values())
    return [f"/releases/metadata/{name}" for name in metadata] + [f"/releases/targets/{name}" for name in targets]


def load(port: int, paths: Sequence[str], seconds: float, folder: Path) -> dict[str, float]:
    """Ask a server for these paths in turn on kept connections."""
    if not shutil.which("wrk"):
        return asyncio.run(_load_by_asyncio(port, paths, seconds))
    script = folder / "paths.lua"
    listed = ", ".join(f'"{path}"' for path in paths)
    script.write_text(
        f"""
        local paths = {{ {listed} }}
        local requests, i = {{}}, 0
        function init(args)
          for n, path in ipairs(paths) do
            requests[n] = wrk.format("GET", path, {{ ["Accept-Encoding"] = "identity" }})
          end
        end
        function request() i = i % #requests + 1; return requests[i] end
        function done(summary, latency)
          local errors = summary.errors
          local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
          io.write(string.format("RESULT %d %d %d %d %d\\n",
            summary.requests, summary.duration, latency:percentile(99), summary.bytes, failed))
        end
        """
    )
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", str(script)]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    requests, micros, p99, received, failed = (int(number) for number in line.split()[1:])
    return {
        "requests": requests,
        "requests_per_s": round(requests / micros * 1e6, 1),
        "p99_ms": p99 / 1000,
        "megabytes_per_s": round(received / micros, 1),
        "failed": failed,
    }


async def _load_by_asyncio(port: int, paths: Sequence[str], seconds: float) -> dict[str, float]:
    until, times, received, turn = time.perf_counter() + seconds, list[float](), 0, 0

    async def ask() -> None:
        nonlocal received, turn
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        while (began := time.perf_counter()) < until:
            turn += 1
            writer.write(f"GET {paths[turn % len(paths)]} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            left = int(head.split(b"content-length: ")[1].split(b"\r")[0])
            received += len(head) + left
            while left:
                left -= len(await reader.read(min(left, 1 << 20)))
            times.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    spent = time.perf_counter() - began
    return {
        "requests": len(times),
        "requests_per_s": round(len(times) / spent, 1),
        "p99_ms": round(float(np.percentile(times, 99)) * 1000, 3),
        "megabytes_per_s": round(received / spent / 1e6, 1),
        "failed": 0,
    }


# Phones


def measure_quiet(store: Store, folder: Path) -> dict[str, Any]:
    """What passes over the wire when nothing is new, counted by a relay between phone and server."""
    server = Server(store.folder)
    try:
        home = folder / "quiet"
        sync(server.address, home)
        with _Relay(server.port) as relay:
            report = sync(f"http://127.0.0.1:{relay.port}", home)
        assert report.up_to_date
        return {
            "requests": relay.sent.count(b" HTTP/1.1\r\n"),
            "bytes_sent": len(relay.sent),
            "bytes_received": len(relay.received),
            "body_bytes": report.bytes_downloaded,
        }
    finally:
        server.stop()


class _Relay:
    """Passes one connection at a time on to a server, and keeps what went each way."""

    def __init__(self, port: int) -> None:
        self._server, self._target = socket.create_server(("127.0.0.1", 0)), port
        self.port = self._server.getsockname()[1]
        self.sent, self.received = bytearray(), bytearray()

    def __enter__(self) -> "_Relay":
        threading.Thread(target=self._run, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()

    def _run(self) -> None:
        while True:
            try:
                phone, _ = self._server.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            for source, target, kept in ((phone, server, self.sent), (server, phone, self.received)):
                threading.Thread(target=_pass_on, args=(source, target, kept), daemon=True).start()


def _pass_on(source: socket.socket, target: socket.socket, kept: bytearray) -> None:
    try:
        while data := source.recv(1 << 16):
            kept += data
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def measure_fleet(store: Store, folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Cold syncs; then a delta, by all phones, under a server that is killed and started again."""
    server = Server(store.folder)
    with socket.create_server(("127.0.0.1", 0)) as free:  # so that each start takes the same port
        port = free.getsockname()[1]
    server.stop()
    server = Server(store.folder, port=port)
    homes = [folder / "phones" / str(number) for number in range(sizes.phones)]
    processes = os.cpu_count() or 1
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(processes) as pool:
        began = time.perf_counter()
        cold = [folder / "cold" / str(number) for number in range(sizes.cold_phones)]
        found = pool.starmap(run_phones, [(server.address, cold[part::processes], 0) for part in range(processes)])
        cold_s = time.perf_counter() - began
        first = cold[0]
        old = open_catalog(first).manifest.state_hash
        for home in homes:
            _clone(first, home)
        add_drawn_rows(store, 20)
        publish(store, DEFAULT_FOLDER)
        began = time.perf_counter()
        waiting = pool.starmap_async(
            run_phones, [(server.address, homes[part::processes], part + 1) for part in range(processes)]
        )
        kills = 0
        rng = random.Random(SEED)
        while kills < sizes.server_kills and not waiting.ready():
            waiting.wait(rng.uniform(1.0, 4.0))
            server.kill()
            time.sleep(rng.uniform(0.2, 2.0))
            server = Server(store.folder, port=port)
            kills += 1
        results = waiting.get()
        delta_s = time.perf_counter() - began
        began = time.perf_counter()
        quiet = pool.starmap(
            run_phones, [(server.address, homes[part::processes], part + 1) for part in range(processes)]
        )
        quiet_s = time.perf_counter() - began
    server.stop()
    served = open_as_device(store, folder / "newest").manifest.state_hash
    hashes = [open_catalog(home).manifest.state_hash for home in homes]
    total = {key: sum(part[key] for part in results) for key in results[0]}
    return {
        "phones": sizes.phones,
        "at_once": processes * PHONES_AT_ONCE,
        "server_kills": kills,
        "on_the_new_state": hashes.count(served),
        "on_the_old_state": hashes.count(old),
        "on_another_state": sum(each not in (served, old) for each in hashes),
        "syncs_that_failed_and_came_back": total["failed"],
        "searches_meanwhile": total["searches"],
        "searches_that_failed": total["broken"],
        "delta_bytes_a_phone": round(total["bytes"] / sizes.phones),
        "delta_syncs_per_s": round(sizes.phones / delta_s, 1),
        "cold_syncs_per_s": round(sizes.cold_phones / cold_s, 1),
        "cold_bytes_a_phone": round(sum(part["bytes"] for part in found) / sizes.cold_phones),
        "quiet_syncs_per_s": round(sizes.phones / quiet_s, 1),
        "quiet_syncs_that_moved_anything": sum(part["moved"] for part in quiet),
    }


PHONES_AT_ONCE = 12
"""Phones that one process plays at once."""


def run_phones(url: str, homes: Sequence[Path], seed: int) -> dict[str, int]:
    """Sync phones until each has what is served or has come back often enough; with a `seed` their catalogues are
    opened and searched all the while."""
    counted = dict.fromkeys(("failed", "bytes", "moved", "searches", "broken"), 0)
    lock, over = threading.Lock(), threading.Event()

    def count(**more: int) -> None:
        with lock:
            for key, value in more.items():
                counted[key] += value

    def play(home: Path) -> None:
        for _ in range(COMEBACKS):
            try:
                report = sync(url, home, fetcher=RequestsFetcher(url, timeout=(5, 10), attempts=2, backoff=0.2))
            except CoindexError:
                count(failed=1)
                time.sleep(random.uniform(0.5, 1.5))
                continue
            count(bytes=report.bytes_downloaded, moved=int(not report.up_to_date))
            return

    def recognise() -> None:
        rng = random.Random(seed)
        code = np.zeros(64, np.int8)
        while not over.is_set():
            try:
                count(searches=1)
                if not open_catalog(rng.choice(homes)).index.search(code, 1):
                    count(broken=1)
            except Exception as error:
                print(f"a search failed: {error}", file=sys.stderr)
                count(broken=1)

    watcher = threading.Thread(target=recognise)
    if seed:
        watcher.start()
    with ThreadPoolExecutor(PHONES_AT_ONCE) as pool:
        list(pool.map(play, homes))
    over.set()
    if seed:
        watcher.join()
    return counted


def _clone(first: Path, home: Path) -> None:
    """Another phone that synced as the first did. Files that are never changed are shared."""
    shutil.copytree(first, home, copy_function=lambda source, target: _share(Path(source), Path(target)))


def _share(source: Path, target: Path) -> None:
    if source.parent.name == "targets":
        os.link(source, target)
    else:
        shutil.copy2(source, target)


# Import and publish


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


# Kills


def measure_kills(folder: Path, times: int) -> dict[str, Any]:
    """Kill a process that changes a store, and look at the store, again and again."""
    home = folder / "killed-phone"
    store = open_store(folder / "killed", create=True)
    photos = _small_photos(folder / "small", 6)
    import_photos(store, photos, encode_plainly, space_id=_space_id(), actor=ACTOR)
    publish(store, DEFAULT_FOLDER, override="a benchmark")
    store.close()
    rng, problems, doing = random.Random(SEED), list[str](), dict[str, int]()
    fork = multiprocessing.get_context("fork")
    with progress_bar("Killing") as progress:
        for number in range(times):
            told = fork.Array("c", 16)
            victim = fork.Process(target=change_without_end, args=(folder, number, told))
            victim.start()
            while not told.value:
                time.sleep(0.005)
            time.sleep(rng.uniform(0.0, 1.0))
            at = told.value.decode()
            os.kill(victim.pid or 0, signal.SIGKILL)
            victim.join()
            doing[at] = doing.get(at, 0) + 1
            problems += [f"kill {number} during {at}: {problem}" for problem in look_after_kill(folder, home)]
            progress(number + 1, times)
    store = open_store(folder / "killed")
    index = current_index(store)
    releases = index.version if index else 0
    store.close()
    return {"kills": times, "during": doing, "signed_targets_reached": releases, "problems": problems}


def change_without_end(folder: Path, number: int, told: Any) -> None:
    """Import, edit and publish until killed; `told` says which is under way."""
    store = open_store(folder / "killed")
    rng = random.Random(number)
    turn = 0
    while True:
        turn += 1
        told.value = b"import"
        photos = _small_photos(folder / "small", 3, seed=rng.randrange(1 << 30))
        import_photos(store, photos, encode_plainly, space_id=_space_id(), actor=ACTOR)
        told.value = b"edit"
        with store.reading() as session:
            coin = session.get_one(CoinRow, 1)
            revision = coin.revision
        edit_coin(store, 1, revision=revision, actor=ACTOR, design=f"design {number}-{turn}")
        told.value = b"publish"
        publish(store, DEFAULT_FOLDER, override="a benchmark")


def look_after_kill(folder: Path, home: Path) -> list[str]:
    """Every problem of the store, and of its release as a phone sees it."""
    store = open_store(folder / "killed")
    try:
        problems = [*check_store(store).problems, *verify(store).problems]
        open_as_device(store, home)
    except CoindexError as error:
        problems = [str(error)]
    finally:
        store.close()
    return problems


def encode_plainly(photo: Photo) -> Encoding:
    """A code from a photo's first pixels: what is killed here is the store, not a net."""
    code = np.clip(photo.rgb[:8, :8, 0].reshape(64).astype(int) - 128, -127, 127).astype(np.int8)
    picture = np.full((256, 256, 3), photo.rgb[0, 0], np.uint8)
    found = FoundCoin(Box(0, 0, 64, 64), Box(0, 0, 256, 256), picture, np.full((256, 256), 255, np.uint8), 4096)
    return Encoding((EncodedCoin(found, (1.0, 1.0), found.box, picture, code),), {})


def _small_photos(folder: Path, count: int, *, seed: int = 0) -> list[LabelledPhoto]:
    folder.mkdir(parents=True, exist_ok=True)
    photos = []
    for number in range(count):
        pixels = np.random.default_rng([seed, number]).integers(1, 256, (64, 64, 3)).astype(np.uint8)
        path = folder / f"{seed}-{number}.png"
        Image.fromarray(pixels).save(path)
        label = CoinClass("Utopia", "mark", str(1 + number % 3), "", "obverse")
        photos.append(LabelledPhoto(path, label, "", "", "", "catalog", number + 2))
    return photos


def _space_id() -> str:
    return read_index(DEFAULT_FOLDER / INDEX_NAME).space_id


def show(report: dict[str, Any]) -> None:
    """Print what was measured."""
    console = Console()
    if "files" in report:
        table = Table("asked for", "server", "requests/s", "p99 ms", "MB/s", "CPU µs", "of nginx", "by CPU")
        for kind in ("whole", "small", "large"):
            found = report["files"][kind]
            for name in ("gunicorn", "nginx"):
                if name in found:
                    run = found[name]
                    names = ("ratio", "ratio_by_cpu")
                    ratios = [f"{found[each]:.2f}" if name == "gunicorn" and each in found else "" for each in names]
                    figures = (f"{run['requests_per_s']:.0f}", f"{run['p99_ms']:.1f}", f"{run['megabytes_per_s']:.0f}")
                    table.add_row(kind, name, *figures, f"{run['cpu_us_a_request']:.0f}", *ratios)
        console.print(table)
    for part in ("quiet", "fleet", "import", "publish", "kills"):
        if part in report:
            console.print(part, report[part])


if __name__ == "__main__":
    main()
