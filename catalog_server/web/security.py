"""What every answer says to browsers about what they may do with it."""

from flask import Flask, Response

__all__ = ["send_security_headers"]

SECURITY_HEADERS = {
    "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


def send_security_headers(app: Flask) -> None:
    """Put the security headers on every answer."""

    @app.after_request
    def secure(response: Response) -> Response:
        for name, value in SECURITY_HEADERS.items():
            response.headers.setdefault(name, value)  # what a part of the server says of itself holds
        return response
