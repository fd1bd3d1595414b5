"""The objects that an application's views share."""

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
    """The last result of a slow computation, with the key of its input."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last: tuple[object, Any] | None = None

    def of(self, key: object, make: Callable[[], T]) -> T:
        """The result for this key, computed if it is not the last one. Of several threads only one computes it.

        Args:
            key: The key of the input.
            make: Computes the result.
        """
        with self._lock:
            if self._last is None or self._last[0] != key:
                self._last = (key, make())
            made: T = self._last[1]
            return made


@dataclass(frozen=True, eq=False)
class State:
    """The objects that an application's views share.

    Attributes:
        store: The store.
        curator: The pages' access to store and models.
        identifier: Answers everybody's photos, None if the server does not.
        metrics: The counters, None if the server does not show them.
        takes_proposals: Whether everybody can propose coins.
        unpublished: The last computed changes of the next release.
        near_names: The last computed similar names.
    """

    store: Store
    curator: Curator
    identifier: Identifier | None
    metrics: Metrics | None
    takes_proposals: bool = False
    unpublished: Remembered = field(default_factory=Remembered)
    near_names: Remembered = field(default_factory=Remembered)


def keep_state(app: Flask, kept: State) -> None:
    """Make the state available to an application's views."""
    app.extensions[EXTENSION] = kept


def state() -> State:
    """The state of the application that answers this request."""
    found: State = current_app.extensions[EXTENSION]
    return found
