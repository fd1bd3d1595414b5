"""A phone's browser and a server with signed releases: the test page and the release files on one address, on loopback,
with a server that can stop in the middle of a file."""

import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from playwright.sync_api import BrowserContext, Page, Playwright, sync_playwright
from release_server import ReleaseServer
from support.chromium import CHROMIUM
from support.recognizer_page import WEB

from catalog_server.web.releases import PREFIX, ReleaseFiles

TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        pass


class SyncSite:
    """Serves the page and, by the catalogue server's own application, what a `ReleaseServer` has published.

    A path that ends in `stalled` gives `stalled_after` bytes, sets `reached`, and gives nothing more until `go_on` is
    set; one that is `down` is busy. `asked` are the names of all release files that were asked for, with their ranges.
    """

    def __init__(self, folder: Path, server: ReleaseServer) -> None:
        self.folder, self.server = folder, server
        self.asked: list[tuple[str, str | None]] = []
        self.stalled: str | None = None
        self.stalled_after = 0
        self.reached, self.go_on = threading.Event(), threading.Event()
        self.down = False
        self._releases = ReleaseFiles(folder)

    def write(self) -> None:
        """Lay out what the server has published, and nothing else."""
        for kind, files in (("metadata", self.server.metadata), ("targets", self.server.targets)):
            (self.folder / kind).mkdir(parents=True, exist_ok=True)
            for old in (self.folder / kind).iterdir():
                old.unlink()
            for path, data in files.items():
                (self.folder / kind / path.rpartition("/")[2]).write_bytes(data)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        path = environ["PATH_INFO"]
        if not path.startswith(PREFIX):
            return self._page(path, start_response)
        self.asked.append((path.rpartition("/")[2], environ.get("HTTP_RANGE")))
        if self.down:
            start_response("503 Service Unavailable", [])
            return [b""]
        answer = self._releases(environ, start_response)
        return self._stopping(answer) if self.stalled and path.endswith(self.stalled) else answer

    def _page(self, path: str, start_response: Any) -> list[bytes]:
        file = WEB / "dist-test" / path.lstrip("/")
        if not file.is_file():
            start_response("404 Not Found", [])
            return [b""]
        start_response("200 OK", [("Content-Type", TYPES.get(file.suffix, "application/octet-stream"))])
        return [file.read_bytes()]

    def _stopping(self, answer: Any) -> Iterator[bytes]:
        data = b"".join(answer)
        yield data[: self.stalled_after]
        self.reached.set()
        self.go_on.wait(timeout=30)
        yield data[self.stalled_after :]


@contextmanager
def sync_site(folder: Path, server: ReleaseServer) -> Iterator[tuple[SyncSite, str]]:
    """The site, and its address."""
    subprocess.run(["npm", "run", "--silent", "build:test"], cwd=WEB, check=True, capture_output=True)
    site = SyncSite(folder, server)
    httpd = make_server("127.0.0.1", 0, site, server_class=_Server, handler_class=_Quiet)
    threading.Thread(target=httpd.serve_forever, daemon=True).start()
    try:
        yield site, f"http://127.0.0.1:{httpd.server_port}"
    finally:
        site.go_on.set()
        httpd.shutdown()
        httpd.server_close()


class Phone:
    """A browser with a storage of its own."""

    def __init__(self, browser: BrowserContext, url: str) -> None:
        self.browser, self._url = browser, url
        self.page = self.open()

    def open(self) -> Page:
        """A tab."""
        page: Page = self.browser.new_page()
        page.goto(f"{self._url}/index.html")
        page.wait_for_function("window.ask !== undefined")
        return page

    def ask(self, question: str, argument: object = None) -> Any:
        """What the worker of the first tab answers."""
        return self.page.evaluate("([name, argument]) => window.ask(name, argument)", [question, argument or {}])

    def limit_storage(self, size: int | None) -> None:
        """Bytes that the browser gives the site, None for as many as it likes."""
        session = self.browser.new_cdp_session(self.page)
        limit = {} if size is None else {"quotaSize": size}
        session.send("Storage.overrideQuotaForOrigin", {"origin": self._url, **limit})


class Browsers:
    """Headless Chromium: phones with storage in memory share one, a phone whose storage is a folder has its own."""

    def __init__(self, playwright: Playwright) -> None:
        self._chromium = playwright.chromium
        self._options = {"executable_path": CHROMIUM}
        self._shared = self._chromium.launch(args=["--no-sandbox"], **self._options)

    @contextmanager
    def phone(self, url: str, folder: Path | None = None) -> Iterator[Phone]:
        """A phone, closed at the end of the block; one with the same folder has its storage again."""
        if folder is None:
            context = self._shared.new_context()
        else:
            context = self._chromium.launch_persistent_context(folder, args=["--no-sandbox"], **self._options)
        try:
            yield Phone(context, url)
        finally:
            context.close()


@contextmanager
def browsers() -> Iterator[Browsers]:
    """Browsers, closed at the end of the block."""
    with sync_playwright() as playwright:
        yield Browsers(playwright)
