"""Parts of work that several processes share, each of one living process at a time."""

import threading

import pytest
from postgres_server import empty_database
from sqlalchemy import select

from catalog_server.jobs.kinds import helpers
from catalog_server.jobs.queue import Worker
from catalog_server.store import WorkPartRow, open_store
from catalog_server.store.parts import ITEMS, SharedWork, alive, offered, take_parts, work_together


@pytest.fixture
def shared(tmp_path, postgres):
    """An empty store on PostgreSQL."""
    with empty_database(postgres) as url:
        store = open_store(tmp_path / "shared", create=True, database_url=url)
        yield store
        store.close()


def parts(store):
    """Subject and items of each part."""
    with store.beside() as session:
        found = session.execute(select(WorkPartRow.subject, WorkPartRow.items).order_by(WorkPartRow.subject))
        return [tuple(row) for row in found]


@pytest.fixture
def work(shared):
    """Opens a piece of work as another process does that is alive until the end of the test, or told otherwise."""
    lives = []

    def join(kind="encode", subject="a"):
        life = alive(shared)
        lives.append(life)
        return SharedWork(shared, kind, subject, life.__enter__()), lambda: life.__exit__(None, None, None)

    yield join
    for life in lives:
        life.gen.close()


def test_a_part_is_one_living_processs_until_that_is_done_or_dead(work):
    leader, _ = work()
    leader.offer(range(2 * ITEMS + 1))
    (first, _), (second, end_second) = work(), work()
    assert first.take() == (0, list(range(ITEMS))) and second.take() == (1, list(range(ITEMS, 2 * ITEMS)))
    assert leader.take() == (2, [2 * ITEMS]) and leader.take() is None
    first.end(0, done=True)
    assert leader.open_parts() == 2 and leader.take() is None
    end_second()
    assert first.take()[0] == 1
    second.end(1, done=True)  # too late: it is another's
    assert leader.open_parts() == 2
    first.end(1, done=False)
    assert leader.take()[0] == 1


def test_what_a_dead_leader_offered_is_taken_by_nobody_and_goes_with_the_next_offer(shared, work):
    leader, end = work()
    leader.offer([1, 2])
    assert offered(shared) == [("encode", "a")]
    end()
    assert offered(shared) == [] and len(parts(shared)) == 1
    other, _ = work(subject="b")
    other.offer([3])
    assert parts(shared) == [("b", [3])]


def test_a_helper_that_can_do_nothing_of_a_part_leaves_it_to_others(shared, work):
    leader, _ = work()
    leader.offer([1])
    never = threading.Event()
    assert not take_parts(shared, "encode", "a", lambda items: 0, threads=2, stop=never)
    assert leader.open_parts() == 1
    assert take_parts(shared, "encode", "a", len, threads=2, stop=never)
    assert leader.open_parts() == 0


def test_a_worker_asks_once_for_what_it_cannot_do(shared, work):
    leader, _ = work(subject="not here")
    leader.offer([1])
    worker = Worker(shared, {}, helpers())
    assert not worker.run_one() and not worker.run_one()
    assert leader.take() is not None


def test_a_leader_goes_on_without_a_process_that_lives_and_is_stuck(shared, work, monkeypatch):
    monkeypatch.setattr("catalog_server.store.parts.PATIENCE_S", 0.2)
    monkeypatch.setattr("catalog_server.store.parts.WITHDRAWN_S", 0.2)
    stuck, _ = work()
    taken, done = threading.Event(), []

    def do(items):
        if not taken.is_set():
            assert stuck.take() is not None
            taken.set()
        done.extend(items)
        return len(items)

    work_together(shared, "encode", "a", range(3 * ITEMS), do, threads=1, progress=lambda *_: None)
    assert done == [*range(ITEMS), *range(2 * ITEMS, 3 * ITEMS)] and parts(shared) == []
    stuck.end(1, done=True)  # it comes back, and finds nothing of it
    assert parts(shared) == []


def test_what_fails_in_the_leader_ends_the_offer(shared):
    def fail(items):
        raise RuntimeError("damaged nets")

    with pytest.raises(RuntimeError, match="damaged nets"):
        work_together(shared, "encode", "a", range(20), fail, threads=2, progress=lambda *_: None)
    assert parts(shared) == [] and offered(shared) == []


def test_on_sqlite_nothing_is_offered_and_the_command_says_what_to_do(filled, command_line, monkeypatch):
    work_together(filled, "encode", "a", [1], lambda _: pytest.fail("done"), threads=1, progress=lambda *_: None)
    assert offered(filled) == []
    monkeypatch.setenv("COINDEX_STORE", str(filled.folder))
    code, _, said = command_line("catalog", "work")
    assert code == 1 and "move it to PostgreSQL" in said
