"""The training loop that both nets share: one cycle of learning rates, running average, resumable state, history."""

import copy
import json
import math
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from coindex.disk import move_into_place, write_whole
from coindex.errors import TrainingError
from training.device import CPU, Device
from training.judgement import Judgement

__all__ = ["HISTORY", "STATE", "Reporter", "Row", "Schedule", "Step", "average_into", "everyone", "fit"]

Net = TypeVar("Net", bound=nn.Module)
Row = dict[str, Any]
"""What the history says of an epoch."""

HISTORY, STATE = "history.jsonl", "state.pt"

GRADIENT_LIMIT = 5.0
"""Longer gradients are shortened: a rare unreadable view must not throw the net off."""

WARM_UP = 0.1
"""Share of the steps in which learning rates rise."""

CURVE = 40
"""Points of an epoch's loss that the history keeps."""


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
class Step:
    """A training step that is done: the `number`th of the run, the `step`th of the `epoch`, both from 1."""

    number: int
    epoch: int
    step: int
    loss: float
    rates: tuple[float, ...]


@dataclass(frozen=True)
class Reporter:
    """Who is told of progress.

    `begin` (schedule, epochs that are done already); `step`; `epoch` (the history so far, the newest row last, and what
    the average was judged by), when the epoch is safe on the disk.
    """

    begin: Callable[[Schedule, int], None] = lambda schedule, done: None
    step: Callable[[Step], None] = lambda step: None
    epoch: Callable[[Sequence[Row], Judgement], None] = lambda history, judgement: None


def everyone(*reporters: Reporter) -> Reporter:
    """One reporter that tells each of them, in their order."""

    def tell(name: str) -> Callable[..., None]:
        def all_of_them(*said: Any) -> None:
            for reporter in reporters:
                getattr(reporter, name)(*said)

        return all_of_them

    return Reporter(tell("begin"), tell("step"), tell("epoch"))


def fit(
    net: Net,
    examples: Callable[[int], IterableDataset[Any]],
    loss_of: Callable[[Any], Tensor],
    judge: Callable[[Net], Judgement],
    groups: Sequence[Sequence[nn.Parameter]],
    schedule: Schedule,
    *,
    run: Path,
    extra: nn.Module | None = None,
    device: Device = CPU,
    workers: int = 1,
    report: Reporter | None = None,
) -> Net:
    """Train `net` (and `extra`, a loss with weights of its own) and return its running average, ready to run.

    `net` and `extra` are on `device` already. `examples(epoch)` is an endless stream, another one each epoch; `groups`
    are the parameters of `schedule.rates`, such as backbone and head: each has an optimiser and a scheduler of its own.
    `judge` measures the running average after every epoch. `run` receives `history.jsonl` and `state.pt`, from which
    the same call goes on after a stop, at any moment, as if there had been none. One cycle: Smith & Topin,
    *Super-convergence* (2018).

    Raises:
        TrainingError: If `run` holds the state of another training, and if the loss is no number.
    """
    report = report or Reporter()
    optimisers = [
        torch.optim.AdamW(list(group), lr=rate, weight_decay=schedule.weight_decay)
        for group, rate in zip(groups, schedule.rates, strict=True)
    ]
    cycles = [
        torch.optim.lr_scheduler.OneCycleLR(
            optimiser, rate, total_steps=schedule.steps * schedule.epochs, pct_start=WARM_UP
        )
        for optimiser, rate in zip(optimisers, schedule.rates, strict=True)
    ]
    scaler = torch.amp.GradScaler(device.kind, enabled=device.scales_loss)
    average = copy.deepcopy(net)
    parts: dict[str, Any] = {"net": net, "average": average, "scaler": scaler}
    parts |= {f"optimiser {number}": optimiser for number, optimiser in enumerate(optimisers)}
    parts |= {f"cycle {number}": cycle for number, cycle in enumerate(cycles)}
    if extra is not None:
        parts["extra"] = extra
    run.mkdir(parents=True, exist_ok=True)
    history = _resume(run / STATE, parts, schedule)
    _write_history(run / HISTORY, history)
    # Before a worker is forked: OpenCV's threads do not live on in a child, which would wait for them forever.
    cv2.setNumThreads(1)
    report.begin(schedule, len(history))
    if len(history) == schedule.epochs:
        # Whoever stopped the run between its last state and its last report still gets that report.
        report.epoch(history, judge(average.eval()))
        return average.eval()
    batches = _batches(examples, len(history), schedule, workers, device)
    for epoch in range(len(history), schedule.epochs):
        net.train()
        began, losses = time.monotonic(), []
        for step, batch in enumerate(batches):
            loss = loss_of(batch)
            for optimiser in optimisers:
                optimiser.zero_grad()
            scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
            for optimiser in optimisers:
                scaler.unscale_(optimiser)
            nn.utils.clip_grad_norm_(net.parameters(), GRADIENT_LIMIT)
            rates = tuple(float(optimiser.param_groups[0]["lr"]) for optimiser in optimisers)
            for optimiser in optimisers:
                scaler.step(optimiser)
            scaler.update()
            for cycle in cycles:
                cycle.step()
            number = epoch * schedule.steps + step
            average_into(average, net, number, schedule.ema_decay)
            losses.append(_finite(loss, epoch + 1, step + 1, run))
            report.step(Step(number + 1, epoch + 1, step + 1, losses[-1], rates))
        trained = time.monotonic()
        if epoch + 1 < schedule.epochs:
            # Before the judgement: the workers compose the next epoch's first batches meanwhile.
            batches = _batches(examples, epoch + 1, schedule, workers, device)
        judgement = judge(average.eval())
        history.append(
            {
                "epoch": epoch + 1,
                "loss": float(np.mean(losses)),
                **judgement.figures,
                "examples_per_s": schedule.steps * schedule.batch / (trained - began),
                "seconds": trained - began,
                "judge_seconds": time.monotonic() - trained,
                "losses": [float(part.mean()) for part in np.array_split(losses, min(CURVE, len(losses)))],
            }
        )
        _save(run / STATE, parts, schedule, history)
        _write_history(run / HISTORY, history)
        report.epoch(history, judgement)
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


class _Epoch(IterableDataset[Any]):
    """The first `count` examples of an endless stream, shared out among the workers."""

    def __init__(self, stream: IterableDataset[Any], count: int) -> None:
        self._stream, self._count = stream, count

    def __iter__(self) -> Iterator[Any]:
        worker = get_worker_info()
        # Each worker fills whole batches by itself, so the shares are rounded up and the loop takes what it needs.
        share = self._count if worker is None else -(-self._count // worker.num_workers)
        return islice(iter(self._stream), share)


def _batches(
    examples: Callable[[int], IterableDataset[Any]], epoch: int, schedule: Schedule, workers: int, device: Device
) -> Iterator[Any]:
    """The batches of an epoch, the same whenever it is begun: resuming draws what the uninterrupted run would."""
    shares = max(workers, 1)
    loader = DataLoader(
        _Epoch(examples(epoch), -(-schedule.steps // shares) * shares * schedule.batch),
        batch_size=schedule.batch,
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=device.kind == "cuda",
        generator=torch.Generator().manual_seed(epoch),
    )
    return islice(iter(loader), schedule.steps)


def _finite(loss: Tensor, epoch: int, step: int, run: Path) -> float:
    value = loss.item()
    if not math.isfinite(value):
        raise TrainingError(
            f"the loss is {value} in step {step} of epoch {epoch}; {run} keeps the last whole epoch. Lower the "
            "learning rates in the preset and start again in another --run folder"
        )
    return value


def _resume(path: Path, parts: Mapping[str, Any], schedule: Schedule) -> list[Row]:
    """Fill `parts` from a former run's state; returns the history of the epochs that are done."""
    if not path.exists():
        return []
    anew = f"give another --run folder, or remove {path.parent} to start again"
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise TrainingError(f"{path}: not readable as a training's state ({type(error).__name__}); {anew}") from None
    if not isinstance(state, dict) or "history" not in state:
        raise TrainingError(f"{path}: the state of an older version of coindex; {anew}")
    there, here = state["schedule"], _plain(schedule)
    differing = [f"{name} was {there.get(name)}, is {here[name]}" for name in here if there.get(name) != here[name]]
    if differing:
        raise TrainingError(f"{path}: the state of another training: {'; '.join(differing)}; {anew}")
    try:
        for name, part in parts.items():
            part.load_state_dict(state[name])
    except (RuntimeError, KeyError, ValueError) as error:
        first = str(error).strip().splitlines()[0]
        raise TrainingError(f"{path}: the state of another net or of other classes ({first}); {anew}") from None
    torch.set_rng_state(state["rng"])
    return list(state["history"])


def _save(path: Path, parts: Mapping[str, Any], schedule: Schedule, history: Sequence[Row]) -> None:
    state = {name: part.state_dict() for name, part in parts.items()}
    state |= {"schedule": _plain(schedule), "history": list(history), "rng": torch.get_rng_state()}
    partial = path.with_suffix(".part")
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    move_into_place(partial, path)


def _plain(schedule: Schedule) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(schedule).items()}


def _write_history(path: Path, history: Sequence[Row]) -> None:
    """The state is what counts: the file follows it, so that a stop between the two leaves no row twice."""
    write_whole(path, "".join(json.dumps(row) + "\n" for row in history).encode())
