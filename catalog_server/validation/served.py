"""Validations that the server keeps beside its releases: the served one, opened as a phone does, against what exact
engines are installed."""

import contextlib
import tempfile
from pathlib import Path

from catalog_server.engines import ComparedEngine, DeviceEngine, Engine, open_engine, opened_device
from catalog_server.publishing.self_sync import open_as_device
from catalog_server.store import Store
from catalog_server.validation.measure import validate
from catalog_server.validation.report import PAGE_NAME, drawn_around_rows, report_of, write_report
from coindex.catalog.graph_quality import sample_queries
from coindex.errors import EngineError
from coindex.progress import Progress, no_progress

__all__ = ["validate_served", "validation_page"]

QUERIES, SEED = 1_000, 0
"""As `coindex validate` draws them."""


def validate_served(store: Store, *, progress: Progress = no_progress) -> int:
    """Validate the served release and keep the report.

    Returns:
        The release's version.

    Raises:
        SyncError: If nothing is served.
        CatalogError: If the release is damaged.
        EngineError: If an engine fails.
    """
    with tempfile.TemporaryDirectory(prefix="coindex-validate-") as folder, contextlib.ExitStack() as stack:
        opened, device = opened_device(lambda: open_as_device(store, Path(folder)))
        engines: list[Engine] = [device]
        for name in ComparedEngine:
            with contextlib.suppress(EngineError):  # not installed here: `coindex validate` says what to install
                engines.append(open_engine(name))
                stack.callback(engines[-1].close)
        rows, found = opened.index.rows, opened.manifest
        queries = sample_queries(rows, QUERIES, SEED)
        result = validate(rows, queries, engines, fitted=(DeviceEngine.name,), progress=progress)
    report = report_of(result, found, source=drawn_around_rows(SEED))
    write_report(_folder(store, found.version), report)
    return found.version


def validation_page(store: Store, version: int) -> Path | None:
    """The page of a release's validation, None where it was not validated."""
    page = _folder(store, version) / PAGE_NAME
    return page if page.is_file() else None


def _folder(store: Store, version: int) -> Path:
    return store.folder / "validations" / str(version)
