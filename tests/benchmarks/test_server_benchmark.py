"""The server's benchmark runs, and counts what it says."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "server.py"


def test_phones_under_a_killed_server_end_whole_a_quiet_sync_is_small_and_killed_stores_are_sound(tmp_path):
    out = tmp_path / "server.json"
    subprocess.run(
        [sys.executable, SCRIPT, "--quick", "--parts", "quiet,fleet,kills", "--json", out],
        check=True,
        capture_output=True,
    )
    report = json.loads(out.read_text())
    assert {"phones", "requests_per_s", "p99_ms", "nginx_requests_per_s", "import_photos_per_s"} < report.keys()
    assert report["quiet"]["requests"] == 2
    assert report["quiet"]["bytes_sent"] + report["quiet"]["bytes_received"] <= 2000
    fleet = report["fleet"]
    assert fleet["on_the_new_state"] + fleet["on_the_old_state"] == fleet["phones"] == report["phones"] == 20
    assert fleet["searches_that_failed"] == 0 < fleet["searches_meanwhile"]
    assert fleet["server_kills"] == 1 and fleet["quiet_syncs_that_moved_anything"] == 0
    assert report["kills"]["problems"] == [] and report["kills"]["kills"] == 5


def test_an_unknown_part_is_refused():
    done = subprocess.run([sys.executable, SCRIPT, "--parts", "everything"], capture_output=True, text=True)
    assert done.returncode == 2 and "no part named everything" in done.stderr
