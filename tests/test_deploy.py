"""What `deploy/` holds is what the tools take for which it is made."""

import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

from catalog_server.settings import Settings, load_settings
from catalog_server.web.releases import COMPRESSED, METADATA, TARGET

ROOT = Path(__file__).resolve().parents[1]
DEPLOY = ROOT / "deploy"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


@pytest.fixture
def nginx_conf(tmp_path):
    """The configuration with the places of this machine."""
    text = (DEPLOY / "nginx.conf").read_text()
    if not shutil.which("openssl"):
        pytest.skip("needs openssl, for a certificate")
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=coins.example", "-days", "2"]
    files = ["-keyout", tmp_path / "privkey.pem", "-out", tmp_path / "fullchain.pem"]
    subprocess.run([*made, *files], check=True, capture_output=True)
    text = text.replace("/etc/ssl/coindex", str(tmp_path)).replace("/var/lib/coindex", str(tmp_path / "store"))
    own = "".join(f"{name}_temp_path {tmp_path};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = tmp_path / "nginx.conf"
    path.write_text(f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}} http {{ {own}\n{text}\n}}")
    return path


@pytest.mark.skipif(NGINX is None, reason="needs nginx (Debian: apt install nginx-light)")
def test_nginx_takes_its_configuration(nginx_conf):
    done = subprocess.run([NGINX, "-t", "-c", nginx_conf], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_nginx_sends_the_files_that_the_server_sends_and_no_others():
    [pattern] = re.findall(r'location ~ "(.*)" \{', (DEPLOY / "nginx.conf").read_text())
    sha256 = "0" * 64
    sent = ["metadata/timestamp.json", "metadata/12.root.json", "metadata/1.targets.json", "metadata/3.snapshot.json"]
    sent += [f"targets/{sha256}.{name}" for name in ("release.json", "shard-0a.coinshard", "delta-from-3.coindelta")]
    refused = ["metadata/0.root.json", "metadata/keys.json", f"targets/{sha256}", f"targets/.{sha256}.x.tmp", ".lock"]
    refused += [
        f"targets/{sha256}.../catalog.sqlite",
        f"targets/{sha256}.a/b",
        f"targets/{sha256}.a.json.gz",
        "../catalog.sqlite",
        "targets/",
    ]
    for name in sent + refused:
        kind, _, rest = name.partition("/")
        ours = rest == "timestamp.json" or bool(
            METADATA.fullmatch(rest)
            if kind == "metadata"
            else kind == "targets" and TARGET.fullmatch(rest) and not rest.endswith(COMPRESSED)
        )
        assert bool(re.search(pattern, f"/releases/{name}")) == ours == (name in sent), name


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze (Debian: apt install systemd)")
def test_systemd_takes_the_service():
    done = subprocess.run(["systemd-analyze", "verify", DEPLOY / "coindex.service"], capture_output=True, text=True)
    found = [line for line in done.stderr.splitlines() if "coindex.service" in line]
    # Nothing is installed in /opt here.
    assert [line for line in found if "is not executable" not in line] == []


def test_the_service_waits_longer_for_a_stop_than_the_server_takes():
    [seconds] = re.findall(r"TimeoutStopSec=(\d+)", (DEPLOY / "coindex.service").read_text())
    assert int(seconds) > Settings().stop_seconds


def test_the_settings_file_is_one():
    found = load_settings(environment={}, config=DEPLOY / "coindex.toml")
    assert found.proxies == 1 and found.store == Path("/var/lib/coindex")


def dockerfile():
    """Its instructions, continued lines joined."""
    text = (DEPLOY / "Dockerfile").read_text().replace("\\\n", " ")
    return [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]


def test_the_image_copies_what_is_there_and_runs_as_nobody_special():
    copied = [words for name, words in dockerfile() if name == "COPY" and not words.startswith("--from")]
    for words in copied:
        *sources, _ = words.split()
        assert all((ROOT / source).exists() for source in sources), words
    assert [words for name, words in dockerfile() if name == "USER"] == ["coindex"]
    assert any(name == "HEALTHCHECK" and "/healthz" in words for name, words in dockerfile())


def test_the_image_installs_extras_that_there_are():
    [extras] = [re.search(r"\.\[([\w,]+)\]", words)[1] for name, words in dockerfile() if "pip install" in words]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert set(extras.split(",")) <= set(project["optional-dependencies"])
    environment = " ".join(words for name, words in dockerfile() if name == "ENV")
    variables = dict(word.split("=", 1) for word in environment.split() if word.startswith("COINDEX_"))
    assert load_settings(environment=variables).host == "0.0.0.0"
