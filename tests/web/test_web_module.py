"""The package for other apps: what `docs/web-module.md` shows of it is type-checked against what is built."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from support.recognizer_page import WEB, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=missing())

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "web-module.md"
STRICT = {
    "strict": True,
    "noEmit": True,
    "target": "ES2022",
    "module": "ESNext",
    "moduleResolution": "bundler",
    "lib": ["ES2023", "DOM"],
    "types": [],
}


@pytest.fixture(scope="module")
def built():
    subprocess.run(["npm", "run", "--silent", "build:lib"], cwd=WEB, check=True, capture_output=True)
    return WEB / "lib"


def checked(folder, code):
    """What TypeScript says of a program of an app that has installed the package; empty where it is content."""
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "coindex-web").symlink_to(WEB)
    (folder / "app.ts").write_text(code)
    (folder / "tsconfig.json").write_text(json.dumps({"compilerOptions": STRICT, "files": ["app.ts"]}))
    compiler = WEB / "node_modules" / ".bin" / "tsc"
    return subprocess.run([compiler, "-p", folder], capture_output=True, text=True, check=False).stdout


EXAMPLES = re.findall(r"```ts\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)


def example():
    return EXAMPLES[0]


@pytest.mark.parametrize("code", EXAMPLES, ids=range(len(EXAMPLES)))
def test_the_examples_of_the_documentation_are_of_the_right_types(built, tmp_path, code):
    assert checked(tmp_path, code) == ""


def test_a_wrong_use_is_told_by_the_types(built, tmp_path):
    assert "TS" in checked(tmp_path, example().replace("loadPhoto(photo)", "loadPhoto(5)"))


def test_the_example_is_of_ten_lines():
    body = re.search(r"\{\n(  .*)\n\}", example(), re.DOTALL).group(1)

    assert len(body.splitlines()) <= 10


def test_the_package_has_no_pages_in_it(built):
    code = "".join(path.read_text() for path in built.glob("*.js"))

    assert "document.querySelector" not in code and "createElement" not in code
