"""The server's log."""

import json
import logging
import sys

from catalog_server.serving.logs import JsonFormatter, TextFormatter


def record(message="request", exc_info=None, **fields):
    made = logging.LogRecord("catalog_server.web", logging.WARNING, __file__, 1, message, (), exc_info)
    if fields:
        made.fields = fields
    return made


def test_json_is_one_object_a_line_with_the_events_own_fields():
    line = JsonFormatter().format(record("two\nlines", status=200, route="/coins/<int:class_id>"))
    assert "\n" not in line
    document = json.loads(line)
    assert document["at"].endswith("+00:00")
    del document["at"]
    assert document == {
        "level": "warning",
        "logger": "catalog_server.web",
        "message": "two\nlines",
        "status": 200,
        "route": "/coins/<int:class_id>",
    }


def test_an_exception_is_told_whole():
    try:
        raise ValueError("coin.jpg")
    except ValueError:
        made = record("it failed", exc_info=sys.exc_info())
    assert "ValueError: coin.jpg" in json.loads(JsonFormatter().format(made))["exception"]
    assert "ValueError: coin.jpg" in TextFormatter().format(made)


def test_text_shows_the_fields_after_the_message():
    assert TextFormatter().format(record(status=404, ms=1.5)).endswith("WARNING request status=404 ms=1.5")
