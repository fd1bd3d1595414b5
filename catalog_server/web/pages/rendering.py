"""Filters for the pages' templates, and the pages for errors."""

import re
from datetime import datetime
from http import HTTPStatus

from flask import render_template, request
from markupsafe import Markup

from catalog_server.curation.steps import counted
from catalog_server.web.pages.blueprint import pages
from catalog_server.web.pages.told import who
from catalog_server.web.security import identity
from catalog_server.web.state import state
from coindex.errors import AccountError, Busy, CoindexError, ManifestError, PhotoError, StaleChange, StoreError
from coindex.facts import FACTS, Facts, written_facts

__all__ = ["error_page"]

STATUS: dict[type[CoindexError], HTTPStatus] = {
    StaleChange: HTTPStatus.CONFLICT,
    StoreError: HTTPStatus.CONFLICT,
    Busy: HTTPStatus.CONFLICT,
    AccountError: HTTPStatus.CONFLICT,
    PhotoError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ManifestError: HTTPStatus.UNPROCESSABLE_ENTITY,
}
FACT_WORDS = {
    "title": "title",
    "years": "years",
    "mint": "mint",
    "ruler": "ruler",
    "metal": "metal",
    "weight": "weight, g",
    "diameter": "diameter, mm",
    "edge": "edge",
    "mintage": "mintage",
    "km": "KM number",
    "numista": "Numista number",
    "text": "text",
    "links": "links",
}
"""The pages' words for the facts of a coin, in the order of `FACTS`."""


@pages.errorhandler(CoindexError)
def refused(error: CoindexError) -> tuple[str, int]:
    kinds = (STATUS[kind] for kind in STATUS if isinstance(error, kind))
    return error_page(next(kinds, HTTPStatus.INTERNAL_SERVER_ERROR), without_paths(str(error)))


@pages.app_template_filter("without_paths")
def without_paths(text: str) -> str:
    """A message without the store's path, which only the operator needs. The server's log has it."""
    folder = state().store.folder
    for path in sorted({str(folder.absolute()), str(folder.resolve()), str(folder)}, key=len, reverse=True):
        text = re.sub(rf"{re.escape(path)}(?:/[\w.-]+)*", "the store", text) if path not in (".", "/") else text
    return text


def error_page(status: HTTPStatus, detail: str | None) -> tuple[str, int]:
    """A page with the error and a link back."""
    home = f"{request.script_root}/"
    back = home if request.method == "GET" else (request.referrer or home)
    title = {
        HTTPStatus.NOT_FOUND: "Not found",
        HTTPStatus.FORBIDDEN: "Not allowed",
        HTTPStatus.CONFLICT: "Nothing was changed",
        HTTPStatus.UNPROCESSABLE_ENTITY: "This cannot be used",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too large",
    }.get(status, status.phrase)
    page = render_template("error.html", title=title, detail=detail or status.description, back=back)
    return page, status


@pages.app_template_global("facts_of")
def facts_of(told: Facts) -> list[tuple[str, str, str]]:
    """Every fact: its name, its word on pages, and the value of its form field, empty if it is not known."""
    written = written_facts(told)
    return [(name, FACT_WORDS[name], written.get(name, "")) for name in FACTS]


@pages.app_template_filter("day")
def day(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%-d %B %Y")


@pages.app_template_filter("moment")
def moment(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M UTC")


@pages.app_template_filter("megabytes")
def megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


@pages.app_template_filter("counted")
def counted_(number: int, noun: str) -> str:
    return counted(number, noun)


pages.add_app_template_filter(who, "who")


@pages.app_template_global("csrf")
def csrf() -> Markup:
    found = identity()
    return Markup('<input type="hidden" name="csrf" value="{}">').format(found.csrf if found else "")
