"""What the server holds against, asked through sockets: slow clients, large bodies, spoofed headers, dead processes."""

import http.client
import json
import re
import signal
import socket
import ssl
import sys
import threading
import time
from contextlib import ExitStack, contextmanager

import psutil
import pytest
from served import Served, served

from catalog_server.accounts.accounts import Role, create_user
from catalog_server.accounts.sessions import FREE_FAILURES_ALONE
from catalog_server.accounts.tokens import create_token
from catalog_server.curation.uploads import MAX_ARCHIVE_BYTES, MAX_PHOTO_BYTES
from catalog_server.publishing.publish import publish
from catalog_server.serving.door import BODY_GRACE_SECONDS
from catalog_server.serving.running import HEAD_SECONDS
from catalog_server.serving.tls import local_certificate
from catalog_server.web.app import create_app
from catalog_server.web.security import SMALL_FORM

pytestmark = pytest.mark.slow

MANY = 300
"""Slow clients at once; 20 of them stop a server that gives each a thread."""

PASSWORD = "correct horse battery"
LARGE = 24 << 20
LARGE_FILE = "f" * 64 + ".large.coinshard"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def published(filled, models):
    publish(filled, models)
    (filled.releases / "targets" / LARGE_FILE).write_bytes(bytes(range(256)) * (LARGE // 256))
    create_user(filled, "ada", PASSWORD, role=Role.CURATOR, actor="test")
    return filled


def ask(server, method, path, body=None, **headers):
    """The answer and its body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, body=body, headers={n.replace("_", "-"): v for n, v in headers.items()})
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


@contextmanager
def open_connections(server, count, sent):
    """Connections that have sent so much."""
    with ExitStack() as stack:
        found = [stack.enter_context(socket.create_connection(("127.0.0.1", server.port))) for _ in range(count)]
        for each in found:
            each.sendall(sent)
        yield found


def heard(connection, seconds):
    """All that a server says until it closes a connection. Raises `TimeoutError` where it does not."""
    connection.settimeout(seconds)
    said = b""
    while chunk := connection.recv(1 << 16):
        said += chunk
    return said


def post(path, length, *fields, body=b""):
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"Content-Type: {FORM}", f"Content-Length: {length}", *fields]
    return "\r\n".join([*head, "", ""]).encode() + body


@pytest.mark.parametrize(
    ("sent", "seconds", "said"),
    [
        (b"", HEAD_SECONDS, b""),
        (b"GET /healthz HTTP/1.1\r\nX-Slow: ", HEAD_SECONDS, b""),
        (post("/sign-in", 200, body=b"na"), BODY_GRACE_SECONDS, b"408 Request Timeout"),
        (post("/imports", 5000, body=b"na"), BODY_GRACE_SECONDS, b"408 Request Timeout"),
    ],
    ids=["silence", "heads", "forms", "archives"],
)
def test_slow_clients_are_cut_off_and_keep_nobody_else_from_an_answer(published, sent, seconds, said):
    with served(published) as server, open_connections(server, MANY, sent) as slow:
        for path in ("/healthz", "/", f"/releases/targets/{LARGE_FILE}", "/releases/metadata/timestamp.json"):
            assert ask(server, "GET", path)[0].status == 200, path
        for each in slow:
            each.sendall(sent[:1] and b"x")  # one byte now and then does not help them
        answers = {heard(each, seconds + 30)[9:28] for each in slow}
        assert answers == {said}
        assert ask(server, "GET", "/healthz")[0].status == 200


def written(server):
    """Bytes that a server's processes have written so far, to files and sockets."""
    parent = psutil.Process(server.process.pid)
    return sum(each.io_counters().write_chars for each in [parent, *parent.children(recursive=True)])


def test_a_body_over_its_routes_limit_is_refused_in_words_and_nothing_of_it_is_kept(published):
    _, token = create_token(published, "camera", user="ada", role=Role.CURATOR, actor="test")
    with served(published) as server:
        before = written(server)
        for path, size, status, words in [
            ("/sign-in", SMALL_FORM + 1, 413, "at most 256 kB"),
            ("/nowhere", 32 << 20, 413, "at most 256 kB"),
            ("/imports", 100 << 20, 401, "your session has ended"),
            ("/coins/new", 16 << 20, 401, "your session has ended"),
            ("/api/v1/coins", SMALL_FORM + 1, 413, "at most 256 kB"),
            ("/api/v1/coins/1/photos", 16 << 20, 401, "API token is not valid"),
            ("/releases/metadata/timestamp.json", 16 << 20, 405, "Method Not Allowed"),
        ]:
            for body in (bytes(size), iter([bytes(1 << 20)] * (size >> 20 or 1))):  # with its length, and in chunks
                answer, said = ask(server, "POST", path, body, Content_Type=FORM)
                assert (answer.status, words in said.decode()) == (status, True), (path, said)
                assert answer.headers["Connection"] == "close" or status == 405
                if path.startswith("/api/"):
                    assert json.loads(said)["status"] == status
        assert written(server) - before < 14 * SMALL_FORM
        known = {"Authorization": f"Bearer {token}"}
        assert ask(server, "POST", "/api/v1/coins/1/photos", bytes(1 << 20), **known)[0].status == 415
        answer, said = ask(server, "POST", "/api/v1/coins/1/photos", bytes(MAX_PHOTO_BYTES + (1 << 20)), **known)
        assert answer.status == 413 and b"at most 32 MB" in said


def test_a_client_that_asks_first_is_refused_before_it_sends_a_body(published):
    with served(published) as server:
        asked = post("/imports", MAX_ARCHIVE_BYTES, "Expect: 100-continue")
        with open_connections(server, 1, asked) as [connection]:
            assert b"HTTP/1.1 401 " in heard(connection, 30)


def test_what_is_wrong_with_a_request_is_no_error_of_the_server(published):
    _, token = create_token(published, "script", user="ada", role=Role.CURATOR, actor="test")
    with served(published) as server:
        known = {"Authorization": f"Bearer {token}", "Content_Type": "application/json"}
        for deep in (b"[" * 200_000, b'{"a":' * 40_000, b'{"country": ' + b"[" * 100_000):
            answer, said = ask(server, "POST", "/api/v1/coins", deep, **known)
            assert answer.status == 400, said
        session = sign_in(server).headers["Set-Cookie"].partition(";")[0]
        for before in ("9" * 30, "-1", "0", "x", "%D9%A3", "1e3"):
            assert ask(server, "GET", f"/audit?before={before}", Cookie=session)[0].status == 400, before
            assert ask(server, "GET", f"/api/v1/audit?before={before}", **known)[0].status == 422, before
        assert ask(server, "GET", "/audit?before=3", Cookie=session)[0].status == 200
        for wanted in ("/coins%0d%0aSet-Cookie:x=1", "/%0a/elsewhere.example", "/%00"):
            form = f"name=ada&password={PASSWORD}&next={wanted}"
            answer, _ = ask(server, "POST", "/sign-in", form, Content_Type=FORM)
            assert answer.status == 400, wanted
        for path in ("/%ff%fe", "/%00", "/coins/%0d%0a", "/releases/targets/%2e%2e%2fkeys", "/sign-in?next=%0d%0aX:y"):
            assert ask(server, "GET", path)[0].status in (200, 400, 404), path


def sign_in(server, name="ada", **headers):
    password = PASSWORD if name == "ada" else "wrong password"
    return ask(server, "POST", "/sign-in", f"name={name}&password={password}", Content_Type=FORM, **headers)[0]


def guess(server, **headers):
    """As many wrong passwords as an address may try before it must wait."""
    for each in range(FREE_FAILURES_ALONE + 1):
        sign_in(server, f"somebody{each}", **headers)


def test_a_proxy_is_believed_about_who_asks_and_by_what_scheme(published):
    with served(published, "--proxies", "1") as server:
        guess(server, X_Forwarded_For="203.0.113.1")
        assert sign_in(server, X_Forwarded_For="203.0.113.1").status == 429
        # What the client said of itself stands before what the proxy adds.
        assert sign_in(server, X_Forwarded_For="203.0.113.2, 203.0.113.1").status == 429
        answer = sign_in(server, X_Forwarded_For="203.0.113.2", X_Forwarded_Proto="https")
        assert answer.status == 303 and "Secure" in answer.headers["Set-Cookie"]


def test_nobody_is_believed_where_no_proxy_is_set(published):
    with served(published) as server:
        spoofed = {"X_Forwarded_Proto": "https", "X_Forwarded_Prefix": "/x", "X_Forwarded_Host": "elsewhere.example"}
        answer = sign_in(server, **spoofed)
        assert "Secure" not in answer.headers["Set-Cookie"] and answer.headers["Location"] == "/coins"
        guess(server, X_Forwarded_For="203.0.113.1")
        assert sign_in(server, X_Forwarded_For="203.0.113.99").status == 429


def test_a_field_with_an_underscore_is_not_taken_for_that_of_the_proxy(published):
    with served(published, "--proxies", "1") as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        body = f"name=ada&password={PASSWORD}"
        connection.request("POST", "/sign-in", body, {"Content-Type": FORM, "X_Forwarded_Proto": "https"})
        assert "Secure" not in connection.getresponse().headers["Set-Cookie"]
        connection.close()


def test_release_files_come_through_a_socket_as_the_application_gives_them(published):
    small = next(path for path in (published.releases / "targets").iterdir() if path.name.endswith("release.json"))
    client = create_app(published).test_client()
    with served(published) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        for name in (small.name, LARGE_FILE, "0" * 64 + ".missing"):
            for method in ("GET", "HEAD", "OPTIONS", "POST"):
                for fields in (
                    {},
                    {"Range": "bytes=2-5"},
                    {"Range": "bytes=-7"},
                    {"Range": f"bytes={LARGE}-"},
                    {"If-None-Match": f'"{name[:64]}"'},
                    {"Accept-Encoding": "gzip"},
                ):
                    connection.request(method, f"/releases/targets/{name}", headers=fields)
                    answer = connection.getresponse()
                    expected = client.open(f"/releases/targets/{name}", method=method, headers=fields)
                    own = ("date", "server", "x-request-id", "content-length")
                    shown = {key.lower(): value for key, value in answer.getheaders() if key.lower() not in own}
                    kept = {key.lower(): value for key, value in expected.headers if key.lower() not in own}
                    assert (answer.status, shown, answer.read()) == (expected.status_code, kept, expected.data)
                    if expected.content_length:
                        assert answer.headers["Content-Length"] == str(expected.content_length)
        connection.close()


def test_a_file_that_is_gone_when_it_is_sent_is_not_there(published):
    with served(published) as server:
        (published.releases / "targets" / LARGE_FILE).unlink()
        assert ask(server, "GET", f"/releases/targets/{LARGE_FILE}")[0].status == 404


def test_all_processes_count_together_and_one_that_dies_is_replaced(published):
    def counted(server):
        found = re.search(
            rb'coindex_requests_total\{method="GET",route="/healthz",status="200"\} (\S+)',
            ask(server, "GET", "/metrics")[1],
        )
        return float(found[1])

    with served(published, "--workers", "2") as server:
        for _ in range(40):
            assert ask(server, "GET", "/healthz")[0].status == 200
        assert counted(server) == 40
        processes = psutil.Process(server.process.pid).children()
        assert len(processes) == 2
        processes[0].kill()
        wait_until(lambda: len(set(psutil.Process(server.process.pid).children()) - set(processes)) == 1)
        wait_until(lambda: ask(server, "GET", "/healthz")[0].status == 200)
        assert counted(server) > 40
        assert server.stop() == 0


def test_the_processes_of_a_server_that_is_killed_end(published):
    with served(published) as server:
        processes = psutil.Process(server.process.pid).children()
        server.process.kill()
        wait_until(lambda: not any(each.is_running() for each in processes))


def test_a_stop_does_not_wait_longer_than_it_is_told_for_who_takes_no_answer(published):
    with served(published, "--stop-seconds", "2") as server:
        asked = f"GET /releases/targets/{LARGE_FILE} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
        with open_connections(server, 1, asked) as [connection]:
            connection.recv(1)
            assert server.stop() == 0
        assert "a connection was cut" in "".join(server.said)


def test_a_store_that_is_not_there_is_told_in_a_line(tmp_path, published):
    published.close()
    (published.folder / "catalog.sqlite").unlink()
    with pytest.raises(AssertionError, match="error: "), served(published):
        pass


def certificate_of(server):
    trusting = ssl.create_default_context()
    trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", server.port)) as plain, trusting.wrap_socket(plain) as found:
        return found.getpeercert(binary_form=True)


def test_a_new_certificate_is_taken_up_at_sighup(published, tmp_path):
    def made(name):
        return local_certificate(tmp_path / name, frozenset({"localhost"}))

    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"

    def put(certificate):
        chain.write_bytes(certificate.chain.read_bytes())
        key.write_bytes(certificate.key.read_bytes())

    put(made("old"))
    with served(published, "--certificate", str(chain), "--certificate-key", str(key)) as server:
        old = certificate_of(server)
        put(made("new"))
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: certificate_of(server) != old)
        connection = http.client.HTTPSConnection(
            "127.0.0.1", server.port, context=ssl._create_unverified_context(), timeout=60
        )
        for path in ("/healthz", "/releases/metadata/timestamp.json", "/nowhere"):
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
            assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
        connection.close()
        assert server.stop() == 0


def test_a_promise_of_https_is_made_by_https_alone(published):
    with served(published) as server:
        assert "Strict-Transport-Security" not in ask(server, "GET", "/healthz")[0].headers


SLOW_ANSWERS = """
import sys, time
from catalog_server.engines.identify import Identifier
def slowly(self, photo, name):
    time.sleep(2)
    return {"photo": name, "coins": []}
Identifier._identify = slowly
from coindex.cli import main
sys.exit(main(sys.argv[1:]))
"""


def test_thirty_photos_at_once_are_answered_or_told_to_come_back_and_delay_nobody_else(published, tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(SLOW_ANSWERS)
    options = ["serve", "--store", str(published.folder), "--port", "0", "--engine", "hnsw", "--threads", "1"]
    server = Served([sys.executable, str(script), *options], {})
    try:
        answers = []
        threads = [
            threading.Thread(target=lambda: answers.append(ask(server, "POST", "/api/v1/identify", b"photo")))
            for _ in range(30)
        ]
        for each in threads:
            each.start()
        wait_until(lambda: answers)
        for path in ("/healthz", f"/releases/targets/{LARGE_FILE}"):
            assert ask(server, "GET", path)[0].status == 200
        for each in threads:
            each.join()
        assert len(answers) == 30 and {answer.status for answer, _ in answers} == {200, 503}
        for answer, said in answers:
            if answer.status == 503:
                assert int(answer.headers["Retry-After"]) >= 1 and "try again in" in json.loads(said)["detail"]
    finally:
        server.kill()


def wait_until(is_so, seconds=90):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if is_so():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError("it has not come to be so")
