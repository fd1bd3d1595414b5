"""What is given away as a wheel or an sdist holds all it needs, and runs where there is no checkout."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

from coindex.models import INDEX_NAME, read_index

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / "mobile_assets" / "models"
APP = ROOT / "mobile_assets" / "web" / "dist"
PAGES = ROOT / "catalog_server" / "web"


def run(*command, cwd, **environment):
    """What a command printed, in an environment that names no other place of Python's packages."""
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV", "COINDEX"))
    }
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=kept | environment, capture_output=True, text=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def copied(folder, names):
    """A folder with these files and folders of the checkout, and nothing else: what git does not take stays out."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z", "--", *names], cwd=ROOT, capture_output=True, text=True
    )
    if listed.returncode:
        pytest.skip("not a git checkout, so nothing says which files belong to the project")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, folder / name)
    return folder


def build(source, out, call):
    """The file that the build backend makes of a source folder, by one of the two hooks of PEP 517."""
    code = f"from setuptools import build_meta; print(build_meta.{call}({str(out)!r}))"
    return out / run(sys.executable, "-c", code, cwd=source).splitlines()[-1]


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return build(copied(tmp_path_factory.mktemp("checkout"), ["."]), tmp_path_factory.mktemp("sdist"), "build_sdist")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(copied(tmp_path_factory.mktemp("checkout"), ["."]), tmp_path_factory.mktemp("wheel"), "build_wheel")


def needed():
    """Each file that is no code and that the server or a device reads, by its path in the checkout."""
    index = read_index(MODELS / INDEX_NAME)
    models = [MODELS / name for name in (INDEX_NAME, index.segmenter.file, index.embedder.file)]
    app = [path for path in APP.rglob("*") if path.is_file()]
    pages = [path for folder in ("static", "templates") for path in (PAGES / folder).iterdir() if path.is_file()]
    assert app and pages
    return {path.relative_to(ROOT).as_posix() for path in [*models, *app, *pages]}


def test_the_wheel_holds_what_server_and_device_read_and_no_tests(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert needed() - names == set()
    assert [name for name in names if name.startswith(("tests/", "benchmarks/"))] == []


def test_the_sdist_holds_it_too(sdist):
    with tarfile.open(sdist) as packed:
        assert needed() - {name.partition("/")[2] for name in packed.getnames()} == set()


def test_what_the_image_copies_makes_a_whole_wheel(tmp_path):
    copies = re.findall(r"^COPY (?!--from)(.+) \S+$", (ROOT / "deploy" / "Dockerfile").read_text("utf-8"), re.M)
    source = copied(tmp_path / "image", [name for line in copies for name in line.split()])
    (tmp_path / "out").mkdir()
    made = build(source, tmp_path / "out", "build_wheel")
    assert needed() - set(zipfile.ZipFile(made).namelist()) == set()


@pytest.fixture(scope="module", params=["wheel", "sdist"])
def installed(request, tmp_path_factory):
    """The commands' folder of an environment that had nothing but pip, with the light install of wheel or sdist."""
    file = request.getfixturevalue(request.param)
    place = tmp_path_factory.mktemp(f"from-{request.param}")
    venv.create(place / "env", with_pip=True)
    python = place / "env" / "bin" / "python"
    run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", f"{file}[server]", cwd=place)
    assert ROOT.as_posix() not in run(python, "-c", "import coindex; print(coindex.__file__)", cwd=place)
    return place / "env" / "bin"


def test_the_demonstration_runs_where_there_is_no_checkout_and_photos_are_answered_after_it(installed, tmp_path):
    report = json.loads(run(installed / "coindex", "demo", "--folder", "demo", "--types", 3, "--json", cwd=tmp_path))
    assert report["right"] >= report["of"] / 2
    first = report["photos"][0]
    answer = run(installed / "coindex", "recognize", "--home", "demo/device", "--json", first["photo"], cwd=tmp_path)
    assert json.loads(answer)["coins"] == first["coins"]


def test_the_server_has_its_pages_and_the_phone_app(installed, tmp_path):
    code = """
from pathlib import Path
from catalog_server.store import open_store
from catalog_server.web.app import create_app
client = create_app(open_store(Path("store"), create=True)).test_client()
for path in ("/app/", "/static/job.js", "/static/icon.svg"):
    print(client.get(path).status_code)
"""
    assert run(installed / "python", "-c", code, cwd=tmp_path).split() == ["200"] * 3


def test_a_missing_model_is_named_with_what_to_do(installed, tmp_path):
    code = """
from coindex.errors import ModelError
from coindex.models import DEFAULT_FOLDER, load_models
(DEFAULT_FOLDER / "models.json").rename("models.json")
try:
    load_models(DEFAULT_FOLDER)
except ModelError as error:
    print(error)
finally:
    from shutil import move
    move("models.json", DEFAULT_FOLDER)
"""
    said = run(installed / "python", "-c", code, cwd=tmp_path)
    assert "models.json: no such file" in said
    assert "reinstall coindex" in said
