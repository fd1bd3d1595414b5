"""Phones: a sync that finds nothing new, and a fleet that moves on under a server that is killed."""

import multiprocessing
import os
import random
import shutil
import socket
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from catalog_server.publishing.publish import publish
from catalog_server.publishing.self_sync import open_as_device
from catalog_server.store import Store
from coindex.catalog import open_catalog
from coindex.errors import CoindexError
from coindex.models import DEFAULT_FOLDER
from coindex.sync import RequestsFetcher, sync
from server_parts.servers import Server
from server_parts.sizes import SEED, Sizes
from server_parts.stores import add_drawn_rows

COMEBACKS = 30
"""How often a phone whose sync failed comes back, a second or so later each time."""

PHONES_AT_ONCE = 12
"""Phones that one process plays at once."""


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
