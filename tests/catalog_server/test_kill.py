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

from catalog_server.audit import audit_entries
from catalog_server.checks import check_store, collect
from catalog_server.importer import import_photos
from catalog_server.publisher import verify
from catalog_server.store import DATABASE_URL, CoinRow, PhotoRow, open_store

ROUNDS = 3 * int(os.environ.get("COINDEX_TEST_SCALE", "1"))
LONGEST_S = 0.6
"""Longer than a round of any of these works takes here, from its first write to its last."""


@pytest.fixture
def works(any_store, database_url, models, collection, encoder, space):
    """Starts a process that changes a store, with the collection in it, until it is killed."""
    import_photos(any_store, collection.read(), encoder, space_id=space, actor="test")
    support = Path(__file__).parents[1] / "support" / "store_work.py"

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
