"""How many views a second an embedder's training takes on this CPU, and what each remedy gives.

    python benchmarks/training_speed.py
    python benchmarks/training_speed.py --threads 2 --steps 5

A step is forward, backward and AdamW, on views that are ready. Each row runs in a process of its own: in bfloat16,
where a processor without AVX-512 imitates it; in float32; with the memory that is freed kept; with the first three
stages held besides. The quickest step of each row counts. `faults` are the pages that the last step asks the system
for.
"""

import argparse
import json
import resource
import subprocess
import sys
import time

import torch
from rich.console import Console
from rich.table import Table

from training.device import CPU, Device, keep_memory
from training.nets import Embedder
from training.presets import read_preset

HELD = 3
ROWS = [
    {"precision": "bfloat16", "kept": False, "held": 0},
    {"precision": "float32", "kept": False, "held": 0},
    {"precision": "float32", "kept": True, "held": 0},
    {"precision": "float32", "kept": True, "held": HELD},
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=4)
    parser.add_argument("--batch", type=int, default=96)
    parser.add_argument("--quick", action="store_true", help="small batches of small views, under a minute")
    parser.add_argument("--json", type=argparse.FileType("w"), help="write the rows there")
    parser.add_argument("--row", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    settings = read_preset("mobile").embedder
    batch, side = (8, 64) if options.quick else (options.batch, settings.early_side)
    if options.row:
        print(json.dumps(measured(settings.backbone, batch, side, options.steps, options.threads, **options.row)))
        return
    rows = [row | _elsewhere(row) for row in ROWS]
    if options.json:
        json.dump(rows, options.json, indent=2)
    table = Table(
        "precision", "memory kept", "stages held", "views/s", "faults a step", title=f"{side} pixels, {batch}"
    )
    for row in rows:
        taken = "quicker here" if row["precision"] == str(CPU.precision).removeprefix("torch.") else ""
        table.add_row(
            f"{row['precision']} {taken}",
            "yes" if row["kept"] else "",
            str(row["held"]),
            f"{row['views_per_s']:.1f}",
            f"{row['faults']:,}",
        )
    Console().print(table)


def measured(
    backbone: str, batch: int, side: int, steps: int, threads: int, *, precision: str, kept: bool, held: int
) -> dict[str, float]:
    """Views a second of the quickest step, and page faults of the last."""
    torch.set_num_threads(threads)
    if kept:
        keep_memory()
    net = Embedder(backbone, side=side).to(memory_format=torch.channels_last)
    net.hold(held)
    net.train()
    optimiser = torch.optim.AdamW([each for each in net.parameters() if each.requires_grad], 1e-4)
    views = torch.randn(batch, 3, side, side).contiguous(memory_format=torch.channels_last)
    quickest, faults = float("inf"), 0
    for _ in range(steps):
        before, began = resource.getrusage(resource.RUSAGE_SELF).ru_minflt, time.perf_counter()
        with Device("cpu", getattr(torch, precision)).autocast():
            loss = net.embed(views).float().square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        quickest = min(quickest, time.perf_counter() - began)
        faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    return {"views_per_s": batch / quickest, "faults": faults}


def _elsewhere(row: dict[str, object]) -> dict[str, float]:
    run = subprocess.run(
        [sys.executable, *sys.argv, "--row", json.dumps(row)], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(run.stdout)
    return found


if __name__ == "__main__":
    main()
