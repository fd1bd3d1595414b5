"""The log of a run for TensorBoard: `tensorboard --logdir runs`."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tensorboardX import SummaryWriter

from training.judgement import Judgement
from training.loop import Reporter, Row, Schedule, Step
from training.record import Origin

__all__ = ["FOLDER", "board"]

FOLDER = "tensorboard"

NO_TAG = re.compile(r"[^-.\w]")
"""What TensorBoard takes in no tag."""


@contextmanager
def board(run: Path, origin: Origin) -> Iterator[Reporter]:
    """A reporter that logs loss and learning rates a step, and all figures an epoch, in the run's folder.

    tensorboardX writes it: PyTorch's own writer loads TensorFlow where that is installed, which takes ten seconds.
    """
    writers: list[SummaryWriter] = []
    steps = 0

    def begin(schedule: Schedule, done: int) -> None:
        nonlocal steps
        steps = schedule.steps
        # What a stopped session logged beyond its last whole epoch is hidden.
        writers.append(SummaryWriter(str(run / FOLDER), purge_step=done * steps + 1))
        writers[0].add_text("begun with", f"```\n{json.dumps(asdict(origin), indent=1)}\n```", done * steps + 1)

    def step(done: Step) -> None:
        writers[0].add_scalar("step/loss", done.loss, done.number)
        for group, rate in enumerate(done.rates):
            writers[0].add_scalar(f"step/learning_rate_{group}", rate, done.number)

    def epoch(history: Sequence[Row], judgement: Judgement) -> None:
        row = history[-1]
        for tag, value in scalars(row):
            writers[0].add_scalar(tag, value, row["epoch"] * steps)
        writers[0].flush()

    try:
        yield Reporter(begin, step, epoch)
    finally:
        for writer in writers:
            writer.close()


def scalars(row: Mapping[str, Any], above: str = "epoch") -> Iterator[tuple[str, float]]:
    """The numbers of a history's row under TensorBoard's tags: a figure within a figure is a group of its own."""
    for name, value in row.items():
        tag = NO_TAG.sub("_", name.replace("/", "-"))
        if isinstance(value, Mapping):
            yield from scalars(value, tag if above == "epoch" else f"{above}/{tag}")
        elif isinstance(value, int | float) and name != "epoch":
            yield f"{above}/{tag}", float(value)
