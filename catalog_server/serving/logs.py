"""The server's log on stderr: a line for people, or a JSON object, an event.

Nothing personal is logged: no address of who asks, no path beyond its pattern, no form or photo.
"""

import json
import logging
import sys
from datetime import UTC, datetime

from catalog_server.serving.settings import LogFormat, LogLevel

__all__ = ["JsonFormatter", "TextFormatter", "configure_logging", "fields_of"]

NOISY = ("alembic", "werkzeug", "faiss.loader")
"""Loggers whose notes say nothing to an operator: Faiss tells of every build for other processors that it has not
got."""


def configure_logging(log_format: LogFormat, level: LogLevel) -> None:
    """Send every log of this process to stderr in one format, replacing what was set up before."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if log_format is LogFormat.JSON else TextFormatter())
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.ERROR)


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """What a log call gave as `extra={"fields": …}`."""
    fields: dict[str, object] = getattr(record, "fields", {})
    return fields


class JsonFormatter(logging.Formatter):
    """`{"at", "level", "logger", "message", …the event's own fields…, "exception"}`."""

    def format(self, record: logging.LogRecord) -> str:
        document: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **fields_of(record),
        }
        if record.exc_info:
            document["exception"] = self.formatException(record.exc_info)
        return json.dumps(document, ensure_ascii=False, default=str)


class TextFormatter(logging.Formatter):
    """The time, the level, the message and the event's own fields."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's own name
        told = "".join(f" {name}={value}" for name, value in fields_of(record).items())
        return super().formatMessage(record) + told
