"""A second factor by time-based codes (TOTP, RFC 6238), as authenticator apps make them."""

import secrets
import time
from base64 import b32decode, b32encode

import segno
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from catalog_server.accounts.accounts import required_account
from catalog_server.store import Store, UserRow
from catalog_server.store.audit import record
from coindex.errors import AccountError

__all__ = ["app_link", "link_picture", "new_secret", "set_second_factor", "use_code"]

ISSUER = "coindex"
STEP_S = 30
DIGITS = 6
SECRET_BYTES = 20
"""As long as a SHA-1, which RFC 4226 recommends."""
SLACK = (0, -1, 1)
"""Steps before and after now whose codes are taken: clocks of phones differ, and people type."""


def new_secret() -> str:
    """A secret for a new second factor, base32, as authenticator apps take it."""
    return b32encode(secrets.token_bytes(SECRET_BYTES)).decode()


def app_link(secret: str, name: str) -> str:
    """The `otpauth:` address by which an authenticator app on this device takes the secret over.

    Raises:
        AccountError: If the secret is not Base32.
    """
    return _totp(secret).get_provisioning_uri(name, ISSUER)


def link_picture(link: str) -> str:
    """The QR code of an address as an SVG element, black on white, without a style or a script."""
    code = segno.make(link, error="m", micro=False)
    svg: str = code.svg_inline(omitsize=True, dark="#000", light="#fff", border=4, svgclass="qr", lineclass=None)
    return svg


def use_code(row: UserRow, code: str, *, at: float | None = None) -> bool:
    """Check a code of an account's second factor, within a running change. A code works once.

    Args:
        at: Seconds since 1970; by default now.

    Returns:
        Whether the code is the current one. True for an account without a second factor.

    Raises:
        AccountError: If the account's secret is not Base32.
    """
    if row.second_factor is None:
        return True
    step = _step_of(row.second_factor, code, time.time() if at is None else at)
    if step is None or (row.second_factor_step is not None and step <= row.second_factor_step):
        return False
    row.second_factor_step = step
    return True


def set_second_factor(
    store: Store, name: str, secret: str | None, *, actor: str, code: str = "", at: float | None = None
) -> None:
    """Turn an account's second factor on, or off.

    Args:
        secret: The new secret, Base32; None turns the second factor off.
        code: A code that the new secret gives now.
        at: Seconds since 1970; by default now.

    Raises:
        AccountError: If the code is another, or there is no such account.
    """
    with store.changing() as session:
        row = required_account(session, name)
        row.second_factor, row.second_factor_step = secret, None
        if secret is not None and not use_code(row, code, at=at):
            raise AccountError("the code is not the one that the app shows now; look at the app's clock, and try again")
        action = "user.second-factor" if secret else "user.second-factor-off"
        record(session, actor=actor, action=action, subject=f"user:{name}")


def _totp(secret: str) -> TOTP:
    try:
        return TOTP(b32decode(secret), DIGITS, SHA1(), STEP_S)
    except ValueError:
        raise AccountError("this is no secret of a second factor; begin again") from None


def _step_of(secret: str, code: str, at: float) -> int | None:
    """The step whose code this is, None where there is none near now."""
    digits, now, totp = "".join(code.split()).encode(), int(at // STEP_S), _totp(secret)
    for step in (now + slack for slack in SLACK):
        try:
            totp.verify(digits, step * STEP_S)
        except InvalidToken:
            continue
        return step
    return None
