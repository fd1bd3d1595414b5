"""Embeddings as small integers, so that every engine computes the same distances."""

import hashlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["DIMENSIONS", "quantise", "similarity", "space_id", "squared_distances"]

DIMENSIONS = 64
"""Numbers in an embedding and in a code."""

LIMIT = 127
"""Codes lie in ±127, so that a squared distance is at most 64 · 254² = 4,129,024 < 2²⁴: exact in float32."""


def quantise(embeddings: NDArray[np.floating[Any]], scale: float) -> NDArray[np.int8]:
    """Codes int8 (n, 64) of float embeddings (n, 64) of any length: normalised, times `scale`, halves rounded up, ±127.

    Raises:
        ValueError: If the width is another, a value is not finite, or an embedding has length 0.
    """
    values = np.asarray(embeddings, np.float64)
    if values.ndim != 2 or values.shape[1] != DIMENSIONS:
        raise ValueError(f"expected embeddings of shape (n, {DIMENSIONS}), got {values.shape}")
    length = np.sqrt((values * values).sum(axis=1, keepdims=True))
    if not np.isfinite(values).all() or not length.all():
        raise ValueError("an embedding is zero or not finite: the embedder model is damaged")
    return np.asarray(np.clip(np.floor(values / length * scale + 0.5), -LIMIT, LIMIT), np.int8)


def squared_distances(queries: NDArray[np.int8], codes: NDArray[np.int8]) -> NDArray[np.int32]:
    """Exact squared distances int32 (q, n) between int8 codes (q, 64) and (n, 64)."""
    # float32 products of codes sum to whole numbers below 2**24, so BLAS computes them exactly.
    a, b = queries.astype(np.float32), codes.astype(np.float32)
    lengths = (a * a).sum(axis=1)[:, None] + (b * b).sum(axis=1)[None, :]
    return np.asarray(lengths - 2 * (a @ b.T), np.int32)


def similarity(a: NDArray[np.int8], b: NDArray[np.int8]) -> float:
    """Cosine of two int8 codes (64,), in [-1, 1]."""
    x, y = a.astype(np.float64), b.astype(np.float64)
    return float(x @ y / np.sqrt((x @ x) * (y @ y)))


def space_id(embedder_sha256: str, cutout_version: int, scale: float) -> str:
    """Name of the embedding space, within which codes can be compared.

    16 hex digits of SHA-256 over float checkpoint, cutout contract and scale.
    """
    text = f"coindex-space/1\n{embedder_sha256}\n{cutout_version}\n{scale!r}\n"
    return hashlib.sha256(text.encode()).hexdigest()[:16]
