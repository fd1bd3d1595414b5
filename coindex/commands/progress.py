"""The one progress bar of all commands: on stderr, with the time left, where a person can see it."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from coindex.progress import Progress
from coindex.text import shown

__all__ = ["progress_bar"]


@contextmanager
def progress_bar(what: str) -> Iterator[Progress]:
    """A bar that the yielded function moves: (done, total). Where stderr is no terminal there is none."""
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(shown(what), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
