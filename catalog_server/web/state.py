"""What the views of an application work with."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from flask import Flask, current_app

from catalog_server.engines.identify import Identifier
from catalog_server.store import Store
from catalog_server.web.curator import Curator
from catalog_server.web.prometheus import Metrics

__all__ = ["Remembered", "State", "keep_state", "state"]

EXTENSION = "coindex"
T = TypeVar("T")


class Remembered:
    """The last of something that takes long to make, by what it was made of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[object, Any] | None = None

    def of(self, key: object, make: Callable[[], T]) -> T:
        """What was made of this key, or is now; of several who ask at once one makes it."""
        with self._lock:
            if self._last is None or self._last[0] != key:
                self._last = (key, make())
            made: T = self._last[1]
            return made


@dataclass(frozen=True, eq=False)
class State:
    """The store, what curators work with, what answers everybody's photos, and what is counted; None for what this
    server does not offer; whether it takes proposals from everybody; and what a publish would change, and which names
    are nearly alike, as they were found last."""

    store: Store
    curator: Curator
    identifier: Identifier | None
    metrics: Metrics | None
    takes_proposals: bool = False
    unpublished: Remembered = field(default_factory=Remembered)
    near_names: Remembered = field(default_factory=Remembered)


def keep_state(app: Flask, kept: State) -> None:
    """Let an application's views find what they work with."""
    app.extensions[EXTENSION] = kept


def state() -> State:
    """What the application that answers this request works with."""
    found: State = current_app.extensions[EXTENSION]
    return found
