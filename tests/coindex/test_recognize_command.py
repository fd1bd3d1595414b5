"""`coindex recognize` as a process, where folders and files have names that no text has."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from native_device import make_device

from coindex.catalog.state import CoinRecord, Rows

GOLDEN = Path(__file__).parents[2] / "mobile_assets" / "golden" / "one-coin.png"
ODD_HOME = b"h\xffme \xe9\xcc\x81"
ODD_PHOTOS = [
    b"caf\xe9.png",
    b"\xff\xfe\x1b[31m\n.png",
    "m\u00fcnze \u202egnp.\U0001fa99".encode(),
    b"[bold]\xed\xa0\x80",
]
NO_PHOTO = b"no\xe9 \x1b[2Jphoto.jpg"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder, as bytes, with a device's folder and photos of such names, and a file that is no photo."""
    folder = os.fsencode(tmp_path_factory.mktemp("odd"))
    try:
        Path(os.fsdecode(folder + b"/" + ODD_HOME)).mkdir()
    except OSError:
        pytest.skip("this file system takes no such names")
    rng = np.random.default_rng(3)
    codes = rng.integers(-60, 61, (40, 64)).astype(np.int8)
    ids = np.arange(1, 41, dtype=np.uint32)
    name = "Ruritania \u00bd cr\u00f6wn"
    records = {
        each: CoinRecord(each, "Ruritania", "cr\u00f6wn", "\u00bd", "", "obverse", name, "") for each in range(1, 41)
    }
    make_device(Path(os.fsdecode(folder + b"/" + ODD_HOME)), Rows.of(ids, ids, codes), records, graph=True)
    for photo in ODD_PHOTOS:
        shutil.copy(GOLDEN, os.fsdecode(folder + b"/" + photo))
    Path(os.fsdecode(folder + b"/" + NO_PHOTO)).write_bytes(b"no photo")
    return folder


def recognized(folder, *options, encoding, locale="C.UTF-8"):
    """What the command says of all photos, and of a file that is none: its stdout and stderr, as bytes."""
    env = {**os.environ, "PYTHONIOENCODING": encoding, "LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    photos = [folder + b"/" + name for name in (*ODD_PHOTOS, NO_PHOTO)]
    command = [os.fsencode(sys.executable), b"-m", b"coindex", b"recognize", b"--home", folder + b"/" + ODD_HOME]
    done = subprocess.run([*command, *options, *photos], capture_output=True, env=env, timeout=300)
    assert b"Traceback" not in done.stderr, done.stderr.decode(errors="replace")
    assert done.returncode == 1  # for the one that is no photo
    assert b"error: " in done.stderr and b"\x1b[2J" not in done.stderr
    return done.stdout


@pytest.mark.parametrize(("encoding", "locale"), [("utf-8", "C.UTF-8"), ("latin-1", "C.UTF-8"), ("ascii", "C")])
def test_each_photo_of_an_odd_name_is_answered_by_a_line_of_json(folder, encoding, locale):
    lines = [
        json.loads(line)
        for line in recognized(folder, b"--json", encoding=encoding, locale=locale).decode(encoding).splitlines()
    ]
    names = [line["photo"].rpartition("/")[2].encode("utf-8", "surrogateescape") for line in lines]
    assert names == [*ODD_PHOTOS, NO_PHOTO]
    assert all(len(line["coins"]) == 1 for line in lines[:-1])
    assert lines[0]["coins"][0]["candidates"][0]["name"] == "Ruritania \u00bd cr\u00f6wn"
    assert "not an image" in lines[-1]["error"]


def test_odd_names_are_shown_spelt_out(folder):
    out = recognized(folder, encoding="cp1252").decode("cp1252")
    assert "\x1b" not in out and "caf\\udce9.png" in out and "\\u202egnp." in out and "\\x1b[31m\\n.png" in out
    assert len(re.findall(r"\b1\s+coin\b", out)) == len(ODD_PHOTOS)  # a long title is wrapped
