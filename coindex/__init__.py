"""Point a phone at a coin, without any network: a photo in, the right coins out.

    catalog = coindex.open_catalog()
    recognizer = coindex.Recognizer(catalog, catalog.models())
    answer = recognizer.recognize(coindex.load_photo("photo.jpg"))

What is named here is loaded when it is first asked for, so that a command that needs none of it starts at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from coindex.catalog.local import open_catalog
    from coindex.errors import CoindexError
    from coindex.models import load_models
    from coindex.photo import load_photo
    from coindex.recognizer import Recognizer

__all__ = ["CoindexError", "Recognizer", "load_models", "load_photo", "open_catalog"]

_HOMES = {
    "CoindexError": "coindex.errors",
    "Recognizer": "coindex.recognizer",
    "load_models": "coindex.models",
    "load_photo": "coindex.photo",
    "open_catalog": "coindex.catalog.local",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'coindex' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
