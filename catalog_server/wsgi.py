"""The application for a WSGI server that is started by itself: `gunicorn 'catalog_server.wsgi:app()'`.

It is set up by `COINDEX_…` variables and the file that `COINDEX_CONFIG` names, as `coindex serve` is.
"""

import atexit
from contextlib import ExitStack
from typing import TYPE_CHECKING

from catalog_server.logs import configure_logging
from catalog_server.service import serving
from catalog_server.settings import load_settings

if TYPE_CHECKING:
    from flask import Flask

__all__ = ["app"]


def app() -> "Flask":
    """The application, open until its process ends. Raises `SettingsError` and `StoreError`."""
    settings = load_settings()
    configure_logging(settings.log_format, settings.log_level)
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(serving(settings))
