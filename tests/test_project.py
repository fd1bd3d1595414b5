"""What holds of the project as a whole: who imports whom, what an install pulls in, what is committed."""

import ast
import importlib
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("coindex", "coindex_synthetic", "training", "export", "catalog_server")
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
)
PICTURES = {".jpg", ".jpeg", ".png", ".webp", ".heic", ".gif", ".bmp", ".tif", ".tiff"}


def source(module):
    path = ROOT / module.replace(".", "/")
    return path / "__init__.py" if (path / "__init__.py").is_file() else path.with_suffix(".py")


def committed():
    """Every file that git has or would take."""
    names = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"], cwd=ROOT, capture_output=True, text=True
    )
    if names.returncode:
        pytest.skip("not a git checkout, so nothing says which files belong to the project")
    return [ROOT / name for name in names.stdout.split("\0") if name and (ROOT / name).is_file()]


def loaded_by(statement):
    """The top-level packages that a fresh interpreter holds after a statement."""
    code = (
        f"import json, sys\n{statement}\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


def test_the_import_contracts_hold():
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([lint, "--no-cache"], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout


def test_there_is_a_contract_for_each_package():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    held = {name for contract in contracts for name in contract.get("source_modules", [])}
    assert {name for name in held if "." not in name} == set(PACKAGES)


@pytest.mark.parametrize(
    "statement",
    [
        "import coindex.cli; coindex.cli.build_app('recognize')",
        "import coindex.cli; coindex.cli.build_app('sync')",
        "import coindex.cli; coindex.cli.build_app('demo')",
        "import coindex.cli; coindex.cli.build_app('evaluate')",
    ],
)
def test_a_device_command_loads_no_torch_no_tensorflow_and_no_flask(statement):
    assert not loaded_by(statement) & {
        "torch",
        "tensorflow",
        "flask",
        "sqlalchemy",
        "training",
        "export",
        "catalog_server",
    }


@pytest.mark.parametrize("command", ["recognize", "evaluate"])
def test_recognition_loads_nothing_of_the_network_and_of_signatures(command):
    loaded = loaded_by(f"import coindex.cli; coindex.cli.build_app('{command}'); import coindex; coindex.open_catalog")
    assert not loaded & {"tuf", "securesystemslib", "cryptography", "requests"}


def test_help_loads_no_library_of_numbers():
    assert not loaded_by("import coindex.cli; coindex.cli.build_app()") & {"numpy", "cv2", "ai_edge_litert", "hnswlib"}


def test_the_server_loads_no_torch_and_no_tensorflow():
    assert not loaded_by("import coindex.cli; coindex.cli.build_app('serve')") & {"torch", "tensorflow"}


@pytest.mark.parametrize("module", MODULES)
def test_each_module_says_its_purpose(module):
    assert ast.get_docstring(ast.parse(source(module).read_text("utf-8")))


@pytest.mark.parametrize("module", [name for name in MODULES if "__all__" in source(name).read_text("utf-8")])
def test_what_a_module_exports_is_there_and_in_order(module):
    loaded = importlib.import_module(module)
    assert [name for name in loaded.__all__ if not hasattr(loaded, name)] == []
    assert len(set(loaded.__all__)) == len(loaded.__all__)


DRAWN = (
    "mobile_assets/golden",
    "mobile_assets/web/public/icons",
    "mobile_assets/web/public/sample.webp",
    "mobile_assets/web/dist/icons",
    "mobile_assets/web/dist/sample.webp",
    "docs/images",
)
"""Pictures of invented coins, the app's icons, and pages of the program that show nothing else."""


def test_no_picture_is_committed_but_those_that_the_program_draws():
    """The photographs that the nets learned from may not be given away."""
    pictures = [path for path in committed() if path.suffix.lower() in PICTURES]
    assert [path for path in pictures if not any(path.is_relative_to(ROOT / folder) for folder in DRAWN)] == []


VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]


def test_every_part_has_the_version_of_the_project():
    native = (ROOT / "mobile_assets/native/core/version.h").read_text("utf-8")
    assert re.findall(r'^#define COINDEX_VERSION "(.*)"$', native, re.M) == [VERSION]
    web, locked = (
        json.loads((ROOT / "mobile_assets/web" / name).read_text("utf-8"))
        for name in ("package.json", "package-lock.json")
    )
    assert [web["version"], locked["version"], locked["packages"][""]["version"]] == [VERSION] * 3


def test_the_changelog_tells_of_the_version():
    headings = re.findall(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    assert headings[:2] == ["Unreleased", VERSION]


def test_constraints_pin_whatever_an_extra_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *(need for extra in project["optional-dependencies"].values() for need in extra)]
    lines = (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    pinned = {normalised(line.partition("==")[0]) for line in lines if "==" in line}
    wanted = {normalised(need) for need in asked} - {"coindex"}
    assert wanted - pinned == set()


def normalised(requirement):
    """A distribution's name without version or extras, as package indexes compare it."""
    name = requirement
    for mark in "[<>=!~; ":
        name = name.partition(mark)[0]
    return name.lower().replace("_", "-").replace(".", "-")
