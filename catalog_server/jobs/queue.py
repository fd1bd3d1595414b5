"""Long work in the background: a queue in the database, and workers that take from it one job at a time. On PostgreSQL
those that have none help whoever has one.

Whoever runs jobs holds a lock that goes with its process: who can take it knows that a job which still says that it
runs was cut off, and fails it. What a job changes, it changes in one transaction that first looks whether the job still
runs, so that nothing of one that failed or was cancelled is kept.
"""

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from catalog_server.store import JobRow, Store, now
from catalog_server.store.audit import record
from catalog_server.store.parts import DoPart, offered, take_parts
from coindex.errors import Busy, CoindexError, JobCancelled, StoreError

__all__ = ["Handler", "Helper", "Job", "JobRun", "Worker", "cancel_job", "find_job", "list_jobs", "submit_job"]

POLL_S = 1.0
"""How long a worker that was not woken waits before it looks for jobs of other processes."""
TOLD_EVERY_S = 0.5
"""Progress is written this often at most."""

GOES_ON = frozenset({"check", "import", "reembed"})
"""Jobs that keep what they have done, beside their upload or as codes that no release has: begun again after the server
died, they go on."""
MAX_TRIES = 3

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job:
    """A job as pages show it: `done` of `total`, what happened, and in `detail` what it was told and what it made."""

    job_id: int
    kind: str
    state: str
    done: int
    total: int
    message: str
    detail: Mapping[str, Any]
    actor: str
    created: str
    started: str | None
    ended: str | None

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state in ("done", "failed", "cancelled")


class JobRun:
    """A running job, as its handler sees it."""

    def __init__(self, store: Store, job: Job) -> None:
        self.store = store
        self.job = job
        self._told_at = 0.0
        self._stopped = threading.Event()

    def progress(self, done: int, total: int) -> None:
        """Report how far the job is.

        Raises:
            JobCancelled: If the job was cancelled.
        """
        if self._stopped.is_set():
            raise JobCancelled(f"job {self.job.job_id} was cancelled")
        if done < total and time.monotonic() - self._told_at < TOLD_EVERY_S:
            return
        self._told_at = time.monotonic()
        with self.store.changing() as session:
            row = self._running(session)
            row.done, row.total, row.heartbeat = done, total, time.time()

    def finish(self, session: Session, message: str, **made: Any) -> None:
        """Mark the job as done, within the change that it makes: both are kept or neither.

        Raises:
            JobCancelled: If the job was cancelled, or was given up as dead, in the meantime. Nothing is kept then.
        """
        row = self._running(session)
        row.state, row.ended, row.message = "done", now(), message
        row.done = row.total
        row.detail = _json({**json.loads(row.detail), **made})

    def stop(self) -> None:
        """Let the next `progress` raise `JobCancelled`."""
        self._stopped.set()

    def _running(self, session: Session) -> JobRow:
        row = session.get_one(JobRow, self.job.job_id, populate_existing=True)
        if row.state != "running":
            raise JobCancelled(f"job {row.job_id} was {row.state}: {row.message}")
        return row


Handler = Callable[[JobRun], None]
"""Does a job, calling `progress` now and then. It ends with `finish` in its change; a handler that makes no change may
just return. An exception fails the job, with its message."""


Helper = Callable[[Store, str], DoPart | None]
"""Does parts of a piece of work that another process leads, given by its subject; None where this process cannot. A
`CoindexError` says why it cannot."""


def submit_job(store: Store, kind: str, *, actor: str, **detail: Any) -> int:
    """Queue a job.

    Args:
        detail: What the job needs to know; JSON must be able to hold it.

    Returns:
        The job's id.

    Raises:
        ValueError: If JSON cannot hold the details.
    """
    with store.changing() as session:
        row = JobRow(kind=kind, state="waiting", detail=_json(detail), actor=actor, created=now())
        session.add(row)
        session.flush()
        return row.job_id


def find_job(store: Store, job_id: int) -> Job | None:
    """A job by its id, None where there is none."""
    with store.reading() as session:
        row = session.get(JobRow, job_id)
        return None if row is None else _job(row)


def list_jobs(store: Store, *, limit: int = 50) -> tuple[Job, ...]:
    """The latest jobs, newest first."""
    with store.reading() as session:
        return tuple(_job(row) for row in session.scalars(select(JobRow).order_by(JobRow.job_id.desc()).limit(limit)))


def cancel_job(store: Store, job_id: int, *, actor: str) -> None:
    """Cancel a job that waits or runs. A running job keeps nothing of its work.

    Raises:
        StoreError: If there is no such job, or it is over.
    """
    with store.changing() as session:
        row = session.get(JobRow, job_id)
        if row is None:
            raise StoreError(f"there is no job {job_id}")
        if _job(row).is_over:
            raise StoreError(f"job {job_id} is over already ({row.state})")
        row.state, row.ended, row.message = "cancelled", now(), f"cancelled by {actor}; nothing of it was kept"
        record(session, actor=actor, action="job.cancel", subject=f"job:{job_id}", kind=row.kind)


class Worker:
    """A thread that takes waiting jobs, of the kinds that it has handlers for, oldest first. Of all workers of a store
    one runs a job at a time; others take part in it, in `threads` threads, where they have a helper for its kind."""

    def __init__(
        self,
        store: Store,
        handlers: Mapping[str, Handler],
        helpers: Mapping[str, Helper] | None = None,
        *,
        threads: int = 1,
    ) -> None:
        self._store = store
        self._handlers, self._helpers = dict(handlers), dict(helpers or {})
        self._threads = threads
        self._unable = set[tuple[str, str]]()
        self._wake = threading.Event()
        self._ending = threading.Event()
        self._run: JobRun | None = None
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)

    def start(self) -> None:
        """Begin to take jobs."""
        self._thread.start()

    def wake(self) -> None:
        """Look for a job at once."""
        self._wake.set()

    def stop(self, timeout: float | None = None) -> None:
        """Take no more jobs; the one that runs goes back to waiting, unless it is done within `timeout` seconds."""
        self._ending.set()
        self._wake.set()
        if self._run is not None:
            self._run.stop()
        if self._thread.ident is not None:
            self._thread.join(timeout)

    def run_one(self) -> bool:
        """Do the next job, or a part of one that another worker runs, in this thread.

        Returns:
            Whether there was any.
        """
        return self._lead_one() or self._help()

    def _lead_one(self) -> bool:
        with contextlib.ExitStack() as stack:
            if not self._handlers or not _is_work(self._store):
                return False
            try:
                stack.enter_context(self._store.exclusive("running jobs"))
            except Busy:  # another worker does what there is to do
                return False
            job = _claim(self._store, self._handlers)
            if job is not None:
                self._do(job)
            return job is not None

    def _help(self) -> bool:
        """Take part in what other processes lead, once in each piece of work that this one cannot do."""
        helped = False
        for kind, subject in offered(self._store) if self._helpers else ():
            if kind not in self._helpers or (kind, subject) in self._unable or self._ending.is_set():
                continue
            try:
                do = self._helpers[kind](self._store, subject)
            except CoindexError as error:
                log.warning("no help with %s %s from here: %s", kind, subject, error)
                do = None
            helped = do is not None
            if do is None or not take_parts(self._store, kind, subject, do, threads=self._threads, stop=self._ending):
                self._unable.add((kind, subject))
        return helped

    def _do(self, job: Job) -> None:
        run = self._run = JobRun(self._store, job)
        try:
            self._handlers[job.kind](run)
            _end(self._store, job, "done", "")
        except JobCancelled:
            if self._ending.is_set():
                _requeue(self._store, job)
        except CoindexError as error:
            _end(self._store, job, "failed", str(error))
        except Exception:
            log.exception("job %d (%s) failed", job.job_id, job.kind)
            _end(self._store, job, "failed", "an error of the server, which its log describes; nothing was changed")
        finally:
            self._run = None

    def _work(self) -> None:
        while not self._ending.is_set():
            try:
                busy = self.run_one()
            except StoreError:
                log.exception("the queue of jobs cannot be read")
                busy = False
            if not busy:
                self._wake.wait(POLL_S)
                self._wake.clear()


def _is_work(store: Store) -> bool:
    """Whether a job waits or says that it runs. Looking takes no lock: most looks find nothing."""
    with store.reading() as session:
        return (
            session.scalar(select(JobRow.job_id).where(JobRow.state.in_(("waiting", "running"))).limit(1)) is not None
        )


def _claim(store: Store, kinds: Mapping[str, Handler]) -> Job | None:
    """Make the oldest waiting job ours, who hold the lock; first fail those whose worker died."""
    with store.changing() as session:
        for row in session.scalars(select(JobRow).where(JobRow.state == "running")):
            _go_on_or_fail(row)
        waiting = select(JobRow).where(JobRow.state == "waiting", JobRow.kind.in_(kinds)).order_by(JobRow.job_id)
        next_row = session.scalar(waiting.limit(1))
        if next_row is None:
            return None
        next_row.state, next_row.started, next_row.heartbeat = "running", now(), time.time()
        return _job(next_row)


def _go_on_or_fail(row: JobRow) -> None:
    """A job whose worker died: some go on where they were, unless it was they who killed it."""
    detail = json.loads(row.detail)
    tries = detail.get("tries", 1)
    if row.kind in GOES_ON and tries < MAX_TRIES:
        row.state, row.started, row.heartbeat, row.done = "waiting", None, None, 0
        row.detail = _json({**detail, "tries": tries + 1})
    else:
        row.state, row.ended = "failed", now()
        row.message = "the server stopped while it ran; nothing of it was kept, start it again"


def _end(store: Store, job: Job, state: str, message: str) -> None:
    """Write down how a job ended, unless it has been already."""
    with store.changing() as session:
        row = session.get_one(JobRow, job.job_id)
        if row.state == "running":
            row.state, row.ended, row.message = state, now(), message


def _requeue(store: Store, job: Job) -> None:
    """The server stops: the job is for the next one."""
    with store.changing() as session:
        row = session.get_one(JobRow, job.job_id)
        if row.state == "running":
            row.state, row.started, row.heartbeat, row.done = "waiting", None, None, 0


def _job(row: JobRow) -> Job:
    return Job(
        row.job_id,
        row.kind,
        row.state,
        row.done,
        row.total,
        row.message,
        json.loads(row.detail),
        row.actor,
        row.created,
        row.started,
        row.ended,
    )


def _json(detail: Mapping[str, Any]) -> str:
    return json.dumps(detail, ensure_ascii=False, sort_keys=True, allow_nan=False)
