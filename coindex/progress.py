"""How far long work is."""

from collections.abc import Callable

__all__ = ["Progress", "forwards", "no_progress"]

Progress = Callable[[int, int], None]
"""Told how many are done and how many there are."""


def no_progress(done: int, total: int) -> None:
    """Tell nobody."""


def forwards(progress: Progress) -> Progress:
    """Tell the same, but never less than before: for work that is gone through twice."""
    most = 0

    def tell(done: int, total: int) -> None:
        nonlocal most
        most = max(most, done)
        progress(most, total)

    return tell
