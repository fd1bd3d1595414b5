"""Several processes at one import or one re-embedding, on a real PostgreSQL, with real nets and `kill -9`."""

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from postgres_server import empty_database
from sqlalchemy import select

from catalog_server.curation import encoding
from catalog_server.curation.encoding import keep_models
from catalog_server.curation.spaces import list_spaces
from catalog_server.jobs import queue
from catalog_server.jobs.checks import StoreCheck, check_store
from catalog_server.jobs.kinds import (
    handlers,
    new_staging_folder,
    submit_check,
    submit_import,
    submit_reembed,
)
from catalog_server.jobs.queue import Worker, cancel_job, find_job
from catalog_server.store import DATABASE_URL, CodeRow, PhotoRow, WorkPartRow, open_store
from catalog_server.store.parts import ITEMS
from coindex.models import read_index

pytestmark = pytest.mark.slow

LONGEST_S = 120
PHOTOS = 3 * ITEMS + 3


def wait_for(condition):
    until = time.monotonic() + LONGEST_S
    while not (found := condition()):
        assert time.monotonic() < until, "it did not come to be"
        time.sleep(0.02)
    return found


@pytest.fixture
def url(postgres):
    with empty_database(postgres) as url:
        yield url


@pytest.fixture
def shared(tmp_path, url, models, monkeypatch):
    """An empty store on PostgreSQL that keeps the smallest models."""
    monkeypatch.setattr(encoding, "DEFAULT_FOLDER", models)
    monkeypatch.setattr(queue, "POLL_S", 0.05)
    store = open_store(tmp_path / "shared", create=True, database_url=url)
    keep_models(store, models)
    yield store
    store.close()


@pytest.fixture
def pictures(collection):
    """A collection of so many photos that the smallest nets see a coin in: bright discs."""
    for row in collection.rows:
        (collection.folder / row["file"]).unlink()
    collection.rows.clear()
    for number in range(PHOTOS):
        file = collection.add(str(number // 3), number)
        draw(collection.folder / file, number + 1)
    collection.read()
    return collection


def draw(path, shade):
    """A white disc with its own blue; none where the shade is 0."""
    rows, columns = np.mgrid[:200, :200]
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[(rows - 100) ** 2 + (columns - 100) ** 2 < 70**2] = (255, 255, shade * 5) if shade else 0
    Image.fromarray(picture).save(path)


def staged(store, collection):
    folder = new_staging_folder(store)
    shutil.copytree(collection.folder, folder / "album")
    return folder


@pytest.fixture
def process(shared, url):
    """Starts Python processes on the store, killed at the end, once they have said a line."""
    running = []

    def start(said, *command):
        path = os.pathsep.join(filter(None, sys.path))
        environment = {**os.environ, DATABASE_URL: url, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        started = subprocess.Popen([sys.executable, *command], stdout=subprocess.PIPE, text=True, env=environment)
        running.append(started)
        assert started.stdout.readline().startswith(said)
        return started

    yield start
    for each in running:
        each.kill()
        each.wait()
        each.stdout.close()


@pytest.fixture
def helper(shared, process):
    """Starts processes that take part."""
    command = ("-m", "coindex", "catalog", "work", "--threads", "1", "--store", str(shared.folder))
    return lambda: process("ready", *command)


@pytest.fixture
def kill_leader(shared, process, models):
    """Lets a process lead the next job until so many photos are encoded, and kills it."""

    def kill(photos):
        support = Path(__file__).parents[2] / "support" / "stuck_leader.py"
        leader = process("stuck", str(support), str(shared.folder), str(models), str(photos))
        leader.kill()
        leader.wait()

    return kill


@pytest.fixture
def lead(shared):
    """Lets a worker of this process, which encodes in one thread, do the next job; what it gives waits for that."""
    threads = []

    def start():
        thread = threading.Thread(target=Worker(shared, handlers(threads=1)).run_one)
        thread.start()
        threads.append(thread)
        return lambda: thread.join(LONGEST_S)

    yield start
    for thread in threads:
        thread.join(LONGEST_S)


def parts(store, *conditions):
    with store.beside() as session:
        return session.scalars(select(WorkPartRow).where(*conditions).order_by(WorkPartRow.part)).all()


OTHERS = WorkPartRow.worker.is_not(None) & (WorkPartRow.worker != WorkPartRow.leader)


@pytest.fixture
def after(monkeypatch):
    """Lets this process encode nothing until a condition has held once."""

    def hold(condition):
        encode_photo, held = encoding.encode_photo, threading.Event()

        def encode_then(*given, **options):
            wait_for(lambda: held.is_set() or condition())
            held.set()
            return encode_photo(*given, **options)

        monkeypatch.setattr(encoding, "encode_photo", encode_then)

    return hold


@pytest.fixture
def encoded(monkeypatch):
    """Grows by each photo that this process encodes."""
    encode_photo, found = encoding.encode_photo, []

    def note(*given, **options):
        found.append(given)
        return encode_photo(*given, **options)

    monkeypatch.setattr(encoding, "encode_photo", note)
    return found


def kill_amid_a_part(store, process):
    """SIGKILL while it is at a part."""

    def stopped_amid():
        if not parts(store, OTHERS, ~WorkPartRow.done):
            return False
        process.send_signal(signal.SIGSTOP)
        if parts(store, OTHERS, ~WorkPartRow.done):
            return True
        process.send_signal(signal.SIGCONT)
        return False

    wait_for(stopped_amid)
    process.kill()
    process.wait()


def rows(store):
    """File, label, hash and code of each row, in their order."""
    with store.reading() as session:
        found = session.execute(select(PhotoRow, CodeRow.code).join(CodeRow).order_by(PhotoRow.row_id))
        return [(photo.source, photo.coin.denomination, photo.photo_sha256, code) for photo, code in found]


def as_one_process_does(tmp_path, models, collection, **options):
    """Rows and job of the same import by one process, on SQLite."""
    alone = open_store(tmp_path / "alone", create=True, database_url="")
    try:
        keep_models(alone, models)
        job_id = submit_import(alone, staged(alone, collection), actor="user:ann", **options)
        Worker(alone, handlers()).run_one()
        return rows(alone), find_job(alone, job_id)
    finally:
        alone.close()


def require_imported(store, job_id, tmp_path, models, collection, **options):
    """The import is what one process makes of it, and leaves nothing behind."""
    expected, job = as_one_process_does(tmp_path, models, collection, **options)
    ours = find_job(store, job_id)
    assert (ours.state, ours.message, ours.done, ours.total) == (job.state, job.message, job.done, job.total)
    for made in ("skipped", "warnings"):
        told = [[line.replace(found.detail["folder"], "") for line in found.detail[made]] for found in (ours, job)]
        assert [line.partition("/staging/")[2] for line in told[0]] == [
            line.partition("/staging/")[2] for line in told[1]
        ]
    assert rows(store) == expected and check_store(store) == StoreCheck((), ())
    assert parts(store) == [] and list(store.staging.iterdir()) == []


def test_processes_share_an_import_which_is_as_one_process_makes_it(
    shared, pictures, helper, lead, after, tmp_path, models
):
    (pictures.folder / "1.png").write_bytes(b"no image")
    draw(pictures.folder / "20.png", 0)
    shutil.copy(pictures.folder / "0.png", pictures.folder / "26.png")
    for _ in range(2):
        helper()
    job_id = submit_import(shared, staged(shared, pictures), actor="user:ann", skip_bad=True)
    after(lambda: parts(shared, OTHERS, WorkPartRow.done))
    lead()()
    require_imported(shared, job_id, tmp_path, models, pictures, skip_bad=True)
    assert len(rows(shared)) == PHOTOS - 2 and len(find_job(shared, job_id).detail["skipped"]) == 2


def test_a_look_before_the_import_is_shared_too_and_the_import_encodes_nothing(
    shared, pictures, helper, lead, encoded, after, monkeypatch
):
    helper()
    folder = staged(shared, pictures)
    check = submit_check(shared, folder, actor="user:ann")
    after(lambda: parts(shared, OTHERS, WorkPartRow.done))
    lead()()
    assert find_job(shared, check).state == "done" and 0 < len(encoded) <= PHOTOS - ITEMS
    monkeypatch.setattr(encoding, "encode_photo", lambda *_, **__: pytest.fail("encoded again"))
    imported = submit_import(shared, folder, actor="user:ann")
    lead()()
    assert find_job(shared, imported).state == "done" and len(rows(shared)) == PHOTOS


def test_what_a_killed_helper_was_at_is_taken_over(shared, pictures, helper, lead, after, tmp_path, models):
    killed = helper()
    job_id = submit_import(shared, staged(shared, pictures), actor="user:ann")
    after(lambda: killed.poll() is not None)
    done = lead()
    kill_amid_a_part(shared, killed)
    done()
    require_imported(shared, job_id, tmp_path, models, pictures)


def test_an_import_whose_leader_is_killed_is_led_by_another_and_encodes_nothing_twice(
    shared, pictures, kill_leader, encoded, tmp_path, models
):
    job_id = submit_import(shared, staged(shared, pictures), actor="user:ann")
    kill_leader(ITEMS + 2)
    assert find_job(shared, job_id).state == "running" and parts(shared, WorkPartRow.done)
    wait_for(Worker(shared, handlers(threads=1)).run_one)  # PostgreSQL hears of the kill in a moment
    assert find_job(shared, job_id).detail["tries"] == 2 and len(encoded) == PHOTOS - ITEMS - 2
    require_imported(shared, job_id, tmp_path, models, pictures)


def test_an_import_that_is_cancelled_while_others_help_leaves_nothing(shared, pictures, helper, lead, after):
    helper()
    folder = staged(shared, pictures)
    job_id = submit_import(shared, folder, actor="user:ann")
    after(lambda: find_job(shared, job_id).is_over)
    done = lead()
    wait_for(lambda: parts(shared, OTHERS, WorkPartRow.done))
    cancel_job(shared, job_id, actor="user:bob")
    done()
    assert find_job(shared, job_id).state == "cancelled" and rows(shared) == []
    assert parts(shared) == [] and not folder.exists() and list(shared.photos.names()) == []


def test_photos_that_cannot_be_imported_are_named_in_their_order_whoever_came_upon_them(
    shared, pictures, helper, lead, after
):
    bad = [25, 9, 1, 17]
    for number in bad:
        draw(pictures.folder / f"{number}.png", 0)
    helper()
    job_id = submit_import(shared, staged(shared, pictures), actor="user:ann")
    after(lambda: parts(shared, OTHERS, WorkPartRow.done))
    lead()()
    job = find_job(shared, job_id)
    lines = [line.strip().partition(",")[0] for line in job.message.splitlines()[1:]]
    assert job.state == "failed" and lines == [f"line {number + 2}" for number in sorted(bad)]


def test_a_command_shares_its_import_which_is_as_one_process_makes_it(
    shared, url, pictures, helper, after, encoded, command_line, monkeypatch, tmp_path, models
):
    (pictures.folder / "1.png").write_bytes(b"no image")
    draw(pictures.folder / "20.png", 0)
    monkeypatch.setenv(DATABASE_URL, url)
    helper()
    after(lambda: parts(shared, OTHERS, WorkPartRow.done))
    manifest = str(pictures.folder / "manifest.csv")
    code, _, told = command_line("catalog", "import", manifest, "--skip-bad", "--store", str(shared.folder))
    assert code == 0 and [line.split(",")[0] for line in told.splitlines() if "left out" in line] == [
        "left out: line 3",
        "left out: line 22",
    ]
    # The helper did the smallest part at least; of one photo there is nothing to encode.
    assert 0 < len(encoded) <= PHOTOS - 1 - PHOTOS % ITEMS
    assert rows(shared) == as_one_process_does(tmp_path, models, pictures, skip_bad=True)[0]
    assert parts(shared) == [] and list(shared.staging.iterdir()) == [] and check_store(shared) == StoreCheck((), ())


def test_a_command_with_models_of_its_own_shares_nothing(
    shared, url, pictures, encoded, command_line, monkeypatch, models
):
    monkeypatch.setenv(DATABASE_URL, url)
    monkeypatch.setattr("catalog_server.store.parts.SharedWork.offer", lambda *_: pytest.fail("offered"))
    manifest = str(pictures.folder / "manifest.csv")
    code, *_ = command_line("catalog", "import", manifest, "--models", str(models), "--store", str(shared.folder))
    assert code == 0 and len(encoded) == len(rows(shared)) == PHOTOS


@pytest.fixture
def reembedding(shared, pictures, other_models):
    """The id of a job that gives the imported collection codes in a new space, and that space."""
    submit_import(shared, staged(shared, pictures), actor="user:ann")
    Worker(shared, handlers()).run_one()
    new = other_models("new-models", checkpoint="d1" * 32)
    space_id = read_index(new / "models.json").space_id
    keep_models(shared, new)
    return submit_reembed(shared, space_id, actor="user:ann"), space_id


def require_embedded(store, space_id):
    """Each row has one code in the space, which is that of the same net before."""
    assert [(space.codes, space.photos) for space in list_spaces(store)] == [(PHOTOS, PHOTOS)] * 2
    with store.reading() as session:
        assert (store.state(session).rows.codes == store.state(session, space_id).rows.codes).all()
    assert parts(store) == []


def test_processes_share_a_re_embedding(shared, reembedding, helper, lead, after):
    job_id, space_id = reembedding
    helper()
    after(lambda: parts(shared, OTHERS, WorkPartRow.done))
    lead()()
    job = find_job(shared, job_id)
    assert (job.state, job.message) == ("done", f"{PHOTOS} photos embedded, 0 had codes already")
    assert (job.done, job.total) == (PHOTOS, PHOTOS)
    require_embedded(shared, space_id)


def test_a_re_embedding_outlives_the_kill_of_a_helper(shared, reembedding, helper, lead, after):
    job_id, space_id = reembedding
    killed = helper()
    after(lambda: killed.poll() is not None)
    done = lead()
    kill_amid_a_part(shared, killed)
    done()
    assert find_job(shared, job_id).state == "done"
    require_embedded(shared, space_id)


def test_a_re_embedding_whose_leader_is_killed_goes_on(shared, reembedding, kill_leader, encoded):
    job_id, space_id = reembedding
    kill_leader(ITEMS + 2)
    wait_for(Worker(shared, handlers(threads=1)).run_one)
    job = find_job(shared, job_id)
    assert (job.state, job.message) == ("done", f"{PHOTOS - ITEMS} photos embedded, {ITEMS} had codes already")
    assert len(encoded) == PHOTOS - ITEMS
    require_embedded(shared, space_id)


def test_a_photo_without_a_file_fails_a_shared_re_embedding_and_is_named(shared, reembedding, helper, lead):
    job_id, _ = reembedding
    shared.photos.remove(rows(shared)[5][2])
    helper()
    lead()()
    job = find_job(shared, job_id)
    assert job.state == "failed" and job.message.startswith("1 photos have no code") and "photo 6: " in job.message
    assert [space.codes for space in list_spaces(shared)] == [PHOTOS, PHOTOS - 1]
