"""Every golden step, in C++ on this machine, on ARM64 under qemu, and in WebAssembly in Node."""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from coindex.photo import load_photo

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "mobile_assets" / "native"
GOLDEN, CATALOG = ROOT / "mobile_assets" / "golden", ROOT / "tests" / "golden" / "catalog"

LEFT_OUT = ("capi/", "sync/", "disk.cc", "local.cc", "models.cc", "recognizer.cc", "relief_pack.cc", "adapters/",
            "monocypher")  # fmt: skip
"""What the golden steps do not call: folders, sync, the C interface. WebAssembly could not be built with it."""


@pytest.fixture(scope="module")
def decoded(tmp_path_factory):
    """The golden JPEGs as Pillow decodes them, which C++ does not."""
    folder = tmp_path_factory.mktemp("decoded")
    for path in GOLDEN.glob("*.jpg"):
        photo = load_photo(path)
        Image.fromarray(photo.rgb).save(folder / f"{path.name}.png")
        if photo.in_detail:
            Image.fromarray(photo.in_detail().rgb).save(folder / f"{path.name}.detail.png")
    return folder


def sources():
    """The files of `sources.cmake`."""
    lines = (NATIVE / "sources.cmake").read_text().splitlines()
    return [NATIVE / line.strip() for line in lines if line.strip().endswith((".cc", ".c"))]


def cross_built(target, options, *, name):
    """`golden` for another platform, by zig. It is kept in `build`, and made anew when a source is newer."""
    if subprocess.run([sys.executable, "-m", "ziglang", "version"], capture_output=True, check=False).returncode:
        pytest.skip("no zig here to cross-compile with (pip install ziglang)")
    program = NATIVE / "build" / target / name
    program.parent.mkdir(parents=True, exist_ok=True)
    chosen = [path for path in sources() if not any(part in str(path.relative_to(NATIVE)) for part in LEFT_OUT)]
    chosen.append(ROOT / "tests" / "native" / "golden.cc")
    headers = max(path.stat().st_mtime for path in (*NATIVE.glob("core/**/*.h"), *NATIVE.glob("core/*.inc")))
    common = ["-target", target, "-O2", "-ffp-contract=off", *options]
    includes = [
        f"-I{NATIVE / part}" for part in ("include", "core", "third_party/libdeflate", "third_party/monocypher")
    ]

    def compiled(path):
        compiler, standard = ("c++", ["-std=c++17"]) if path.suffix == ".cc" else ("cc", [])
        made = program.parent / f"{path.parent.name}-{path.stem}.o"
        if not made.exists() or made.stat().st_mtime < max(headers, path.stat().st_mtime):
            zig(compiler, [*common, *standard, *includes, "-c", path, "-o", made])
        return made

    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        objects = list(pool.map(compiled, chosen))
    if not program.exists() or program.stat().st_mtime < max(made.stat().st_mtime for made in objects):
        zig("c++", [*common, *objects, "-o", program])
    return program


def zig(compiler, arguments):
    command = [sys.executable, "-m", "ziglang", compiler, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-4000:]


def checked(output):
    """How many steps were the same; fails where any differs, or hardly any was compared."""
    lines = output.splitlines()
    differing = [line for line in lines if not line.startswith("same ")]
    assert not differing, "\n".join(differing[:10])
    names = {line.removeprefix("same ") for line in lines}
    for step in ("first.0.input", "first.0.regions", "coin.0.mask", "coin.0.box_in_photo", "coin.0.cutout",
                 "coin.0.code", "coin.0.hits", "coin.0.confidence", "coin.0.polar", "coin.0.map", "coin.0.ranking",
                 "coin.0.confidence_again"):  # fmt: skip
        assert f"one-coin.png {step}" in names and f"reduced.jpg {step}" in names
    assert "search state_hash" in names
    return len(lines)


def test_every_golden_step_is_met_in_cpp(built, decoded):
    assert checked(built.run("golden", GOLDEN, CATALOG, decoded)) > 250


def test_every_golden_step_is_met_on_arm64(decoded):
    qemu = shutil.which("qemu-aarch64-static")
    if qemu is None:
        pytest.skip("no qemu here to run ARM64 programs with (Debian: qemu-user-static)")
    libraries = Path("/usr/aarch64-linux-gnu")
    if not libraries.exists():
        pytest.skip("no C library for ARM64 here (Debian: libc6-arm64-cross)")
    program = cross_built("aarch64-linux-gnu", [], name="golden")
    command = [qemu, "-L", libraries, program, GOLDEN, CATALOG, decoded]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    assert checked(done.stdout) > 250


RUN_WASI = """
const { WASI } = require("node:wasi");
const { readFileSync } = require("node:fs");
const [program, ...folders] = process.argv.slice(1);
const preopens = Object.fromEntries(folders.map((folder, place) => [`/${place}`, folder]));
const wasi = new WASI({ version: "preview1", args: ["golden", ...Object.keys(preopens)], preopens });
// Called from WebAssembly directly, some of Node 20's functions end the process.
const calls = Object.entries(wasi.getImportObject().wasi_snapshot_preview1);
const wrapped = Object.fromEntries(calls.map(([name, call]) => [name, (...given) => call(...given)]));
WebAssembly.instantiate(readFileSync(program), { wasi_snapshot_preview1: wrapped }).then(({ instance }) => {
  process.exitCode = wasi.start(instance);
});
"""


def test_every_golden_step_is_met_in_webassembly(decoded):
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node here to run WebAssembly with")
    options = ["-msimd128", "-fno-exceptions", "-fno-rtti"]
    program = cross_built("wasm32-wasi", options, name="golden.wasm")
    command = [node, "--no-warnings", "-e", RUN_WASI, program, GOLDEN, CATALOG, decoded]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False, env={**os.environ})
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout[-2000:]
    assert checked(done.stdout) > 250


def test_a_wrong_golden_value_is_told(built, tmp_path):
    """The programs can fail: a copy of the golden files with one mask pixel changed."""
    copy = tmp_path / "golden"
    shutil.copytree(GOLDEN, copy)
    mask = copy / "one-coin" / "coin.0.mask.png"
    pixels = np.array(Image.open(mask))
    pixels[128, 128] ^= 255
    Image.fromarray(pixels).save(mask)
    done = subprocess.run([built.program("golden"), copy, CATALOG], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "differs one-coin.png coin.0.mask" in done.stdout
