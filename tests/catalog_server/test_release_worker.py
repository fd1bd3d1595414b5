"""The short way of gunicorn's worker: which requests go it, and that its answers are those of the long one."""

import pytest

pytest.importorskip("gunicorn")

from catalog_server.release_worker import read_plain_request

URL = "/releases/metadata/timestamp.json"


def head(*fields, line=f"GET {URL} HTTP/1.1"):
    return "\r\n".join([line, "Host: 127.0.0.1", *fields, "", ""]).encode("latin-1")


def test_a_plain_request_is_read_as_wsgi_names_it():
    found = read_plain_request(head("Range: bytes=5-", 'If-None-Match: "a"', "Connection: keep-alive"))
    assert found == {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": URL,
        "HTTP_HOST": "127.0.0.1",
        "HTTP_RANGE": "bytes=5-",
        "HTTP_IF_NONE_MATCH": '"a"',
        "HTTP_CONNECTION": "keep-alive",
    }


@pytest.mark.parametrize(
    "request_",
    [
        head(line=f"POST {URL} HTTP/1.1"),
        head(line="GET /api/v1/catalog HTTP/1.1"),
        head(line=f"GET {URL} HTTP/1.0"),
        head(line=f"GET {URL}?x=1 HTTP/1.1"),
        head(line="GET /releases/%2e%2e/keys HTTP/1.1"),
        head(line=f"GET {URL}  HTTP/1.1"),
        head(line=f"GET http://host{URL} HTTP/1.1"),
        head("Content-Length: 3"),
        head("Transfer-Encoding: chunked"),
        head("Expect: 100-continue"),
        head("Upgrade: h2c"),
        head("Connection: close"),
        head("Connection: keep-alive, TE"),
        head("Range: bytes=0-1", "Range: bytes=2-3"),
        head("Range : bytes=0-1"),
        head(" folded"),
        head("Nameless"),
        head("X: \x00"),
        head("X: \xe9"),
        head("Ra_nge: bytes=0-1"),
        head() + b"GET",
        head() + head(),
        head()[:-2],
        head().replace(b"\r\n", b"\n"),
        head().replace(b"Host: 127.0.0.1\r\n", b""),
        b"",
    ],
)
def test_whatever_is_not_exactly_plain_is_left_to_gunicorn(request_):
    assert read_plain_request(request_) is None
