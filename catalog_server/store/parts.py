"""Work that processes on one PostgreSQL do together: its leader offers it in parts, and each live process takes some.

- Each process is alive under a number for as long as its connection holds PostgreSQL's lock of that number. A killed
  one is not, and what it had taken and not done may be taken again at once; no clock and no heartbeat decides it.
- A part may be done twice, where a process was slow to hear that another had it: to do one again changes nothing.
- The leader checks what was made, and makes what is missing itself. So nothing depends on a part that says it is done.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, cast, column, delete, func, insert, or_, select, table, text, update
from sqlalchemy.orm import aliased

from catalog_server.store.store import Store
from catalog_server.store.tables import WorkPartRow
from coindex.errors import CoindexError
from coindex.progress import Progress

__all__ = ["DoPart", "SharedWork", "alive", "offered", "take_parts", "work_together"]

ALIVE_LOCK = 0x70617274
"""The first key of the lock by which a process is alive; the second is its number."""
LIVE = (
    select(cast(column("objid"), BigInteger))
    .select_from(table("pg_locks"))
    .where(
        text("locktype = 'advisory' AND granted"),
        text("database = (SELECT oid FROM pg_database WHERE datname = current_database())"),
        cast(column("classid"), BigInteger) == ALIVE_LOCK,
    )
)
"""The numbers of the processes that are alive."""
ITEMS = 8
"""In a part: half a second's photos, which is what a kill costs and what processes may wait for the last one."""
LOOK_S = 0.1
"""Between two looks at whether a part that others have is done, or free again."""
TOLD_EVERY_S = 0.5
PATIENCE_S = 60.0
"""How long a leader that has nothing to do waits for a part that others are at, before it goes on without them: their
process may live and be stuck."""
WITHDRAWN_S = 30.0
"""How long a leader that gives up waits for the parts that others are at."""

DoPart = Callable[[Sequence[int]], int]
"""Does some items of a piece of work, given by their numbers; returns how many of them are done."""

log = logging.getLogger(__name__)


class SharedWork:
    """The parts of one piece of work, as the process sees them that is alive under `number`."""

    def __init__(self, store: Store, kind: str, subject: str, number: int) -> None:
        self.kind, self.subject = kind, subject
        self._store, self._number = store, number
        self._ours = (WorkPartRow.kind == kind) & (WorkPartRow.subject == subject)

    def offer(self, items: Sequence[int]) -> None:
        """Let others take parts of it. What leaders that are gone have offered goes."""
        parts = [items[first : first + ITEMS] for first in range(0, len(items), ITEMS)]
        common = {"kind": self.kind, "subject": self.subject, "leader": self._number}
        with self._store.beside() as session:
            session.execute(delete(WorkPartRow).where(or_(self._ours, WorkPartRow.leader.not_in(LIVE))))
            session.execute(
                insert(WorkPartRow), [{**common, "part": n, "items": list(each)} for n, each in enumerate(parts)]
            )

    def take(self) -> tuple[int, Sequence[int]] | None:
        """The next part that nobody alive has, with its items; None where there is none."""
        row = aliased(WorkPartRow)
        free = select(row.part).where(row.kind == self.kind, row.subject == self.subject, _is_free(row))
        first = free.order_by(row.part).limit(1).with_for_update(skip_locked=True).scalar_subquery()
        taken = update(WorkPartRow).where(self._ours, WorkPartRow.part == first).values(worker=self._number)
        with self._store.beside() as session:
            found = session.execute(taken.returning(WorkPartRow.part, WorkPartRow.items)).one_or_none()
        return None if found is None else (found.part, found.items)

    def end(self, part: int, *, done: bool) -> None:
        """Say that a part that was taken is done, or leave it to others."""
        values: dict[str, Any] = {"done": True} if done else {"worker": None}
        mine = update(WorkPartRow).where(self._ours, WorkPartRow.part == part, WorkPartRow.worker == self._number)
        with self._store.beside() as session:
            session.execute(mine.values(**values))

    def open_parts(self) -> int:
        """How many parts are not done."""
        return self._count(~WorkPartRow.done)

    def withdraw(self) -> None:
        """End the offer, once those parts are done that others are at."""
        until = time.monotonic() + WITHDRAWN_S
        with self._store.beside() as session:
            session.execute(update(WorkPartRow).where(self._ours, _is_free(WorkPartRow)).values(done=True))
        while self._count(~WorkPartRow.done, WorkPartRow.worker.in_(LIVE)) and time.monotonic() < until:
            time.sleep(LOOK_S)
        with self._store.beside() as session:
            session.execute(delete(WorkPartRow).where(self._ours, WorkPartRow.leader == self._number))

    def _count(self, *conditions: ColumnElement[bool]) -> int:
        with self._store.beside() as session:
            return session.scalar(select(func.count()).select_from(WorkPartRow).where(self._ours, *conditions)) or 0


@contextmanager
def alive(store: Store) -> Iterator[int]:
    """A number under which this process counts as alive, until the end of the block, or its own."""
    while True:
        number = secrets.randbelow(1 << 31)
        with store.advisory_lock(ALIVE_LOCK, number) as held:
            if held:
                yield number
                return


def work_together(
    store: Store, kind: str, subject: str, items: Sequence[int], do: DoPart, *, threads: int, progress: Progress
) -> None:
    """Lead a piece of work: offer its items to other processes, and share the items with them.

    It ends when all items are done, or another process is stuck with the last. What `do` or `progress` raises ends it,
    and is raised. On SQLite there are no other processes, and nothing is done.

    Args:
        kind: The kind of work, which says what `do` is.
        subject: What the work is about, such as a folder or a space.
        items: The numbers of the items.
        do: Does a part.
    """
    if not store.on_postgres or not items:
        return
    with alive(store) as number:
        work = SharedWork(store, kind, subject, number)
        work.offer(items)
        try:
            _lead(work, do, len(items), threads, progress)
        finally:
            work.withdraw()


def _lead(work: SharedWork, do: DoPart, total: int, threads: int, progress: Progress) -> None:
    stop = threading.Event()

    def take_all() -> None:
        idle_since = time.monotonic()
        while not stop.is_set():
            if _do_one(work, do):
                idle_since = time.monotonic()
            elif not work.open_parts() or time.monotonic() - idle_since > PATIENCE_S:
                return

    with ThreadPoolExecutor(threads, thread_name_prefix="together") as pool:
        waiting = {pool.submit(take_all) for _ in range(threads)}
        try:
            while waiting:
                ended, waiting = wait(waiting, timeout=TOLD_EVERY_S, return_when=FIRST_EXCEPTION)
                for future in ended:
                    future.result()
                # Not all, until the leader has looked through what was made.
                progress(max(min(total - ITEMS * work.open_parts(), total - 1), 0), total)
        finally:
            stop.set()


def _do_one(work: SharedWork, do: DoPart) -> bool:
    """Do a part, if one is free; else wait a moment. Returns whether one was done."""
    if (taken := work.take()) is None:
        time.sleep(LOOK_S)
        return False
    part, items = taken
    try:
        do(items)
    except BaseException:
        work.end(part, done=False)
        raise
    work.end(part, done=True)
    return True


def offered(store: Store) -> list[tuple[str, str]]:
    """Kind and subject of each piece of work that a live leader offers and of which parts are free."""
    if not store.on_postgres:
        return []
    found = select(WorkPartRow.kind, WorkPartRow.subject).where(_is_free(WorkPartRow), WorkPartRow.leader.in_(LIVE))
    with store.beside() as session:
        return [(row.kind, row.subject) for row in session.execute(found.distinct().order_by("kind", "subject"))]


def take_parts(store: Store, kind: str, subject: str, do: DoPart, *, threads: int, stop: threading.Event) -> bool:
    """Help with a piece of work that another process leads, until no part of it is free or this process is told to
    stop.

    Args:
        kind: The kind of work.
        subject: What the work is about.
        do: Does a part.
        stop: Set when this process must stop.

    Returns:
        Whether this process can do the work. If it cannot do a part, it leaves it to others and takes no more.
    """
    unable = threading.Event()

    def take_some(work: SharedWork) -> None:
        while not (stop.is_set() or unable.is_set()) and (taken := work.take()) is not None:
            part, items = taken
            try:
                done = do(items)
            except Exception as error:
                told = str(error) if isinstance(error, CoindexError) else repr(error)
                log.warning("no help with %s %s from here: %s", kind, subject, told)
                done = 0
            work.end(part, done=bool(done))
            if not done:
                unable.set()

    with alive(store) as number, ThreadPoolExecutor(threads, thread_name_prefix="help") as pool:
        work = SharedWork(store, kind, subject, number)
        for future in [pool.submit(take_some, work) for _ in range(threads)]:
            future.result()
    return not unable.is_set()


def _is_free(row: type[WorkPartRow]) -> ColumnElement[bool]:
    return ~row.done & or_(row.worker.is_(None), row.worker.not_in(LIVE))
