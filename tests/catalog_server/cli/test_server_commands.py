"""`coindex catalog …` and `coindex serve` as a curator calls them."""

import json
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests

from catalog_server.publishing.publish import publish

pytestmark = pytest.mark.slow


@pytest.fixture
def call(command_line, monkeypatch, tmp_path):
    """Runs a command line against a store of its own."""
    monkeypatch.setenv("COINDEX_STORE", str(tmp_path / "store"))
    return command_line


@pytest.fixture
def manifest(collection, monkeypatch, encoder):
    """The collection's manifest; its photos are encoded without nets."""
    from types import SimpleNamespace

    from coindex.models import read_index

    def load(folder, **_):
        return SimpleNamespace(index=read_index(folder / "models.json"))

    monkeypatch.setattr("catalog_server.curation.encoding.load_models", load)
    monkeypatch.setattr("catalog_server.curation.encoding.encode_photo", lambda photo, models, **_: encoder(photo))
    collection.read()
    return collection.folder / "manifest.csv"


def test_a_catalogue_is_curated_from_import_to_release(call, manifest, models):
    code, out, _ = call("catalog", "import", manifest, "--models", models)
    assert (code, out.split()[:2]) == (0, ["6", "photos"])
    assert json.loads(call("catalog", "list", "--json")[1])[2] == {
        "class_id": 3,
        "country": "Utopia",
        "currency": "mark",
        "denomination": "3",
        "variant": "",
        "side": "obverse",
        "name": "Utopia 3 mark",
        "design": "",
        "photos": 2,
    }
    assert "release 1" in call("catalog", "publish", "--models", models)[1]
    assert "nothing changed" in call("catalog", "publish", "--models", models)[1]
    assert "retired class 3" in call("catalog", "retire", 3)[1]
    assert "unpublished changes" in call("catalog", "verify")[1]
    assert json.loads(call("catalog", "publish", "--models", models, "--json")[1])["version"] == 2
    assert [coin["class_id"] for coin in json.loads(call("catalog", "list", "--retired", "--json")[1])] == [3]
    shown = json.loads(call("catalog", "show", 1, "--json")[1])
    assert [photo["source"] for photo in shown["photos"]] == ["0.png", "1.png"]
    assert "Utopia 1 mark" in call("catalog", "show", 1)[1] and "Utopia 1 mark" in call("catalog", "list")[1]
    assert call("catalog", "verify")[1].startswith("sound: 6 photos, release 2")


def test_json_stands_alone_on_stdout_and_what_was_left_out_on_stderr(call, manifest, models, collection):
    (collection.folder / "5.png").write_bytes(b"no image")
    code, out, err = call("catalog", "import", manifest, "--models", models, "--skip-bad", "--json")
    assert code == 0 and json.loads(out)["rows_added"] == 5
    assert "left out: line 7" in err and "Encoding photos" not in err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "nowhere.csv"], "no such file"),
        (["list"], "coindex catalog import"),
        (["publish"], "no store here"),
        (["retire", "1"], "no store here"),
        (["verify"], "no store here"),
    ],
)
def test_an_error_is_one_line_on_stderr_and_exit_code_1(call, arguments, words):
    code, out, err = call("catalog", *arguments)
    assert (code, out) == (1, "")
    assert err.startswith("error: ") and words in err and "Traceback" not in err and err.count("\n") == 1


def test_a_failed_first_import_makes_no_release_and_no_rows(call, manifest, models, collection):
    (collection.folder / "5.png").write_bytes(b"no image")
    code, _, err = call("catalog", "import", manifest, "--models", models)
    assert code == 1 and "5.png" in err
    assert json.loads(call("catalog", "list", "--json")[1]) == []
    code, _, err = call("catalog", "publish", "--models", models)
    assert code == 1 and "empty" in err


def test_damage_found_by_verify_is_an_error(call, manifest, models, tmp_path):
    call("catalog", "import", manifest, "--models", models)
    [photo, *_] = (path for path in (tmp_path / "store" / "photos").rglob("*") if path.is_file())
    photo.write_bytes(b"other")
    code, out, err = call("catalog", "verify", "--json")
    assert code == 1 and photo.name in err and len(json.loads(out)["problems"]) == 1


def test_an_unknown_split_is_refused_by_the_names_of_those_there_are(call, manifest, models):
    code, _, err = call("catalog", "import", manifest, "--models", models, "--split", "nope")
    assert code == 1 and "nope" in err


@contextmanager
def started(folder):
    """`coindex serve` as a process of its own on a free port."""
    command = [sys.executable, "-c", "from coindex.cli import main; main()", "serve", "--port", "0"]
    # A shell's background job, such as a CI run may be, ignores Ctrl-C, and its children inherit that.
    process = subprocess.Popen(
        [*command, "--store", str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_an_empty_folder_becomes_a_store_and_a_mistyped_one_does_not(tmp_path, call):
    (tmp_path / "volume").mkdir()
    with started(tmp_path / "volume") as process:
        said = [process.stdout.readline().split() for _ in range(4)]
        assert requests.get(said[0][1] + "healthz", timeout=5).text == "ok\n"
        assert said[3][:5] == ["there", "is", "no", "account", "yet:"]
    code, _, err = call("serve", "--port", 0, "--store", tmp_path / "voulme")
    assert code == 1 and "no store here" in err and not (tmp_path / "voulme").exists()


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_where_and_ends_cleanly_on_a_signal(filled, models, ending):
    publish(filled, models)
    with started(filled.folder) as process:
        line = process.stdout.readline().split()
        assert line[0] == "serving"
        assert requests.get(line[1] + "healthz", timeout=5).text == "ok\n"
        process.send_signal(ending)
        _, err = process.communicate(timeout=20)
        assert process.returncode == 0 and "Traceback" not in err


def test_a_port_that_is_taken_is_an_error_that_says_so(call, filled):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        code, _, err = call("serve", "--port", taken.getsockname()[1], "--store", filled.folder)
    assert code == 1 and "cannot listen" in err and "--port" in err
