"""The web server: releases as static files, pages for people, `/api/v1/` for machines, the phone app."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from flask import Flask
from flask.json.provider import DefaultJSONProvider
from werkzeug.middleware.proxy_fix import ProxyFix

from catalog_server.engines.identify import Identifier
from catalog_server.store import Store
from catalog_server.web.api import api, identify_api
from catalog_server.web.app_files import app_files
from catalog_server.web.bodies import BodyLimits, tell_refusals
from catalog_server.web.curator import Curator
from catalog_server.web.observation import Observed, name_routes
from catalog_server.web.operations import operations, store_gauges
from catalog_server.web.packs import packs_api
from catalog_server.web.pages import pages
from catalog_server.web.pages.rendering import error_page
from catalog_server.web.problems import tell_problems
from catalog_server.web.prometheus import Metrics
from catalog_server.web.proposals import proposals_api
from catalog_server.web.releases import PREFIX, ReleaseFiles
from catalog_server.web.security import bears_credentials, page_key, recognise_sessions, send_security_headers
from catalog_server.web.state import State, keep_state

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

__all__ = ["create_app"]


def create_app(
    store: Store,
    *,
    identifier: Identifier | None = None,
    curator: Curator | None = None,
    proxies: int = 0,
    show_metrics: bool = True,
    take_proposals: bool = False,
) -> Flask:
    """Make the application that serves a store.

    Args:
        store: The store.
        identifier: Answers everybody's photos at `/api/v1/identify`. Without it there is no such route.
        curator: The pages' access to store and models; by default the store with the models that it keeps.
        proxies: The number of trusted proxies before the server. Their headers tell the client's address.
        show_metrics: Whether to answer at `/metrics`.
        take_proposals: Whether to accept proposals of coins from everybody.
    """
    app = Flask(__name__)
    app.secret_key = page_key(store)
    app.json = _Json(app)
    metrics = Metrics(lambda: store_gauges(store))
    curator = curator or Curator(store, identifier)
    keep_state(app, State(store, curator, identifier, metrics if show_metrics else None, take_proposals))
    optional = (*((identify_api,) if identifier else ()), *((proposals_api,) if take_proposals else ()))
    for blueprint in (api, packs_api, *optional, operations, pages, app_files()):
        app.register_blueprint(blueprint)
    tell_refusals(app)
    recognise_sessions(app, store)
    name_routes(app)
    tell_problems(app, error_page)
    send_security_headers(app)
    app.extensions[BodyLimits.NAME] = BodyLimits(app, bears_credentials(store))
    served = Observed(_Served(app.wsgi_app, ReleaseFiles(store.releases)), metrics, trusted=proxies > 0)
    app.wsgi_app = (  # type: ignore[method-assign]
        ProxyFix(served, x_for=proxies, x_proto=proxies, x_host=proxies, x_prefix=proxies) if proxies else served
    )
    return app


class _Json(DefaultJSONProvider):
    """Flask's JSON provider, which also rejects JSON that is nested too deeply."""

    def loads(self, s: str | bytes, **options: Any) -> Any:
        try:
            return super().loads(s, **options)
        except RecursionError:
            raise ValueError("it is nested too deeply") from None


class _Served:
    """Sends requests for release files to their own application, and all others to Flask."""

    def __init__(self, application: "WSGIApplication", releases: ReleaseFiles) -> None:
        self._application, self._releases = application, releases

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        chosen = self._releases if environ["PATH_INFO"].startswith(PREFIX) else self._application
        return chosen(environ, start_response)
