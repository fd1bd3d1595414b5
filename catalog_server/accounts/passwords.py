"""Passwords as Argon2id hashes: what lies in the database lets nobody in."""

import functools
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from coindex.errors import AccountError

__all__ = ["MAX_PASSWORD", "MIN_PASSWORD", "hash_password", "matches", "nobodys_hash", "rehashed"]

MIN_PASSWORD = 10

MAX_PASSWORD = 1000
"""Hashing takes as long as the password is long: nobody may ask for a megabyte of it."""


@functools.cache
def _hasher() -> PasswordHasher:
    """Argon2id with the parameters that RFC 9106 names second, for machines of little memory."""
    return PasswordHasher()


@functools.cache
def nobodys_hash() -> str:
    """A hash of no password: it is checked for unknown names, so that both cases take equal time."""
    return _hasher().hash(secrets.token_urlsafe(32))


def rehashed(hashed: str, password: str) -> str | None:
    """The hash of a password by today's parameters, None where it is that already."""
    return _hasher().hash(password) if _hasher().check_needs_rehash(hashed) else None


def matches(hashed: str, password: str) -> bool:
    """Whether a password is the one that was hashed."""
    try:
        return _hasher().verify(hashed, password)
    except (VerificationError, InvalidHashError):
        return False


def hash_password(password: str) -> str:
    """The hash of a new password.

    Raises:
        AccountError: If the password is too short or too long.
    """
    if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
        raise AccountError(f"the password has {len(password)} characters; it needs {MIN_PASSWORD} to {MAX_PASSWORD}")
    return _hasher().hash(password)
