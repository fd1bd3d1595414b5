"""How pages word things, and what they say when something is wrong."""

from datetime import datetime
from http import HTTPStatus

from flask import Blueprint, render_template, request
from markupsafe import Markup

from catalog_server.web.pages.curator import Curator
from catalog_server.web.security import identity
from coindex.errors import AccountError, CoindexError, ManifestError, PhotoError, StaleChange, StoreError

__all__ = ["add_to", "error_page"]

STATUS: dict[type[CoindexError], HTTPStatus] = {
    StaleChange: HTTPStatus.CONFLICT,
    StoreError: HTTPStatus.CONFLICT,
    AccountError: HTTPStatus.CONFLICT,
    PhotoError: HTTPStatus.UNPROCESSABLE_ENTITY,
    ManifestError: HTTPStatus.UNPROCESSABLE_ENTITY,
}
ACTIONS = {
    "coin.add": "added",
    "coin.edit": "changed",
    "coin.retire": "retired",
    "coin.restore": "brought back",
    "photos.add": "added photos to",
    "photo.edit": "changed",
    "photo.retire": "retired",
    "photo.restore": "brought back",
    "import": "imported photos into",
    "publish": "published",
    "roll-back": "brought back an earlier state of",
    "sign-in": "signed in as",
}
"""Actions of the audit log as a sentence's verb; those that are missing are shown as they are."""


def add_to(blueprint: Blueprint, _: Curator) -> None:
    """Filters of the templates, and pages for errors."""
    blueprint.add_app_template_filter(_day, "day")
    blueprint.add_app_template_filter(_moment, "moment")
    blueprint.add_app_template_filter(_megabytes, "megabytes")
    blueprint.add_app_template_filter(_spoken, "spoken")
    blueprint.add_app_template_global(_csrf, "csrf")

    @blueprint.errorhandler(CoindexError)
    def refused(error: CoindexError) -> tuple[str, int]:
        kinds = (STATUS[kind] for kind in STATUS if isinstance(error, kind))
        return error_page(next(kinds, HTTPStatus.INTERNAL_SERVER_ERROR), str(error))


def error_page(status: HTTPStatus, detail: str | None) -> tuple[str, int]:
    """A page that says what went wrong and leads back."""
    back = request.path if request.method == "GET" else (request.referrer or "/")
    title = {
        HTTPStatus.NOT_FOUND: "Not here",
        HTTPStatus.FORBIDDEN: "Not allowed",
        HTTPStatus.CONFLICT: "Nothing was changed",
        HTTPStatus.UNPROCESSABLE_ENTITY: "This cannot be used",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Too large",
    }.get(status, status.phrase)
    where = "/" if back == request.path else back
    page = render_template("error.html", title=title, detail=detail or status.description, back=where)
    return page, status


def _day(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%-d %B %Y")


def _moment(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M UTC")


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.1f} kB"


def _spoken(action: str) -> str:
    return ACTIONS.get(action, action)


def _csrf() -> Markup:
    found = identity()
    return Markup('<input type="hidden" name="csrf" value="{}">').format(found.csrf if found else "")
