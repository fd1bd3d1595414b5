"""Each command of the tutorial, in its order, on drawn photos."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from coindex.manifest import read_manifest
from coindex_synthetic import write_catalogue
from coindex_synthetic.demo import served

TUTORIAL = Path(__file__).resolve().parents[2] / "docs" / "first-catalogue.md"
COMMANDS = [
    line for block in re.findall(r"```sh\n(.*?)```", TUTORIAL.read_text("utf-8"), re.S) for line in block.split("\n")
]
COINDEX = [shlex.split(line)[1:] for line in COMMANDS if line.startswith("coindex ")]


@pytest.fixture
def place(tmp_path):
    write_catalogue(tmp_path / "photos", types=3, seed=5, size=320)
    shutil.copy(read_manifest(tmp_path / "photos" / "manifest.csv")[2].path, tmp_path / "another-photo.jpg")
    return tmp_path


def test_every_command_of_the_tutorial_does_what_it_says(place):
    said, told = {}, {}
    with ExitStack() as servers:
        for words in COINDEX:
            if words[0] == "serve":
                if "--https" not in words:  # a phone's own step; tests/web has it
                    address = servers.enter_context(served(place / "coindex-store"))
                continue
            words = [address if word == "http://127.0.0.1:8000" else word for word in words]
            command = [sys.executable, "-m", "coindex", *words]
            wide = os.environ | {"COLUMNS": "200"}  # so that no name of a table is wrapped
            done = subprocess.run(command, cwd=place, capture_output=True, text=True, timeout=300, env=wide)
            assert done.returncode == 0, f"{words}: {done.stderr}"
            said.setdefault(tuple(words[:2]), []).append(done.stdout)
            told.setdefault(tuple(words[:2]), []).append(done.stderr)
    first, again = said["catalog", "import"]
    assert first.startswith("6 photos added, 6 new classes") and again.startswith("0 photos added")
    # In a pipe the import tells its progress in lines without control characters.
    lines = told["catalog", "import"][0].splitlines()
    counts = [re.fullmatch(r"Encoding photos: (\d) of 6 \(\d+ %\)(, about \d+ (s|min) left)?", line) for line in lines]
    assert [count and count[1] for count in counts] == list("123456")
    assert "reverse" in said["catalog", "list"][0] and "release 1: 6 classes" in said["catalog", "publish"][0]
    label = read_manifest(place / "photos" / "manifest.csv")[2].label
    assert label.name in said["recognize", "--home"][0]


def test_the_tutorial_shows_commands():
    assert len(COINDEX) == 10
