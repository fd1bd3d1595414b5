"""One import and one re-embedding by one, two and three worker processes on one PostgreSQL.

    python benchmarks/workers.py --json workers.json
    python benchmarks/workers.py --quick

Each process has one core, as a machine of its own would (`taskset`), and encodes in one thread; the third shares its
core with the first where there are two. So beside photos a second, which other work on this machine changes, it is
stated what does not depend on the cores there are: processor time a photo, of all processes together, and the share of
the time that they waited for work, a lock or the disk, and for a core. All numbers of processes are measured in one
run, in turns; the middle round counts. Photos are of a megapixel, the nets those that are shipped. PostgreSQL is
Debian's, started for this alone.
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing.synchronize import Semaphore
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from server_parts.curating import megapixel_photos
from sqlalchemy import delete

from catalog_server.curation.encoding import keep_models
from catalog_server.curation.uploads import take_in
from catalog_server.jobs.kinds import handlers, helpers, new_staging_folder, submit_import, submit_reembed
from catalog_server.jobs.queue import Worker, find_job
from catalog_server.store import CodeRow, Store, open_store
from coindex.manifest import LABEL_FIELDS, LabelledPhoto
from coindex.models import DEFAULT_FOLDER, load_models

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))
from postgres_server import empty_database, postgres_server

PHOTOS, ROUNDS = (16, 16), 3
"""Coins drawn, and views of each."""
QUICK_PHOTOS, QUICK_ROUNDS = (4, 8), 1
PROCESSES = (1, 2, 3)
LOOK_S = 0.1


@dataclass(frozen=True)
class Measured:
    """One job by so many processes. `cpu_ms` a photo and `waiting`, the share of their time that the processes neither
    ran nor wanted to, are of all processes together; `queued` is the share that they waited for a core."""

    job: str
    processes: int
    photos: int
    photos_per_s: float
    cpu_ms: float
    waiting: float
    queued: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few photos and one round, about a minute")
    parser.add_argument("--json", type=Path, help="write the rows there")
    options = parser.parse_args()
    (coins, views), rounds = (QUICK_PHOTOS, QUICK_ROUNDS) if options.quick else (PHOTOS, ROUNDS)
    found: list[Measured] = []
    load_before = os.getloadavg()
    with tempfile.TemporaryDirectory(prefix="coindex-workers-") as temporary, postgres_server() as server:
        folder = Path(temporary)
        photos = megapixel_photos(folder / "photos", coins, views)
        upload = _staged(folder / "upload", photos)
        for turn in range(rounds):
            for processes in PROCESSES:
                with empty_database(server) as url:
                    found += _measured(folder / f"store-{turn}-{processes}", url, upload, len(photos), processes)
    rows = [_middle([each for each in found if (each.job, each.processes) == key]) for key in _keys(found)]
    machine = {"cores": sorted(os.sched_getaffinity(0)), "load_before": load_before, "load_after": os.getloadavg()}
    if options.json:
        report = {"machine": machine, "rounds": rounds, "rows": [asdict(row) for row in rows]}
        options.json.write_text(json.dumps(report, indent=2) + "\n")
    _print(rows, machine)


def _keys(found: Sequence[Measured]) -> list[tuple[str, int]]:
    return sorted({(each.job, each.processes) for each in found})


def _middle(found: Sequence[Measured]) -> Measured:
    return sorted(found, key=lambda each: each.photos_per_s)[len(found) // 2]


def _staged(folder: Path, photos: Sequence[LabelledPhoto]) -> Path:
    """An upload of these photos as a server takes it in."""
    folder.mkdir()
    header = ",".join(("file", *LABEL_FIELDS))
    lines = (",".join((photo.path.name, *(getattr(photo.label, name) for name in LABEL_FIELDS))) for photo in photos)
    manifest = "\n".join((header, *lines)).encode()
    files = {photo.path.name: (lambda _, path=photo.path: path.read_bytes()) for photo in photos}
    take_in({"manifest.csv": lambda _: manifest, **files}, folder)
    return folder


def _measured(folder: Path, url: str, upload: Path, photos: int, processes: int) -> Iterator[Measured]:
    store = open_store(folder, create=True, database_url=url)
    cores = sorted(os.sched_getaffinity(0))
    try:
        keep_models(store, DEFAULT_FOLDER)
        staged = new_staging_folder(store)
        shutil.copytree(upload, staged, dirs_exist_ok=True)
        with _workers(folder, url, processes, cores) as workers:
            yield _timed(store, workers, "import", submit_import(store, staged, actor="benchmark"), photos)
            space_id = _forget_codes(store)
            yield _timed(store, workers, "re-embedding", submit_reembed(store, space_id, actor="benchmark"), photos)
    finally:
        store.close()
        shutil.rmtree(folder)


@contextmanager
def _workers(folder: Path, url: str, processes: int, cores: Sequence[int]) -> Iterator[list[int]]:
    """So many processes, each on one core, that do jobs and take part in those of the others; their ids."""
    context = multiprocessing.get_context("spawn")
    ready = context.Semaphore(0)
    started = [
        context.Process(target=_work, args=(folder, url, cores[number % len(cores)], ready), daemon=True)
        for number in range(processes)
    ]
    for process in started:
        process.start()
    try:
        for _ in started:
            ready.acquire()
        yield [process.pid or 0 for process in started]
    finally:
        for process in started:
            process.kill()
            process.join()


def _work(folder: Path, url: str, core: int, ready: Semaphore) -> None:
    """What a server does beside answering, with one thread to encode in."""
    os.sched_setaffinity(0, {core})
    load_models(DEFAULT_FOLDER)  # a server has loaded its libraries
    store = open_store(folder, database_url=url)
    Worker(store, handlers(threads=1), helpers(), threads=1).start()
    ready.release()
    threading.Event().wait()


def _forget_codes(store: Store) -> str:
    """Take the codes of all photos away; returns the space that they were in."""
    with store.changing() as session:
        space_id = store.space_id(session)
        session.execute(delete(CodeRow))
    assert space_id is not None
    return space_id


def _timed(store: Store, workers: Sequence[int], name: str, job_id: int, photos: int) -> Measured:
    """Wait for a job that was queued just now."""
    queued = dict.fromkeys(_queued(workers), 0)
    before, cpu, began = _queued(workers), _cpu_s(workers), time.perf_counter()
    while not (job := find_job(store, job_id)) or not job.is_over:
        time.sleep(LOOK_S)
        queued |= _queued(workers)
    spent = time.perf_counter() - began
    assert job.state == "done", job.message
    cpu = _cpu_s(workers) - cpu
    waited_for_core = sum(ns - before.get(thread, 0) for thread, ns in queued.items()) / 1e9
    had = spent * len(workers)
    return Measured(
        name,
        len(workers),
        photos,
        round(photos / spent, 2),
        round(cpu / photos * 1000, 1),
        round(max(1 - (cpu + waited_for_core) / had, 0), 3),
        round(waited_for_core / had, 3),
    )


def _queued(workers: Sequence[int]) -> dict[str, int]:
    """By thread, the nanoseconds that it was ready to run and had no core."""
    found = {}
    for worker in workers:
        for path in Path(f"/proc/{worker}/task").glob("*/schedstat"):
            with contextlib.suppress(OSError):  # it has ended
                found[path.parent.name] = int(path.read_text().split()[1])
    return found


def _cpu_s(workers: Sequence[int]) -> float:
    """Seconds of processor time that processes have had, their ended threads included."""
    stats = (Path(f"/proc/{worker}/stat").read_text().rpartition(") ")[2].split() for worker in workers)
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


def _print(rows: Sequence[Measured], machine: dict[str, Any]) -> None:
    one = {row.job: row.photos_per_s for row in rows if row.processes == 1}
    table = Table("", "processes", "photos/s", "of one", "CPU ms/photo", "waiting", "for a core", title=f"{machine}")
    for row in rows:
        figures = (f"{row.photos_per_s:.1f}", f"{row.photos_per_s / one[row.job]:.2f}", f"{row.cpu_ms:.0f}")
        table.add_row(row.job, str(row.processes), *figures, f"{row.waiting:.0%}", f"{row.queued:.0%}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
