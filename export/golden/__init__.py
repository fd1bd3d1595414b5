"""Golden vectors: every step from photo to answer, so that a port finds the first one at which it differs."""

from export.golden.compare import Difference, check_golden
from export.golden.record import DEFAULT_GOLDEN, FORMAT, INDEX_NAME, SOURCES_NAME, sources_sha256, write_golden

__all__ = [
    "DEFAULT_GOLDEN",
    "FORMAT",
    "INDEX_NAME",
    "SOURCES_NAME",
    "Difference",
    "check_golden",
    "sources_sha256",
    "write_golden",
]
