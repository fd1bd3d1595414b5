"""The browser's recogniser under test: its page built, served on this machine, and driven in headless Chromium."""

import functools
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright
from support.chromium import CHROMIUM, NO_CHROMIUM

WEB = Path(__file__).resolve().parents[2] / "mobile_assets" / "web"


def missing() -> str:
    """What there is not on this machine to run the page with; empty where there is all."""
    if NO_CHROMIUM:
        return NO_CHROMIUM
    if shutil.which("node") is None:
        return "no Node, which builds the page"
    if not (WEB / "node_modules" / "vite").exists():
        return "no node_modules: npm ci in mobile_assets/web"
    return ""


class RecognizerPage:
    """The page with its worker; `ask` puts one of the questions of `test/harness/worker.ts`."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def ask(self, question: str, argument: object = None) -> Any:
        """The worker's answer; raises `playwright.sync_api.Error` with what it says where it fails."""
        return self._page.evaluate("([name, argument]) => window.ask(name, argument)", [question, argument])

    def reload(self) -> None:
        """The page and its worker from the beginning."""
        self._page.reload()
        self._page.wait_for_function("window.ask !== undefined")

    def evaluate(self, expression: str) -> Any:
        return self._page.evaluate(expression)


@contextmanager
def recognizer_page(folders: Mapping[str, Path], *, isolated: bool = True) -> Iterator[RecognizerPage]:
    """The page, built anew, in a browser of its own; `folders` says what is served under which first part of a path.

    Threads need the page to be `isolated` from other origins.
    """
    subprocess.run(["npm", "run", "--silent", "build:test"], cwd=WEB, check=True, capture_output=True)
    served = {"": WEB / "dist-test", "litert": WEB / "node_modules/@litertjs/core/wasm", **folders}
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Handler, served, isolated))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            try:
                page = browser.new_page()
                page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
                page.wait_for_function("window.ask !== undefined")
                yield RecognizerPage(page)
            finally:
                browser.close()
    finally:
        server.shutdown()
        server.server_close()


class _Handler(SimpleHTTPRequestHandler):
    def __init__(self, folders: Mapping[str, Path], isolated: bool, *arguments: Any) -> None:
        self._folders, self._isolated = folders, isolated
        super().__init__(*arguments)

    def translate_path(self, path: str) -> str:
        first, _, rest = path.partition("?")[0].lstrip("/").partition("/")
        return str(
            self._folders[first] / rest if first and first in self._folders else self._folders[""] / first / rest
        )

    def end_headers(self) -> None:
        if self._isolated:
            self.send_header("Cross-Origin-Opener-Policy", "same-origin")
            self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
        self.send_header("Cache-Control", "no-store")  # a file may be another one a moment later
        super().end_headers()

    def log_message(self, *_arguments: object) -> None:
        pass
