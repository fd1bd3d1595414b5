"""A whole sync over a socket, from a server or a network that answers in a way of its own."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from release_server import ReleaseServer

from coindex.catalog import open_catalog
from coindex.errors import SyncError
from coindex.sync import sync
from coindex.sync.fetcher import RequestsFetcher

PAGE = b"<!DOCTYPE html><title>Welcome to the hotel</title>"


class Handler(BaseHTTPRequestHandler):
    """Answers with the files of the server in memory; what it has not, with `missing`."""

    def do_GET(self):
        path = self.path.removeprefix("/")
        files = self.server.release.targets | {
            f"releases/metadata/{name}": data for name, data in self.server.release.metadata.items()
        }
        status, data = (200, files[path]) if path in files else self.server.missing
        if path in self.server.pages:
            data = PAGE
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.release, server.missing, server.pages = ReleaseServer().release(5), (404, b""), ()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def pull(server, home):
    url = f"http://127.0.0.1:{server.server_port}"
    return sync(url, home, fetcher=RequestsFetcher(url, attempts=1, sleep=lambda _: None))


@pytest.mark.parametrize("code", [403, 404, 410])
def test_the_next_root_is_none_however_a_server_says_so(server, tmp_path, code):
    server.missing = (code, b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>")
    assert pull(server, tmp_path).to_version == 5
    assert pull(server, tmp_path).up_to_date


def test_a_sign_in_page_that_is_everywhere_is_told_and_pins_nothing(server, tmp_path):
    server.missing = (200, PAGE)
    server.release.metadata, server.release.targets = {}, {}
    with pytest.raises(SyncError, match="the network shows a sign-in page"):
        pull(server, tmp_path)
    assert not list((tmp_path / "metadata").iterdir())


def test_a_sign_in_page_instead_of_a_file_leaves_the_catalogue_as_it_was(server, tmp_path):
    pull(server, tmp_path)
    server.release.release(6, ids=range(1, 50))
    for name in ("timestamp.json", "2.targets.json", "2.root.json"):
        server.pages = (f"releases/metadata/{name}",)
        if name == "2.root.json":
            server.missing = (200, PAGE)
        with pytest.raises(SyncError, match="the network shows a sign-in page"):
            pull(server, tmp_path)
    server.pages, server.missing = (server.release.stored("release.json"),), (404, b"")
    with pytest.raises(SyncError, match="the network shows a sign-in page"):
        pull(server, tmp_path)
    assert open_catalog(tmp_path).manifest.version == 5
    server.pages = ()
    assert pull(server, tmp_path).to_version == 6
