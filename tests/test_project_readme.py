"""The commands, paths and links of the README, and of the page that it sends each user to, are real ones."""

import re
import shlex
from pathlib import Path

import pytest
from command_lines import parse

from coindex.cli import _Refusal

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")
START = (ROOT / "docs" / "start.md").read_text("utf-8")
TEXT = README + START
SHELL = [line for block in re.findall(r"```sh\n(.*?)```", TEXT, re.S) for line in block.splitlines() if line]
CALLS = [line for line in SHELL if line.startswith("coindex ")]
PATH = re.compile(r"[\w.-]+(/[\w.-]+)+|LICENSE")
QUOTED = re.findall(r"`([^`\n]+)`", TEXT)
SENTENCE_WORDS = 30
DOCS = sorted((ROOT / "docs").glob("*.md"))


@pytest.mark.parametrize("line", CALLS)
def test_each_command_is_one_that_coindex_takes(line):
    callback = parse(line).callback
    assert callback is not None
    assert not isinstance(getattr(callback, "__wrapped__", callback), _Refusal), f"{line}: not installed here"


def test_a_wrong_option_would_be_noticed():
    with pytest.raises(Exception, match="--catalogue-split"):
        parse("coindex evaluate photos/manifest.csv --catalogue-split a --query-split b")


def test_every_shell_line_is_one_of_make_coindex_or_pip():
    others = [line for line in SHELL if line not in CALLS]
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for line in others:
        program, *words = shlex.split(line)
        if program == "make":
            assert set(words) <= targets
        elif program == "pip":
            assert line == "pip install -c constraints.txt -e '.[server]'"
        else:  # run by tests/end_to_end
            assert program == "curl" and line in README


@pytest.mark.parametrize("path", sorted({quoted for quoted in QUOTED if PATH.fullmatch(quoted)}))
def test_each_path_named_is_there(path):
    assert (ROOT / path).exists()


@pytest.mark.parametrize("option", sorted({word for quoted in QUOTED for word in re.findall(r"--[a-z-]+", quoted)}))
def test_each_option_named_is_one_of_some_command(option):
    commands = [parse(line) for line in CALLS]
    names = {name for command in commands for parameter in command.params for name in parameter.opts}
    benchmarks = "".join(path.read_text("utf-8") for path in sorted((ROOT / "benchmarks").glob("*.py")))
    names |= set(re.findall(r'add_argument\("(--[a-z-]+)"', benchmarks))
    assert option in names | {"--help"}


def test_each_of_the_five_users_has_a_way_in():
    for user in ("collector", "curator", "machine-learning engineer", "mobile engineer", "operator"):
        assert re.search(rf"^## For an? {user}$", START, re.M)
        assert re.search(rf"^- \*\*An? {user}\*\* .*?\]\(docs/[a-z-]+\.md\)", README, re.M | re.S)


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{path.name}" for path in DOCS)])
def test_each_link_leads_to_a_file(page):
    text = (ROOT / page).read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if "://" not in target and not target.startswith("mailto:"):
            assert ((ROOT / page).parent / target).exists(), f"{page}: {target}"


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        *(
            f"docs/{name}.md"
            for name in ("first-catalogue", "own-model", "in-my-app", "for-a-club", "start", "curating", "operating")
        ),
    ],
)
def test_no_sentence_of_the_readme_and_of_the_tutorials_is_long(page):
    prose = re.sub(r"^ *```.*?```", "", (ROOT / page).read_text("utf-8"), flags=re.S | re.M)
    prose = re.sub(r"\]\([^)]*\)", "]", prose)
    for block in re.split(r"\n\s*\n|\n- |\n#+ ", prose):
        if not block.lstrip().startswith("|"):
            for sentence in re.split(r"(?<=[.!?;:])\s+", block):
                assert len(sentence.split()) <= SENTENCE_WORDS, sentence


def test_the_readme_fits_on_a_few_screens():
    assert len(README.splitlines()) <= 130
    assert all(len(line) <= 100 or line.startswith("|") or "](" in line for line in README.splitlines())
