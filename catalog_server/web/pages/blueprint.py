"""The blueprint of all pages."""

from flask import Blueprint

__all__ = ["pages"]

pages = Blueprint("pages", "catalog_server.web.pages")
