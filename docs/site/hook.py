"""What the site adds to the pages of docs/: the README as its first page, the command line, diagrams, links that hold.

MkDocs loads this file (`hooks` in mkdocs.yml). The pages themselves stay readable where they lie: they link to each
other and to files of the project by relative paths.
"""

import json
import logging
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from coindex.cli import build_app

sys.path.insert(0, str(Path(__file__).parent))
from diagrams import DIAGRAM, DRAWINGS, name_of

log = logging.getLogger("mkdocs.hooks.coindex")

ROOT = Path(__file__).resolve().parents[2]

OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
    "mobile_assets/models/README.md": "model-card.md",
}
"""Pages of the project that lie outside docs/, and what they are on the site."""

DECISIONS = "decisions/index.md"
COMMANDS = "commands.md"
NOTEBOOK, TOUR = "tour.ipynb", "tour.md"

WORKER_SHIM = ("https://unpkg.com/iframe-worker/shim", "site/iframe-worker.js")
"""The search needs it if the site is opened as files. The theme loads it from there; the site has a copy of 1.0.4."""

SEARCH = 'data-md-component="search" role="dialog"'
"""The theme's search dialog, which has no name."""

LINK = re.compile(r"(?<=\]\()([^)#\s]*)(#[^)\s]*)?(?=\))")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.M | re.S)

COMMANDS_HEAD = """# Commands

Every command of `coindex`, with its arguments and options. `coindex COMMAND --help` prints the same. Exit codes: 0
done, 1 an error that is explained on stderr, 2 wrong usage, 130 interrupted.
"""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Name every decision in the navigation."""
    pages = [page.relative_to(ROOT / "docs").as_posix() for page in _decision_pages()]
    for section in config.nav or ():
        for entry in section.get("Explanation", ()):
            if isinstance(entry, dict) and "Decisions" in entry:
                entry["Decisions"] = [DECISIONS, *pages]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and the files outside docs/ that a page links to."""
    for source, name in OUTSIDE.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text("utf-8")))
    files.append(File.generated(config, DECISIONS, content=_decisions()))
    files.append(File.generated(config, COMMANDS, content=_commands()))
    files.append(File.generated(config, TOUR, content=_tour()))
    for page in list(files.documentation_pages()):
        for target in LINK.findall(CODE.sub("", page.content_string)):
            path = _meant(page.src_uri, target[0])
            if path and _outside(path) and files.get_file_from_path(path) is None:
                files.append(File.generated(config, path, abs_src_path=str(ROOT / path)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Put drawings where diagrams are, and point the links where the files are on the site."""
    parts, end = [], 0
    for code in CODE.finditer(markdown):
        parts += [_linked(page.file.src_uri, markdown[end : code.start()]), _drawn(page.file.src_uri, code[0])]
        end = code.end()
    return "".join([*parts, _linked(page.file.src_uri, markdown[end:])])


def on_post_page(output: str, page: Page, **_: Any) -> str:
    """Name the search dialog, and load the site's own copy of the theme's script."""
    there, here = WORKER_SHIM
    return _named(output).replace(there, posixpath.relpath(here, posixpath.dirname(page.url) or "."))


def on_post_template(output: str, **_: Any) -> str:
    """The same in pages without Markdown, such as 404.html, which is shown at any address."""
    there, here = WORKER_SHIM
    return _named(output).replace(there, f"/{here}")


def _named(output: str) -> str:
    return output.replace(SEARCH, f'{SEARCH} aria-label="Search"')


def _drawn(page: str, code: str) -> str:
    """A code block as it is, or the drawing of its diagram."""
    diagram = DIAGRAM.fullmatch(code)
    if diagram is None:
        return code
    drawing = DRAWINGS / name_of(diagram[1])
    if not drawing.exists():
        log.warning("%s: a diagram changed; draw it with: python docs/site/diagrams.py", page)
        return code
    return f'<div class="diagram" tabindex="0">{drawing.read_text("utf-8").strip()}</div>'


def _linked(page: str, text: str) -> str:
    def moved(link: re.Match[str]) -> str:
        target, anchor = link[1], link[2] or ""
        path = _meant(page, target)
        if path is None:
            return f"{target}{anchor}"
        return posixpath.relpath(_on_site(path), posixpath.dirname(page) or ".") + anchor

    return LINK.sub(moved, text)


def _meant(page: str, target: str) -> str | None:
    """The file of the project that a page's link means, from the project's root; None for an address or an anchor."""
    if not target or "://" in target or target.startswith("mailto:"):
        return None
    source = next((path for path, name in OUTSIDE.items() if name == page), f"docs/{page}")
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), target))


def _on_site(path: str) -> str:
    if path in OUTSIDE:
        return OUTSIDE[path]
    if path == "docs/decisions":
        return DECISIONS
    return path.removeprefix("docs/")


def _outside(path: str) -> bool:
    return path not in OUTSIDE and not path.startswith("docs/") and (ROOT / path).is_file()


def _decision_pages() -> list[Path]:
    return sorted((ROOT / "docs" / "decisions").glob("0*.md"))


def _decisions() -> str:
    pages = _decision_pages()
    titles = [page.read_text("utf-8").partition("\n")[0].removeprefix("# ") for page in pages]
    listed = "\n".join(f"- [{title}]({page.name})" for title, page in zip(titles, pages, strict=True))
    return f"# Decisions\n\nWhat was decided, why, what it costs, and instead of what.\n\n{listed}\n"


def _tour() -> str:
    """The notebook as a page: its text and its code."""
    cells = json.loads((ROOT / "docs" / NOTEBOOK).read_text("utf-8"))["cells"]
    parts = ["".join(cell["source"]) for cell in cells]
    shown = [
        f"```python\n{text}\n```" if cell["cell_type"] == "code" else text
        for cell, text in zip(cells, parts, strict=True)
    ]
    shown.insert(1, f"This page is a notebook: [download it]({NOTEBOOK}), and run it to see its pictures.")
    return "\n\n".join(shown)


def _commands() -> str:
    names = [command.name for command in build_app().registered_commands]
    parts = [COMMANDS_HEAD]
    for name in filter(None, names):
        root: Any = typer.main.get_command(build_app(name))
        parts += _described(root.commands[name], f"coindex {name}", level=2)
    return "\n".join(parts)


def _described(command: Any, name: str, *, level: int) -> list[str]:
    context = command.make_context(name, [], resilient_parsing=True)
    parts = [f"{'#' * level} {name}\n", f"{_paragraphs(command.help)}\n"]
    parts.append(f"    {' '.join([name, *command.collect_usage_pieces(context)])}\n")
    rows = [record for parameter in command.params if (record := _record(parameter, context))]
    if rows:
        parts.append(
            "\n".join(["| takes | meaning |", "|---|---|", *(f"| {left} | {right} |" for left, right in rows)]) + "\n"
        )
    for child, each in getattr(command, "commands", {}).items():
        parts += _described(each, f"{name} {child}", level=level + 1)
    return parts


def _record(parameter: Any, context: Any) -> tuple[str, str] | None:
    """A row of an argument's or option's names, and what it says of itself."""
    told = parameter.get_help_record(context)
    if told is None or told[0] == "--help":
        return None
    left, right = (re.sub(r"\s+", " ", part).replace("|", "\\|").strip() for part in told)
    return f"`{left}`", re.sub(r"([\[\]*_])", r"\\\1", right).replace("<", "&lt;")


def _paragraphs(help_text: str | None) -> str:
    return "\n\n".join(" ".join(part.split()) for part in (help_text or "").replace("\b", "").split("\n\n"))
