"""How far long work is."""

from collections.abc import Callable

__all__ = ["Progress", "no_progress"]

Progress = Callable[[int, int], None]
"""Told how many are done and how many there are."""


def no_progress(done: int, total: int) -> None:
    """Tell nobody."""
