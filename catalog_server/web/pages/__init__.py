"""The pages that people see in a browser: the catalogue for everybody, and curating it for those who sign in."""

from flask import Blueprint

from catalog_server.web.pages import (
    accounts,
    browse,
    coins,
    history,
    imports,
    publishing,
    rendering,
    signing_in,
    trying,
)
from catalog_server.web.pages.curator import Curator

__all__ = ["Curator", "pages"]


def pages(curator: Curator) -> Blueprint:
    """Every page."""
    blueprint = Blueprint("pages", __name__)
    for part in (rendering, browse, signing_in, coins, imports, publishing, trying, history, accounts):
        part.add_to(blueprint, curator)
    return blueprint
