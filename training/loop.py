"""The training loop that both nets share: one cycle of learning rates, running average, resumable state, history."""

import copy
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset

__all__ = ["Reporter", "Schedule", "average_into", "fit"]

Batch = TypeVar("Batch")
Net = TypeVar("Net", bound=nn.Module)

GRADIENT_LIMIT = 5.0
"""Longer gradients are shortened: a rare unreadable view must not throw the net off."""

WARM_UP = 0.1
"""Share of the steps in which learning rates rise."""


@dataclass(frozen=True)
class Schedule:
    """How long and how fast: `rates` are the highest learning rates of the parameter groups."""

    epochs: int
    steps: int
    batch: int
    rates: tuple[float, ...]
    weight_decay: float
    ema_decay: float


@dataclass(frozen=True)
class Reporter:
    """Who is told of progress: `step` (step, steps, loss) and `epoch` (the row that the history receives)."""

    step: Callable[[int, int, float], None] = lambda step, steps, loss: None
    epoch: Callable[[dict[str, Any]], None] = lambda row: None


def fit(
    net: Net,
    examples: Callable[[int], IterableDataset[Any]],
    loss_of: Callable[[Any], Tensor],
    judge: Callable[[Net], Mapping[str, Any]],
    groups: Sequence[Sequence[nn.Parameter]],
    schedule: Schedule,
    *,
    run: Path,
    extra: nn.Module | None = None,
    workers: int = 1,
    report: Reporter | None = None,
) -> Net:
    """Train `net` (and `extra`, a loss with weights of its own) and return its running average, ready to run.

    `examples(epoch)` is an endless stream that starts at an epoch; `groups` are the parameters of `schedule.rates`;
    `judge` measures the running average after every epoch. `run` receives `history.jsonl` and `state.pt`, from which
    the same call goes on after a stop. One cycle: Smith & Topin, *Super-convergence* (2018).
    """
    report = report or Reporter()
    optimiser = torch.optim.AdamW(
        [{"params": list(group), "lr": rate} for group, rate in zip(groups, schedule.rates, strict=True)],
        weight_decay=schedule.weight_decay,
    )
    cycle = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, list(schedule.rates), total_steps=schedule.steps * schedule.epochs, pct_start=WARM_UP
    )
    average = copy.deepcopy(net)
    parts: dict[str, Any] = {"net": net, "average": average, "optimiser": optimiser, "cycle": cycle}
    if extra is not None:
        parts["extra"] = extra
    run.mkdir(parents=True, exist_ok=True)
    first = _resume(run / "state.pt", parts)
    # Before the worker is forked: OpenCV's threads do not live on in a child, which would wait for them forever.
    cv2.setNumThreads(1)
    batches: Iterator[Any] = iter(
        DataLoader(
            examples(first),
            batch_size=schedule.batch,
            num_workers=workers,
            prefetch_factor=4 if workers else None,
        )
    )
    for epoch in range(first, schedule.epochs):
        net.train()
        began, losses = time.monotonic(), []
        for step in range(schedule.steps):
            loss = loss_of(next(batches))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(net.parameters(), GRADIENT_LIMIT)
            optimiser.step()
            cycle.step()
            average_into(average, net, epoch * schedule.steps + step, schedule.ema_decay)
            losses.append(loss.item())
            report.step(step + 1, schedule.steps, losses[-1])
        seconds = time.monotonic() - began
        row = {
            "epoch": epoch + 1,
            "loss": float(np.mean(losses)),
            "examples_per_s": schedule.steps * schedule.batch / seconds,
            **judge(average.eval()),
        }
        with (run / "history.jsonl").open("a") as history:
            history.write(json.dumps(row) + "\n")
        _save(run / "state.pt", parts, epoch + 1)
        report.epoch(row)
    return average.eval()


@torch.no_grad()
def average_into(average: nn.Module, net: nn.Module, step: int, decay: float) -> None:
    """Move `average` towards `net` after training step `step` (from 0): an exponential mean with a warm start.

    Tarvainen & Valpola, *Mean teachers* (NeurIPS 2017), section 2; the first steps average over what there is.
    """
    share = 1 - min(decay, (1 + step) / (10 + step))
    for mean, value in zip(average.state_dict().values(), net.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, share)
        else:
            mean.copy_(value)


def _resume(path: Path, parts: Mapping[str, Any]) -> int:
    """Fill `parts` from a former run's state; returns the epochs that are done."""
    if not path.exists():
        return 0
    state = torch.load(path, weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["epoch"])


def _save(path: Path, parts: Mapping[str, Any], epoch: int) -> None:
    partial = path.with_suffix(".part")
    torch.save({**{name: part.state_dict() for name, part in parts.items()}, "epoch": epoch}, partial)
    partial.replace(path)
