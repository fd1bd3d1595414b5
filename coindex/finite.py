"""Numbers of JSON documents."""

import sys
from typing import TypeGuard

__all__ = ["is_finite"]


def is_finite(value: object) -> TypeGuard[float]:
    """Whether a value is a number that a float can hold. JSON's whole numbers may have any length; `True` is none."""
    return type(value) in (int, float) and abs(value) <= sys.float_info.max  # type: ignore[arg-type]
