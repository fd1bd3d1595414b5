"""Plane curves that the emblems, the lettering and the coin outlines are built from.

Points are float64 arrays (n, 2) of x (right) and y (down); the unit of length is the caller's.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Points = npt.NDArray[np.float64]
PointsLike = npt.ArrayLike


def spline(points: PointsLike, *, closed: bool = False, steps: int = 8) -> Points:
    """Return the Catmull-Rom curve through `points`, with `steps` samples between two of them.

    Raises:
        ValueError: If there are fewer than two points.
    """
    knots = np.asarray(points, dtype=np.float64)
    if len(knots) < 2:
        raise ValueError(f"a spline needs at least 2 points, got {len(knots)}")
    if closed:
        padded = np.vstack([knots[-1], knots, knots[0], knots[1]])
    else:
        padded = np.vstack([2 * knots[0] - knots[1], knots, 2 * knots[-1] - knots[-2]])
    before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    t = np.arange(steps, dtype=np.float64)[None, :, None] / steps
    a, b, c, d = (knot[:, None, :] for knot in (before, start, end, after))
    curve = 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)
    flat = curve.reshape(-1, 2)
    return flat if closed else np.vstack([flat, knots[-1:]])


def ellipse(
    x: float,
    y: float,
    rx: float,
    ry: float | None = None,
    *,
    start: float = 0.0,
    end: float = 360.0,
    steps: int = 48,
) -> Points:
    """Return points on an ellipse round (x, y), from `start` to `end` degrees, clockwise on the picture."""
    angle = np.radians(np.linspace(start, end, steps))
    return np.stack([x + rx * np.cos(angle), y + (rx if ry is None else ry) * np.sin(angle)], axis=1)


def limb(path: PointsLike, widths: Sequence[float], *, steps: int = 8) -> Points:
    """Return the outline of a smooth band along `path` whose full width at each path point is `widths`."""
    knots = np.asarray(path, dtype=np.float64)
    middle = spline(knots, steps=steps)
    half = 0.5 * np.interp(np.linspace(0, len(knots) - 1, len(middle)), np.arange(len(knots)), widths)
    tangent = np.gradient(middle, axis=0)
    tangent /= np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), 1e-9)
    normal = np.stack([-tangent[:, 1], tangent[:, 0]], axis=1)
    side = normal * half[:, None]
    return np.vstack([middle + side, (middle - side)[::-1]])


def leaf(base: PointsLike, tip: PointsLike, width: float, *, bend: float = 0.0, fullness: float = 0.4) -> Points:
    """Return a pointed leaf or feather from `base` to `tip`.

    `bend` moves its middle sideways as a share of its length; `fullness` in 0…1 is where it is widest.
    """
    start, end = np.asarray(base, dtype=np.float64), np.asarray(tip, dtype=np.float64)
    along = end - start
    across = np.array([-along[1], along[0]])
    length = max(float(np.linalg.norm(along)), 1e-9)
    t = np.linspace(0, 1, 17)[:, None]
    spine = start + along * t + across * bend * 4 * t * (1 - t)
    rise = np.where(
        t < fullness,
        np.sin(0.5 * np.pi * t / fullness),
        np.cos(0.5 * np.pi * (t - fullness) / (1 - fullness)),
    )
    side = across / length * 0.5 * width * rise
    return np.asarray(np.vstack([spine + side, (spine - side)[::-1]]), dtype=np.float64)


def star(points: int, outer: float, inner: float, *, x: float = 0.0, y: float = 0.0, turn: float = -90.0) -> Points:
    """Return a star with `points` tips, the first at `turn` degrees."""
    angle = np.radians(turn + np.arange(2 * points) * 180.0 / points)
    radius = np.where(np.arange(2 * points) % 2 == 0, outer, inner)
    return np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)


def moved(points: Points, *, x: float = 0.0, y: float = 0.0, scale: float = 1.0, degrees: float = 0.0) -> Points:
    """Return `points` scaled, then turned clockwise on the picture, then shifted."""
    angle = np.radians(degrees)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.asarray(points @ turn * scale + np.array([x, y]), dtype=np.float64)


def mirrored(points: PointsLike) -> Points:
    """Return `points` reflected in the vertical axis."""
    return np.asarray(np.asarray(points, dtype=np.float64) * [-1.0, 1.0], dtype=np.float64)
