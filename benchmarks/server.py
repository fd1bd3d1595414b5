"""What the catalogue server can carry, what an import and a publish take, and what a kill leaves behind.

    python benchmarks/server.py --json server.json
    python benchmarks/server.py --quick
    python benchmarks/server.py --parts files,fleet

Everything runs on this machine, over loopback, on drawn catalogues. The parts:

- `files`: requests a second and p99 of one release's files, by `coindex serve --workers N` and by nginx with the
  repository's manner of configuration, from the same folder, one after the other in the same run, `rounds` times in
  turns; the middle round counts. `whole` asks for each file of a cold sync in turn, `small` for the timestamp alone,
  `large` for the largest file. The client is wrk where it is installed, for both; otherwise one in Python, which is
  slower than either and says so. No server writes an access log. `ratio` is of requests a second, `ratio_by_cpu` of
  processor time a request, which is the same on a machine that does other things besides.
- `quiet`: the requests and bytes, heads included, of a sync that finds nothing new.
- `fleet`: phones that are `coindex.sync` itself, each with a folder of its own, all coming from release 1 to release 2
  while the server is killed (SIGKILL) and started again under them. A phone whose sync fails comes back later, as an
  app does. All the while others open the catalogues of phones at random, and search in them. First some sync cold.
- `import`: photos of a megapixel through `coindex catalog import`'s own function, with the shipped nets, and the time
  of each step in one thread.
- `publish`: a first release of n rows, and a second one after 20 rows more.
- `kills`: a process that imports, edits and publishes without end is killed (SIGKILL) at a random moment, again and
  again; each time everything that `coindex catalog verify` looks at is looked at, and a phone syncs.
"""

import argparse
import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from server_parts.curating import measure_import, measure_publish
from server_parts.files import measure_files
from server_parts.kills import measure_kills
from server_parts.phones import measure_fleet, measure_quiet
from server_parts.sizes import FULL, QUICK
from server_parts.stores import drawn_store

from catalog_server.publishing.publish import publish
from coindex.models import DEFAULT_FOLDER

PARTS = ("files", "quiet", "fleet", "import", "publish", "kills")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--parts", default=",".join(PARTS), help="of " + ", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="small sizes, about a minute")
    parser.add_argument("--json", type=Path, help="write all figures there")
    options = parser.parse_args()
    sizes = QUICK if options.quick else FULL
    parts = options.parts.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"no part named {', '.join(sorted(unknown))}; there are: {', '.join(PARTS)}")
    report: dict[str, Any] = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "system": platform.system()},
        "phones": None,
        "requests_per_s": None,
        "p99_ms": None,
        "nginx_requests_per_s": None,
        "import_photos_per_s": None,
    }
    with tempfile.TemporaryDirectory(prefix="coindex-bench-") as temporary:
        folder = Path(temporary)
        if {"files", "quiet", "fleet"} & set(parts):
            store = drawn_store(folder / "store", sizes.rows)
            publish(store, DEFAULT_FOLDER)
            if "files" in parts:
                report["files"] = measure_files(store, folder, sizes)
            if "quiet" in parts:
                report["quiet"] = measure_quiet(store, folder)
            if "fleet" in parts:
                report["fleet"] = measure_fleet(store, folder, sizes)
            store.close()
        if "import" in parts:
            report["import"] = measure_import(folder, sizes)
        if "publish" in parts:
            report["publish"] = [measure_publish(folder, rows) for rows in sizes.publish_rows]
        if "kills" in parts:
            report["kills"] = measure_kills(folder, sizes.kills)
    if "files" in report:
        ours, theirs = (report["files"]["whole"].get(name) for name in ("coindex", "nginx"))
        report |= {"requests_per_s": ours["requests_per_s"], "p99_ms": ours["p99_ms"]}
        report["nginx_requests_per_s"] = theirs and theirs["requests_per_s"]
    if "fleet" in report:
        report["phones"] = report["fleet"]["phones"]
    if "import" in report:
        report["import_photos_per_s"] = report["import"]["photos_per_s"]
    show(report)
    if options.json:
        options.json.write_text(json.dumps(report, indent=2) + "\n", "utf-8")


def show(report: dict[str, Any]) -> None:
    """Print what was measured."""
    console = Console()
    if "files" in report:
        table = Table("asked for", "server", "requests/s", "p99 ms", "MB/s", "CPU µs", "of nginx", "by CPU")
        for kind in ("whole", "small", "large"):
            found = report["files"][kind]
            for name in ("coindex", "nginx"):
                if name in found:
                    run = found[name]
                    names = ("ratio", "ratio_by_cpu")
                    ratios = [f"{found[each]:.2f}" if name == "coindex" and each in found else "" for each in names]
                    figures = (f"{run['requests_per_s']:.0f}", f"{run['p99_ms']:.1f}", f"{run['megabytes_per_s']:.0f}")
                    table.add_row(kind, name, *figures, f"{run['cpu_us_a_request']:.0f}", *ratios)
        console.print(table)
    for part in ("quiet", "fleet", "import", "publish", "kills"):
        if part in report:
            console.print(part, report[part])


if __name__ == "__main__":
    main()
