"""Where int8 departs from float, layer by layer, and whether it was the converter or the rounding.

The torch net is compared with the float `.tflite` file first: a converter's error shows there. Then every layer of the
int8 file is compared with the same layer of the float file, on the same pictures: what is lost there, rounding lost.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.table import Table
from torch import nn

from coindex.errors import ExportError
from coindex.runtime import LiteRTNet
from export.tracing import Activation, TracedNet
from training.charts import ticks
from training.torch_runtime import TorchNet

__all__ = ["Explanation", "TensorDrift", "drift", "drift_table", "explain_drift", "plot_drift"]

LISTED = 12
"""Rows of the printed table: the worst."""

NAMED = 12
"""Layers named in the plot: the worst."""

EXACT_DB = 100.0
"""Above it nothing is told apart, in the plot and the document: float32 itself keeps about 140 dB."""

WIDTH, HEIGHT = 960, 420
LEFT, RIGHT, TOP, BOTTOM = 56, 300, 40, 44
"""Room around the plot; to its right stand the names."""

LINE, WORST = "#34618d", "#c0392b"


@dataclass(frozen=True)
class TensorDrift:
    """How far one layer of the int8 net is from the float net's.

    `order` is its place in execution; `sqnr_db` the float signal over the difference, in decibels; `cosine` that of the
    two; `largest_error` in the layer's own units; `clipped` the share of float values that int8's range does not hold;
    the ranges are (least, largest), `float_range` of what was seen and `int8_range` of what can be said.
    """

    order: int
    name: str
    operator: str
    shape: tuple[int, ...]
    sqnr_db: float
    cosine: float
    largest_error: float
    clipped: float
    float_range: tuple[float, float]
    int8_range: tuple[float, float]


@dataclass(frozen=True)
class Explanation:
    """Drift of one net: `converter_error` of the float file from torch, as a share of the output, and the layers'."""

    converter_error: float
    layers: tuple[TensorDrift, ...]

    def document(self) -> dict[str, Any]:
        """As JSON can hold it; worst layer first."""
        layers = [asdict(each) | {"sqnr_db": min(max(each.sqnr_db, -EXACT_DB), EXACT_DB)} for each in self.layers]
        return {"converter_error": self.converter_error, "layers": layers}


def explain_drift(net: nn.Module, int8: Path, float32: Path, pictures: NDArray[np.uint8]) -> Explanation:
    """Compare torch with the float file, and its layers with the int8 file's, on `pictures` uint8 (n, 256, 256, 3)."""
    expected, found = TorchNet(net)(pictures), LiteRTNet(float32)(pictures)
    error = math.sqrt(float(np.square(found - expected).sum()) / max(float(np.square(expected).sum()), 1e-30))
    return Explanation(error, tuple(drift(int8, float32, pictures)))


def drift(int8: Path, float32: Path, pictures: NDArray[np.uint8]) -> list[TensorDrift]:
    """Every layer that both files have, worst signal-to-noise ratio first.

    Both are made by one call of `to_tflite`: layers are matched by name.

    Raises:
        ExportError: If none match.
    """
    rounded, exact = TracedNet(int8.read_bytes()), TracedNet(float32.read_bytes())
    pairs = [
        (order, each, exact.activations[each.name])
        for order, each in enumerate(rounded.activations.values())
        if each.name in exact.activations
    ]
    if not pairs:
        raise ExportError(f"{int8} and {float32} have no layer in common; export both from one net, at once")
    sums = {order: _Sums() for order, _, _ in pairs}
    for picture in pictures:
        rounded.run(picture)
        exact.run(picture)
        for order, one, other in pairs:
            sums[order].add(rounded.values(one), exact.values(other), one.limits, one.scale)
    rows = [sums[order].row(order, one) for order, one, _ in pairs]
    return sorted(rows, key=lambda row: (row.sqnr_db, row.order))


def drift_table(explanation: Explanation) -> Table:
    """The worst layers, to print."""
    title = f"float file from torch: {explanation.converter_error:.1e} of its output; int8 from float, worst layers"
    table = Table(title=title)
    for column in ("layer", "operator", "SQNR dB", "cosine", "largest error", "clipped", "float range", "int8 range"):
        table.add_column(column, justify="left" if column in ("layer", "operator") else "right")
    for row in explanation.layers[:LISTED]:
        ranges = (f"{low:.3g} … {high:.3g}" for low, high in (row.float_range, row.int8_range))
        figures = f"{row.sqnr_db:.1f}", f"{row.cosine:.4f}", f"{row.largest_error:.3g}", f"{row.clipped:.1%}"
        table.add_row(f"{row.order} {_short(row.name)}", row.operator, *figures, *ranges)
    return table


def plot_drift(rows: Sequence[TensorDrift], path: Path) -> None:
    """Write an SVG: layers in order of execution across, SQNR upwards, the worst ones marked and named beside it."""
    ordered = sorted(rows, key=lambda row: row.order)
    top = max(10.0, math.ceil(max(min(row.sqnr_db, EXACT_DB) for row in ordered) / 10) * 10)
    low = min(0.0, math.floor(min(row.sqnr_db for row in ordered) / 10) * 10)
    last = max(row.order for row in ordered)

    def x(order: int) -> float:
        return LEFT + order / max(last, 1) * (WIDTH - LEFT - RIGHT)

    def y(decibels: float) -> float:
        return TOP + (top - min(max(decibels, low), top)) / (top - low) * (HEIGHT - TOP - BOTTOM)

    grid = "".join(
        f'<path d="M{LEFT} {y(tick):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>'
        f'<text x="{LEFT - 8}" y="{y(tick) + 4:.1f}" text-anchor="end">{tick:g}</text>'
        for tick in ticks(low, top)
    )
    across = "".join(
        f'<text x="{x(int(tick)):.1f}" y="{HEIGHT - 24}" text-anchor="middle">{tick:g}</text>'
        for tick in ticks(0, max(last, 1), about=10)
        if tick == int(tick)
    )
    line = " ".join(f"{x(row.order):.1f},{y(row.sqnr_db):.1f}" for row in ordered)
    named = sorted(rows, key=lambda row: (row.sqnr_db, row.order))[:NAMED]
    dots = "".join(
        f'<circle cx="{x(row.order):.1f}" cy="{y(row.sqnr_db):.1f}" r="{4 if row in named else 2.5}" '
        f'fill="{WORST if row in named else LINE}"><title>{escape(_label(row))}</title></circle>'
        for row in ordered
    )
    numbers = "".join(
        f'<text x="{x(row.order):.1f}" y="{y(row.sqnr_db) + 17 + 12 * (place % 2):.1f}" text-anchor="middle" '
        f'fill="{WORST}">{row.order}</text>'
        for place, row in enumerate(sorted(named, key=lambda row: row.order))  # neighbours one below the other
    )
    names = "".join(
        f'<text x="{WIDTH - RIGHT + 18}" y="{TOP + 12 + 28 * place}" fill="{WORST}">{escape(_label(row))}'
        f'<tspan x="{WIDTH - RIGHT + 18}" dy="13" fill="#777">{escape(_short(row.name))}</tspan></text>'
        for place, row in enumerate(named)
    )
    path.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" '
        f'font-size="12" fill="#333"><rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>'
        f'<text x="{LEFT}" y="22" font-size="14">Signal to quantisation noise of each layer, dB</text>'
        f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 6}" text-anchor="middle">layer, in order of execution'
        f'</text>{grid}{across}<polyline points="{line}" fill="none" stroke="{LINE}"/>{dots}{numbers}{names}</svg>\n',
        encoding="utf-8",
    )


class _Sums:
    """What is kept of one layer over the pictures."""

    def __init__(self) -> None:
        self.signal = self.noise = self.product = self.said = 0.0
        self.count = self.clipped = 0
        self.largest, self.low, self.high = 0.0, math.inf, -math.inf

    def add(
        self, found: NDArray[np.float32], expected: NDArray[np.float32], limits: tuple[float, float], step: float
    ) -> None:
        a, b = found.astype(np.float64), expected.astype(np.float64)
        self.signal += float((b * b).sum())
        self.noise += float(np.square(a - b).sum())
        self.product += float((a * b).sum())
        self.said += float((a * a).sum())
        self.count += b.size
        self.clipped += int(((b < limits[0] - step / 2) | (b > limits[1] + step / 2)).sum())
        self.largest = max(self.largest, float(np.abs(a - b).max()))
        self.low, self.high = min(self.low, float(b.min())), max(self.high, float(b.max()))

    def row(self, order: int, activation: Activation) -> TensorDrift:
        if self.noise == 0:
            decibels = math.inf
        else:
            decibels = 10 * math.log10(self.signal / self.noise) if self.signal else -math.inf
        both = math.sqrt(self.signal * self.said)
        return TensorDrift(
            order=order,
            name=activation.name,
            operator=activation.operator,
            shape=activation.shape,
            sqnr_db=decibels,
            cosine=self.product / both if both else float(self.noise == 0),
            largest_error=self.largest,
            clipped=self.clipped / self.count,
            float_range=(self.low, self.high),
            int8_range=activation.limits,
        )


def _label(row: TensorDrift) -> str:
    return f"{row.order} {row.operator} {row.sqnr_db:.1f} dB, {row.clipped:.1%} clipped"


def _short(name: str) -> str:
    """The operation alone, of the path that TensorFlow gives it."""
    return name.split(";")[0].split("/", 1)[-1].rsplit("/", 1)[0]
