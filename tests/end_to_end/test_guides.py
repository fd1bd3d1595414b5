"""The commands of the guides, run in their order on drawn photos, as far as one machine can."""

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from command_lines import parse, shell_lines
from nginx import MISSING, free_ports, running, write_conf

from coindex.catalog import open_catalog
from coindex.cli import _Refusal
from coindex.manifest import read_manifest
from coindex_synthetic import write_catalogue
from coindex_synthetic.demo import served

ROOT = Path(__file__).resolve().parents[2]
GUIDES = ("own-model.md", "in-my-app.md", "for-a-club.md", "first-catalogue.md")
SERVER = "http://127.0.0.1:8000"
SHIPPED = json.loads((ROOT / "mobile_assets/models/models.json").read_text("utf-8"))


def calls(page):
    return [line for line in shell_lines(page) if line.startswith("coindex ")]


@pytest.mark.parametrize("line", [line for page in GUIDES for line in calls(page)])
def test_each_command_is_one_that_coindex_takes(line):
    callback = parse(line).callback
    assert not isinstance(getattr(callback, "__wrapped__", callback), _Refusal), f"{line}: not installed here"


def coindex(line, place, *, said="", **variables):
    """What a command prints, given a line of standard input; in a wide terminal, so that no name is broken."""
    done = subprocess.run(
        [sys.executable, "-m", "coindex", *shlex.split(line)[1:]],
        cwd=place,
        env={**os.environ, "COLUMNS": "200", **variables},
        input=said,
        capture_output=True,
        text=True,
        timeout=1800,
    )
    assert done.returncode == 0, f"{line}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def labelled(tmp_path):
    """Photos with splits as the guide asks for, in `photos` of a folder."""
    place = tmp_path / "my-coins"
    tables = [
        write_catalogue(place / "photos" / split, types=types, seed=seed, size=256, specimens=specimens, split=split)
        for split, types, seed, specimens in (
            ("train", 8, 100_000, 2),
            ("val_catalog", 3, 5, 1),
            ("val_query", 3, 5, 1),
        )
    ]
    rows = []
    for table in tables:
        with table.open(encoding="utf-8", newline="") as file:
            rows += [{**row, "file": f"{table.parent.name}/{row['file']}"} for row in csv.DictReader(file)]
    with (place / "photos" / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    shutil.copy(read_manifest(place / "photos" / "manifest.csv")[2].path, place / "another-photo.jpg")
    (tmp_path / "training").symlink_to(ROOT / "training")
    return place


@pytest.mark.skipif(shutil.which("cp") is None, reason="the guide's commands are those of a POSIX shell")
def test_a_model_of_my_own_is_trained_exported_and_taken_over_by_a_device(labelled):
    pytest.importorskip("onnxsim", reason="needs the export extra")
    coindex("coindex catalog import photos/manifest.csv", labelled)
    coindex("coindex catalog publish", labelled)
    old, new, said = SHIPPED["space_id"], None, {}
    with served(labelled / "coindex-store") as address:
        coindex(f"coindex sync {address} --home device", labelled)
        for line in shell_lines("own-model.md"):
            program, *words = shlex.split(line.replace("NEW", str(new)).replace("OLD", old).replace(SERVER, address))
            if program in ("make", ".", "cd"):
                continue
            if program == "coindex":
                said[" ".join(words[:3])] = out = coindex(shlex.join([program, *words]), labelled)
                if words[0] == "export":
                    new = re.search(r"wrote models: space (\w{16})", out)[1]
            else:
                assert program in ("mkdir", "cp")
                subprocess.run([program, *words], cwd=labelled, check=True)
        coindex(f"coindex sync {address} --home device", labelled)
    assert new not in (None, old)
    assert "recall@" in said["evaluate photos/manifest.csv --catalog-split"]
    listed = said["catalog spaces list"]
    assert new in listed and old in listed
    assert open_catalog(labelled / "device").manifest.space_id == new
    assert read_manifest(labelled / "photos" / "manifest.csv")[2].label.name in said["recognize --home device"]


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_a_club_serves_its_catalogue_behind_nginx_and_restores_a_backup(tmp_path):
    place, store = tmp_path / "club", tmp_path / "club" / "store"
    write_catalogue(place / "photos", types=3, seed=5, size=320)
    lines = shell_lines("for-a-club.md")
    said = {}
    for line in lines:
        if line.startswith("coindex "):
            said[line] = coindex(line, place, said="correct horse battery\n", COINDEX_STORE=str(store))
    assert "ann" in said["coindex catalog users list"] and "publisher" in said["coindex catalog users list"]
    assert list((store / "keys").iterdir()) and list((place / "restored" / "keys").iterdir())
    assert (place / "before-upgrade.zip").is_file()

    for line in lines:  # what the machine's own programs are given is there
        for path in re.findall(r"deploy/\S+", line):
            assert (ROOT / path).is_file(), line
    [edit] = [line for line in lines if line.startswith("sed ")]
    http, https = free_ports(2)
    with ExitStack() as stack:
        server = stack.enter_context(served(place / "restored", "--proxies", "1"))
        old, name = re.fullmatch(r"sed 's/(.*?)/(.*?)/' .*", edit).groups()
        (tmp_path / "nginx").mkdir()
        conf = write_conf(
            tmp_path / "nginx",
            store=place / "restored",
            http=http,
            https=https,
            server=int(server.rstrip("/").rpartition(":")[2]),
            edit=lambda text: text.replace(old, name),
        )
        stack.enter_context(running(conf, https))
        for path in ("app/", "releases/metadata/timestamp.json"):
            asked = ["curl", "-skf", "--resolve", f"{name}:{https}:127.0.0.1", f"https://{name}:{https}/{path}"]
            assert subprocess.run(asked, capture_output=True).returncode == 0, path


def test_the_answers_to_compare_an_app_with_are_printed(tmp_path):
    write_catalogue(tmp_path / "photos", types=3, seed=5, size=320)
    shutil.copy(read_manifest(tmp_path / "photos" / "manifest.csv")[0].path, tmp_path / "photo.jpg")
    coindex("coindex catalog import photos/manifest.csv --store store", tmp_path)
    coindex("coindex catalog publish --store store", tmp_path)
    compared = [line for line in calls("in-my-app.md") if "serve" not in line]
    with served(tmp_path / "store") as address:
        *_, printed = [coindex(line.replace(SERVER, address), tmp_path) for line in compared]
    assert json.loads(printed)["coins"][0]["candidates"][0]["distance"] == 0


def test_the_code_for_phones_is_that_of_the_platforms_own_pages():
    """It cannot be compiled here: each call is held against the page that the bindings' tests hold."""
    guide, native = ((ROOT / "docs" / page).read_text("utf-8") for page in ("in-my-app.md", "native.md"))
    for language in ("kotlin", "swift"):
        (shown,) = re.findall(rf"```{language}\n(.*?)```", guide, re.S)
        for called in re.findall(r"\b(\w+)\(", shown):
            assert f"{called}(" in native, called
    assert SHIPPED["space_id"] in guide
