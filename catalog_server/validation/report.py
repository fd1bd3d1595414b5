"""A validation as a document for machines and a page for people that needs nothing beside it."""

import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from catalog_server.store import now
from catalog_server.validation.measure import EngineResult, Validation
from coindex.catalog.release import ReleaseManifest
from coindex.disk import write_whole

__all__ = ["DOCUMENT_NAME", "PAGE_NAME", "Report", "drawn_around_rows", "page", "report_of", "write_report"]

DOCUMENT_NAME = "validation.json"
PAGE_NAME = "validation.html"

LISTED = 200
"""Misses that the page lists for each engine; the document has all."""

BINS = 24
WIDTH, LEFT, RIGHT = 420, 104, 26
BAND = 34
"""Height of an engine's band in the chart of times."""


@dataclass(frozen=True, eq=False)
class Report:
    """A validation, and what it was of: `created` in RFC 3339, `catalog` and `machine` by name, `source` of the queries
    in words, and `names` of the queries where they are photos."""

    validation: Validation
    created: str
    catalog: Mapping[str, str | int]
    machine: Mapping[str, str | int]
    source: str
    names: Sequence[str] = ()

    def as_json(self) -> dict[str, Any]:
        """The document that `coindex validate --json` prints. Queries are numbered from 0, in `photos` too."""
        photos = {"photos": list(self.names)} if self.names else {}
        return {
            "created": self.created,
            "catalog": dict(self.catalog),
            "machine": dict(self.machine),
            "query_source": self.source,
            **self.validation.as_json(),
            **photos,
        }

    def query(self, number: int) -> str:
        """What to call a query."""
        return self.names[number] if self.names else str(number)


def report_of(validation: Validation, manifest: ReleaseManifest, *, source: str, names: Sequence[str] = ()) -> Report:
    """The report of a validation that was made just now, on this machine, of a release.

    Args:
        source: Where the queries come from, in words.
        names: A name for each query, if there are any.
    """
    return Report(
        validation,
        now(),
        {"version": manifest.version, "state_hash": manifest.state_hash, "space_id": manifest.space_id},
        {"processor": platform.machine(), "cores": os.cpu_count() or 1, "system": platform.system()},
        source,
        names,
    )


def drawn_around_rows(seed: int) -> str:
    """The source of queries that no photos are, in words."""
    return f"drawn around the rows, seed {seed}"


def write_report(folder: Path, report: Report) -> tuple[Path, Path]:
    """Write the document and the page into a folder, made where it is missing, each whole or not at all.

    Returns:
        Their paths.
    """
    folder.mkdir(parents=True, exist_ok=True)
    document, drawn = folder / DOCUMENT_NAME, folder / PAGE_NAME
    write_whole(document, (json.dumps(report.as_json(), ensure_ascii=False, indent=2) + "\n").encode())
    write_whole(drawn, page(report).encode())
    return document, drawn


def page(report: Report) -> str:
    """The HTML of a report; it links to nothing outside itself."""
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters.update(grouped=_grouped, share=_share, time=_time, memory=_memory)
    template = (files("catalog_server.validation") / "validation.html").read_text("utf-8")
    validation = report.validation
    return environment.from_string(template).render(
        report=report,
        validation=validation,
        headline=_headline(validation),
        times=_times_chart(validation.engines),
        distances=_distances_chart(validation),
        listed=LISTED,
    )


def _headline(validation: Validation) -> str:
    failed = [engine.name for engine in validation.engines if not engine.passed]
    if failed:
        return f"{', '.join(failed)}: not the answers that an exact search gives"
    missed = sum(len(engine.misses) for engine in validation.engines if engine.bound is not None)
    if missed:
        return f"Every engine keeps its bound, with {missed} nearest row{'s' * (missed != 1)} missed"
    return "The device and every exact engine find the nearest row of every query"


def _times_chart(engines: Sequence[EngineResult]) -> Markup:
    """Median to 99th percentile of each engine, on a logarithmic axis."""
    low = math.floor(math.log10(max(min(engine.query_p50_us for engine in engines), 1e-3)))
    high = max(math.ceil(math.log10(max(engine.query_p99_us for engine in engines))), low + 1)
    height = BAND * len(engines) + 34

    def across(microseconds: float) -> float:
        return LEFT + (math.log10(max(microseconds, 10.0**low)) - low) / (high - low) * (WIDTH - LEFT - RIGHT)

    grid = "".join(
        f'<path class="grid" d="M{across(10.0**power):.1f} 6V{height - 26}"/>'
        f'<text class="x" x="{across(10.0**power):.1f}" y="{height - 9}">{_time(10.0**power)}</text>'
        for power in range(low, high + 1)
    )
    bands = []
    for number, engine in enumerate(engines):
        y = 6 + BAND * (number + 0.5)
        left, right = across(engine.query_p50_us), across(engine.query_p99_us)
        bands.append(
            f'<text class="y" x="{LEFT - 10}" y="{y + 4}">{escape(engine.name)}</text>'
            f'<path class="span" d="M{left:.1f} {y}H{right:.1f}"/><circle class="p50" cx="{left:.1f}" cy="{y}" r="5"/>'
            f'<circle class="p99" cx="{right:.1f}" cy="{y}" r="4"/>'
        )
    told = "; ".join(f"{each.name} {_time(each.query_p50_us)} to {_time(each.query_p99_us)}" for each in engines)
    return _svg(height, f"Time of one query, median to 99th percentile: {told}", grid + "".join(bands))


def _distances_chart(validation: Validation) -> Markup:
    """How far the nearest row is from the queries, and where among them the misses lie."""
    distances = validation.exact_distances
    least, most = int(distances.min()), max(int(distances.max()), int(distances.min()) + 1)
    counts = [0] * BINS
    for distance in distances.tolist():
        counts[min((distance - least) * BINS // (most - least), BINS - 1)] += 1
    left, floor, top = 44, 180, max(counts)
    wide = (WIDTH - left - RIGHT) / BINS
    bars = "".join(
        f'<rect class="bar" x="{left + i * wide + 1:.1f}" y="{floor - count / top * (floor - 10):.1f}" '
        f'width="{wide - 2:.1f}" height="{count / top * (floor - 10):.1f}"/>'
        for i, count in enumerate(counts)
    )
    missed = sorted({miss.exact_distance for engine in validation.engines for miss in engine.misses})
    marks = "".join(
        f'<path class="missed" d="M{left + (each - least) / (most - least) * wide * BINS:.1f} {floor + 2}v8"/>'
        for each in missed
    )
    axis = "".join(
        f'<text class="{anchor}" x="{x}" y="{floor + 26}">{_grouped(value)}</text>'
        for anchor, x, value in (("start", left, least), ("y", WIDTH - RIGHT, most))
    )
    scale = "".join(
        f'<text class="y" x="{left - 6}" y="{y}">{_grouped(count)}</text>' for y, count in ((18, top), (floor, 0))
    )
    told = f"Queries by the distance of their nearest row, {_grouped(least)} to {_grouped(most)}, {len(missed)} missed"
    return _svg(floor + 34, told, scale + bars + marks + axis)


def _svg(height: float, title: str, inside: str) -> Markup:
    return Markup(f'<svg viewBox="0 0 {WIDTH} {height:g}" role="img" aria-label="{escape(title)}">{inside}</svg>')


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", "\u202f")


def _share(share: float) -> str:
    """A share in per cent, never rounded up to all."""
    return f"{math.floor(share * 1e5) / 1e3:g} %"


def _time(microseconds: float) -> str:
    for unit, size in (("s", 1e6), ("ms", 1e3)):
        if microseconds >= size:
            return f"{microseconds / size:.3g} {unit}"
    return f"{microseconds:.3g} µs"


def _memory(size: int | None) -> str:
    return "in its own process" if size is None else f"{size / 1e6:.1f} MB"
