"""`deploy/nginx.conf` with the places of this machine, and a real nginx that runs by it."""

import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
OPENSSL = shutil.which("openssl")

if NGINX is None:
    MISSING = "needs nginx (Debian: apt install nginx-light)"
else:
    MISSING = "" if OPENSSL else "needs openssl, for a certificate"


def write_conf(folder, *, store="", http=80, https=443, server=8000, edit=lambda text: text):
    """The file, changed by `edit`, beside a certificate for coins.example. Returns its path."""
    made = [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=coins.example", "-days", "2"]
    files = ["-keyout", folder / "privkey.pem", "-out", folder / "fullchain.pem"]
    subprocess.run([*made, *files], check=True, capture_output=True)
    text = edit((DEPLOY / "nginx.conf").read_text())
    for old, new in {
        "/etc/ssl/coindex": str(folder),
        "/var/lib/coindex": str(store or folder / "store"),
        "listen 80;": f"listen {http};",
        "listen [::]:80;": "",
        "listen 443 ": f"listen {https} ",
        "listen [::]:443 ssl http2;": "",
        "127.0.0.1:8000": f"127.0.0.1:{server}",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    own = "".join(f"{name}_temp_path {folder};" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = folder / "nginx.conf"
    # As root its processes would become nobody, who may not read a test's folder.
    user = "user root;" if Path("/proc/self").stat().st_uid == 0 else ""
    path.write_text(f"{user} pid {folder}/pid; error_log {folder}/error.log; events {{}} http {{ {own}\n{text}\n}}")
    return path


@contextmanager
def running(conf, port):
    """nginx by a file, from when it listens to the end of the block."""
    process = subprocess.Popen([NGINX, "-c", conf, "-g", "daemon off;"], stderr=subprocess.DEVNULL)
    try:
        for _ in range(100):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise AssertionError("nginx does not listen")
        yield
    finally:
        process.terminate()
        process.wait(30)


def free_ports(count):
    """Ports that nobody has."""
    found = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in found]
    for each in found:
        each.close()
    return ports
