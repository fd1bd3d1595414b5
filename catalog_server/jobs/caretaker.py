"""Work that a running server does beside answering: in one process of all that serve a store from one machine.

Each process has a caretaker; the one that holds the store's caretaker lock works, and when it ends, however it ends,
another takes over.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coindex.disk import DISK

__all__ = ["Caretaker", "Task"]

log = logging.getLogger(__name__)

LOCK = ".caretaker"
LOOK_SECONDS = 2.0
"""How often a caretaker without the lock tries to get it."""


@dataclass(frozen=True)
class Task:
    """Something done again and again, `every` seconds from its start, and at once when the work begins. What it raises
    is logged, and it is tried again when its time comes."""

    name: str
    every: float
    run: Callable[[], None]


class Caretaker:
    """Does tasks in a thread of its own from `start` to `stop`."""

    def __init__(self, folder: Path, tasks: Iterable[Task]) -> None:
        self._folder, self._tasks = folder, tuple(tasks)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._live, name="caretaker", daemon=True)

    def start(self) -> None:
        """Begin, now or as soon as no other process holds the lock."""
        self._thread.start()

    def stop(self) -> None:
        """End after the task under way, if there is one."""
        self._stopped.set()
        self._thread.join()

    def _live(self) -> None:
        while not self._stopped.is_set():
            with DISK.lock(self._folder / LOCK) as held:
                if held:
                    self._work(self._tasks)
            self._stopped.wait(LOOK_SECONDS)

    def _work(self, tasks: Sequence[Task]) -> None:
        due = dict.fromkeys(tasks, time.monotonic())
        while tasks and not self._stopped.is_set():
            task = min(due, key=due.__getitem__)
            if self._stopped.wait(max(due[task] - time.monotonic(), 0)):
                return
            due[task] = time.monotonic() + task.every
            with _logged(task):
                task.run()


@contextmanager
def _logged(task: Task) -> Iterator[None]:
    try:
        yield
    except Exception:
        log.exception("%s failed; it is tried again in %g seconds", task.name, task.every)
