"""What a person sees of a training: bars with throughput and time left, and a line an epoch."""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

from training.judgement import Judgement
from training.loop import Reporter, Row, Schedule, Step

__all__ = ["Pace", "clock_time", "epoch_line", "training_bars"]

RECENT = 50
"""Steps that the pace is taken from: enough to be steady, few enough to follow a machine that became busy."""


class Pace:
    """How fast a run goes, and how long it will still take; `clock` gives seconds."""

    def __init__(self, schedule: Schedule, done: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._schedule, self._clock = schedule, clock
        self._number, self._judged = done * schedule.steps, done
        self._times: deque[float] = deque([clock()], RECENT + 1)
        self._judging = 0.0

    def step(self) -> None:
        """A step is done."""
        self._times.append(self._clock())
        self._number += 1

    def judged(self) -> None:
        """An epoch is judged: that took the time since its last step, and is no part of the pace."""
        now = self._clock()
        self._judging = now - self._times[-1]
        self._judged += 1
        self._times = deque((moment + self._judging for moment in self._times), RECENT + 1)

    @property
    def examples_per_s(self) -> float:
        """Examples a second, over the recent steps."""
        return self._schedule.batch / self._step_seconds if self._step_seconds else 0.0

    @property
    def epoch_left(self) -> float:
        """Seconds until the epoch's last step."""
        return (-self._number % self._schedule.steps) * self._step_seconds

    @property
    def run_left(self) -> float:
        """Seconds until the last epoch is judged, each as long as the last judgement."""
        steps = self._schedule.epochs * self._schedule.steps - self._number
        return steps * self._step_seconds + (self._schedule.epochs - self._judged) * self._judging

    @property
    def _step_seconds(self) -> float:
        return (self._times[-1] - self._times[0]) / max(len(self._times) - 1, 1)


@contextmanager
def training_bars(label: str = "") -> Iterator[tuple[Callable[[str, int, int], None], Reporter]]:
    """Bars on stderr, from the first moment on: a function for loading (what, done, total), and a reporter.

    Where stderr is no terminal there are no bars: each pool that is loaded has a line instead. The line that each epoch
    prints is there in both cases; `label` stands in it where it is not empty.
    """
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bars = _Bars(progress, label)
        bars.prepare()
        yield bars.loading, Reporter(bars.begin, bars.step, bars.epoch)


def epoch_line(row: Mapping[str, Any], epochs: int, label: str = "") -> str:
    """A history's row in a line; figures within a figure stand behind its name."""
    parts = [f"epoch {row['epoch']}/{epochs}", *_words(row)]
    parts.append(f"{row['examples_per_s']:.1f} examples/s, {clock_time(row['seconds'] + row['judge_seconds'])}")
    return "  ".join([*parts, label] if label else parts)


def clock_time(seconds: float) -> str:
    """Seconds as hours:minutes:seconds."""
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"


class _Bars:
    def __init__(self, progress: Progress, label: str) -> None:
        self._progress, self._label = progress, label
        self._tasks: dict[str, TaskID] = {}
        self._schedule: Schedule | None = None
        self._pace: Pace | None = None

    def prepare(self) -> None:
        self._show("load", "Checking weights and data", 0, None, "")

    def loading(self, what: str, done: int, total: int) -> None:
        self._show("load", f"Loading {what}", done, total, "")
        if done == total and not self._progress.console.is_terminal:
            self._progress.console.print(f"loaded {what}: {total}", highlight=False, markup=False)

    def begin(self, schedule: Schedule, done: int) -> None:
        if "load" in self._tasks:
            self._progress.remove_task(self._tasks.pop("load"))
        self._schedule, self._pace = schedule, Pace(schedule, done)
        steps = schedule.epochs * schedule.steps
        self._show("run", "Run", done * schedule.steps, steps, "composing the first pictures …")
        if done == schedule.epochs:
            self._progress.console.print("all epochs of this run are done; judging it again", highlight=False)
        elif done:
            self._progress.console.print(f"going on after epoch {done} of {schedule.epochs}", highlight=False)

    def step(self, step: Step) -> None:
        assert self._schedule is not None and self._pace is not None
        self._pace.step()
        steps, epochs = self._schedule.steps, self._schedule.epochs
        left, pace = clock_time(self._pace.epoch_left), self._pace.examples_per_s
        note = "judging …" if step.step == steps else f"{left} left, {pace:.1f} examples/s, loss {step.loss:.3f}"
        self._show("run", "Run", step.number, epochs * steps, f"{clock_time(self._pace.run_left)} left")
        self._show("epoch", f"Epoch {step.epoch}/{epochs}", step.step, steps, note)

    def epoch(self, history: Sequence[Row], judgement: Judgement) -> None:
        assert self._schedule is not None and self._pace is not None
        self._pace.judged()
        line = epoch_line(history[-1], self._schedule.epochs, self._label)
        self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _show(self, bar: str, what: str, done: int, total: int | None, note: str) -> None:
        if bar not in self._tasks:
            self._tasks[bar] = self._progress.add_task(what, total=total, note=note)
        self._progress.update(self._tasks[bar], description=what, completed=done, total=total, note=note)


def _words(values: Mapping[str, Any]) -> Iterator[str]:
    for name, value in values.items():
        if isinstance(value, Mapping) and value:
            yield f"{name}: {', '.join(_words(value))}"
        elif isinstance(value, float) and name not in ("examples_per_s", "seconds", "judge_seconds"):
            yield f"{name.replace('_', ' ')} {value:.3f}"
