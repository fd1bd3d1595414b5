"""`kill -9` amid an import, an edit or a publication: the store that is left is whole.

Each round lets a process work on a store until it is killed at a random moment, and then opens and checks the store.
`COINDEX_TEST_SCALE` multiplies the rounds.
"""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from catalog_server.curation.importer import import_photos
from catalog_server.curation.steps import take_step, undoing
from catalog_server.jobs.checks import check_store, collect
from catalog_server.publishing.verify import verify
from catalog_server.store import DATABASE_URL, CoinRow, PhotoRow, StepRow, open_store
from catalog_server.store.audit import audit_entries

pytestmark = pytest.mark.slow

ROUNDS = 3 * int(os.environ.get("COINDEX_TEST_SCALE", "1"))
LONGEST_S = 0.6
"""Longer than a round of any of these works takes here, from its first write to its last."""


@pytest.fixture
def works(any_store, database_url, models, collection, encoder, space):
    """Starts a process that changes a store, with the collection in it, until it is killed."""
    import_photos(any_store, collection.read(), encoder, space_id=space, actor="test")
    support = Path(__file__).parents[2] / "support" / "store_work.py"

    def start(kind):
        command = [sys.executable, str(support), kind, str(any_store.folder), str(models), str(collection.folder)]
        path = os.pathsep.join(filter(None, sys.path))
        environment = {**os.environ, "PYTHONPATH": path, DATABASE_URL: database_url or ""}
        return subprocess.Popen(command, stdout=subprocess.PIPE, env=environment)

    return start


@pytest.mark.parametrize("kind", ["import", "edit", "publish"])
def test_a_store_is_whole_after_kill_9_at_any_moment(works, any_store, database_url, kind):
    random.seed(kind)
    seen = {"rows": 6, "revision": 1}
    for _ in range(ROUNDS):
        process = works(kind)
        assert process.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0, LONGEST_S))
        assert process.poll() is None, "it was to be killed amid its work"
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        seen = require_whole(any_store.folder, database_url, seen)


def test_a_great_step_is_whole_or_not_there_after_kill_9_at_any_moment(works, any_store, database_url):
    random.seed("step")
    for _ in range(ROUNDS):
        process = works("step")
        assert process.stdout.readline() == b"ready\n"
        time.sleep(random.uniform(0, LONGEST_S))
        assert process.poll() is None, "it was to be killed amid its work"
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        store = open_store(any_store.folder, database_url=database_url)
        try:
            _require_whole_steps(store)
        finally:
            store.close()


def _require_whole_steps(store):
    """The three classes are one or three, with all six photos, and each step has its entry and its changes. What is
    merged is undone, for the next round begins with a merge."""
    assert check_store(store).problems == ()
    with store.reading() as session:
        steps = session.scalars(select(StepRow).order_by(StepRow.step_id)).all()
        taken = [entry for entry in audit_entries(session, limit=10**6) if entry.action.startswith("step.")]
        assert [step.audit_id for step in reversed(steps)] == [entry.audit_id for entry in taken]
        assert all(step.changes for step in steps)
        live = session.scalar(select(func.count(CoinRow.class_id)).where(~CoinRow.retired))
        assert len(store.state(session).rows) == 6
        is_merged = len(steps) % 2 == 1
        assert live == (1 if is_merged else 3)
        last = steps[-1].step_id if steps else None
    if is_merged:
        take_step(store, undoing(last), actor="test")


def require_whole(folder, database_url, before):
    """Nothing is half there: photos, codes and entries belong together, and what was there before still is."""
    store = open_store(folder, database_url=database_url)
    try:
        assert check_store(store).problems == ()
        report = verify(store)
        assert report.problems == ()
        with store.reading() as session:
            rows = session.scalar(select(func.count(PhotoRow.row_id)))
            coin = session.get(CoinRow, 1)
            revision = coin.revision
            entries = audit_entries(session, limit=10**6)
            edits = [entry for entry in entries if entry.action == "coin.edit"]
            imported = [entry.detail["rows"] for entry in entries if entry.action == "import"]
            assert len(store.state(session).rows) == rows == sum(imported)
            assert revision == 1 + len(edits) and coin.design == (f"d{len(edits)}" if edits else "")
            assert rows >= before["rows"] and revision >= before["revision"]
        collect(store)
        assert check_store(store).orphans == ()
        return {"rows": rows, "revision": revision}
    finally:
        store.close()
