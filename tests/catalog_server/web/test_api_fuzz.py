"""The machine API, asked with what its own OpenAPI document allows and does not allow.

`COINDEX_TEST_SCALE` multiplies the number of examples.
"""

import os
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from catalog_server.accounts.accounts import Role, create_user
from catalog_server.accounts.tokens import create_token
from catalog_server.curation.encoding import keep_models
from catalog_server.publishing.publish import publish
from catalog_server.web.api import api
from catalog_server.web.app import create_app
from catalog_server.web.curator import Curator
from catalog_server.web.openapi import openapi

pytestmark = pytest.mark.slow

schemathesis = pytest.importorskip("schemathesis")
checks = pytest.importorskip("schemathesis.specs.openapi.checks")
GenerationMode = pytest.importorskip("schemathesis.generation").GenerationMode

EXAMPLES = 10 * int(os.environ.get("COINDEX_TEST_SCALE", "1"))
OPERATIONS = [(path, method) for path, item in openapi(api)["paths"].items() for method in item]

bounded = settings(
    max_examples=EXAMPLES,
    derandomize=True,
    deadline=None,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture
def app(filled, models, encoder):
    keep_models(filled, models)
    publish(filled, models)
    return create_app(filled, curator=Curator(filled, encode=encoder))


@pytest.fixture
def publisher(app, filled):
    create_user(filled, "ada", "correct horse battery", role=Role.PUBLISHER, actor="test")
    _, token = create_token(filled, "fuzzer", user="ada", role=Role.PUBLISHER, actor="test")
    return {"Authorization": f"Bearer {token}"}


def ask(app, path, method, headers):
    """Ask an operation for what it allows, and for what it does not, and hold each answer against the document."""
    operation = schemathesis.openapi.from_wsgi("/api/v1/openapi.json", app)[path][method.upper()]
    # Bytes that a strategy makes up are no photo; and what is wrong may be the token, in whose place ours is sent.
    excluded = [checks.positive_data_acceptance] if path.endswith("/photos") else []
    excluded += [checks.negative_data_rejection] if headers else []
    asked = 0
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):

        @bounded
        @given(case=operation.as_strategy(generation_mode=mode))
        def holds(case):
            nonlocal asked
            asked += 1
            case.call_and_validate(headers=headers, excluded_checks=excluded)

        with suppress(Unsatisfiable):  # an operation without parameters cannot be asked wrongly
            holds()
    return asked


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_whoever_asks_is_answered_as_the_document_says(app, path, method):
    assert ask(app, path, method, {})


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_a_publisher_is_answered_as_the_document_says(app, publisher, path, method):
    assert ask(app, path, method, publisher)
