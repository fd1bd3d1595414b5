"""The phone app: the built files of `mobile_assets/web/dist`, with the headers for threads and offline use."""

import gzip
import mimetypes
from functools import lru_cache
from hashlib import sha256
from pathlib import Path

from flask import Blueprint, Response, abort, redirect, request
from werkzeug.security import safe_join
from werkzeug.wrappers import Response as AnyResponse

from coindex.assets import asset_folder

__all__ = ["APP_FOLDER", "app_files"]

APP_FOLDER = asset_folder("web", "dist")
"""The folder of the build, in a checkout and in an installed wheel."""

TYPES = {
    ".js": "text/javascript",
    ".webmanifest": "application/manifest+json",
    ".wasm": "application/wasm",
    ".svg": "image/svg+xml",
}
"""Types that the platform's own table may not have, or have wrong."""

ENCODINGS = {"br": ".br", "gzip": ".gz"}
"""Compressed copies beside a file, the better one first. A large file can exist only as a compressed copy."""

HEADERS = {
    # Browsers give threads only to a page that is isolated by these headers.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    # No other host. Allowed are WebAssembly, the app's own workers, and pictures that it makes.
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self' blob:; connect-src 'self'; "
        "img-src 'self' blob:; media-src 'self' blob:; style-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}

IMMUTABLE = "public, max-age=31536000, immutable"
"""For files whose address has the hash of their content, or a version."""

REVALIDATED = "no-cache"
"""For the others: the browser asks each time, and mostly gets the answer that nothing has changed."""


def app_files(folder: Path = APP_FOLDER) -> Blueprint:
    """Make the blueprint of all paths below `/app/`.

    Args:
        folder: The folder of the build.
    """
    blueprint = Blueprint("app_files", __name__, url_prefix="/app")

    @blueprint.get("")
    def without_slash() -> AnyResponse:
        return redirect(f"{request.script_root}/app/", 308)

    @blueprint.get("/")
    def page() -> Response:
        # Not a default of the rule below: `index.html`, which the service worker requests, would redirect to this one.
        return file("index.html")

    @blueprint.get("/<path:name>")
    def file(name: str) -> Response:
        if not (folder / "index.html").is_file():
            abort(404, f"no phone app in {folder}: install coindex again; in a checkout, `npm ci && npm run build`")
        joined = safe_join(str(folder), name)
        found = joined and _chosen(Path(joined))
        if not found:
            abort(404, "no such file of the phone app")
        path, encoding = found
        content = gzip.decompress(path.read_bytes()) if encoding == "unpack" else path.read_bytes()
        response = Response(content, mimetype=_type(name))
        if encoding in ENCODINGS:
            response.content_encoding = encoding
        response.vary.add("Accept-Encoding")
        response.set_etag(_etag(path, path.stat().st_mtime_ns, encoding))
        lasting = name.startswith(("assets/", "litert-"))
        response.headers["Cache-Control"] = IMMUTABLE if lasting else REVALIDATED
        response.make_conditional(request)
        return response

    @blueprint.after_request
    def isolate(response: Response) -> Response:
        response.headers.update(HEADERS)
        return response

    return blueprint


def _chosen(path: Path) -> tuple[Path, str] | None:
    """The file to send and its encoding; `unpack` if the client does not accept the only, compressed copy."""
    for encoding, ending in ENCODINGS.items():
        packed = path.with_name(path.name + ending)
        if packed.is_file() and request.accept_encodings.quality(encoding) > 0:
            return packed, encoding
    if path.is_file():
        return path, ""
    packed = path.with_name(path.name + ENCODINGS["gzip"])
    return (packed, "unpack") if packed.is_file() else None


def _type(name: str) -> str:
    return TYPES.get(Path(name).suffix) or mimetypes.guess_type(name)[0] or "application/octet-stream"


@lru_cache(maxsize=256)
def _etag(path: Path, changed: int, encoding: str) -> str:
    """The hash of the content as it is sent. `changed`, the time of the file, makes a new build visible."""
    return f"{sha256(path.read_bytes()).hexdigest()[:24]}{'-u' if encoding == 'unpack' else ''}"
