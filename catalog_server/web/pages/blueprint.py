"""The blueprint that the modules of the pages put their pages on."""

from flask import Blueprint

__all__ = ["pages"]

pages = Blueprint("pages", "catalog_server.web.pages")
