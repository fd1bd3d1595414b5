"""`/api/v1/proposals`: everybody can propose coins, if the server was started with `--proposals`."""

import io

from flask import Response, abort, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

from catalog_server.curation.proposals import (
    MAX_PROPOSAL_BYTES,
    Proposal,
    TooMany,
    add_proposal,
    proposal_of,
    read_proposal,
    require_room,
    sender_of,
)
from catalog_server.web import documents
from catalog_server.web.described import DescribedBlueprint
from catalog_server.web.security import page_key
from catalog_server.web.state import state
from coindex.errors import ManifestError, PhotoError

__all__ = ["proposals_api"]

COLLECTOR = "collector"
"""The actor in the log, because collectors have no accounts."""

proposals_api = DescribedBlueprint("proposals_api", __name__, url_prefix="/api/v1")
"""The operations of a server that accepts proposals."""


@proposals_api.after_request
def unkept(response: Response) -> Response:
    """Tell caches not to store answers for one sender."""
    response.headers["Cache-Control"] = "no-store"
    return response


@proposals_api.operation(
    "POST",
    "/proposals",
    "Propose a coin to the curator, with the file that the phone app writes",
    documents.Proposal,
    told="The waiting proposal.",
    status=201,
    problems=(429, 503),
    archive_bytes=MAX_PROPOSAL_BYTES,
)
def propose() -> ResponseReturnValue:
    store = state().store
    sender = sender_of(request.remote_addr or "unknown", page_key(store))
    try:
        require_room(store, sender)  # before the work of reading it
        kept = add_proposal(
            store, read_proposal(io.BytesIO(request.get_data(cache=False))), actor=COLLECTOR, sender=sender
        )
    except TooMany as error:
        if error.retry_after is None:
            raise ServiceUnavailable(str(error)) from None
        raise TooManyRequests(str(error), retry_after=error.retry_after) from None
    except (ManifestError, PhotoError) as error:
        abort(415, str(error))
    return _document(kept), 201, {"Location": f"/api/v1/proposals/{kept.receipt}"}


@proposals_api.operation(
    "GET", "/proposals/<string:receipt>", "The state of a proposal", documents.Proposal, problems=(404,)
)
def proposal(receipt: str) -> ResponseReturnValue:
    kept = proposal_of(state().store, receipt)
    if kept is None:
        abort(404, "there is no proposal with this receipt")
    return _document(kept)


def _document(kept: Proposal) -> documents.Proposal:
    return documents.Proposal(receipt=kept.receipt, state=kept.state, word=kept.word, coin=kept.class_id)
