"""Release files over HTTP, asked of the WSGI application itself."""

import gzip
import hashlib

import pytest
from werkzeug.test import Client, create_environ

from catalog_server.publishing.precompress import precompress
from catalog_server.publishing.publish import publish
from catalog_server.web.releases import SMALL, FilePart, ReleaseFiles

SMALL_DATA = bytes(range(256)) * 4
LARGE_DATA = bytes(range(256)) * (SMALL // 256 + 2)
JSON_DATA = b'{"coins": [' + b", ".join([b'"one mark"'] * 500) + b"]}"


def put(folder, name, data):
    sha256 = hashlib.sha256(data).hexdigest()
    path = folder / "targets" / f"{sha256}.{name}"
    path.write_bytes(data)
    return path


@pytest.fixture
def folder(tmp_path):
    for name in ("metadata", "targets"):
        (tmp_path / name).mkdir()
    (tmp_path / "metadata" / "timestamp.json").write_bytes(b'{"version": 1}')
    (tmp_path / "metadata" / "1.root.json").write_bytes(b'{"root": 1}')
    return tmp_path


@pytest.fixture
def client(folder):
    return Client(ReleaseFiles(folder))


@pytest.fixture(params=[SMALL_DATA, LARGE_DATA], ids=["from memory", "from disk"])
def target(request, folder):
    path = put(folder, "shard.coinshard", request.param)
    return f"/releases/targets/{path.name}", request.param


def test_a_file_says_its_hash_its_length_and_that_it_never_changes(client, target):
    url, data = target
    answer = client.get(url)
    assert (answer.status_code, answer.data) == (200, data)
    assert answer.headers["ETag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert answer.headers["Content-Length"] == str(len(data))
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Accept-Ranges"] == "bytes"


def test_the_timestamp_alone_may_change(client, folder):
    before = client.get("/releases/metadata/timestamp.json")
    assert before.headers["Cache-Control"] == "no-cache"
    assert "immutable" in client.get("/releases/metadata/1.root.json").headers["Cache-Control"]
    known = {"If-None-Match": before.headers["ETag"]}
    assert client.get("/releases/metadata/timestamp.json", headers=known).status_code == 304
    (folder / "metadata" / "timestamp.json").write_bytes(b'{"version": 22}')
    after = client.get("/releases/metadata/timestamp.json", headers=known)
    assert (after.status_code, after.data) == (200, b'{"version": 22}')


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [
        ("bytes=0-0", 0, 0),
        ("bytes=10-19", 10, 19),
        ("bytes=1000-", 1000, -1),
        ("bytes=1000-999999999999", 1000, -1),
        ("bytes=-24", -24, -1),
        ("bytes=-999999999999", 0, -1),
        ("Bytes=5-6", 5, 6),
    ],
)
def test_a_part_of_a_file_is_sent(client, target, asked, first, last):
    url, data = target
    first, last = first % len(data), last % len(data)
    answer = client.get(url, headers={"Range": asked})
    assert (answer.status_code, answer.data) == (206, data[first : last + 1])
    assert answer.headers["Content-Range"] == f"bytes {first}-{last}/{len(data)}"
    assert answer.headers["Content-Length"] == str(last - first + 1)


@pytest.mark.parametrize("asked", ["bytes=0-1,5-6", "rows=0-1", "bytes=6-5", "bytes=", "bytes=-", "bytes=x-1", "-5"])
def test_what_is_no_single_range_gets_the_whole_file(client, target, asked):
    url, data = target
    answer = client.get(url, headers={"Range": asked})
    assert (answer.status_code, len(answer.data)) == (200, len(data))


@pytest.mark.parametrize("asked", ["bytes={}-", "bytes={}-{}", "bytes=-0"])
def test_a_range_beyond_the_end_is_told_the_length(client, target, asked):
    url, data = target
    answer = client.get(url, headers={"Range": asked.format(len(data), len(data))})
    assert (answer.status_code, answer.headers["Content-Range"]) == (416, f"bytes */{len(data)}")


def test_a_download_goes_on_only_where_the_file_is_the_same(client, target):
    url, data = target
    tag = client.head(url).headers["ETag"]
    same = client.get(url, headers={"Range": "bytes=9-", "If-Range": tag})
    assert (same.status_code, same.data) == (206, data[9:])
    for other in ('"other"', f"W/{tag}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        answer = client.get(url, headers={"Range": "bytes=9-", "If-Range": other})
        assert (answer.status_code, len(answer.data)) == (200, len(data))


def test_head_answers_as_get_without_the_body(client, target):
    url, _ = target
    whole, head = client.get(url), client.head(url)
    assert (head.status_code, head.data, dict(head.headers)) == (200, b"", dict(whole.headers))
    assert client.head(url, headers={"Range": "bytes=0-1"}).status_code == 200
    missing = client.head("/releases/metadata/9.root.json")
    assert (missing.status_code, missing.data) == (404, b"")


def test_who_has_a_file_is_sent_nothing_and_who_wants_another_is_refused(client, target):
    url, _ = target
    tag = client.head(url).headers["ETag"]
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = client.get(url, headers={"If-None-Match": known, "Range": "bytes=0-1"})
        assert (answer.status_code, answer.data, answer.headers["ETag"]) == (304, b"", tag)
    assert client.get(url, headers={"If-None-Match": '"other"'}).status_code == 200
    assert client.get(url, headers={"If-Match": tag}).status_code == 200
    for other in ('"other"', f"W/{tag}"):
        assert client.get(url, headers={"If-Match": other}).status_code == 412


def test_a_compressed_copy_goes_to_who_accepts_it_and_wants_the_whole(client, folder):
    path = put(folder, "records.json", JSON_DATA)
    url = f"/releases/targets/{path.name}"
    plain = client.get(url)
    [beside] = precompress([path])
    packed = client.get(url, headers={"Accept-Encoding": "br, gzip;q=0.8"})
    assert packed.headers["Content-Encoding"] == "gzip"
    assert len(packed.data) == beside.stat().st_size < len(JSON_DATA) / 5
    assert gzip.decompress(packed.data) == JSON_DATA
    assert packed.headers["ETag"] != plain.headers["ETag"] and packed.headers["Content-Type"] == "application/json"
    assert packed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
    for manner in ({"Accept-Encoding": "identity"}, {"Accept-Encoding": "gzip;q=0"}, {}):
        answer = client.get(url, headers=manner)
        assert (answer.data, answer.headers["ETag"]) == (JSON_DATA, plain.headers["ETag"])
    part = client.get(url, headers={"Accept-Encoding": "gzip", "Range": "bytes=0-1"})
    assert (part.status_code, part.data) == (206, JSON_DATA[:2])


def test_only_what_gets_smaller_is_compressed_and_only_once(folder):
    noise = hashlib.shake_256(b"noise").digest(5000)
    paths = [put(folder, name, data) for name, data in (("a.json", JSON_DATA), ("b.json", noise), ("c.bin", JSON_DATA))]
    assert [path.name.endswith(".a.json.gz") for path in precompress(paths)] == [True]
    assert precompress(paths) == []


@pytest.mark.parametrize(
    "path",
    [
        "/releases/",
        "/releases/targets/",
        "/releases/metadata/",
        "/releases/metadata/0.root.json",
        "/releases/metadata/01.root.json",
        "/releases/metadata/current.json",
        "/releases/metadata/1.root.json/",
        "/releases/metadata/../catalog.sqlite",
        "/releases/targets/../../catalog.sqlite",
        "/releases/targets/..%2f..%2fcatalog.sqlite",
        "/releases/targets/%2e%2e/.lock",
        "/releases/targets/.lock",
        "/releases/.lock",
        "/releases//etc/passwd",
        "/releases/targets/" + "0" * 64 + ".release.json",
        "/releases/targets/" + "0" * 64 + "." + "x" * 101,
        "/releases/targets/unfinished.tmp",
        "/releases/keys/root.pem",
        "/releases/metadata/1.root.json%00",
        "/releases/metadata/1.root.json%0a",
    ],
)
def test_nothing_but_the_files_of_releases_is_sent(folder, client, path):
    (folder / "targets" / "unfinished.tmp").write_bytes(b"half")
    (folder / "catalog.sqlite").write_bytes(b"secret")
    (folder / "metadata" / "current.json").write_bytes(b"{}")
    answer = client.get(path)
    assert (answer.status_code, answer.data) == (404, b"Not Found\n")


def test_a_compressed_copy_has_no_name_of_its_own(folder, client):
    path = put(folder, "records.json", JSON_DATA)
    precompress([path])
    assert client.get(f"/releases/targets/{path.name}.gz").status_code == 404


def test_files_are_for_reading(client, target):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = client.open(target[0], method=method)
        assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD, OPTIONS")


def test_an_app_of_another_origin_may_read_and_go_on_with_a_download(client, target):
    headers = client.get(target[0]).headers
    assert headers["Access-Control-Allow-Origin"] == "*"
    assert headers["Cross-Origin-Resource-Policy"] == "cross-origin"
    assert "ETag" in headers["Access-Control-Expose-Headers"]
    asked = {"Origin": "https://elsewhere.example", "Access-Control-Request-Method": "GET"}
    preflight = client.options(target[0], headers=asked)
    assert preflight.status_code == 204
    assert {"Range", "If-Range"} <= set(preflight.headers["Access-Control-Allow-Headers"].split(", "))
    assert client.get("/releases/metadata/2.root.json").headers["Access-Control-Allow-Origin"] == "*"


def test_a_large_file_is_left_to_the_server_to_send(folder):
    path = put(folder, "shard.coinshard", LARGE_DATA)

    def asked(**headers):
        environ = create_environ(f"/releases/targets/{path.name}", headers=headers)
        return ReleaseFiles(folder)(environ, lambda status, headers: None)

    for field, first, length in [("", 0, len(LARGE_DATA)), ("bytes=100-199", 100, 100), ("bytes=-7", -7, 7)]:
        part = asked(Range=field) if field else asked()
        assert isinstance(part, FilePart)
        assert (part.path, part.first, part.length) == (str(path), first % len(LARGE_DATA), length)
        assert b"".join(part) == (LARGE_DATA[first:] if first < 0 else LARGE_DATA[first : first + length])


def test_publishing_leaves_compressed_copies_that_say_the_same(filled, models):
    publish(filled, models)
    copies = list(filled.releases.glob("*/*.gz"))
    assert [path.name for path in copies if path.parent.name == "metadata"] == ["1.targets.json.gz"]
    for path in copies:
        assert gzip.decompress(path.read_bytes()) == path.with_suffix("").read_bytes()
