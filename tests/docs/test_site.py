"""The documentation as a site: built strictly and without the network, every link of it leads somewhere."""

import importlib
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
import typer
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright
from support.chromium import CHROMIUM, NO_CHROMIUM

from coindex.cli import build_app

ROOT = Path(__file__).resolve().parents[2]
PUBLIC = ("coindex", "coindex.catalog", "coindex.errors", "coindex.recognizer", "coindex.sync")

WITHOUT_NETWORK = """
import socket, sys
def refused(*_):
    raise OSError("the docs are built without the network")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refused
from mkdocs.__main__ import cli
cli()
"""


class Read(HTMLParser):
    """What a page names (`ids`), links to and loads."""

    def __init__(self, text):
        super().__init__()
        self.ids, self.links, self.loads = set(), [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.ids |= {given["id"]} if given.get("id") else set()
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("script", "img", "iframe") and given.get("src"):
            self.loads.append(given["src"])
        if tag == "link" and given.get("rel") in ("stylesheet", "icon", "preconnect") and given.get("href"):
            self.loads.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-c", WITHOUT_NETWORK, "build", "--strict", "--site-dir", str(folder)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    )
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    return folder


@pytest.fixture(scope="module")
def pages(site):
    return {path.resolve(): Read(path.read_text("utf-8")) for path in site.rglob("*.html")}


def test_every_page_of_the_docs_is_on_the_site(site):
    for page in (ROOT / "docs").rglob("*.md"):
        assert (site / page.relative_to(ROOT / "docs").with_suffix(".html")).is_file(), page
    assert (site / "index.html").is_file() and (site / "commands.html").is_file()


def test_every_link_leads_to_a_file_and_a_place_in_it(pages):
    astray = []
    for path, page in pages.items():
        for link in [*page.links, *page.loads]:
            parts = urlsplit(link)
            if parts.scheme or path.name == "404.html":  # it is shown at any address, and links from the root
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if target.is_dir():
                target /= "index.html"
            anchor = unquote(parts.fragment)
            lost = not target.exists() or (anchor and target in pages and anchor not in pages[target].ids)
            if lost and anchor != "__skip":
                astray.append(f"{path.name}: {link}")
    assert astray == []


def test_a_reader_loads_nothing_from_elsewhere(pages):
    loaded = {address for page in pages.values() for address in page.loads if urlsplit(address).netloc}
    assert loaded == set()


def test_no_diagram_is_left_as_code(pages):
    drawn = sum(path.read_text("utf-8").count('<div class="diagram" tabindex="0"><svg') for path in pages)
    wanted = sum(text.count("```mermaid") for text in sources())
    assert drawn == wanted > 0


@pytest.fixture(scope="module")
def browser():
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield chromium
        chromium.close()


@pytest.mark.skipif(bool(NO_CHROMIUM), reason=NO_CHROMIUM)
@pytest.mark.parametrize("page", ["index", "first-catalogue", "python"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_a_page_has_no_barriers(site, browser, page, scheme, width):
    """The home page, a tutorial and a reference page, as a phone and a desk show them."""
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    context.set_default_timeout(60_000)
    shown = context.new_page()
    shown.goto((site / f"{page}.html").as_uri())
    # The theme's script adds what is looked at too: the buttons of code blocks, and the frames of wide tables.
    shown.wait_for_selector(".md-code__nav[role]", state="attached")
    wanted = {"light": "default", "dark": "slate"}[scheme]
    assert shown.get_attribute("body", "data-md-color-scheme") == wanted
    found = Axe().run(shown).response["violations"]
    context.close()
    assert not found, [(each["id"], [node["html"] for node in each["nodes"]][:3]) for each in found]


def sources():
    return [page.read_text("utf-8") for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))]


PUBLIC_NAMES = [(module, name) for module in PUBLIC for name in importlib.import_module(module).__all__]


@pytest.mark.parametrize(("module", "name"), PUBLIC_NAMES, ids=[".".join(each) for each in PUBLIC_NAMES])
def test_the_reference_describes_every_public_name(module, name, site):
    text = (site / "python.html").read_text("utf-8")
    public = getattr(importlib.import_module(module), name)
    ids = re.findall(rf'id="(coindex[.\w]*\.{name})"', text)
    assert ids
    for member in vars(public) if isinstance(public, type) else ():
        described = callable(getattr(public, member)) or isinstance(vars(public)[member], property)
        if described and not member.startswith("_") and member != "as_json":
            assert getattr(public, member).__doc__, f"{name}.{member} has no docstring"
            assert any(f'id="{found}.{member}"' in text for found in ids), member


def test_every_command_and_option_is_described(site):
    text = (site / "commands.html").read_text("utf-8")
    for name in [command.name for command in build_app().registered_commands]:
        command = typer.main.get_command(build_app(name)).commands[name]
        for path, each in leaves(name, command):
            assert f"<code>coindex {path}" in text.replace("\n", "") or f"coindex {path}<" in text, path
            for parameter in each.params:
                options = [option for option in parameter.opts if option.startswith("--") and option != "--help"]
                assert not options or parameter.hidden or any(option in text for option in options), options


def leaves(path, command):
    children = getattr(command, "commands", None)
    if not children:
        return [(path, command)]
    return [leaf for name, child in children.items() for leaf in leaves(f"{path} {name}", child)]


@pytest.mark.parametrize(
    "term",
    ["code", "row", "space", "shard", "fresh", "tombstone", "look", "cutout", "release", "delta"],
)
def test_the_glossary_explains(term, site):
    assert re.search(rf"^\*\*{term}\*\*\n:   ", (ROOT / "docs/glossary.md").read_text("utf-8"), re.M | re.I)
    assert term in (site / "search" / "search_index.json").read_text("utf-8")
