"""The pages that people see in a browser."""

from flask import Blueprint

from catalog_server.store import Store
from catalog_server.web.pages import browse

__all__ = ["pages"]


def pages(store: Store) -> Blueprint:
    """Every page."""
    blueprint = Blueprint("pages", __name__)
    browse.add_to(blueprint, store)
    return blueprint
