"""The progress of all commands, on stderr: a bar in a terminal, or lines of plain text."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from coindex.progress import Progress
from coindex.text import shown

__all__ = ["progress_bar"]

STEPS = 20
"""Lines of a complete run: one for each 5 %."""

LONGEST_SILENCE = 30.0
"""Seconds after which there is a line anyway, so that slow work does not look dead."""


@contextmanager
def progress_bar(what: str, *, lines: bool = False) -> Iterator[Progress]:
    """Show the progress of long work in a terminal as a bar with the time left.

    Args:
        what: What is being done.
        lines: If stderr is not a terminal, print lines instead. Otherwise nothing is shown there.

    Returns:
        A function to call with the number of things that are done, and of all things.
    """
    console = Console(stderr=True)
    if lines and not console.is_terminal:
        yield progress_lines(shown(what), lambda line: typer.echo(line, err=True))
        return
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(shown(what), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def progress_lines(what: str, write: Callable[[str], None], *, clock: Callable[[], float] = time.monotonic) -> Progress:
    """Make a progress that writes a line for each 5 %, and after `LONGEST_SILENCE`.

    Args:
        what: What is being done.
        write: Writes a line.
        clock: Seconds from any start.
    """
    began = last = clock()
    step = 0

    def progress(done: int, total: int) -> None:
        nonlocal last, step
        now, reached = clock(), STEPS * done // total if total else 0
        if not done or (reached == step and now - last < LONGEST_SILENCE):
            return
        last, step = now, reached
        left = f", about {_duration((now - began) * (total - done) / done)} left" if done < total else ""
        write(f"{what}: {done} of {total} ({100 * done // total} %){left}")

    return progress


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
