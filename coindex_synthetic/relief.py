"""Modelling in low relief: flat outlines become bevelled, domed, ridged and engraved height fields."""

from dataclasses import dataclass
from typing import Literal

import cv2
import numpy as np
import numpy.typing as npt

from coindex_synthetic.curves import Points, PointsLike

Floats = npt.NDArray[np.float32]
Bytes = npt.NDArray[np.uint8]

SUBPIXEL_BITS = 4  # cv2 draws outlines to 1/16 pixel

Onto = Literal["field", "surface"]


@dataclass(frozen=True)
class Patch:
    """A small antialiased mask, uint8 (h, w), whose top left pixel lies at (x, y) of a larger picture."""

    mask: Bytes
    x: int
    y: int

    @property
    def area(self) -> tuple[slice, slice]:
        """The rows and columns of the larger picture that the patch covers."""
        return slice(self.y, self.y + self.mask.shape[0]), slice(self.x, self.x + self.mask.shape[1])


def bevelled(mask: Bytes, width: float) -> Floats:
    """Return `mask` as a height in [0, 1] that rises in a quarter circle over `width` pixels from its edge.

    A `width` beyond the outline's inner radius leaves a ridge along its middle, as on a cut gem.
    """
    inside = np.asarray(cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5), dtype=np.float32)
    t = np.minimum(inside / np.float32(max(width, 1.0)), np.float32(1.0))
    edge = mask.astype(np.float32) / np.float32(255.0)
    return np.asarray(np.sqrt(1 - (1 - t) ** 2) * np.where(t >= 1, 1, np.minimum(edge * 1.0, 1)), dtype=np.float32)


def inflated(mask: Bytes) -> Floats:
    """Return `mask` as a smooth volume in [0, 1], highest where the outline is widest, zero at its edge."""
    inside = np.asarray(cv2.distanceTransform((mask > 127).astype(np.uint8), cv2.DIST_L2, 5), dtype=np.float32)
    radius = max(float(inside.max()), 1.0)
    smooth = np.asarray(cv2.GaussianBlur(inside, (0, 0), 0.16 * radius + 0.5), dtype=np.float32)
    t = np.minimum(np.minimum(smooth, inside * 2.0) / np.float32(radius), np.float32(1.0))
    wall = np.minimum(inside / np.float32(0.2 * radius + 1), np.float32(1.0))
    return np.asarray(0.35 * np.sqrt(1 - (1 - wall) ** 2) + 0.65 * np.sin(0.5 * np.pi * t), dtype=np.float32)


class Relief:
    """A square height field being modelled.

    `height` is float32 (size, size), zero at first. Positions and lengths are in units in which the square
    spans −1 to 1 in x (right) and y (down). With `onto="field"` a form stands on the ground and the higher of
    it and what is there wins; with `onto="surface"` it is added to what it lies on.
    """

    def __init__(self, size: int, *, room: float = 0.0) -> None:
        """Start from a flat square of `size` pixels; `room` is how far it reaches beyond the unit square."""
        self.size = size
        self.extent = 1 + room
        self.height: Floats = np.zeros((size, size), dtype=np.float32)

    def form(self, outline: PointsLike, *, height: float, bevel: float, onto: Onto = "field") -> None:
        """Raise the polygon `outline` by `height`, its edge rounded over `bevel`."""
        patch = self._filled(outline)
        if patch is not None:
            self._put(patch, bevelled(patch.mask, bevel * self.size / 2) * np.float32(height), onto)

    def dome(self, outline: PointsLike, *, height: float, base: float = 0.0, onto: Onto = "field") -> None:
        """Raise the polygon `outline` as a smooth volume of `height` that stands on a step of `base`."""
        patch = self._filled(outline)
        if patch is not None:
            step = patch.mask.astype(np.float32) * np.float32(base / 255.0)
            self._put(patch, inflated(patch.mask) * np.float32(height - base) + step, onto)

    def swell(self, outline: PointsLike, *, height: float, softness: float) -> None:
        """Add a form without edges, `outline` blurred over `softness`; a negative `height` sinks it."""
        patch = self._filled(outline, margin=softness * self.size)
        if patch is not None:
            soft = cv2.GaussianBlur(patch.mask, (0, 0), max(0.5, softness * self.size / 4)).astype(np.float32)
            rows, columns = patch.area
            stands = np.minimum(self.height[rows, columns] * 8, 1)  # swellings model a form, never the bare field
            self._put(patch, np.asarray(soft * stands * np.float32(height / 255), dtype=np.float32), "surface")

    def ridge(
        self, path: PointsLike, *, height: float, width: float, closed: bool = False, onto: Onto = "surface"
    ) -> None:
        """Lay a rounded cord of `width` along `path`; a negative `height` engraves a line instead."""
        patch = self._stroked(path, width, closed)
        if patch is not None:
            section = bevelled(patch.mask, width * self.size / 4)
            self._put(patch, section * np.float32(height), onto)

    def pearl(self, x: float, y: float, radius: float, *, height: float, onto: Onto = "field") -> None:
        """Set a hemisphere of `radius` at (x, y)."""
        angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
        outline = np.stack([x + radius * np.cos(angle), y + radius * np.sin(angle)], axis=1)
        self.form(outline, height=height, bevel=radius, onto=onto)

    def veined(self, outline: Points, *, height: float, vein: float = 0.35, onto: Onto = "field") -> None:
        """Raise a leaf or feather as drawn by `curves.leaf`, with a groove along its middle."""
        patch = self._filled(outline)
        if patch is None:
            return
        body = bevelled(patch.mask, 0.028 * self.size / 2) * np.float32(height)
        half = len(outline) // 2
        spine = 0.5 * (outline[:half] + outline[::-1][:half])
        groove = np.zeros_like(patch.mask)
        self._polyline(groove, spine, patch, max(1, round(0.006 * self.size)), False)
        body *= 1 - np.float32(vein / 255.0) * groove.astype(np.float32)
        self._put(patch, body, onto)

    def clear(self, outline: PointsLike) -> None:
        """Cut the polygon `outline` down to the ground."""
        patch = self._filled(outline)
        if patch is not None:
            rows, columns = patch.area
            self.height[rows, columns] *= 1 - patch.mask.astype(np.float32) / 255

    def _put(self, patch: Patch, bump: Floats, onto: Onto) -> None:
        rows, columns = patch.area
        ground = self.height[rows, columns]
        self.height[rows, columns] = np.maximum(ground, bump) if onto == "field" else np.maximum(ground + bump, 0)

    def _pixels(self, points: PointsLike) -> Points:
        return (np.asarray(points, dtype=np.float64) / self.extent + 1) * (self.size / 2) - 0.5

    def _window(self, pixels: Points, margin: float) -> tuple[int, int, int, int] | None:
        low = np.maximum(np.floor(pixels.min(axis=0) - margin), 0).astype(int)
        high = np.minimum(np.ceil(pixels.max(axis=0) + margin) + 1, self.size).astype(int)
        if np.any(high <= low):
            return None
        return int(low[0]), int(low[1]), int(high[0]), int(high[1])

    def _filled(self, outline: PointsLike, margin: float = 2) -> Patch | None:
        pixels = self._pixels(outline)
        window = self._window(pixels, margin)
        if window is None:
            return None
        x0, y0, x1, y1 = window
        mask: Bytes = np.zeros((y1 - y0, x1 - x0), dtype=np.uint8)
        scaled = np.round((pixels - [x0, y0]) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.fillPoly(mask, [scaled], (255,), cv2.LINE_AA, SUBPIXEL_BITS)
        return Patch(mask, x0, y0)

    def _stroked(self, path: PointsLike, width: float, closed: bool) -> Patch | None:
        pixels = self._pixels(path)
        thickness = max(1, round(width * self.size / 2))
        window = self._window(pixels, thickness + 2)
        if window is None:
            return None
        x0, y0, x1, y1 = window
        patch = Patch(np.zeros((y1 - y0, x1 - x0), dtype=np.uint8), x0, y0)
        self._polyline(patch.mask, np.asarray(path, dtype=np.float64), patch, thickness, closed)
        return patch

    def _polyline(self, mask: Bytes, path: Points, patch: Patch, thickness: int, closed: bool) -> None:
        scaled = np.round((self._pixels(path) - [patch.x, patch.y]) * (1 << SUBPIXEL_BITS)).astype(np.int32)
        cv2.polylines(mask, [scaled], closed, (255,), thickness, cv2.LINE_AA, SUBPIXEL_BITS)
