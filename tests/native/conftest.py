"""The native core, built where there is a compiler, beside `coindex` in Python."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NATIVE = ROOT / "mobile_assets" / "native"
sys.path.insert(0, str(NATIVE / "python"))


@dataclass(frozen=True)
class Built:
    """A folder of what CMake built."""

    folder: Path

    @property
    def library(self):
        """With the single steps, which applications are not given."""
        return self.program("libcoindex_steps.dylib" if sys.platform == "darwin" else "libcoindex_steps.so")

    def program(self, name):
        return self.folder / "programs" / name

    def run(self, name, *arguments, **options):
        """What a test program prints; fails with all it said where it ends with an error."""
        command = [str(self.program(name)), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout


def cmake(folder, *options):
    """Builds the core in a folder, as far as it is not built yet. Skips where there is no compiler."""
    for tool in ("cmake", "g++", "make"):
        if shutil.which(tool) is None:
            pytest.skip(f"no {tool} here to build the native core with")
    for command in (
        ["cmake", "-S", NATIVE, "-B", folder, *options],
        ["cmake", "--build", folder, "-j", str(os.cpu_count() or 1)],
    ):
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return Built(folder)


@pytest.fixture(scope="session")
def built():
    """The core for this machine. `COINDEX_NATIVE_BUILD` names a folder in which it is built already."""
    if folder := os.environ.get("COINDEX_NATIVE_BUILD"):
        return Built(Path(folder))
    return cmake(NATIVE / "build" / "host")


@pytest.fixture(scope="session")
def library(built):
    from coindex_native import Library

    return Library(built.library)
