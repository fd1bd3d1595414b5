"""The tables and the plot."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table

from catalog_parts.deltas import CHANGES
from catalog_parts.measuring import Measured
from coindex.catalog.graph_quality import EF_LADDER


def print_tables(report: dict[str, Any], measured: Sequence[Measured]) -> None:
    heads = ("ef", "wire B/row", "zstd", "memory B/row", "build s", "load s", "ready s", "p50 µs", "p99 µs")
    columns = [Column(head, justify="right") for head in (*heads, "recall@1", "recall@10", "right")]
    caption = (
        f"{report['codes']} codes of {report['classes']:,} classes; exact: {report['exact_right_class']:.3f} right"
    )
    table = Table(f"{report['rows']:,} rows", *columns, caption=caption)
    for each in measured:
        table.add_row(
            each.name,
            "" if each.ef is None else str(each.ef),
            f"{each.wire_bytes_per_row:.1f}",
            _figure(each.wire_zstd_bytes_per_row),
            _figure(each.memory_bytes_per_row),
            f"{each.build_s:.1f}",
            f"{each.load_s:.2f}",
            f"{each.ready_s:.2f}",
            f"{each.search_p50_us:.0f}",
            f"{each.search_p99_us:.0f}",
            f"{each.recall_at_1:.4f}",
            f"{each.recall_at_10:.4f}",
            f"{each.right_class:.3f}",
        )
    console = Console(width=max(Console().width, 140))
    console.print(table)
    for missing in report["not_run"]:
        console.print(f"{missing['name']} was not run: {missing['why']}")
    _print_deltas(console, report)
    _print_reliefs(console, report["reliefs"])


def _print_deltas(console: Console, report: dict[str, Any]) -> None:
    deltas = report["deltas"]
    rows = deltas[0]["rows"] if deltas else 0
    columns = [Column(f"{change:.1%} added, removed", justify="right") for change in CHANGES]
    table = Table(f"bytes from release to release, {rows:,} rows", *columns)
    sizes = {(each["method"], each["change"]): f"{each['bytes']:,}" for each in deltas}
    for method in dict.fromkeys(each["method"] for each in deltas):
        table.add_row(method, *(sizes.get((method, change), "") for change in CHANGES))
    console.print(table)
    for line in report["deltas_not_run"]:
        console.print(f"not run: {line}")


def _print_reliefs(console: Console, reliefs: dict[str, Any]) -> None:
    caption = f"read: {reliefs['read_first_us']:.0f} µs, one more of its group {reliefs['read_further_us']:.0f} µs"
    right = Column("bytes a reference", justify="right")
    table = Table(f"relief maps, {reliefs['maps']:,} of {reliefs['of']}", right, caption=caption)
    for each in reliefs["bytes"]:
        table.add_row(each["method"], f"{each['bytes_per_map']:.1f}")
    console.print(table)


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def plot(path: Path, measured: Sequence[Measured], rows: int) -> None:
    """Misses against the median time on logarithmic axes, one line a graph, up to the first breadth without a miss."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.ticker import LogLocator

    graphs = [each for each in measured if each.curve]
    if not graphs:
        raise SystemExit("nothing to plot: no graph was measured; leave --plot out or name one with --engines")
    least = min((0.5 / each.queries for each in graphs), default=1.0)
    figure, axes = pyplot.subplots(figsize=(8, 5), layout="constrained")
    for each, marker in zip(graphs, "o^sDvPX*", strict=False):
        whole = next((place for place, (_, recall, _) in enumerate(each.curve) if recall == 1), len(each.curve))
        _, recalls, times = zip(*each.curve[: whole + 1], strict=True)
        # No miss at all has no logarithm: it is drawn as half a miss.
        misses = [max(1 - recall, least) for recall in recalls]
        ours = each.name.startswith("coindex")
        axes.plot(times, misses, marker=marker, markersize=5, linewidth=2.5 if ours else 1.2, label=each.name)
    axes.axhline(0.001, color="grey", linestyle="--", linewidth=1, label="recall@1 of 0.999")
    axes.set(xscale="log", yscale="log", xlabel="median time of a query, µs, one thread")
    axes.set_ylabel("queries whose nearest row was missed")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_minor_formatter("")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g} %")
    axes.set_title(f"{rows:,} rows, ef from {EF_LADDER[0]} up to {EF_LADDER[-1]} or no miss")
    axes.grid(alpha=0.3, which="both")
    axes.legend()
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
