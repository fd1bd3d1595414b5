"""The server's metrics for Prometheus.

All processes of a server count in the files of one folder, which `PROMETHEUS_MULTIPROC_DIR` names. Without it, each
process counts alone. The store's values are read at each scrape, so every process gives the same values.
"""

import os
from collections.abc import Callable, Iterable
from functools import lru_cache
from pathlib import Path

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client import values as client_values
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

__all__ = ["Gauge", "Metrics", "count_together"]

MULTIPROCESS_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""A file takes less than a millisecond, a page some, a photo a tenth of a second, a publication minutes."""

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""A client can send any method. Only these become labels."""

LABELS = 1024

Gauge = tuple[str, str, tuple[str, ...], Iterable[tuple[tuple[str, ...], float]]]
"""A value that is read at a scrape: its name, description, label names, and values by labels."""


def count_together(folder: Path) -> None:
    """Let this process and its future child processes count in the files of one folder.

    Args:
        folder: The folder, unless the environment names another one.
    """
    os.environ.setdefault(MULTIPROCESS_VARIABLE, str(folder))
    # The client library chose its way of counting at its import.
    client_values.ValueClass = client_values.get_value_class()  # type: ignore[no-untyped-call]


class Metrics:
    """The counters of one application.

    Args:
        gauges: Gives the values that are read at a scrape.
    """

    def __init__(self, gauges: Callable[[], Iterable[Gauge]] = tuple) -> None:
        self._gauges = gauges
        self._shared = MULTIPROCESS_VARIABLE in os.environ
        self._registry = None if self._shared else CollectorRegistry()
        by_route = ("route", "method", "status")
        # Finding a counter by its labels takes longer than counting.
        self._of = lru_cache(maxsize=LABELS)(self._counters_of)
        self._requests = Counter("coindex_requests", "Requests answered.", by_route, registry=self._registry)
        self._bytes = Counter("coindex_sent_bytes", "Bytes of bodies sent.", ("route",), registry=self._registry)
        self._seconds = Histogram(
            "coindex_request_seconds",
            "Time from a request to the start of its answer.",
            ("route",),
            buckets=SECONDS,
            registry=self._registry,
        )

    def observe(self, *, route: str, method: str, status: str, seconds: float, sent: int) -> None:
        """Count one answer.

        Args:
            route: The pattern of its path.
            method: The HTTP method.
            status: The status code.
            seconds: The time until the answer started.
            sent: The bytes of its body.
        """
        count, time, size = self._of(route, method if method in METHODS else "other", status)
        count.inc()
        time.observe(seconds)
        if sent:
            size.inc(sent)

    def _counters_of(self, route: str, method: str, status: str) -> tuple[Counter, Histogram, Counter]:
        return self._requests.labels(route, method, status), self._seconds.labels(route), self._bytes.labels(route)

    def render(self) -> bytes:
        """All metrics in Prometheus' text format."""
        registry = CollectorRegistry()
        if self._shared:
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        counted = generate_latest(registry if self._registry is None else self._registry)
        read = CollectorRegistry()
        read.register(_Read(self._gauges))
        return counted + generate_latest(read)


class _Read(Collector):
    def __init__(self, gauges: Callable[[], Iterable[Gauge]]) -> None:
        self._gauges = gauges

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return []  # registering must not read the store

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for name, words, labels, values in self._gauges():
            family = GaugeMetricFamily(name, words, labels=labels)
            for of, value in values:
                family.add_metric(of, value)
            yield family
