"""The curator's store: coin classes, reference photos, releases, accounts and jobs, in one database."""

from catalog_server.store.store import DATABASE, DATABASE_URL, PHOTOS_URL, Store, default_store, now, open_store
from catalog_server.store.tables import (
    AuditRow,
    CodeRow,
    CoinRow,
    JobRow,
    Meta,
    PhotoRow,
    ReleaseRow,
    SessionRow,
    SignInRow,
    SpaceRow,
    TokenRow,
    UserRow,
)

__all__ = [
    "DATABASE",
    "DATABASE_URL",
    "PHOTOS_URL",
    "AuditRow",
    "CodeRow",
    "CoinRow",
    "JobRow",
    "Meta",
    "PhotoRow",
    "ReleaseRow",
    "SessionRow",
    "SignInRow",
    "SpaceRow",
    "Store",
    "TokenRow",
    "UserRow",
    "default_store",
    "now",
    "open_store",
]
