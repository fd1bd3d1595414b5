"""The pages for browsers: everybody can see the catalogue, and curators can change it after signing in."""

from catalog_server.web.pages import (  # noqa: F401 - each puts its pages on the blueprint
    account,
    accounts,
    browse,
    coins,
    history,
    imports,
    packs,
    photos,
    proposals,
    publishing,
    quality,
    rendering,
    signing_in,
    steps,
    trying,
)
from catalog_server.web.pages.blueprint import pages

__all__ = ["pages"]
