"""Charts as inline SVG: numbers in, markup out. Their colours are CSS classes of the page that they stand in."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from training.judgement import EmbeddingMap

__all__ = ["Series", "histogram", "line_chart", "map_chart", "ticks"]

WIDTH, HEIGHT = 420, 250
LEFT, RIGHT, TOP, BOTTOM = 44, 10, 10, 30
"""Room in a chart for the numbers at its axes."""

MAP_WIDTH, MAP_HEIGHT, MAP_MARGIN = 640, 460, 14

BINS = 20

GOLDEN_ANGLE = 137.508
"""Degrees between the hues of neighbouring classes: no two of the first hundreds are alike."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Series:
    """A line of a chart; `dots` marks its points, each with its value to hover over."""

    name: str
    points: tuple[Point, ...]
    dots: bool = True

    @property
    def last(self) -> float:
        """The latest value."""
        return self.points[-1][1]


def line_chart(
    series: Sequence[Series], *, title: str, epochs: int, low: float | None = None, high: float | None = None
) -> Markup:
    """Series over the epochs of a run, 0 to `epochs`; the range of values is theirs where `low` or `high` is None."""
    values = [y for each in series for _, y in each.points if math.isfinite(y)]
    bottom, top = _range(values, low, high)
    grid = ticks(bottom, top)
    parts = [_grid(grid, bottom, top), _epochs_axis(epochs)]
    for number, each in enumerate(series):
        finite = [(epoch, value) for epoch, value in each.points if math.isfinite(value)]
        points = [(_across(epoch, epochs), _up(value, bottom, top)) for epoch, value in finite]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        marks = "".join(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3">'
            f"<title>{escape(each.name)}, epoch {epoch:g}: {value:.4g}</title></circle>"
            for (x, y), (epoch, value) in zip(points, finite, strict=True)
        )
        parts.append(f'<g class="line c{number}"><polyline points="{drawn}"/>{marks if each.dots else ""}</g>')
    return _svg(WIDTH, HEIGHT, title, "".join(parts))


def histogram(values: Sequence[float], *, title: str) -> Markup:
    """How many of `values` in [0, 1] lie in each twentieth of it."""
    counts = [0] * BINS
    for value in values:
        counts[min(int(value * BINS), BINS - 1)] += 1
    top = max(counts)
    wide = (WIDTH - LEFT - RIGHT) / BINS
    bars = "".join(
        f'<rect x="{LEFT + i * wide + 1:.1f}" y="{_up(count, 0, top):.1f}" width="{wide - 2:.1f}" '
        f'height="{_up(0, 0, top) - _up(count, 0, top):.1f}">'
        f"<title>{i / BINS:.2f} to {(i + 1) / BINS:.2f}: {count}</title></rect>"
        for i, count in enumerate(counts)
    )
    axis = "".join(
        f'<text class="x" x="{LEFT + share * (WIDTH - LEFT - RIGHT):.1f}" y="{HEIGHT - 10}">{share:g}</text>'
        for share in (0, 0.25, 0.5, 0.75, 1)
    )
    whole = [tick for tick in ticks(0, top) if tick == int(tick)]
    return _svg(WIDTH, HEIGHT, title, f'{_grid(whole, 0, top)}{axis}<g class="bars">{bars}</g>')


def map_chart(drawn: EmbeddingMap, *, title: str) -> Markup:
    """Embeddings in a plane, a hue a class: dots are queries, rings the catalogue's references."""
    xs, ys = ([point[axis] for point in drawn.points] for axis in (0, 1))
    span = max(max(xs) - min(xs), (max(ys) - min(ys)) * MAP_WIDTH / MAP_HEIGHT, 1e-6)
    scale = (MAP_WIDTH - 2 * MAP_MARGIN) / span
    middle = ((max(xs) + min(xs)) / 2, (max(ys) + min(ys)) / 2)
    groups = []
    for number, label in enumerate(drawn.labels):
        marks = "".join(
            f'<circle class="{"query" if query else "reference"}" cx="{MAP_WIDTH / 2 + (x - middle[0]) * scale:.1f}" '
            f'cy="{MAP_HEIGHT / 2 - (y - middle[1]) * scale:.1f}" r="{3 if query else 6}"/>'
            for x, y, of, query in sorted(drawn.points, key=lambda point: not point[3])
            if of == number
        )
        hue = number * GOLDEN_ANGLE % 360
        groups.append(f'<g class="kind" style="--hue:{hue:.0f}"><title>{escape(label)}</title>{marks}</g>')
    return _svg(MAP_WIDTH, MAP_HEIGHT, title, "".join(groups))


def ticks(low: float, high: float, *, about: int = 5) -> list[float]:
    """Round numbers from `low` to `high`, `about` so many: multiples of 1, 2 or 5 times a power of ten."""
    if high <= low:
        return [low]
    rough = (high - low) / about
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * 0.999)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _range(values: Sequence[float], low: float | None, high: float | None) -> tuple[float, float]:
    bottom = min(values, default=0.0) if low is None else low
    top = max(values, default=1.0) if high is None else high
    if top - bottom < 1e-6:
        top = bottom + 1.0
    grid = ticks(bottom, top)
    step = grid[1] - grid[0] if len(grid) > 1 else top - bottom
    return (
        math.floor(bottom / step + 1e-9) * step if low is None else low,
        math.ceil(top / step - 1e-9) * step if high is None else high,
    )


def _across(epoch: float, epochs: int) -> float:
    return LEFT + epoch / max(epochs, 1) * (WIDTH - LEFT - RIGHT)


def _up(value: float, bottom: float, top: float) -> float:
    return TOP + (1 - (value - bottom) / (top - bottom)) * (HEIGHT - TOP - BOTTOM)


def _grid(values: Sequence[float], bottom: float, top: float) -> str:
    return "".join(
        f'<path class="grid" d="M{LEFT} {_up(value, bottom, top):.1f}H{WIDTH - RIGHT}"/>'
        f'<text class="y" x="{LEFT - 7}" y="{_up(value, bottom, top) + 4:.1f}">{value:g}</text>'
        for value in values
    )


def _epochs_axis(epochs: int) -> str:
    numbers = [tick for tick in ticks(0, max(epochs, 1), about=8) if tick == int(tick)]
    return "".join(
        f'<text class="x" x="{_across(tick, epochs):.1f}" y="{HEIGHT - 10}">{tick:g}</text>' for tick in numbers
    )


def _svg(width: int, height: int, title: str, inside: str) -> Markup:
    return Markup(f'<svg viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">{inside}</svg>')
