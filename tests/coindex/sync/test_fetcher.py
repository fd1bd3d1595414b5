"""The fetcher against a real server that misbehaves as told."""

import threading
import time
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from coindex.errors import NotServed, ReleaseRejected, SyncError
from coindex.sync.fetcher import CHUNK, RequestsFetcher

CONTENT = bytes(range(256)) * 400
LENGTH = len(CONTENT)


class Handler(BaseHTTPRequestHandler):
    """Answers GET by the next of `script`: what to do with the request; the last one stays."""

    def do_GET(self):
        script = self.server.script
        act = script.pop(0) if len(script) > 1 else script[0]
        self.server.ranges.append(self.headers.get("Range"))
        act(self)

    def log_message(self, *_):
        pass

    def body(self, data, *, status=200, length=None, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)


def whole(handler):
    offset = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
    if not offset:
        return handler.body(CONTENT)
    if offset >= len(CONTENT):
        return handler.body(b"", status=416)
    content_range = f"bytes {offset}-{len(CONTENT) - 1}/{len(CONTENT)}"
    return handler.body(CONTENT[offset:], status=206, headers=[("Content-Range", content_range)])


def broken_after(count):
    def act(handler):
        offset = int((handler.headers.get("Range") or "bytes=0-")[6:-1])
        headers = [("Content-Range", f"bytes {offset}-{len(CONTENT) - 1}/{len(CONTENT)}")] if offset else []
        data = CONTENT[offset : offset + count]
        handler.body(data, status=206 if offset else 200, length=len(CONTENT) - offset, headers=headers)

    return act


def without_range(handler):
    handler.body(CONTENT)


def status(code):
    return lambda handler: handler.body(b"", status=code)


def another_range(handler):
    handler.body(CONTENT[:10], status=206, headers=[("Content-Range", f"bytes 0-9/{len(CONTENT)}")])


@pytest.fixture
def server():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.script, server.ranges = [whole], []
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def waits():
    return []


@pytest.fixture
def fetcher(server, waits):
    return RequestsFetcher(
        f"http://127.0.0.1:{server.server_port}", timeout=(2, 2), sleep=waits.append, jitter=lambda: 1
    )


def download(fetcher, partial, length=LENGTH):
    heard = []
    count = fetcher.download("file", partial, length=length, progress=heard.append)
    return count, sum(heard)


def test_a_file_is_fetched_whole(fetcher, tmp_path):
    assert download(fetcher, tmp_path / "part") == (len(CONTENT), len(CONTENT))
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert fetcher.get("file", most=len(CONTENT)) == CONTENT


def test_a_partial_file_is_completed_by_its_rest_alone(fetcher, server, tmp_path):
    (tmp_path / "part").write_bytes(CONTENT[:70_000])
    assert download(fetcher, tmp_path / "part") == (len(CONTENT) - 70_000, len(CONTENT) - 70_000)
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert server.ranges == ["bytes=70000-"]


def test_a_complete_partial_file_needs_no_request(fetcher, server, tmp_path):
    (tmp_path / "part").write_bytes(CONTENT)
    assert download(fetcher, tmp_path / "part") == (0, 0)
    assert server.ranges == []


def test_a_broken_transfer_goes_on_by_range_as_often_as_it_makes_progress(fetcher, server, tmp_path, waits):
    server.script = [broken_after(CHUNK + 100)]
    assert download(fetcher, tmp_path / "part")[0] == len(CONTENT)
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert server.ranges[1:3] == [f"bytes={CHUNK}-", f"bytes={2 * CHUNK}-"]
    assert set(waits) == {0.5}


def test_a_server_without_range_sends_the_file_again_from_its_start(fetcher, server, tmp_path):
    server.script = [broken_after(CHUNK), without_range]
    assert download(fetcher, tmp_path / "part") == (len(CONTENT) + CHUNK, len(CONTENT))
    assert (tmp_path / "part").read_bytes() == CONTENT


def test_a_server_without_range_that_always_breaks_is_given_up(fetcher, server, tmp_path, waits):
    server.script = [lambda handler: handler.body(CONTENT[:20_000], length=len(CONTENT))]
    with pytest.raises(SyncError, match="sync again"):
        download(fetcher, tmp_path / "part")
    assert len(server.ranges) <= 8


@pytest.mark.parametrize("code", [429, 500, 503])
def test_a_busy_server_is_asked_again_each_time_later_and_then_given_up(fetcher, server, waits, code):
    server.script = [status(code), status(code), whole]
    assert fetcher.get("file", most=10**6) == CONTENT
    assert waits == [0.5, 1.0]
    server.script = [status(code)]
    with pytest.raises(SyncError, match=str(code)):
        fetcher.get("file", most=10**6)
    assert waits[2:] == [0.5, 1.0, 2.0]


def busy(retry_after):
    return lambda handler: handler.body(b"", status=503, headers=[("Retry-After", retry_after)])


def test_a_server_that_says_when_to_come_back_is_not_asked_before(fetcher, server, waits):
    server.script = [busy("7"), busy("0"), whole]
    assert fetcher.get("file", most=10**6) == CONTENT
    assert waits == [7, 1.0]


def test_a_date_to_come_back_at_is_kept_too(fetcher, server, waits):
    server.script = [busy(formatdate(time.time() + 30, usegmt=True)), busy("soon"), whole]
    assert fetcher.get("file", most=10**6) == CONTENT
    assert 25 <= waits[0] <= 30 and waits[1] == 1.0


def test_a_server_that_wants_to_be_left_alone_for_long_is(fetcher, server, waits):
    server.script = [busy("3600")]
    with pytest.raises(SyncError, match="sync again in 3600 s"):
        fetcher.get("file", most=10**6)
    assert waits == []


def test_phones_that_one_failure_cut_off_do_not_come_back_at_once(server):
    waits = set()
    for _ in range(3):
        server.script = [status(503), whole]
        RequestsFetcher(f"http://127.0.0.1:{server.server_port}", sleep=waits.add).get("file", most=10**6)
    assert len(waits) == 3 and all(0.25 <= wait <= 0.75 for wait in waits)


@pytest.mark.parametrize("code", [403, 404, 410])
def test_a_file_that_is_not_there_is_told_from_one_that_cannot_be_had(fetcher, server, code):
    server.script = [status(code)]
    with pytest.raises(NotServed, match="published a release"):
        fetcher.get("file", most=10**6)


def test_the_proxy_of_the_environment_is_gone_through(server, monkeypatch):
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("no_proxy", "")
    server.script = [lambda handler: handler.body(handler.path.encode())]
    assert RequestsFetcher("http://far.invalid").get("file", most=100) == b"http://far.invalid/file"


def test_what_asking_again_does_not_mend_is_told_at_once(fetcher, server, waits):
    for code in (404, 401):
        server.script = [status(code)]
        with pytest.raises(SyncError, match=r"http://127.*file"):
            fetcher.get("file", most=10**6)
    assert waits == []


def test_endless_data_is_not_read_to_its_end(fetcher, tmp_path):
    with pytest.raises(ReleaseRejected, match="longer than the 1000"):
        fetcher.get("file", most=1000)
    with pytest.raises(ReleaseRejected, match="longer than the signed 1000"):
        download(fetcher, tmp_path / "part", length=1000)
    assert not (tmp_path / "part").exists() or (tmp_path / "part").stat().st_size <= 1000


def test_a_file_shorter_than_its_index_says_is_refused(fetcher, tmp_path):
    with pytest.raises(ReleaseRejected, match="shorter"):
        download(fetcher, tmp_path / "part", length=len(CONTENT) + 1)


def test_where_another_range_comes_the_file_is_fetched_whole(fetcher, server, tmp_path):
    server.script = [another_range, whole]
    (tmp_path / "part").write_bytes(CONTENT[:100])
    assert download(fetcher, tmp_path / "part") == (LENGTH, LENGTH - 100)
    assert (tmp_path / "part").read_bytes() == CONTENT
    assert server.ranges == ["bytes=100-", None]


def test_where_another_range_comes_again_and_again_the_file_is_given_up(fetcher, server, tmp_path):
    server.script = [another_range, broken_after(CHUNK), another_range]
    (tmp_path / "part").write_bytes(CONTENT[:100])
    with pytest.raises(SyncError, match="another range"):
        download(fetcher, tmp_path / "part")
    assert len(server.ranges) == 3


@pytest.mark.parametrize("page", [b"<!DOCTYPE html><p>Welcome", b"\r\n <HTML>", b"<?xml version='1.0'?><html>"])
def test_a_page_for_people_is_told_as_a_sign_in_page_and_nothing_of_it_is_kept(fetcher, server, tmp_path, page):
    server.script = [lambda handler: handler.body(page)]
    (tmp_path / "part").write_bytes(CONTENT[:100])
    for fetch in (lambda: fetcher.get("file", most=10**6), lambda: download(fetcher, tmp_path / "part")):
        with pytest.raises(SyncError, match="the network shows a sign-in page, or this is not a coindex server"):
            fetch()
    assert (tmp_path / "part").read_bytes() == CONTENT[:100]


def test_a_network_that_wants_a_sign_in_is_not_asked_again(fetcher, server, waits):
    server.script = [status(511)]
    with pytest.raises(SyncError, match="sign-in page"):
        fetcher.get("file", most=10**6)
    assert waits == []


def test_no_server_and_no_address_are_told_apart(tmp_path):
    fetcher = RequestsFetcher("http://127.0.0.1:9", attempts=2, sleep=lambda seconds: None)
    with pytest.raises(SyncError, match="no connection"):
        fetcher.get("file", most=10)


@pytest.mark.parametrize(
    "url",
    [
        "127.0.0.1:9", "ftp://server", "", "http://", "http://:80", "http://[::1", "http://host:99999", "http://host:x",
        "http://a b/", "http://host/\n", "http://a..b", f"http://{'a' * 64}.example",
    ],
)  # fmt: skip
def test_what_is_no_address_is_told_so(url):
    with pytest.raises(SyncError, match="neither an address"):
        RequestsFetcher(url)


@pytest.mark.parametrize("url", ["http://host/?page=1", "http://host/#top", "http://host?"])
def test_an_address_with_a_query_is_told_to_be_more_than_one(url):
    with pytest.raises(SyncError, match=r"remove . and what follows it"):
        RequestsFetcher(url)
