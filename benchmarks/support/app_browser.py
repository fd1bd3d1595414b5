"""The phone app in a real browser: a server that can be stopped, spoilt and asked what it was asked, and a phone."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import BrowserContext, Page, sync_playwright
from support.chromium import CHROMIUM, NO_CHROMIUM
from werkzeug.serving import make_server

from catalog_server.store import Store
from catalog_server.web.app import create_app
from catalog_server.web.app_files import APP_FOLDER

PHONE = {"width": 390, "height": 844}

Spoil = Callable[[bytes], bytes]


def missing() -> str:
    """What there is not on this machine to run the app with; empty where there is all."""
    if NO_CHROMIUM:
        return NO_CHROMIUM
    if not (APP_FOLDER / "index.html").exists():
        return "the app is not built: npm ci && npm run build in mobile_assets/web"
    return ""


class AppServer:
    """A store's server on a port of its own, which it has again after a stop.

    `asked` are the paths of all requests; `spoilt` says for a path what becomes of the answer's bytes; `options` are
    those of `create_app`.
    """

    def __init__(self, store: Store, **options: Any) -> None:
        self.asked: list[str] = []
        self.spoilt: dict[str, Spoil] = {}
        self._app = create_app(store, **options)
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/app/"

    def start(self) -> None:
        self._server = make_server("127.0.0.1", self._port, self._answer, threaded=True)
        self._port = self._server.server_port
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer nobody any more; no connection stays open after its answer."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        self.asked.append(path)
        spoil = self.spoilt.get(path)
        if spoil is None:
            return self._app(environ, start_response)
        for name in ("HTTP_ACCEPT_ENCODING", "HTTP_IF_NONE_MATCH", "HTTP_RANGE"):
            environ.pop(name, None)
        begun: list[tuple[str, list[tuple[str, str]]]] = []
        content = spoil(b"".join(self._app(environ, lambda status, headers, *_: begun.append((status, headers)))))
        status, headers = begun[0]
        own = [(name, value) for name, value in headers if name.lower() not in ("content-length", "etag")]
        start_response(status, [*own, ("Content-Length", str(len(content)))])
        return [content]


class Phone:
    """A browser with a profile that outlives it, and the one page that is open in it."""

    def __init__(self, context: BrowserContext, url: str) -> None:
        self.context, self._url = context, url
        self.page: Page = context.pages[0] if context.pages else context.new_page()
        self.errors: list[str] = []
        self.requested: list[str] = []
        context.on("request", lambda request: self.requested.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))

    def open(self, page: str = "") -> None:
        self.page.goto(f"{self._url}{page and '#'}{page}")

    def first_visit(self) -> None:
        """Fetch what the app needs, and wait until it is ready."""
        self.open()
        self.page.get_by_role("button", name="Download").click()
        self.ready()

    def ready(self) -> None:
        self.heading("Recognise a coin")

    def heading(self, name: str) -> None:
        self.page.get_by_role("heading", name=name).first.wait_for(timeout=60_000)

    def show(self, photo: Path, heading: str) -> None:
        """Choose a photo from the gallery, and wait for the answer of this heading."""
        self.page.set_input_files("#photo", photo)
        self.heading(heading)

    def press(self, name: str) -> None:
        self.page.get_by_role("button", name=name, exact=True).click()

    def turn_to(self, page: str) -> None:
        bar: Literal["banner", "navigation"] = "banner" if page == "Settings" else "navigation"
        self.page.get_by_role(bar).get_by_role("link", name=page).click()
        self.heading(page)

    def text(self) -> str:
        return self.page.locator("main").inner_text()


@contextmanager
def phone(profile: Path, url: str, *arguments: str, **options: Any) -> Iterator[Phone]:
    """A browser with this profile; it is closed at the end of the block, as a phone closes it."""
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            str(profile),
            executable_path=CHROMIUM,
            headless=True,
            args=["--no-sandbox", *arguments],
            **{"viewport": PHONE, "accept_downloads": True, **options},
        )
        try:
            yield Phone(context, url)
        finally:
            context.close()
