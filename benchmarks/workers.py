"""One import and one re-embedding by one, two and three worker processes on one PostgreSQL.

    python benchmarks/workers.py --json workers.json
    python benchmarks/workers.py --share 0.2                 beside other work, as root
    python benchmarks/workers.py --quick

Each process has one core, as a machine of its own would, and encodes in one thread. Where there are fewer cores than
processes, or other work on them, `--share` gives each process so much of a core and no more (a control group of Linux):
then each has the same, however many there are, as long as the machine has it to give. Stated are photos a second, how
many times those of one process that is, processor time a photo of all processes together, and the share of the
processor time given to them that they used: the rest they waited, for the disk, for PostgreSQL, and for each other at
the end. All numbers of processes are measured in one run, in turns; the middle round counts. Photos are of a megapixel,
the nets those that are shipped. PostgreSQL is Debian's, started for this alone, with no core of its own.
"""

import argparse
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
PERIOD_US = 20_000
"""In which a process is given its share."""


@dataclass(frozen=True)
class Measured:
    """One job by so many processes. `cpu_ms` a photo and `used`, the share of the processor time given to them that the
    processes used, are of all processes together."""

    job: str
    processes: int
    photos: int
    photos_per_s: float
    cpu_ms: float
    used: float


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="few photos and one round, about a minute")
    parser.add_argument("--share", type=float, default=1.0, help="of a core, for each process (as root)")
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
                    found += _measured(
                        folder / f"store-{turn}-{processes}", url, upload, len(photos), processes, options.share
                    )
    rows = [_middle([each for each in found if (each.job, each.processes) == key]) for key in _keys(found)]
    machine = {"cores": len(os.sched_getaffinity(0)), "share": options.share, "load": [load_before, os.getloadavg()]}
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


def _measured(folder: Path, url: str, upload: Path, photos: int, processes: int, share: float) -> Iterator[Measured]:
    store = open_store(folder, create=True, database_url=url)
    cores = sorted(os.sched_getaffinity(0))
    try:
        keep_models(store, DEFAULT_FOLDER)
        staged = new_staging_folder(store)
        shutil.copytree(upload, staged, dirs_exist_ok=True)
        with _workers(folder, url, processes, cores) as workers, _limited(workers, share):
            imported = submit_import(store, staged, actor="benchmark")
            yield _timed(store, workers, "import", imported, photos, share)
            embedded = submit_reembed(store, _forget_codes(store), actor="benchmark")
            yield _timed(store, workers, "re-embedding", embedded, photos, share)
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


@contextmanager
def _limited(workers: Sequence[int], share: float) -> Iterator[None]:
    """Each of the processes with no more than a share of a core."""
    if share >= 1:
        yield
        return
    root = Path("/sys/fs/cgroup")
    old = (root / "cpu").is_dir()
    groups = [(root / "cpu" if old else root) / f"coindex-worker-{worker}" for worker in workers]
    try:
        for worker, group in zip(workers, groups, strict=True):
            group.mkdir()
            if old:
                (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
                (group / "cpu.cfs_quota_us").write_text(str(int(share * PERIOD_US)))
            else:
                (group / "cpu.max").write_text(f"{int(share * PERIOD_US)} {PERIOD_US}")
            (group / "cgroup.procs").write_text(str(worker))
        yield
    finally:
        for worker, group in zip(workers, groups, strict=True):
            if group.is_dir():
                (group.parent / "cgroup.procs").write_text(str(worker))
                group.rmdir()


def _timed(store: Store, workers: Sequence[int], name: str, job_id: int, photos: int, share: float) -> Measured:
    """Wait for a job that was queued just now."""
    cpu, began = _cpu_s(workers), time.perf_counter()
    while not (job := find_job(store, job_id)) or not job.is_over:
        time.sleep(LOOK_S)
    spent, cpu = time.perf_counter() - began, _cpu_s(workers) - cpu
    assert job.state == "done", job.message
    used = cpu / (spent * len(workers) * share)
    return Measured(name, len(workers), photos, round(photos / spent, 2), round(cpu / photos * 1000, 1), round(used, 3))


def _cpu_s(workers: Sequence[int]) -> float:
    """Seconds of processor time that processes have had, their ended threads included."""
    stats = (Path(f"/proc/{worker}/stat").read_text().rpartition(") ")[2].split() for worker in workers)
    return sum(int(stat[11]) + int(stat[12]) for stat in stats) / os.sysconf("SC_CLK_TCK")


def _print(rows: Sequence[Measured], machine: dict[str, Any]) -> None:
    one = {row.job: row.photos_per_s for row in rows if row.processes == 1}
    table = Table("", "processes", "photos/s", "of one", "CPU ms/photo", "used", title=f"{machine}")
    for row in rows:
        figures = (f"{row.photos_per_s:.1f}", f"{row.photos_per_s / one[row.job]:.2f}", f"{row.cpu_ms:.0f}")
        table.add_row(row.job, str(row.processes), *figures, f"{row.used:.0%}")
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
