"""What `deploy/` holds is what the tools take for which it is made."""

import json
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from nginx import DEPLOY, MISSING, NGINX, write_conf

from catalog_server.publishing.precompress import COMPRESSED
from catalog_server.serving.running import MARGIN_SECONDS
from catalog_server.serving.settings import Settings, load_settings
from catalog_server.signing import PASSPHRASE
from catalog_server.web.releases import METADATA, TARGET

ROOT = Path(__file__).resolve().parents[1]


@pytest.mark.skipif(bool(MISSING), reason=MISSING)
def test_nginx_takes_its_configuration(tmp_path):
    done = subprocess.run([NGINX, "-t", "-c", write_conf(tmp_path)], capture_output=True, text=True)
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
    assert int(seconds) > 2 * Settings().stop_seconds + MARGIN_SECONDS


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


def test_the_image_is_of_one_pinned_base_and_has_no_compiler_in_the_end():
    [base] = [words.removeprefix("BASE=") for name, words in dockerfile() if name == "ARG"]
    assert re.fullmatch(r"docker\.io/library/python:3\.11\.\d+-slim-bookworm", base)
    assert {words.split()[0] for name, words in dockerfile() if name == "FROM"} == {"${BASE}"}
    last = max(place for place, (name, _) in enumerate(dockerfile()) if name == "FROM")
    assert not any("g++" in words for _, words in dockerfile()[last:])


def compose():
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


def test_compose_names_files_that_are_there_and_settings_that_the_server_has():
    services = compose()["services"]
    build = services["server"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    environment = {
        name: re.sub(r"\$\{[^}]*\}", "x", value) for name, value in services["server"]["environment"].items()
    }
    found = load_settings(environment={name: value for name, value in environment.items() if name != PASSPHRASE})
    assert (found.proxies, found.database_url) == (1, "postgresql://coindex:x@database/coindex")
    asked = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text()))
    offered = set(re.findall(r"^(\w+)=", (DEPLOY / "compose.env.example").read_text(), re.M))
    assert asked == offered
    for service in services.values():
        sources = [volume.split(":")[0] for volume in service.get("volumes", ())]
        for source in sources:
            known = source in compose()["volumes"] or source == "./tls" or (DEPLOY / source).exists()
            assert known, source
        assert service.get("image", "").startswith("coindex") or re.search(r":\d+\.\d+", service["image"]), "pinned"


def test_compose_puts_nginx_before_the_server_and_waits_longer_for_a_stop_than_it_takes():
    services = compose()["services"]
    assert [name for name, service in services.items() if "ports" in service] == ["nginx"]
    [command] = [part for part in services["nginx"]["command"] if part.startswith("sed")]
    assert "server 127.0.0.1:8000;" in command and "server 127.0.0.1:8000;" in (DEPLOY / "nginx.conf").read_text()
    assert int(services["server"]["stop_grace_period"].rstrip("s")) > 2 * Settings().stop_seconds + MARGIN_SECONDS


def metrics_of(text):
    return {re.sub(r"_(bucket|total|sum|count)$", "", name) for name in re.findall(r"coindex_\w+", text)}


def known_metrics():
    sources = (ROOT / "catalog_server" / "web" / name for name in ("operations.py", "prometheus.py"))
    return set(re.findall(r'"(coindex_\w+)"', "".join(path.read_text("utf-8") for path in sources)))


def test_the_dashboard_and_the_alerts_ask_for_metrics_that_there_are():
    dashboard = json.loads((DEPLOY / "grafana.json").read_text())
    asked = " ".join(target["expr"] for panel in dashboard["panels"] for target in panel["targets"])
    assert metrics_of(asked) == known_metrics(), "and shows all of them"
    rules = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"][0]["rules"]
    assert metrics_of(" ".join(rule["expr"] for rule in rules)) <= known_metrics()
    assert all(rule["annotations"]["description"] for rule in rules)


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool (Debian: apt install prometheus)")
def test_prometheus_takes_the_alerts():
    done = subprocess.run(["promtool", "check", "rules", DEPLOY / "alerts.yml"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
