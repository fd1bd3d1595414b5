"""The queue of jobs and the workers that empty it."""

import threading

import pytest

from catalog_server.jobs import queue as jobs
from catalog_server.jobs.queue import Worker, cancel_job, find_job, list_jobs, submit_job
from catalog_server.store import JobRow, Meta
from catalog_server.store.audit import audit_entries
from coindex.errors import JobCancelled, StoreError


@pytest.fixture(autouse=True)
def told_at_once(monkeypatch):
    monkeypatch.setattr(jobs, "TOLD_EVERY_S", 0.0)
    monkeypatch.setattr(jobs, "POLL_S", 0.01)


def state_of(store, job_id):
    job = find_job(store, job_id)
    return job.state, job.message


def mark(run, name):
    """What a job changes."""
    with run.store.changing() as session:
        session.add(Meta(name=name, value="made"))
        run.finish(session, f"made {name}", name=name)


def marks(store):
    with store.reading() as session:
        return {row.name for row in session.query(Meta)} - {"schema"}


def test_jobs_are_done_in_their_order_and_say_what_they_made(any_store):
    seen = []

    def work(run):
        seen.append(run.job.detail["name"])
        run.progress(1, 2)
        assert (find_job(any_store, run.job.job_id).done, find_job(any_store, run.job.job_id).state) == (1, "running")
        mark(run, run.job.detail["name"])

    ids = [submit_job(any_store, "mark", actor="user:ann", name=name) for name in "ab"]
    worker = Worker(any_store, {"mark": work})
    assert worker.run_one() and worker.run_one() and not worker.run_one()
    assert seen == ["a", "b"] and marks(any_store) == {"a", "b"}
    newest, first = list_jobs(any_store)
    assert [newest.job_id, first.job_id] == ids[::-1]
    assert (first.state, first.done, first.total, first.message, first.actor) == ("done", 2, 2, "made a", "user:ann")
    assert first.detail == {"name": "a"} and first.is_over and first.started and first.ended


def test_a_job_that_fails_says_why_and_the_next_one_runs(any_store):
    def work(run):
        if run.job.detail["how"] == "ours":
            raise StoreError("the manifest is wrong; mend it")
        if run.job.detail["how"] == "theirs":
            raise RuntimeError("secret details")

    ids = [submit_job(any_store, "work", actor="user:ann", how=how) for how in ("ours", "theirs", "well")]
    worker = Worker(any_store, {"work": work})
    while worker.run_one():
        pass
    assert state_of(any_store, ids[0]) == ("failed", "the manifest is wrong; mend it")
    state, message = state_of(any_store, ids[1])
    assert state == "failed" and "secret" not in message
    assert state_of(any_store, ids[2]) == ("done", "")


def test_a_job_of_a_kind_nobody_knows_waits(any_store):
    job_id = submit_job(any_store, "other", actor="user:ann")
    assert not Worker(any_store, {"work": lambda run: None}).run_one()
    assert state_of(any_store, job_id)[0] == "waiting"


def test_a_job_that_is_cancelled_while_it_runs_keeps_nothing(any_store):
    def work(run):
        cancel_job(any_store, run.job.job_id, actor="user:ann")
        mark(run, "a")

    job_id = submit_job(any_store, "work", actor="user:ann")
    Worker(any_store, {"work": work}).run_one()
    assert state_of(any_store, job_id) == ("cancelled", "cancelled by user:ann; nothing of it was kept")
    assert marks(any_store) == set()


def test_a_cancelled_job_hears_of_it_by_its_progress(any_store):
    heard = []

    def work(run):
        cancel_job(any_store, run.job.job_id, actor="user:ann")
        try:
            run.progress(1, 2)
        except JobCancelled:
            heard.append(True)
            raise

    submit_job(any_store, "work", actor="user:ann")
    Worker(any_store, {"work": work}).run_one()
    assert heard == [True]


def test_a_waiting_job_is_cancelled_and_one_that_is_over_is_not(any_store):
    job_id = submit_job(any_store, "work", actor="user:ann")
    cancel_job(any_store, job_id, actor="user:bob")
    assert not Worker(any_store, {"work": lambda run: None}).run_one()
    with pytest.raises(StoreError, match="over already"):
        cancel_job(any_store, job_id, actor="user:bob")
    with pytest.raises(StoreError, match="no job 99"):
        cancel_job(any_store, 99, actor="user:bob")
    with any_store.reading() as session:
        [entry] = audit_entries(session, subject=f"job:{job_id}")
    assert (entry.actor, entry.action) == ("user:bob", "job.cancel")


def test_a_job_whose_server_died_is_failed_by_the_next_one(any_store):
    job_id = submit_job(any_store, "work", actor="user:ann")
    with any_store.changing() as session:
        session.get(JobRow, job_id).state = "running"  # as a process leaves it that is killed
    assert not Worker(any_store, {"work": lambda run: None}).run_one()
    state, message = state_of(any_store, job_id)
    assert state == "failed" and "start it again" in message


def test_of_two_workers_one_runs_a_job_at_a_time(any_store):
    inside, most, counted = threading.Lock(), [], []

    def work(run):
        most.append(inside.acquire(blocking=False))
        threading.Event().wait(0.01)
        counted.append(run.job.job_id)
        inside.release()

    ids = [submit_job(any_store, "work", actor="user:ann") for _ in range(8)]
    workers = [Worker(any_store, {"work": work}) for _ in range(3)]
    for worker in workers:
        worker.start()
    while not all(job.is_over for job in list_jobs(any_store)):
        threading.Event().wait(0.02)
    for worker in workers:
        worker.stop(10)
    assert counted == ids and all(most)


def test_a_server_that_stops_leaves_its_job_to_the_next_one(any_store):
    started = threading.Event()

    def endless(run):
        started.set()
        while True:
            run.progress(0, 1)
            threading.Event().wait(0.01)

    job_id = submit_job(any_store, "work", actor="user:ann")
    worker = Worker(any_store, {"work": endless})
    worker.start()
    assert started.wait(10)
    worker.stop(10)
    assert state_of(any_store, job_id)[0] == "waiting"
    assert Worker(any_store, {"work": lambda run: None}).run_one()
    assert state_of(any_store, job_id)[0] == "done"
