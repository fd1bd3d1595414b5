"""Requests a second for the files of a release."""

import asyncio
import os
import shutil
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from catalog_server.publishing.served import current_index
from catalog_server.store import Store
from server_parts.servers import coindex, nginx
from server_parts.sizes import Sizes

CONNECTIONS = 32


def measure_files(store: Store, folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Requests a second by each server, for each kind of asking."""
    paths = release_paths(store)
    lengths = {path: (store.folder / path.lstrip("/")).stat().st_size for path in paths}
    kinds = {
        "whole": paths,
        "small": ["/releases/metadata/timestamp.json"],
        "large": [max(paths, key=lengths.__getitem__)],
    }
    servers: dict[str, Callable[[], Any]] = {"coindex": lambda: coindex(store)}
    if shutil.which("nginx"):
        servers["nginx"] = lambda: nginx(store, folder / "nginx")
    runs: dict[str, dict[str, list[dict[str, float]]]] = {kind: {name: [] for name in servers} for kind in kinds}
    for _ in range(sizes.rounds):
        for name, start in servers.items():
            with start() as (port, process):
                for kind, asked in kinds.items():
                    load(port, asked, 0.5, folder)
                    before = _cpu_seconds(process)
                    run = load(port, asked, sizes.seconds, folder)
                    spent = _cpu_seconds(process) - before
                    runs[kind][name].append({**run, "cpu_us_a_request": round(spent / run["requests"] * 1e6, 1)})
    report: dict[str, Any] = {
        "client": "wrk" if shutil.which("wrk") else "asyncio",
        "connections": CONNECTIONS,
        "release_files": len(paths),
        "release_bytes": sum(lengths.values()),
    }
    for kind, by_server in runs.items():
        middle = {
            name: sorted(found, key=lambda run: run["requests_per_s"])[len(found) // 2]
            for name, found in by_server.items()
        }
        ratios: dict[str, float] = {}
        if "nginx" in middle:
            ours, theirs = middle["coindex"], middle["nginx"]
            ratios["ratio"] = round(ours["requests_per_s"] / theirs["requests_per_s"], 3)
            if ours["cpu_us_a_request"]:
                ratios["ratio_by_cpu"] = round(theirs["cpu_us_a_request"] / ours["cpu_us_a_request"], 3)
        mean = round(statistics.mean(lengths[path] for path in kinds[kind]))
        report[kind] = {"bytes_a_request": mean, **middle, **ratios}
    return report


def _cpu_seconds(process: int) -> float:
    """Processor time of a process and its children, where /proc says it; else 0. What a server spends does not depend
    on what else the machine does."""
    total = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if process in (int(path.parent.name), int(fields[1])):
            total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def release_paths(store: Store) -> list[str]:
    """The addresses of all files of the served release and its metadata, in the order of a cold sync."""
    index = current_index(store)
    assert index is not None
    metadata = sorted(path.name for path in (store.releases / "metadata").glob("*.json"))
    targets = sorted(target.stored_name for target in index.targets.values())
    return [f"/releases/metadata/{name}" for name in metadata] + [f"/releases/targets/{name}" for name in targets]


def load(port: int, paths: Sequence[str], seconds: float, folder: Path) -> dict[str, float]:
    """Ask a server for these paths in turn on kept connections."""
    if not shutil.which("wrk"):
        return asyncio.run(_load_by_asyncio(port, paths, seconds))
    script = folder / "paths.lua"
    listed = ", ".join(f'"{path}"' for path in paths)
    script.write_text(
        f"""
        local paths = {{ {listed} }}
        local requests, i = {{}}, 0
        function init(args)
          for n, path in ipairs(paths) do
            requests[n] = wrk.format("GET", path, {{ ["Accept-Encoding"] = "identity" }})
          end
        end
        function request() i = i % #requests + 1; return requests[i] end
        function done(summary, latency)
          local errors = summary.errors
          local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
          io.write(string.format("RESULT %d %d %d %d %d\\n",
            summary.requests, summary.duration, latency:percentile(99), summary.bytes, failed))
        end
        """
    )
    command = ["wrk", "-t1", f"-c{CONNECTIONS}", f"-d{max(1, round(seconds))}s", "-s", str(script)]
    done = subprocess.run([*command, f"http://127.0.0.1:{port}/"], capture_output=True, text=True, check=True)
    line = next(line for line in done.stdout.splitlines() if line.startswith("RESULT"))
    requests, micros, p99, received, failed = (int(number) for number in line.split()[1:])
    return {
        "requests": requests,
        "requests_per_s": round(requests / micros * 1e6, 1),
        "p99_ms": p99 / 1000,
        "megabytes_per_s": round(received / micros, 1),
        "failed": failed,
    }


async def _load_by_asyncio(port: int, paths: Sequence[str], seconds: float) -> dict[str, float]:
    until, times, received, turn = time.perf_counter() + seconds, list[float](), 0, 0

    async def ask() -> None:
        nonlocal received, turn
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
        while (began := time.perf_counter()) < until:
            turn += 1
            writer.write(f"GET {paths[turn % len(paths)]} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            left = int(head.split(b"content-length: ")[1].split(b"\r")[0])
            received += len(head) + left
            while left:
                left -= len(await reader.read(min(left, 1 << 20)))
            times.append(time.perf_counter() - began)
        writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(ask() for _ in range(CONNECTIONS)))
    spent = time.perf_counter() - began
    return {
        "requests": len(times),
        "requests_per_s": round(len(times) / spent, 1),
        "p99_ms": round(float(np.percentile(times, 99)) * 1000, 3),
        "megabytes_per_s": round(received / spent / 1e6, 1),
        "failed": 0,
    }
