"""The container image: built from `deploy/Dockerfile` and run, without a container engine and without a registry.

buildah builds it below chroot. The base image cannot be pulled here, so Debian's own Python of the same version stands
in for it; the rest is the file's own steps."""

import json
import os
import shutil
import socket
import subprocess
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "deploy" / "Dockerfile"
MISSING = next(
    (
        f"needs {what}"
        for what, there in {
            "root": os.geteuid() == 0,
            "buildah (Debian: apt install buildah)": shutil.which("buildah"),
            "debootstrap (Debian: apt install debootstrap)": shutil.which("debootstrap"),
        }.items()
        if not there
    ),
    "",
)
pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(MISSING), reason=MISSING)]

PACKAGES = "python3,python3-venv,python3-dev,ca-certificates"
PIP = ("/etc/ssl/certs", "/etc/pip.conf", "/etc/xdg/pip", *os.environ.get("PIP_FIND_LINKS", "").split())
"""What pip is told on this machine, an index in folders too, is what it is told in the build."""


class Buildah:
    def __init__(self, folder):
        self._command = ["buildah", "--root", str(folder / "store"), "--runroot", str(folder / "run")]
        self._environment = os.environ | {"STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}

    def start(self, *words, **options):
        return subprocess.Popen([*self._command, *map(str, words)], env=self._environment, text=True, **options)

    def __call__(self, *words):
        with self.start(*words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
            said, _ = process.communicate(timeout=1800)
        assert process.returncode == 0, said[-4000:]
        return said.strip()


@pytest.fixture(scope="module")
def buildah(tmp_path_factory):
    folder = tmp_path_factory.mktemp("containers")
    yield Buildah(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def base(buildah, tmp_path_factory):
    """The name of an image with Debian's Python 3.11, as the pinned base has Python 3.11 on the same Debian."""
    root = tmp_path_factory.mktemp("base") / "root"
    command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root]
    done = subprocess.run(command, capture_output=True, text=True)
    if "Failed getting release file" in done.stdout + done.stderr:
        pytest.skip("Debian's packages cannot be fetched")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    (root / "usr" / "bin" / "python").symlink_to("python3")
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, root, "/")
    buildah("config", "--env", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", container)
    buildah("commit", "--quiet", container, "localhost/python")
    shutil.rmtree(root)
    return "localhost/python"


@pytest.fixture(scope="module")
def image(buildah, base):
    mounts = [word for path in PIP if Path(path).exists() for word in ("--volume", f"{path}:{path}:ro")]
    pip = [
        word for name, value in os.environ.items() if name.startswith("PIP_") for word in ("--env", f"{name}={value}")
    ]
    ignored = f"{DOCKERFILE}.dockerignore"
    # The health check is of Docker's format alone.
    build = ["bud", "--format", "docker", "--build-arg", f"BASE={base}", "--ignorefile", ignored, "-f", DOCKERFILE]
    buildah(*build, *mounts, *pip, "--tag", "localhost/coindex", ROOT)
    return "localhost/coindex"


def test_the_image_serves_a_new_store_as_nobody_special(buildah, image):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    container = buildah("from", image)
    assert buildah("run", container, "--", "id", "-un") == "coindex"
    settings = json.loads(buildah("inspect", "--type", "image", image))["Docker"]["config"]
    running = ["run", "--env", f"COINDEX_PORT={port}", container, "--", *settings["Cmd"]]
    with buildah.start(*running, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as server:
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for(f"{address}/healthz", server)
            with urlopen(f"{address}/app/") as page:
                assert page.status == 200
            check = settings["Healthcheck"]["Test"]
            assert check[0] == "CMD"
            buildah("run", container, "--", *(word.replace("8000", str(port)) for word in check[1:]))
        finally:
            server.terminate()
            said, _ = server.communicate(timeout=60)
    assert "Traceback" not in said


def wait_for(address, server, seconds=120):
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            urlopen(address, timeout=5).close()
            return
        except (URLError, OSError):
            assert server.poll() is None, server.stdout.read()
            time.sleep(0.3)
    raise AssertionError(f"{address} did not answer in {seconds} s")
