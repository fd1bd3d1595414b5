"""Real servers as processes: what they answer, and how they stop."""

import http.client
import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
from served import served

from catalog_server.curation.uploads import MAX_PHOTO_BYTES
from catalog_server.publishing.publish import publish

pytestmark = pytest.mark.slow

SERVERS = {"one process": [], "several processes": ["--workers", "2"], "TLS": ["--https"]}
LARGE = 24 << 20


@pytest.fixture
def published(filled, models):
    publish(filled, models)
    target = filled.releases / "targets" / ("f" * 64 + ".large.coinshard")
    target.write_bytes(bytes(range(256)) * (LARGE // 256))
    return filled


def connect(server):
    host, port = "127.0.0.1", server.port
    if server.address.startswith("https"):
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=60, context=trusting)
    return http.client.HTTPConnection(host, port, timeout=60)


def get(server, path, **headers):
    connection = connect(server)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


@pytest.mark.parametrize("options", SERVERS.values(), ids=SERVERS)
def test_a_server_answers_finishes_a_download_when_told_to_stop_and_exits_with_0(published, options):
    with served(published, *options) as server:
        answer, body = get(server, "/readyz")
        assert answer.status == 200, body
        path = "/releases/targets/" + "f" * 64 + ".large.coinshard"
        answer, body = get(server, path, Range="bytes=1000-1009")
        assert (answer.status, body) == (206, (bytes(range(256)) * 5)[1000:1010])
        slow = connect(server)
        slow.connect()
        slow.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        slow.request("GET", path)
        answer = slow.getresponse()
        first = answer.read(1000)
        stopped = threading.Thread(target=server.stop)
        stopped.start()
        time.sleep(0.3)  # lets the server take the signal while most of the file is still to be sent
        rest = answer.read()
        slow.close()
        stopped.join()
        assert len(first) + len(rest) == LARGE
        assert server.process.returncode == 0, "".join(server.said)
        with pytest.raises(OSError):
            get(server, "/healthz")


def test_logs_are_json_and_say_nothing_of_who_asks(published):
    with served(published, "--log-format", "json", COINDEX_THREADS="2") as server:
        get(server, "/coins-nobody-has?name=ada")
        get(server, "/api/v1/coins/1")
        assert server.stop() == 0
        lines = [json.loads(line) for line in server.said]
    requests = [line for line in lines if line["message"] == "request"]
    assert [(line["route"], line["status"]) for line in requests] == [
        ("(none)", 404),
        ("/api/v1/coins/<int:class_id>", 200),
    ]
    assert "ada" not in "".join(server.said) and "127.0.0.1" not in "".join(server.said)


def test_the_first_start_makes_an_empty_store_and_says_where_to_go(tmp_path):
    command = [sys.executable, "-m", "coindex", "serve", "--port", "0"]
    free = {name: value for name, value in os.environ.items() if not name.startswith("COINDEX_")}
    with subprocess.Popen(command, cwd=tmp_path, env=free, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = [process.stdout.readline() for _ in range(4)]
        finally:
            process.terminate()
        assert process.wait(60) == 0
    address = said[0].split()[1]
    assert said[1:] == [
        f"phone app: {address}app/\n",
        f"curators sign in: {address}sign-in\n",
        "there is no account yet: coindex catalog users add NAME --role publisher\n",
    ]
    assert (tmp_path / "coindex-store" / "catalog.sqlite").is_file()
    done = subprocess.run([*command, "--store", "other"], cwd=tmp_path, env=free, capture_output=True, text=True)
    assert done.returncode == 1 and "no store here" in done.stderr and not (tmp_path / "other").exists()


def test_a_wrong_setting_is_told_before_anything_starts(published):
    done = subprocess.run(
        [sys.executable, "-m", "coindex", "serve", "--store", str(published.folder), "--threads", "0"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert done.stderr == "error: --threads: 0 is not a whole number from 1 to 256\n"


def test_a_port_that_is_taken_is_told(published):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "coindex", "serve", "--store", str(published.folder), "--port", str(port)],
            capture_output=True,
            text=True,
        )
    assert done.returncode == 1 and f"port {port}" in done.stderr and "Traceback" not in done.stderr


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as found:
        return found.getsockname()[1]


def test_an_archive_larger_than_any_photo_comes_as_far_as_the_page_that_takes_it(published):
    """And is refused there, for nobody is signed in, and not by the server for its size."""
    with served(published) as server:
        connection = connect(server)
        fields = {"Content-Type": "multipart/form-data; boundary=x"}
        connection.request("POST", "/imports", body=bytes(3 * MAX_PHOTO_BYTES), headers=fields)
        answer = connection.getresponse()
        page = answer.read().decode()
        connection.close()
    assert answer.status == 401 and "your session has ended" in page
