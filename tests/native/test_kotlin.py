"""The golden photos and a sync through the Kotlin package, on a JVM."""

import base64
import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from native_device import make_device
from PIL import Image
from release_server import ReleaseServer

from coindex.catalog import state_hash
from coindex.catalog.state import CoinRecord, Rows
from coindex.cutout import cut_out
from coindex.open_set import OpenSet
from coindex.photo import load_photo
from coindex.relief import net_input, unpack_map, unroll

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "mobile_assets" / "native"
GOLDEN = ROOT / "mobile_assets" / "golden"
DOCUMENT = json.loads((GOLDEN / "golden.json").read_text())


@pytest.fixture(scope="module")
def compiled(built, tmp_path_factory):
    """The library with its JNI functions, and the classes of the package and the test."""
    if shutil.which("java") is None or shutil.which("javac") is None:
        pytest.skip("no JDK here to run Kotlin on")
    kotlinc = next(iter(sorted(NATIVE.glob("kotlin/node_modules/kotlin-compiler/bin/kotlinc"))), None)
    kotlinc = os.environ.get("COINDEX_KOTLINC") or kotlinc or shutil.which("kotlinc")
    if not kotlinc:
        pytest.skip("no Kotlin compiler here (npm install --prefix mobile_assets/native/kotlin)")
    library = next(iter(built.folder.rglob("libcoindex_jvm.*")), None)
    if library is None:
        pytest.skip("no JNI headers here (Debian: default-jdk-headless)")
    jar = tmp_path_factory.mktemp("kotlin") / "golden.jar"
    sources = [NATIVE / "kotlin" / "src" / "main" / "kotlin", ROOT / "tests" / "native" / "Golden.kt"]
    command = [kotlinc, *sources, "-include-runtime", "-d", jar]
    # The part for Android is compiled too, against declarations of Android's own classes and the coroutines that come
    # with the compiler. It cannot run here.
    jars = NATIVE / "kotlin" / "node_modules" / "kotlin-compiler" / "lib"
    if coroutines := next(jars.glob("kotlinx-coroutines-*.jar"), None):
        android = [NATIVE / "kotlin" / "src" / "android" / "kotlin", ROOT / "tests" / "native" / "android"]
        command += [*android, "-classpath", coroutines]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    return library, jar


def lay_out(server, folder):
    """What a server serves, as files."""
    for path, data in [*server.targets.items(), *((f"releases/metadata/{n}", d) for n, d in server.metadata.items())]:
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def steps(photo):
    return {step["step"]: step for step in photo["steps"]}


def grey(file):
    return np.asarray(Image.open(GOLDEN / file).convert("L"))


def replay(folder, photo):
    """The golden net outputs of a photo, each under the hash of its input."""
    own = steps(photo)
    outputs = DOCUMENT["outputs"]

    def keep(sha256, steps_of, output):
        numbers = (np.asarray(steps_of, np.float32) - np.float32(output["zero_point"])) * np.float32(output["scale"])
        (folder / sha256).write_bytes(numbers.astype("<f4").tobytes())

    for name, step in own.items():
        if name.endswith(".logits"):
            look = name.removesuffix(".logits")
            sha256 = own[f"{look}.sha256"]["value"] if f"{look}.sha256" in own else None
            if sha256 is None:
                pixels = np.asarray(Image.open(GOLDEN / own[f"{look}.input"]["file"]).convert("RGB"))
                sha256 = hashlib.sha256(pixels.tobytes()).hexdigest()
            planes = (grey(step["file"]) ^ 0x80).view(np.int8).reshape(2, 256, 256)
            keep(sha256, planes.transpose(1, 2, 0), outputs["segmenter"])
        if name.endswith(".cutout"):
            cutout = np.repeat(grey(step["file"])[:, :, None], 3, axis=2)
            polar = net_input(unroll(cutout))
            keep(
                hashlib.sha256(polar.tobytes()).hexdigest(),
                (grey(own[name.replace("cutout", "relief")]["file"]) ^ 0x80).view(np.int8),
                {"zero_point": 0, "scale": 1},
            )
            for turn in range(4):
                turned = np.ascontiguousarray(np.rot90(cutout, turn))
                values = own[name.replace("cutout", f"turn.{turn}")]["value"]
                keep(hashlib.sha256(turned.tobytes()).hexdigest(), values, outputs["embedder"])


def facts_of(class_id):
    """Of each second class."""
    return {"title": f"№ {class_id}", "weight": class_id / 4} if class_id % 2 else {}


@pytest.fixture(scope="module")
def said(compiled, tmp_path_factory):
    """What the Kotlin program prints, by the first two words of a line."""
    library, jar = compiled
    folder = tmp_path_factory.mktemp("golden")
    (folder / "replay").mkdir()
    rows = DOCUMENT["catalog"]["rows"]
    names = {each["class"]: each["name"].rpartition(", ") for each in DOCUMENT["catalog"]["classes"]}
    records = {
        number: CoinRecord(number, "xx", "coin", str(number), "", side, name, "", facts_of(number))
        for number, (name, _, side) in names.items()
    }
    make_device(
        folder / "home",
        Rows.of((row["row"] for row in rows), (row["class"] for row in rows), np.array([row["code"] for row in rows])),
        records,
        open_set=OpenSet(**DOCUMENT["catalog"]["open_set"]),
        maps={row["row"]: unpack_map(base64.b64decode(row["map"])) for row in rows},
    )
    lines = []
    for photo in DOCUMENT["photos"]:
        replay(folder / "replay", photo)
        decoded = load_photo(GOLDEN / photo["file"])
        (folder / f"{photo['file']}.rgb").write_bytes(decoded.rgb.tobytes())
        height, width = decoded.rgb.shape[:2]
        larger = decoded.in_detail().rgb if decoded.in_detail else np.zeros((0, 0, 3), np.uint8)
        (folder / f"{photo['file']}.detail.rgb").write_bytes(larger.tobytes())
        numbers = (width, height, decoded.width, decoded.height, larger.shape[1], larger.shape[0])
        lines.append(" ".join(map(str, (photo["file"], *numbers))))
    (folder / "photos.txt").write_text("\n".join(lines) + "\n")
    server = ReleaseServer().release(1)
    lay_out(server, folder / "served")
    command = ["java", f"-Dcoindex.library={library}", "-cp", jar, "GoldenKt", folder]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    assert done.stdout.endswith("done\n")
    told = {}
    for line in done.stdout.splitlines():
        first, _, rest = line.partition(" ")
        second, _, value = rest.partition(" ")
        told[first, second] = value
    return told, state_hash(server.states[1]), done.stdout


@pytest.mark.parametrize("photo", DOCUMENT["photos"], ids=lambda photo: photo["file"])
def test_a_golden_photo_is_answered_alike_through_kotlin(said, photo):
    told, _, _ = said
    own, file = steps(photo), photo["file"]
    coins = len(own["coins"]["value"])
    assert told[file, "coins"] == str(coins)
    for number in range(coins):
        coin = f"coin.{number}"
        for step in ("box_in_photo", "code", "hits", "known"):
            assert json.loads(told[file, f"{coin}.{step}"]) == own[f"{coin}.{step}"]["value"], (coin, step)
        facts = json.loads(told[file, f"{coin}.facts"])
        assert facts == [[class_id, facts_of(class_id) or None] for class_id, _ in facts]
        for step in ("mask", "cutout"):
            expected = hashlib.sha256(grey(own[f"{coin}.{step}"]["file"]).tobytes()).hexdigest()
            assert told[file, f"{coin}.{step}"] == expected, (coin, step)
        assert float(told[file, f"{coin}.confidence"]) == pytest.approx(own[f"{coin}.confidence"]["value"], abs=1e-12)
        ranking = [[class_id, *sight] for class_id, _, *sight in own[f"{coin}.ranking"]["value"]]
        assert json.loads(told[file, f"{coin}.ranking"]) == ranking
        assert json.loads(told[file, f"{coin}.known_again"]) == own[f"{coin}.known_again"]["value"]
        sure = own[f"{coin}.confidence_again"]["value"]
        assert float(told[file, f"{coin}.confidence_again"]) == pytest.approx(sure, abs=1e-12)


def test_a_sync_through_kotlin_gives_the_servers_catalogue(said):
    told, expected, output = said
    assert told["opened", expected] == ""
    assert "toVersion=1" in output and "upToDate=true" in output


def test_the_replayed_cutouts_are_pythons():
    """The nets' inputs come from golden files: a cutout made anew is the same."""
    photo = next(photo for photo in DOCUMENT["photos"] if photo["file"] == "one-coin.png")
    own = steps(photo)
    rgb = np.asarray(Image.open(GOLDEN / own["second.0.input"]["file"]).convert("RGB"))
    mask = grey(own["coin.0.mask"]["file"])
    np.testing.assert_array_equal(cut_out(rgb, mask)[:, :, 0], grey(own["coin.0.cutout"]["file"]))
